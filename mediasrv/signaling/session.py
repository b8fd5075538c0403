"""One client's side of the control protocol, whatever carries its frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import structlog

from mediasrv.rooms import events
from mediasrv.rooms.clock import Timer
from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.participant import Participant as RoomParticipant
from mediasrv.rooms.permissions import flag_names
from mediasrv.rooms.ports import Grant
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import MESSAGE_MAX_CHARACTERS
from mediasrv.signaling import codec, schema
from mediasrv.signaling.codec import CodecError, Frame, Request
from mediasrv.signaling.errors import ErrorCode, RpcError
from mediasrv.signaling.notifications import CLOSING_REASONS, METHOD_OF, Closing, notification_of, slots_of
from mediasrv.signaling.schema import METHODS, Nothing, Shape
from mediasrv.signaling.token_bucket import TokenBucket

_log = structlog.get_logger("signaling")

Verify = Callable[[str], Grant]
"""Checks a token. Raises an exception with `code` and `message` when it is not accepted."""
Send = Callable[[Frame], bool | None]
"""Queues a frame for the client and returns at once. False: too many are waiting, the frame was not taken."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one client may ask for. Rates are per second, each with a burst that may come at once."""

    request_rate: float = 50
    request_burst: int = 200
    message_rate: float = 5
    message_burst: int = 20
    refused_requests: int = 1_000  # in a row; who goes on asking then is cut off
    join_timeout_s: float = 30
    frame_bytes: int = codec.MAX_FRAME_BYTES
    frame_bytes_before_join: int = 32 << 10  # a stranger may not have us decode more than a token needs


class Session:
    """The state machine of one connection.

    Its driver calls `feed` for each frame and, exactly once, `closed` when the connection is gone. `close` asks the
    driver to close the connection after what was sent; it must not call `closed` before it has returned. Notifications
    that a request causes come after its reply.
    """

    def __init__(
        self,
        registry: RoomRegistry,
        verify: Verify,
        *,
        send: Send,
        close: Callable[[], None],
        limits: SessionLimits | None = None,
    ) -> None:
        self._registry = registry
        self._verify = verify
        self._send = send
        self._close = close
        self._limits = limits or SessionLimits()
        clock = registry.clock
        self._requests = TokenBucket(self._limits.request_rate, self._limits.request_burst, clock.monotonic)
        self._messages = TokenBucket(self._limits.message_rate, self._limits.message_burst, clock.monotonic)
        self._refused = 0
        self._participant: RoomParticipant | None = None
        self._text = True  # the format of the client's last frame, in which it is spoken to
        self._ended = False
        self._after_reply: list[Callable[[], None]] | None = None  # while a request is handled
        self._join_timer: Timer | None = clock.call_later(self._limits.join_timeout_s, self._join_timed_out)
        self._methods: dict[str, Callable[[Any], Shape]] = {
            "join": self._join,
            "offer": self._offer,
            "mute": self._mute,
            "unmute": self._unmute,
            "unpublish": self._unpublish,
            "publish": self._publish,
            "choose_encoding": self._choose_encoding,
            "pause": self._pause,
            "resume": self._resume,
            "send_message": self._send_message,
            "leave": self._leave,
        }

    # --- the driver's side -------------------------------------------------------------------------------------

    def feed(self, frame: Frame) -> None:
        """Take a frame: bytes are MessagePack, text is JSON. Never raises for what is in it."""
        if self._ended:
            return
        self._text = isinstance(frame, str)
        limit = self._limits.frame_bytes if self._participant else self._limits.frame_bytes_before_join
        try:
            request = codec.decode(frame, limit)
        except CodecError as error:
            if error.request_id is None:
                self._end("bad_frame", error.message)
            else:
                self._reply_error(error.request_id, RpcError(ErrorCode.BAD_REQUEST, error.message))
            return
        self._answer(request)

    def closed(self) -> None:
        """The connection is gone. The participant stays in the room while its media flows."""
        self._ended = True
        self._stop_join_timer()
        if self._participant is not None:
            self._participant.signaling_closed()

    # --- requests ----------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> None:
        self._after_reply = []
        try:
            result = self._call(request)
        except (RpcError, RoomError) as error:
            self._reply_error(request.id, RpcError(ErrorCode(error.code), error.message, error.details))
        except Exception:
            _log.exception("a request failed", method=request.method)
            mistake = RpcError(ErrorCode.INTERNAL, "the server made a mistake; its log says more")
            self._reply_error(request.id, mistake)
        else:
            self._put(codec.encode_result(request.id, result, text=self._text))
        waiting, self._after_reply = self._after_reply, None
        for step in waiting:
            step()

    def _call(self, request: Request) -> Shape:
        self._check_rate()
        method = METHODS.get(request.method)
        if method is None:
            raise RpcError(ErrorCode.UNKNOWN_METHOD, f"there is no method {request.method[:64]!r}")
        try:
            params = msgspec.convert(request.params, method.params)
        except msgspec.ValidationError as error:
            raise RpcError(ErrorCode.INVALID_PARAMS, f"{method.name}: {error}") from None
        return self._methods[method.name](params)

    def _check_rate(self) -> None:
        wait_s = self._requests.take()
        if not wait_s:
            self._refused = 0
            return
        self._refused += 1
        if self._refused >= self._limits.refused_requests:
            self._end("rate_limited")
        raise _rate_limited("requests", wait_s)

    def _reply_error(self, request_id: int, error: RpcError) -> None:
        self._put(codec.encode_error(request_id, error, text=self._text))

    @property
    def _me(self) -> RoomParticipant:
        if self._participant is None:
            raise RpcError(ErrorCode.NOT_JOINED, "join first")
        return self._participant

    # --- methods -----------------------------------------------------------------------------------------------

    def _join(self, params: schema.JoinParams) -> schema.JoinResult:
        if self._participant is not None:
            raise RpcError(ErrorCode.ALREADY_JOINED, "this connection has joined already")
        try:
            grant = self._verify(params.token)
        except Exception as error:
            raise _token_error(error) from error
        me = self._registry.join(grant, name=params.name)
        self._participant = me
        self._stop_join_timer()
        me.listen(self._take)
        everybody = [participant.info() for participant in me.room.participants.values()]
        return schema.JoinResult(
            participant_id=me.id,
            room=me.room.name,
            participants=msgspec.convert(everybody, list[schema.Participant], from_attributes=True),
            permissions=flag_names(me.permissions.effective),
            message_size=MESSAGE_MAX_CHARACTERS,
        )

    def _offer(self, params: schema.OfferParams) -> schema.OfferResult:
        result = self._me.offer(params.sdp, {mid: track.source for mid, track in params.tracks.items()})
        return schema.OfferResult(
            sdp=result.sdp, tracks=dict(result.tracks), slots=slots_of(result.slots), refused=dict(result.refused)
        )

    def _mute(self, params: schema.MuteParams) -> Nothing:
        self._me.publications.mute(params.track_id)
        return Nothing()

    def _unmute(self, params: schema.UnmuteParams) -> Nothing:
        self._me.publications.unmute(params.track_id)
        return Nothing()

    def _unpublish(self, params: schema.UnpublishParams) -> Nothing:
        self._me.publications.unpublish(params.track_id)
        return Nothing()

    def _publish(self, params: schema.PublishParams) -> schema.PublishResult:
        return schema.PublishResult(track_id=self._me.publications.publish(params.mid, params.source).id)

    def _choose_encoding(self, params: schema.ChooseEncodingParams) -> Nothing:
        self._me.subscriptions.choose_encoding(params.mid, params.rid)
        return Nothing()

    def _pause(self, params: schema.PauseParams) -> Nothing:
        self._me.subscriptions.pause(params.mid)
        return Nothing()

    def _resume(self, params: schema.ResumeParams) -> Nothing:
        self._me.subscriptions.resume(params.mid)
        return Nothing()

    def _send_message(self, params: schema.SendMessageParams) -> schema.SendMessageResult:
        me = self._me
        wait_s = self._messages.take()
        if wait_s:
            raise _rate_limited("messages", wait_s)
        sent = me.room.send_message(me, params.text, params.to)
        return schema.SendMessageResult(message_id=sent.message_id, recipients=list(sent.recipients))

    def _leave(self, params: schema.LeaveParams) -> Nothing:
        self._me.leave(events.LeaveReason.LEFT)
        return Nothing()

    # --- notifications -----------------------------------------------------------------------------------------

    def _take(self, event: events.RoomEvent) -> None:
        """An event of the room. In the middle of a request it waits for the reply."""
        if self._after_reply is not None:
            self._after_reply.append(partial(self._tell, event))
        else:
            self._tell(event)

    def _tell(self, event: events.RoomEvent) -> None:
        if isinstance(event, events.ParticipantLeft) and event.participant_id == self._me.id:
            self._end(event.reason)
            return
        notification = notification_of(event)
        if notification is not None:
            self._notify(notification)

    def _notify(self, notification: Shape) -> None:
        method = METHOD_OF[type(notification)]
        self._put(codec.encode_notification(method, notification, text=self._text))

    # --- the end -----------------------------------------------------------------------------------------------

    def _put(self, frame: Frame) -> None:
        if not self._ended and self._send(frame) is False:
            self._end_now("too_slow", CLOSING_REASONS["too_slow"])

    def _end(self, reason: str, message: str | None = None) -> None:
        """Say why, and have the connection closed; in the middle of a request, after the reply."""
        end = partial(self._end_now, reason, message or CLOSING_REASONS[reason])
        if self._after_reply is not None:
            self._after_reply.append(end)
        else:
            end()

    def _end_now(self, reason: str, message: str) -> None:
        if self._ended:
            return
        # What becomes of the participant is decided in `closed`: a room must not change while it tells its events.
        self._ended = True
        self._stop_join_timer()
        if self._participant is not None:
            self._participant.listener = None
        closing = Closing(reason=reason, message=message)
        self._send(codec.encode_notification(METHOD_OF[Closing], closing, text=self._text))
        self._close()

    def _join_timed_out(self) -> None:
        self._join_timer = None
        self._end("join_timeout")

    def _stop_join_timer(self) -> None:
        if self._join_timer is not None:
            self._join_timer.cancel()
            self._join_timer = None


def _rate_limited(what: str, wait_s: float) -> RpcError:
    wait_ms = math.ceil(wait_s * 1000)
    return RpcError(ErrorCode.RATE_LIMITED, f"too many {what}: try again in {wait_ms} ms", {"retry_after_ms": wait_ms})


def _token_error(error: Exception) -> RpcError:
    """A verifier's refusal as a reply. Raises `error` again if it is none."""
    code, message = getattr(error, "code", None), getattr(error, "message", None)
    if not isinstance(message, str) or code not in METHODS["join"].errors:
        raise error
    return RpcError(ErrorCode(code), message)
