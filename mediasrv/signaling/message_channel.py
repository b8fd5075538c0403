"""Messages over data channels: the control protocol's frames, of its methods only `send_message`.

A channel is for messages by its label; others are left alone. Its participant then gets messages over it, and over
`/rpc` only what it does not take. Bounded are its frames, as large as channels take; messages, by the participant's own
rate; refused requests in a row, after which it is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import structlog

from mediasrv.rooms import events
from mediasrv.rooms.participant import Participant
from mediasrv.rtc.data_channel import LOCAL_MAX_MESSAGE_SIZE, DataChannel, Frame
from mediasrv.signaling import codec
from mediasrv.signaling.codec import CodecError, Request
from mediasrv.signaling.errors import ErrorCode, RpcError, reply_of
from mediasrv.signaling.methods.messages import SendMessageParams, SendMessageResult, send
from mediasrv.signaling.told_events import TOLD

RELIABLE_OF_LABEL: Mapping[str, bool] = MappingProxyType({"messages": True, "unreliable-messages": False})
"""Labels of channels for messages, and whether what is sent over them is meant to arrive in any case."""
BINARY_PROTOCOL = "msgpack"
REFUSED_REQUESTS = 100

log = structlog.get_logger("signaling")


def open_channel(me: Participant, channel: DataChannel) -> None:
    """A participant has opened a data channel."""
    reliable = RELIABLE_OF_LABEL.get(channel.label)
    if reliable is not None:
        MessageChannel(me, channel, reliable=reliable)


class MessageChannel:
    """One channel, for as long as it is open. The latest one with its label is the one that counts."""

    def __init__(self, me: Participant, channel: DataChannel, *, reliable: bool) -> None:
        self._me = me
        self._channel = channel
        self._reliable = reliable
        self._text = (
            channel.protocol != BINARY_PROTOCOL
        )  # the format of the last frame; before one, as the peer named it
        self._refused = 0
        channel.on_frame = self._feed
        channel.on_closed = self._closed
        me.routes.open(self._take, reliable=reliable)

    def _feed(self, frame: Frame) -> None:
        self._text = isinstance(frame, str)
        try:
            request = codec.decode(frame, LOCAL_MAX_MESSAGE_SIZE)
        except CodecError as error:
            self._refuse(error.request_id, RpcError(ErrorCode.BAD_REQUEST, error.message))
            return
        try:
            result = self._call(request)
        except Exception as error:
            self._refuse(request.id, reply_of(error, request.method))
            return
        self._refused = 0
        self._channel.send(codec.encode_result(request.id, result, text=self._text))

    def _call(self, request: Request) -> SendMessageResult:
        if request.method != "send_message":
            sentence = f"over this channel there is only send_message, not {request.method[:64]!r}"
            raise RpcError(ErrorCode.UNKNOWN_METHOD, sentence)
        try:
            params = msgspec.convert(request.params, SendMessageParams)
        except msgspec.ValidationError as error:
            raise RpcError(ErrorCode.INVALID_PARAMS, f"send_message: {error}") from None
        return send(self._me, params, reliable=self._reliable)

    def _refuse(self, request_id: int | None, error: RpcError) -> None:
        """Say why. What is no request has no id to be answered under: it counts, and nothing is said."""
        self._refused += 1
        if self._refused >= REFUSED_REQUESTS:
            self._channel.close()
        elif request_id is not None:
            self._channel.send(codec.encode_error(request_id, error, text=self._text))

    def _take(self, event: events.RoomEvent) -> None:
        frame = TOLD.frame(event, text=self._text)
        if frame is None or self._channel.send(frame):
            return
        other = self._me.presence.listener
        if other is not None and self._reliable:
            other(event)
        else:
            log.debug("message_dropped", room=event.room, participant=self._me.id)

    def _closed(self) -> None:
        self._me.routes.close(self._take)
