"""Data channels over SCTP: a peer that does as it should, one that floods, and one that sends what is none."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from struct import pack
from typing import Any

import pytest
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import DataChunk, RTCSctpCapabilities, RTCSctpTransport, SackChunk, serialize_packet
from google_crc32c import value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediasrv.rtc import sctp
from mediasrv.rtc.data_channel import LOCAL_MAX_MESSAGE_SIZE, DataChannel, Frame, SctpParameters
from mediasrv.rtc.sctp import MAX_CHANNELS, MAX_QUEUED_BYTES, SctpAssociation, sack_is_absurd


class PeersDtls:
    """The other end's DTLS transport."""

    state = "connected"
    _role = "client"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def _register_data_receiver(self, receiver: Any) -> None: ...
    def _unregister_data_receiver(self, receiver: Any) -> None: ...
    async def _send_data(self, data: bytes) -> None:
        self._send(data)


class Pair:
    """A browser's association and ours, joined by a wire that can be cut."""

    def __init__(self, *, max_message_size: int = LOCAL_MAX_MESSAGE_SIZE) -> None:
        self.cut = False
        self.sent: list[bytes] = []
        self.frames: list[tuple[str, Frame]] = []
        self.channels: list[DataChannel] = []
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.ours = SctpAssociation(
            SctpParameters(5000, max_message_size), is_dtls_server=True, send=self._to_peer, on_channel=self._opened
        )
        self.peer = RTCSctpTransport(PeersDtls(self._to_us))  # type: ignore[arg-type]
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Pair:
        self.ours.start()
        await self.peer.start(RTCSctpCapabilities(maxMessageSize=LOCAL_MAX_MESSAGE_SIZE), 5000)
        return self

    def _to_peer(self, packet: bytes) -> None:
        self.sent.append(packet)
        if not self.cut:
            self._loop.call_soon(self._hand_over, packet)

    def _hand_over(self, packet: bytes) -> None:
        task = asyncio.ensure_future(self.peer._handle_data(packet))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _to_us(self, packet: bytes) -> None:
        if not self.cut:
            self._loop.call_soon(self._arrive, packet)

    def _arrive(self, packet: bytes) -> None:
        self.ours.receive(packet)
        self.changed.set()

    def _opened(self, channel: DataChannel) -> None:
        self.channels.append(channel)
        channel.on_frame = lambda frame: self.frames.append((channel.label, frame))

    def open(self, label: str, **options: Any) -> RTCDataChannel:
        return RTCDataChannel(self.peer, RTCDataChannelParameters(label=label, **options))

    async def until(self, done: Callable[[], bool], limit_s: float = 10) -> None:
        async with asyncio.timeout(limit_s):
            while not done():
                self.changed.clear()
                try:
                    await asyncio.wait_for(self.changed.wait(), 0.05)
                except TimeoutError:
                    continue

    async def opened(self, label: str = "messages", **options: Any) -> tuple[RTCDataChannel, DataChannel]:
        theirs = self.open(label, **options)
        await self.until(lambda: theirs.readyState == "open" and any(ours.label == label for ours in self.channels))
        return theirs, next(ours for ours in self.channels if ours.label == label)

    async def end(self) -> None:
        self.ours.close()
        await self.peer.stop()


@pytest.fixture
async def pair():
    made = await Pair().start()
    yield made
    await made.end()


async def test_text_and_bytes_go_both_ways(pair: Pair) -> None:
    theirs, ours = await pair.opened(protocol="msgpack")
    got: list[Frame] = []
    theirs.on("message", got.append)
    assert (ours.label, ours.protocol, ours.is_open) == ("messages", "msgpack", True)
    for frame in ("hällo", b"\x00\xff", "", b"", "x" * 20_000):
        theirs.send(frame)
        assert ours.send(frame)
    await pair.until(lambda: len(pair.frames) == 5 and len(got) == 5)
    assert got == [frame for _, frame in pair.frames] == ["hällo", b"\x00\xff", "", b"", "x" * 20_000]
    assert pair.ours.dropped == 0


async def test_channels_keep_the_reliability_they_were_opened_with(pair: Pair) -> None:
    theirs, ours = await pair.opened("unreliable-messages", ordered=False, maxRetransmits=0)
    theirs.send("once")
    await pair.until(lambda: bool(pair.frames))
    got: list[Frame] = []
    theirs.on("message", got.append)
    pair.cut = True
    assert ours.send("lost")
    await asyncio.sleep(0)  # it is on its way
    pair.cut = False
    assert ours.send("arrives")
    await pair.until(lambda: bool(got))
    assert got == ["arrives"], "nothing is sent again, and nothing waits for it"


async def test_a_closed_channel_is_told_and_harms_no_other(pair: Pair) -> None:
    first, ours = await pair.opened("messages")
    second, other = await pair.opened("other")
    closed: list[str] = []
    ours.on_closed = lambda: closed.append("first")
    first.close()
    await pair.until(lambda: closed == ["first"])
    assert not ours.is_open
    assert not ours.send("late")
    ours.close()
    second.send("still here")
    await pair.until(lambda: pair.frames == [("other", "still here")])
    other.close()
    await pair.until(lambda: second.readyState == "closed")
    assert pair.ours.channels == 0


async def test_more_channels_than_allowed_are_closed(pair: Pair) -> None:
    channels = [pair.open(str(number)) for number in range(MAX_CHANNELS + 3)]
    await pair.until(lambda: sum(channel.readyState == "closed" for channel in channels) == 3)
    assert pair.ours.channels == MAX_CHANNELS
    assert pair.ours.dropped == 3
    channels[0].send("hello")
    await pair.until(lambda: pair.frames == [("0", "hello")])


async def test_what_the_peer_does_not_take_is_bounded(pair: Pair) -> None:
    _, ours = await pair.opened()
    pair.cut = True
    taken = 0
    while ours.send("x" * 10_000):
        taken += 1
    assert 20 <= taken <= 2 * MAX_QUEUED_BYTES // 10_000
    assert pair.ours.dropped == 1


async def test_a_frame_larger_than_the_peer_takes_is_dropped() -> None:
    pair = await Pair(max_message_size=1000).start()
    _, ours = await pair.opened()
    assert ours.send("x" * 1000)
    assert not ours.send("x" * 1001)
    assert pair.ours.dropped == 1
    await pair.end()


async def test_an_aborted_association_closes_its_channels(pair: Pair) -> None:
    _, ours = await pair.opened()
    closed: list[bool] = []
    ours.on_closed = lambda: closed.append(True)
    await pair.peer.stop()
    await pair.until(lambda: closed == [True])
    assert pair.ours.closed
    pair.ours.receive(b"anything")
    pair.ours.close()


async def test_a_peer_that_keeps_messages_unfinished_is_cut_off(pair: Pair) -> None:
    """It ignores the window that it was told, and never ends a message."""
    await pair.opened()
    tag, tsn = pair.peer._remote_verification_tag, pair.peer._local_tsn
    pair.cut = True
    for number in range(200):
        chunk = DataChunk(flags=2 if number == 0 else 0)
        chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol = (tsn + number) % 2**32, 2, 0, 51
        chunk.user_data = bytes(1100)
        pair.ours.receive(serialize_packet(5000, 5000, tag, chunk))
        if pair.ours.closed:
            break
    assert pair.ours.closed
    assert number < 150


async def test_a_peer_with_too_many_streams_is_cut_off(pair: Pair) -> None:
    await pair.opened()
    tag, tsn = pair.peer._remote_verification_tag, pair.peer._local_tsn
    for number in range(200):
        chunk = DataChunk(flags=2)
        chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol = (tsn + number) % 2**32, number, 0, 51
        chunk.user_data = b"x"
        pair.ours.receive(serialize_packet(5000, 5000, tag, chunk))
    assert pair.ours.closed


async def test_an_acknowledgement_of_a_million_numbers_is_dropped(pair: Pair) -> None:
    theirs, _ = await pair.opened()
    sack = SackChunk()
    sack.cumulative_tsn = pair.peer._last_received_tsn
    sack.gaps = [(2, 65_535)] * 250
    packet = serialize_packet(5000, 5000, pair.peer._remote_verification_tag, sack)
    assert sack_is_absurd(packet)
    pair.ours.receive(packet)
    assert pair.ours.dropped == 1
    theirs.send("fine")
    await pair.until(lambda: pair.frames == [("messages", "fine")])


def test_honest_acknowledgements_are_not_absurd() -> None:
    sack = SackChunk()
    sack.gaps = [(2, 40), (42, 99)]
    assert not sack_is_absurd(serialize_packet(1, 2, 3, sack))
    assert not sack_is_absurd(b"")
    assert not sack_is_absurd(bytes(12) + pack("!BBH", 3, 0, 4))


async def test_packets_that_come_before_the_library_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sctp, "_aiortc", {})
    pair = Pair()
    pair.ours.start()
    for _ in range(40):
        pair.ours.receive(b"early")
    assert pair.ours.dropped == 8
    await pair.peer.start(RTCSctpCapabilities(maxMessageSize=0), 5000)
    await pair.opened()
    await pair.end()


async def test_without_the_library_there_are_no_channels_and_nothing_else_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"no module {name}")

    monkeypatch.setattr(sctp, "_aiortc", {})
    monkeypatch.setattr(sctp.importlib, "import_module", missing)
    association = SctpAssociation(
        SctpParameters(5000, 0), is_dtls_server=True, send=lambda _: None, on_channel=lambda _: None
    )
    association.start()
    assert association._starting is not None
    await association._starting
    assert association.closed


async def test_a_worker_that_takes_no_packets_is_a_drop(pair: Pair) -> None:
    def full(_: bytes) -> None:
        raise BufferError

    _, ours = await pair.opened()
    pair.ours._dtls._send = full
    assert ours.send("anything")
    await pair.until(lambda: pair.ours.dropped > 0)


@given(st.lists(st.binary(max_size=200), max_size=30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_nothing_is_raised(packets: list[bytes], seed: int) -> None:
    """Noise, and packets of a real exchange with some of their bytes changed."""

    async def scenario() -> None:
        chance = random.Random(seed)
        pair = await Pair().start()
        theirs, _ = await pair.opened()
        theirs.send("x" * 5000)
        await pair.until(lambda: bool(pair.frames))
        for packet in packets:
            pair.ours.receive(packet)
        for packet in pair.sent:
            broken = bytearray(packet)
            for _ in range(3):
                broken[chance.randrange(12, len(broken))] = chance.randrange(256)
            broken[4:8] = pack("!L", pair.peer._remote_verification_tag)
            broken[8:12] = bytes(4)
            broken[8:12] = checksum(bytes(broken))
            pair.ours.receive(bytes(broken))
        await pair.end()

    asyncio.run(scenario())


def checksum(packet: bytes) -> bytes:
    return int(value(packet)).to_bytes(4, "little")
