"""The load generator against a worker on loopback: it carries media, and it sees whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from mediaplane.loadgen.generator import LoadGenerator
from mediaplane.loadgen.media import AudioSource, Connection, RecordedSource, Stream, VideoSource
from mediaplane.worker import Worker

from mediasrv.rtc.certificate import Certificate

AUDIO, VIDEO = 111, 96
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LOOPBACK = "127.0.0.1"


class Stage:
    """A worker and a generator, and the signaling between them."""

    def __init__(self, **options: Any) -> None:
        self.certificate = Certificate.generate()
        pem = {"certificate": self.certificate.certificate, "private_key": self.certificate.private_key}
        self.worker = Worker(0, [(LOOPBACK, 0)], **pem)
        self.generator = LoadGenerator(**pem, **options)
        self.last_id = 0
        self.producers: list[tuple[str, int]] = []
        self.worker.start()
        self.generator.start()

    def close(self) -> None:
        self.generator.stop()
        self.worker.stop()

    def new_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def connect(self, port: int | None = None, **changes: Any) -> tuple[int, Connection]:
        """A transport of the worker and the way to it; `port`: of a relay in between."""
        transport, ufrag, pwd = self.new_id(), secrets.token_hex(4), secrets.token_hex(12)
        fingerprint = ("sha-256", self.certificate.fingerprint.digest)
        self.worker.create_transport(
            transport,
            ice_ufrag=ufrag.encode(),
            ice_pwd=pwd.encode(),
            dtls_role="client" if changes.get("dtls_role") == "server" else "server",
            fingerprints=[fingerprint],
            extensions={MID: 1},
        )
        wanted = {
            "address": LOOPBACK,
            "port": port or self.worker.port,
            "local_ufrag": "peer",
            "local_pwd": secrets.token_hex(12),
            "remote_ufrag": ufrag,
            "remote_pwd": pwd,
            "fingerprints": [fingerprint],
        }
        return transport, Connection(**(wanted | changes))

    def publish(self, **changes: Any) -> None:
        """Audio and video of 600 kbit/s."""
        transport, connection = self.connect(**changes)
        sources = [
            AudioSource(secrets.randbits(31) | 1, AUDIO, "0", {MID: 1}),
            VideoSource(secrets.randbits(31) | 1, VIDEO, "1", 600_000, {MID: 1}),
        ]
        for source, kind, codec in zip(
            sources, ("audio", "video"), ((AUDIO, "opus", 48000, 0), (VIDEO, "VP8", 90000, 0)), strict=True
        ):
            producer = self.new_id()
            self.worker.create_producer(
                transport,
                producer,
                kind=kind,
                mid=source.mid,
                codecs=[codec],
                encodings=[("", source.ssrc, 0)],
                nack=False,
                pli=True,
                fir=False,
                transport_cc=False,
            )
            self.producers.append((kind, producer))
        self.generator.add_publisher(connection, sources)

    def subscribe(self, *, announced: bool = True, mid_id: int = 1, mixed: bool = False, **changes: Any) -> None:
        """To everything that is published. Without `announced`, the generator is not told the SSRCs."""
        transport, connection = self.connect(**changes)
        streams = []
        for mid, (kind, producer) in enumerate(self.producers):
            consumer, ssrc = self.new_id(), secrets.randbits(31) | 1
            payload_type = AUDIO if kind == "audio" else VIDEO
            self.worker.create_consumer(
                transport,
                consumer,
                kind=kind,
                mid=str(mid),
                ssrc=ssrc,
                rtx_ssrc=0,
                cname="c",
                extensions={MID: 1},
                two_byte=False,
            )
            self.worker.connect_consumer(consumer, producer, [(payload_type, payload_type, 0)])
            streams.append(Stream(kind, ssrc if announced else 0, payload_type, str(mid), mid_id, mixed))
        self.generator.add_subscriber(connection, streams)

    def peers(self) -> list[dict[str, Any]]:
        return self.generator.statistics()["peers"]

    def streams(self) -> list[dict[str, Any]]:
        return [stream for peer in self.peers() for stream in peer["streams"]]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - what a native thread counts
                await asyncio.sleep(0.005)

    async def all_get(self, packets: int) -> None:
        await self.until(lambda: all(stream["packets"] >= packets for stream in self.streams()))

    async def media_ends(self) -> None:
        """The sources stop, and what is under way arrives."""
        self.generator.stop_media()
        seen = -1
        while (total := self.generator.statistics()["datagrams"]) != seen:
            seen = total
            await asyncio.sleep(0.1)


Open = Callable[..., Stage]


@pytest.fixture
async def open_stage() -> AsyncIterator[Open]:
    stages: list[Stage] = []

    def open_one(**options: Any) -> Stage:
        stages.append(Stage(**options))
        return stages[-1]

    yield open_one
    for stage in stages:
        stage.close()


@pytest.mark.parametrize("gro", [True, False])
async def test_every_subscriber_gets_every_packet_of_every_source(open_stage: Open, gro: bool) -> None:
    stage = open_stage(gro=gro)
    stage.publish()
    stage.publish()
    for _ in range(3):
        stage.subscribe()
    await stage.all_get(20)
    await stage.media_ends()

    sent = {source["source"]: source["packets"] for peer in stage.peers() for source in peer["sources"]}
    assert len(stage.streams()) == 3 * len(sent)
    for stream in stage.streams():
        assert stream["last_number"] == sent[stream["source"]] - 1
        assert stream["packets"] == stream["verified"] == stream["last_number"] - stream["first_number"] + 1
        wrong = ("lost", "missing_numbers", "duplicates", "reordered", "unauthentic", "corrupt", "wrong_payload_type")
        assert {name: stream[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert all(peer["bad_datagrams"] == peer["checks_unanswered"] == 0 for peer in stage.peers())


async def test_latencies_count_each_packet_that_was_opened(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.subscribe()
    await stage.all_get(20)
    await stage.media_ends()
    statistics = stage.generator.statistics()
    for stream in stage.streams():
        latencies = statistics[f"{stream['kind']}_latency"]
        assert sum(latencies.values()) == stream["verified"]
        assert 0 <= stream["latency_mean_us"] <= stream["latency_max_us"] <= max(latencies)
        assert all(0 <= upper_us < 20_000_000 for upper_us in latencies)


async def test_recorded_packets_are_sent_over_and_over_and_a_mixed_stream_is_not_compared(open_stage: Open) -> None:
    stage = open_stage()
    transport, connection = stage.connect()
    recording = [(b"\xf8" + bytes([number]) * (50 + number), 10 + number) for number in range(3)]
    source = RecordedSource(7, AUDIO, "0", recording, {MID: 1})
    producer = stage.new_id()
    stage.worker.create_producer(
        transport,
        producer,
        kind="audio",
        mid="0",
        codecs=[(AUDIO, "opus", 48000, 0)],
        encodings=[("", source.ssrc, 0)],
        nack=False,
        pli=False,
        fir=False,
        transport_cc=False,
    )
    stage.producers.append(("audio", producer))
    stage.generator.add_publisher(connection, [source])
    stage.subscribe()
    stage.subscribe(mixed=True)
    await stage.all_get(12)
    await stage.media_ends()

    (sent,) = stage.peers()[0]["sources"]
    rounds, rest = divmod(sent["packets"], 3)
    assert sent["octets"] == rounds * (51 + 52 + 53) + sum((51, 52, 53)[:rest])
    compared, mixed = stage.streams()
    assert (compared["verified"], compared["corrupt"]) == (0, compared["packets"])
    assert (mixed["verified"], mixed["corrupt"]) == (mixed["packets"], 0)
    gaps = stage.generator.statistics()["audio_gap"]
    assert sum(gaps.values()) == compared["packets"] + mixed["packets"] - 2
    with pytest.raises(ValueError, match="level of 0 to 127"):
        stage.generator.add_publisher(connection, [RecordedSource(8, AUDIO, "0", [(b"x", 128)])])


async def test_streams_whose_ssrc_no_answer_named_are_told_apart_by_their_mid(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.publish()
    stage.subscribe(announced=False)
    await stage.all_get(20)
    sent = [source["source"] for peer in stage.peers() for source in peer["sources"]]
    assert [stream["source"] for stream in stage.streams()] == sent
    assert stage.peers()[-1]["bad_datagrams"] == 0


async def test_streams_without_ssrc_and_mid_are_told_apart_by_their_payload_type(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.subscribe(announced=False, mid_id=0)
    await stage.all_get(20)
    assert [stream["kind"] for stream in stage.streams()] == ["audio", "video"]
    assert all(stream["verified"] == stream["packets"] for stream in stage.streams())


async def test_in_a_sample_all_are_counted_and_few_are_opened(open_stage: Open) -> None:
    stage = open_stage(verify="sample")
    stage.publish()
    stage.subscribe()
    await stage.all_get(40)
    await stage.media_ends()
    for stream in stage.streams():
        assert stream["lost"] == 0
        assert stream["verified"] == (stream["packets"] + 15) // 16


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("profile", ["gcm-128", "gcm-256", "cm-sha1"])
async def test_a_peer_offers_the_one_srtp_profile_it_was_told(open_stage: Open, profile: str, role: str) -> None:
    stage = open_stage()
    stage.publish(srtp_profile=profile, dtls_role=role)
    stage.subscribe(srtp_profile=profile, dtls_role=role)
    await stage.all_get(3)
    assert {peer["srtp_profile"] for peer in stage.peers()} == {profile}


async def test_totals_are_the_sums_of_what_the_streams_count(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.subscribe()
    stage.subscribe()
    await stage.all_get(20)
    await stage.media_ends()
    sent = sum(source["packets"] for peer in stage.peers() for source in peer["sources"])
    received = sum(stream["packets"] for stream in stage.streams())
    assert stage.generator.totals() == {"packets": received, "lost": 0, "sent": sent}


async def test_a_keyframe_request_is_answered_with_a_keyframe(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.subscribe()
    await stage.all_get(3)
    video = stage.peers()[0]["sources"][1]
    stage.worker.request_keyframe(stage.producers[1][1])

    def answered() -> bool:
        now = stage.peers()[0]["sources"][1]
        return now["keyframe_requests"] > video["keyframe_requests"] and now["keyframes"] > video["keyframes"]

    await stage.until(answered)


async def test_sender_reports_arrive_once_the_publisher_has_told_its_clock(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.subscribe()
    await stage.until(lambda: all(stream["sender_reports"] for stream in stage.streams()))


# --- what goes wrong --------------------------------------------------------------------------------------------------


class Relay(asyncio.DatagramProtocol):
    """Stands between one peer and the worker. `damage` decides what becomes of each packet from the worker."""

    def __init__(self, damage: Callable[[bytes], list[bytes]]) -> None:
        self.damage = damage
        self.peer: tuple[str, int] | None = None

    async def open(self, port: int) -> int:
        loop = asyncio.get_running_loop()
        self.inside, _ = await loop.create_datagram_endpoint(
            lambda: _Inside(self), remote_addr=(LOOPBACK, port), local_addr=(LOOPBACK, 0)
        )
        self.outside, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
        return int(self.outside.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.peer = source
        self.inside.sendto(data)

    def from_worker(self, data: bytes) -> None:
        is_rtp = 128 <= data[0] < 192 and not 192 <= data[1] < 224
        for item in self.damage(data) if is_rtp else [data]:
            self.outside.sendto(item, self.peer)

    def close(self) -> None:
        self.inside.close()
        self.outside.close()


class _Inside(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.relay.from_worker(data)


def once(change: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """`change` to the tenth packet of each SSRC, nothing to the others."""
    seen: dict[bytes, int] = {}

    def damage(data: bytes) -> list[bytes]:
        seen[data[8:12]] = seen.get(data[8:12], 0) + 1
        return change(data) if seen[data[8:12]] == 10 else [data]

    return damage


@pytest.mark.parametrize(
    ("damage", "counted"),
    [
        (lambda data: [], {"lost": 1, "missing_numbers": 1}),
        (lambda data: [data, data], {"duplicates": 1}),
        # Counted as unauthentic, and its number is never seen.
        (lambda data: [data[:-1] + bytes([data[-1] ^ 1])], {"unauthentic": 1, "missing_numbers": 1}),
    ],
    ids=["lost", "duplicated", "forged"],
)
async def test_damage_on_the_way_is_counted(
    open_stage: Open, damage: Callable[[bytes], list[bytes]], counted: dict[str, int]
) -> None:
    stage = open_stage()
    stage.publish()
    relay = Relay(once(damage))
    stage.subscribe(port=await relay.open(stage.worker.port))
    await stage.all_get(15)
    await stage.media_ends()
    relay.close()
    for stream in stage.streams():
        names = ("lost", "missing_numbers", "duplicates", "reordered", "unauthentic", "corrupt")
        assert {name: stream[name] for name in names} == dict.fromkeys(names, 0) | counted


async def test_a_packet_that_overtakes_another_is_reordered_and_not_lost(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    held: dict[bytes, bytes] = {}

    def swap(data: bytes) -> list[bytes]:
        ssrc = data[8:12]
        if ssrc in held:
            return [data, held.pop(ssrc)] if held[ssrc] else [data]
        held[ssrc] = data
        return []

    relay = Relay(lambda data: swap(data) if held.get(data[8:12], data) else [data])
    stage.subscribe(port=await relay.open(stage.worker.port))
    await stage.all_get(15)
    relay.close()
    assert all(stream["reordered"] > 0 for stream in stage.streams())


async def test_another_certificate_than_the_announced_one_fails_the_peer(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish(fingerprints=[("sha-256", bytes(32))])
    await stage.until(lambda: stage.generator.states() == {"failed": 1})
    assert "certificate" in stage.peers()[0]["failure"]


async def test_checks_with_a_wrong_password_are_never_answered(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish(remote_pwd="x" * 24)
    await stage.until(lambda: stage.peers()[0]["checks_sent"] >= 3)
    assert stage.generator.states() == {"checking": 1}
    assert stage.worker.counters()["drop_stun_unauthenticated"] >= 2


async def test_a_server_that_closes_is_seen(open_stage: Open) -> None:
    stage = open_stage()
    stage.publish()
    stage.subscribe()
    await stage.all_get(3)
    stage.worker.stop()
    await stage.until(lambda: stage.generator.states() == {"closed": 2})


def test_a_peer_that_makes_no_sense_is_refused_with_a_reason() -> None:
    stage = Stage()
    _, connection = stage.connect()
    with pytest.raises(ValueError, match="payload has 40 to 1400 bytes"):
        stage.generator.add_publisher(connection, [AudioSource(1, AUDIO, "0", packet_bytes=20)])
    with pytest.raises(ValueError, match="too little"):
        stage.generator.add_publisher(connection, [VideoSource(1, VIDEO, "0", 1000)])
    with pytest.raises(ValueError, match="at most 128"):
        stage.generator.add_subscriber(connection, [Stream("audio", n, AUDIO) for n in range(129)])
    stage.close()
