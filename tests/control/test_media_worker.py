"""The worker pool: commands keep their order, events find their handles, failures are heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from peers import CERTIFICATE
from recording_worker import RecordingWorker

from mediasrv.media import events, media_worker
from mediasrv.media.handles import TransportHandle
from mediasrv.media.media_worker import MediaWorker
from mediasrv.media.worker_pool import MediaSettings, WorkerPool

SETTINGS = MediaSettings(binds=["127.0.0.1", "::1"], port=7000, workers=2)


class Natives:
    """Makes recording workers and remembers them; `taken` is a port that can't be bound."""

    def __init__(self, taken: int = -1) -> None:
        self.made: list[RecordingWorker] = []
        self.taken = taken

    def __call__(self, index: int, binds: list[tuple[str, int]], **settings: Any) -> RecordingWorker:
        if binds[0][1] == self.taken:
            raise OSError("address in use")
        self.made.append(RecordingWorker(index, binds, **settings))
        return self.made[-1]


@pytest.fixture
async def natives() -> Natives:
    return Natives()


@pytest.fixture
async def pool(natives: Natives) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(SETTINGS, CERTIFICATE, worker_factory=natives)
    pool.start()
    yield pool
    pool.stop()


def transport(worker: MediaWorker, told: list[Any] | None = None) -> TransportHandle:
    return worker.create_transport(
        ice_ufrag=b"u" * 8,
        ice_pwd=b"p" * 24,
        dtls_role="server",
        fingerprints=[("sha-256", bytes(32))],
        extensions={},
        on_event=[].append if told is None else told.append,
    )


async def test_each_worker_has_a_port_of_its_own(pool: WorkerPool, natives: Natives) -> None:
    assert [native.binds for native in natives.made] == [
        [("127.0.0.1", 7000), ("::1", 7000)],
        [("127.0.0.1", 7001), ("::1", 7001)],
    ]
    assert [worker.port for worker in pool.workers] == [7000, 7001]
    assert all(native.running and native.private_key == CERTIFICATE.private_key for native in natives.made)
    counters = pool.counters()
    assert counters.pop("rtp_received") == 30
    assert all(name.startswith("mixer_") for name in counters)


async def test_with_port_0_any_free_ones() -> None:
    natives = Natives()
    pool = WorkerPool(MediaSettings(binds=["127.0.0.1"], port=0, workers=2), CERTIFICATE, worker_factory=natives)
    pool.start()
    assert [native.binds for native in natives.made] == [[("127.0.0.1", 0)], [("127.0.0.1", 0)]]
    pool.stop()


async def test_a_taken_port_leaves_nothing_behind() -> None:
    natives = Natives(taken=7001)
    pool = WorkerPool(SETTINGS, CERTIFICATE, worker_factory=natives)
    with pytest.raises(OSError, match="in use"):
        pool.start()
    assert [(native.running, native.stops) for native in natives.made] == [(False, 1)]
    assert pool.workers == []


async def test_every_two_workers_are_joined_before_they_start() -> None:
    natives = Natives()
    pool = WorkerPool(MediaSettings(binds=["127.0.0.1"], port=0, workers=4), CERTIFICATE, worker_factory=natives)
    pool.start()
    pairs = [(native.index, other.index) for native in natives.made for other in native.joined]
    assert sorted(pairs) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    pool.stop()


async def test_a_transport_counts_until_its_end_is_told(pool: WorkerPool, natives: Natives) -> None:
    handle = transport(pool.workers[1])
    closed = asyncio.get_running_loop().create_future()
    handle.on_event = closed.set_result
    assert [worker.transport_count for worker in pool.workers] == [0, 1]
    natives.made[1].report("transport_closed", handle.id, "closed")
    await closed
    assert handle.closed
    assert [worker.transport_count for worker in pool.workers] == [0, 0]


async def test_events_reach_their_handles_through_the_loop(pool: WorkerPool, natives: Natives) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()
    handle = pool.workers[0].create_transport(
        ice_ufrag=b"", ice_pwd=b"", dtls_role="server", fingerprints=[], extensions={}, on_event=told.put_nowait
    )
    producer = handle.create_producer(
        kind="audio", mid="0", codecs=[], encodings=[], nack=False, pli=False, fir=False, transport_cc=False,
        on_event=told.put_nowait,
    )  # fmt: skip
    consumer = handle.create_consumer(
        kind="audio", mid="1", ssrc=1, rtx_ssrc=0, cname="c", extensions={}, two_byte=False, on_event=told.put_nowait
    )
    reported = [
        ("transport_tuple", handle.id, "127.0.0.1", 5),
        ("transport_connected", handle.id, 7),
        ("producer_active", producer.id, 0),
        ("audio_level", producer.id, 10, True),
        ("encoding_changed", consumer.id, 1),
        ("dtls_data", handle.id, b"data"),
        ("producer_bye", producer.id),
        ("something_new", 1, 2),
        ("transport_closed", handle.id, "peer_closed"),
    ]
    for event in reported:
        natives.made[0].report(*event)
    assert [await told.get() for _ in range(8)] == [
        events.TransportTuple(handle.id, "127.0.0.1", 5),
        events.TransportConnected(handle.id, 7),
        events.ProducerActive(producer.id, 0),
        events.AudioLevel(producer.id, 10, True),
        events.EncodingChanged(consumer.id, 1),
        events.DtlsData(handle.id, b"data"),
        events.ProducerBye(producer.id),
        events.TransportClosed(handle.id, "peer_closed"),
    ]
    assert (producer.closed, consumer.closed) == (True, True)


async def test_a_listener_that_fails_does_not_cost_the_others_their_events(pool: WorkerPool, natives: Natives) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("listener")

    told: asyncio.Queue[Any] = asyncio.Queue()
    bad, good = transport(pool.workers[0]), transport(pool.workers[0])
    bad.on_event, good.on_event = fail, told.put_nowait
    natives.made[0].report("transport_connected", bad.id, 7)
    natives.made[0].report("transport_connected", good.id, 7)
    assert await told.get() == events.TransportConnected(good.id, 7)


async def test_a_full_ring_delays_commands_and_keeps_their_order(pool: WorkerPool, natives: Natives) -> None:
    native, worker = natives.made[0], pool.workers[0]
    native.ring_room = 1
    handles = [transport(worker) for _ in range(3)]
    handles[0].close()
    assert native.names() == ["create_transport"]
    native.ring_room = 100
    await native.commanded(4)
    assert native.names() == ["create_transport"] * 3 + ["close_transport"]
    assert [command.arguments[0] for command in native.commands] == [1, 2, 3, 1]
    handles[1].close()
    assert native.names()[-1] == "close_transport"


async def test_a_worker_that_hangs_is_an_error_in_the_end(
    pool: WorkerPool, natives: Natives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_worker, "MAX_DEFERRED_COMMANDS", 10)
    natives.made[0].ring_room = 0
    for _ in range(10):
        pool.workers[0].command("request_keyframe", 1)
    with pytest.raises(BufferError, match="worker 0 takes no commands"):
        pool.workers[0].command("request_keyframe", 1)


async def test_statistics_are_awaited(pool: WorkerPool, natives: Natives) -> None:
    handle = transport(pool.workers[0])
    request = asyncio.ensure_future(handle.request_stats())
    command = (await natives.made[0].commanded(2))[-1]
    assert command.name == "request_stats"
    natives.made[0].report("stats", command.arguments[1], {"rtt_us": 1000})
    assert await request == {"rtt_us": 1000}


@pytest.mark.parametrize("end", ["transport", "worker"])
async def test_statistics_of_what_ends_meanwhile(pool: WorkerPool, natives: Natives, end: str) -> None:
    handle = transport(pool.workers[0])
    request = asyncio.ensure_future(handle.request_stats())
    await natives.made[0].commanded(2)
    if end == "transport":
        natives.made[0].report("transport_closed", handle.id, "peer_closed")
    else:
        pool.stop()
    with pytest.raises(ConnectionError):
        await request
    if end == "transport":
        with pytest.raises(ConnectionError, match="closed"):
            await handle.request_stats()


async def test_a_worker_that_failed_is_heard(pool: WorkerPool, natives: Natives) -> None:
    failed: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    pool.on_failure(lambda index, reason: failed.put_nowait((index, reason)))
    natives.made[1].report("worker_failed", "out of memory")
    assert await failed.get() == (1, "out of memory")


async def test_stop_delivers_what_was_still_to_report(pool: WorkerPool, natives: Natives) -> None:
    told: list[Any] = []
    handle = transport(pool.workers[0], told)
    for _ in range(600):
        natives.made[0].report("transport_connected", handle.id, 7)
    pool.stop()
    pool.stop()
    assert len(told) == 600
    assert [native.stops for native in natives.made] == [1, 1]
