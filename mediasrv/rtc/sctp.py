"""SCTP (RFC 9260) over the media plane's DTLS. Here alone is aiortc known: its association, behind the five members
that it wants of a DTLS transport.

aiortc and what it imports cost half a second and 50 MB, so it is imported when the first peer wants a data channel, and
off the event loop. It trusts its peer more than a server can: so packets are handed over one by one, what they raise
ends at most their association, and what a peer may have us keep is bounded here.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import deque
from collections.abc import Callable, Coroutine
from struct import unpack_from
from typing import Any

import structlog

from mediasrv.rtc.data_channel import DEFAULT_SCTP_PORT, DataChannel, Frame, SctpParameters

MAX_CHANNELS = 8
MAX_QUEUED_BYTES = 262_144
"""Of one channel: what the peer has not taken yet."""
RECEIVE_WINDOW_BYTES = 131_072
"""What a peer may send of messages that are not whole yet. More breaks the protocol, and ends the association."""
MAX_CHUNKS = 512
"""Likewise, however small they are; and how far a peer may acknowledge ahead."""
MAX_EARLY_PACKETS = 32
"""That come while aiortc is being imported."""
MAX_INBOUND_STREAMS = 64
MAX_BROKEN_PACKETS = 16

SACK = 3

log = structlog.get_logger("media")


class SctpAssociation:
    """One peer's, over a DTLS association that is up. `send` puts a packet on its way; `on_channel` gets each channel
    that the peer opens, up to `MAX_CHANNELS`; those beyond are closed. Never raises for what a peer sends.
    """

    def __init__(
        self,
        remote: SctpParameters,
        *,
        is_dtls_server: bool,
        send: Callable[[bytes], None],
        on_channel: Callable[[DataChannel], None],
    ) -> None:
        self.dropped = 0
        """Packets that were broken or came too early, and frames that did not fit."""
        self.closed = False
        self._remote = remote
        self._dtls = DtlsShim("server" if is_dtls_server else "client", send, self._dropped_one)
        self._on_channel = on_channel
        self._channels: dict[Any, Channel] = {}
        self._early: deque[bytes] = deque()
        self._broken = 0
        self._sctp: Any = None
        self._starting: asyncio.Future[None] | None = None

    @property
    def channels(self) -> int:
        """How many are open."""
        return len(self._channels)

    def start(self) -> None:
        """Begin the handshake, once aiortc is there. Both sides begin it (RFC 8841 §9.3)."""
        aiortc = _aiortc.get("sctp")
        if aiortc is not None:
            self._begin(aiortc)
        else:
            self._starting = asyncio.ensure_future(self._import())

    def receive(self, packet: bytes) -> None:
        """A packet that came."""
        if self.closed:
            return
        if self._sctp is None:
            if len(self._early) < MAX_EARLY_PACKETS:
                self._early.append(packet)
            else:
                self.dropped += 1
            return
        try:
            if sack_is_absurd(packet):
                raise ValueError
            _run(self._sctp._handle_data(packet))
        except Exception as error:
            # Whatever it was: of a peer's making, and no more than its own association is at stake.
            self.dropped += 1
            self._broken += 1
            log.debug("sctp_packet_dropped", error=type(error).__name__)
        if self._sctp.state == "closed" or self._broken > MAX_BROKEN_PACKETS or self._is_overrun():
            self.close()

    def close(self) -> None:
        """Abort the association; its channels close. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._early.clear()
        if self._starting is not None:
            self._starting.cancel()
        if self._sctp is not None:
            try:
                _run(self._sctp.stop())
            except Exception as error:
                log.warning("sctp_stop_failed", error=type(error).__name__)
        self._dtls.state = "closed"
        for channel in list(self._channels.values()):
            channel.ended()

    async def _import(self) -> None:
        try:
            aiortc = await asyncio.to_thread(importlib.import_module, "aiortc.rtcsctptransport")
        except ImportError as error:
            log.error("data_channels_unavailable", error=str(error))
            self._starting = None
            self.close()
            return
        _aiortc["sctp"] = aiortc
        if not self.closed:
            self._begin(aiortc)

    def _begin(self, aiortc: Any) -> None:
        self._sctp = aiortc.RTCSctpTransport(self._dtls, port=DEFAULT_SCTP_PORT)
        self._sctp._advertised_rwnd = RECEIVE_WINDOW_BYTES
        self._sctp.on("datachannel", self._opened)
        capabilities = aiortc.RTCSctpCapabilities(maxMessageSize=self._remote.max_message_size)
        _run(self._sctp.start(capabilities, self._remote.port))
        while self._early:
            self.receive(self._early.popleft())

    def _opened(self, native: Any) -> None:
        if len(self._channels) >= MAX_CHANNELS:
            self.dropped += 1
            native.close()
            return
        channel = Channel(native, self._dropped_one, lambda: self._channels.pop(native, None))
        self._channels[native] = channel
        self._on_channel(channel)

    def _dropped_one(self) -> None:
        self.dropped += 1

    def _is_overrun(self) -> bool:
        """Whether the peer has more kept here than it may."""
        sctp = self._sctp
        return (
            sctp._advertised_rwnd < 0
            or len(sctp._inbound_streams) > MAX_INBOUND_STREAMS
            or len(sctp._data_channels) > 4 * MAX_CHANNELS
            or len(sctp._sack_misordered) > MAX_CHUNKS
            or sum(len(stream.reassembly) for stream in sctp._inbound_streams.values()) > MAX_CHUNKS
            or len(sctp._reconfig_queue) > MAX_INBOUND_STREAMS
        )


class Channel:
    """A `DataChannel` of aiortc's."""

    def __init__(self, native: Any, dropped: Callable[[], None], closed: Callable[[], object]) -> None:
        self.on_frame: Callable[[Frame], None] = _nothing
        self.on_closed: Callable[[], None] = _nothing
        self._native = native
        self._dropped = dropped
        self._closed = closed
        self._ended = False
        native.on("message", lambda frame: self.on_frame(frame))
        native.on("close", self.ended)

    @property
    def label(self) -> str:
        return str(self._native.label)

    @property
    def protocol(self) -> str:
        return str(self._native.protocol)

    @property
    def is_open(self) -> bool:
        return not self._ended and self._native.readyState == "open"

    def send(self, frame: Frame) -> bool:
        size = len(frame) if isinstance(frame, bytes) else len(frame.encode())
        if self.is_open and self._native.bufferedAmount + size <= MAX_QUEUED_BYTES:
            try:
                self._native.send(frame)
            except ValueError:
                pass  # larger than the peer takes
            else:
                return True
        self._dropped()
        return False

    def close(self) -> None:
        if self.is_open:
            self._native.close()

    def ended(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._closed()
        self.on_closed()


class DtlsShim:
    """What aiortc's association wants of a DTLS transport: these five members, and nothing else."""

    def __init__(self, role: str, send: Callable[[bytes], None], dropped: Callable[[], None]) -> None:
        self.state = "connected"
        self._role = role
        self._send = send
        self._dropped = dropped

    def _register_data_receiver(self, receiver: object) -> None:
        """Packets are given to the association directly."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """Likewise."""

    async def _send_data(self, data: bytes) -> None:
        if self.state != "connected":
            return
        try:
            self._send(data)
        except (BufferError, ValueError):  # the worker is overloaded, or the packet fits no datagram
            self._dropped()


_aiortc: dict[str, Any] = {}
"""The module, once it is imported."""


def sack_is_absurd(packet: bytes) -> bool:
    """Whether a SACK chunk (RFC 9260 §3.3.4) acknowledges more than was ever under way: a single packet can claim a
    million numbers, which the association would count one by one."""
    position = 12
    while position + 4 <= len(packet):
        kind, _, length = unpack_from("!BBH", packet, position)
        if length < 4:
            return False  # broken in another way
        if kind == SACK and position + 16 <= len(packet):
            gaps = unpack_from("!H", packet, position + 12)[0]
            reach = 0
            for start in range(position + 16, min(position + 16 + 4 * gaps, len(packet) - 3), 4):
                first, last = unpack_from("!HH", packet, start)
                reach += max(0, last - first + 1)
            if reach > MAX_CHUNKS:
                return True
        position += length + (-length % 4)
    return False


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing, as all of the association's do over a shim that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("the SCTP association waits for something")


def _nothing(*_: object) -> None:
    pass
