"""The real worker over loopback: its life, its sockets, its rings, and its failure."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import select
import socket
import sys
import time
from collections.abc import Callable

import pytest
from loopback import LoopbackCall, worker
from mediaplane.worker import Worker
from scenarios.identity import SERVER
from scenarios.negotiated import AUDIO_LEVEL

LOOPBACKS = [("127.0.0.1", 0), ("::1", 0)]


# --- life ------------------------------------------------------------------------------------------------------------


def test_it_starts_once_and_stops_as_often_as_one_likes() -> None:
    one = worker()
    assert 0 < one.port < 65536
    assert one.srtp_backend in ("ipsec-mb", "libcrypto")
    one.start()
    with pytest.raises(RuntimeError, match="worker 0 was started before"):
        one.start()
    one.stop()
    one.stop()
    with pytest.raises(RuntimeError, match="started before"):
        one.start()


def test_one_that_never_started_stops_and_goes() -> None:
    one = worker()
    one.request_keyframe(1)
    one.stop()
    assert one.poll_events() == []


def test_one_that_is_dropped_while_it_runs_ends_its_thread_and_frees_its_port() -> None:
    one = worker()
    port = one.port
    one.start()
    threads = len(os.listdir("/proc/self/task"))
    del one
    gc.collect()
    assert len(os.listdir("/proc/self/task")) == threads - 1
    worker(("127.0.0.1", port))


def test_descriptors_are_given_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        one = worker(*LOOPBACKS)
        one.start()
        one.stop()
        del one
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


# --- what is wrong is said -------------------------------------------------------------------------------------------


def test_a_port_in_use_is_an_os_error_that_names_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(
            OSError, match=rf"cannot bind UDP 127\.0\.0\.1 port {port}: Address already in use"
        ) as caught:
            worker(("127.0.0.1", port))
        assert caught.value.errno == errno.EADDRINUSE


def test_an_address_of_another_machine_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"cannot bind UDP 203\.0\.113\.1") as caught:
        worker(("203.0.113.1", 0))
    assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"certificate": b"nonsense"}, "certificate and key are not a usable PEM pair"),
        ({"srtp_backend": "rot13"}, "no SRTP back end 'rot13'"),
        ({"binds": []}, "needs an address to bind"),
        ({"binds": [("not an address", 0)]}, "not an address"),
    ],
)
def test_bad_settings_are_value_errors_that_say_what_is_wrong(change: dict[str, object], sentence: str) -> None:
    settings: dict[str, object] = {
        "binds": [("127.0.0.1", 0)],
        "certificate": SERVER.certificate,
        "private_key": SERVER.private_key,
    }
    with pytest.raises(ValueError, match=sentence):
        Worker(0, **(settings | change))  # type: ignore[arg-type]


# --- sockets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binds", [LOOPBACKS, [("0.0.0.0", 0), ("::", 0)]], ids=["loopback", "wildcard"])
def test_ipv4_and_ipv6_peers_meet_on_one_port(binds: list[tuple[str, int]]) -> None:
    with LoopbackCall(*binds) as call:
        four, six = call.join("127.0.0.1"), call.join("::1")
        call.connect(four, six)
        assert {event[2] for event in call.events_of("transport_tuple")} == {"127.0.0.1", "::1"}
        slots = [six.subscribe(four.publish_video()), four.subscribe(six.publish_audio())]
        assert call.network.run_until(lambda: all(len(slot.track.packets) > 20 for slot in slots))
        for slot in slots:
            assert slot.track.gaps == []
        assert four.peer.refused == [] == six.peer.refused


def test_runs_of_equal_packets_arrive_as_datagrams() -> None:
    with LoopbackCall() as call:
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        camera = alice.publish_video(start=False, rtx=False)
        camera.encodings[0].packets_per_frame = 17
        slot = bob.subscribe(camera, rtx=False, repairs=False)
        for _ in range(2):
            camera.send_frame()
            assert call.network.run_until(lambda: len(slot.track.packets) == len(camera.encodings[0].sent))
        assert slot.track.contents == [packet.content for packet in camera.encodings[0].sent.values()]
        # All 17 of the last frame are asked for at once, and leave at once: one run, which the peer has seen before.
        before = call.plane.counters()
        slot.track.send_nack(sorted(slot.track.packets)[-17:])
        assert call.network.run_until(lambda: bob.peer.replayed == 17)
        sent = before["datagrams_sent"] + 17
        assert call.network.run_until(lambda: call.plane.counters()["datagrams_sent"] >= sent)
        after = call.plane.counters()
        assert after["send_runs"] - before["send_runs"] <= 8, "reports may have gone out meanwhile"
        assert after["drop_send_error"] == after["drop_send_blocked"] == 0


def test_an_oversized_datagram_is_counted_and_cut_off() -> None:
    with LoopbackCall() as call:
        address = call.network.open("127.0.0.1")
        call.network.send(bytes(5000), address)
        call.network.send(b"\x00\x01" + bytes(18), address)
        call.connect(call.join())
        assert call.plane.counters()["drop_stun_malformed"] == 1
        assert call.plane.counters()["drop_oversized"] == 1


# --- rings -----------------------------------------------------------------------------------------------------------


def test_events_make_the_descriptor_readable_until_all_are_taken() -> None:
    one = worker(max_transports=1)
    for number in range(1, 12):
        one.create_transport(
            number,
            ice_ufrag=b"%08d" % number,
            ice_pwd=b"p" * 24,
            dtls_role="server",
            fingerprints=[("sha-256", bytes(32))],
            extensions={},
        )
    one.start()
    closed: list[int] = []
    while len(closed) < 10:
        readable, _, _ = select.select([one.event_fd], [], [], 5)
        assert readable, "ten events wait"
        taken = one.poll_events(limit=3)
        assert 0 < len(taken) <= 3
        closed += [event[1] for event in taken if event[0] == "transport_closed"]
    one.stop()
    assert ("transport_closed", 1, "closed") in one.poll_events()
    assert one.poll_events() == []
    assert sorted(closed) == list(range(2, 12))


def test_stopping_says_goodbye_to_every_peer() -> None:
    with LoopbackCall() as call:
        people = [call.join() for _ in range(3)]
        call.connect(*people)
        call.plane.stop()
        assert call.network.run_until(lambda: all(person.peer.association.closed() for person in people))
        call.take_events()
        assert sorted(call.events_of("transport_closed")) == [
            ("transport_closed", person.transport_id, "closed") for person in people
        ]


def test_commands_given_before_the_start_are_carried_out() -> None:
    call = LoopbackCall()
    alice = call.join()
    with call:
        call.connect(alice)


def test_a_full_command_ring_is_a_buffer_error_and_stopping_still_works() -> None:
    one = worker()
    for _ in range(8192):
        one.request_keyframe(1)
    with pytest.raises(BufferError, match="command ring is full"):
        one.request_keyframe(1)
    with pytest.raises(BufferError):
        one.create_transport(
            1,
            ice_ufrag=b"%08d" % 1,
            ice_pwd=b"p" * 24,
            dtls_role="server",
            fingerprints=[("sha-256", bytes(32))],
            extensions={},
        )
    one.start()
    one.stop()
    counters = one.counters()
    assert counters["commands"] == counters["commands_stale"] == 8192


def woken(one: Worker) -> bool:
    """Whether a worker whose thread has not started would be woken."""
    return bool(select.select([one.epoll_fd], [], [], 0)[0])


def test_commands_of_one_turn_are_announced_together() -> None:
    one = worker()
    announce: list[Callable[[], None]] = []
    one.announce_by(announce.append)
    for _ in range(10):
        one.request_keyframe(1)
    assert len(announce) == 1
    assert not woken(one)
    announce.pop()()
    assert woken(one)
    one.request_keyframe(1)
    assert len(announce) == 1
    one.start()
    one.stop()
    assert one.counters()["commands"] == 11


def test_many_commands_or_a_loop_that_is_closed_do_not_wait_to_be_announced() -> None:
    one = worker()
    announce: list[Callable[[], None]] = []
    one.announce_by(announce.append)
    for _ in range(1024):
        assert not woken(one)
        one.request_keyframe(1)
    assert woken(one)

    def closed(_call: Callable[[], None]) -> None:
        raise RuntimeError("the loop is closed")

    other = worker()
    other.announce_by(closed)
    other.request_keyframe(1)
    assert woken(other)


def test_no_announced_command_is_overlooked() -> None:
    """However the thread's going to sleep and the announcement meet: it would sleep for a second each time."""
    overslept = 0
    one = worker()
    announce: list[Callable[[], None]] = []
    one.announce_by(announce.append)
    one.start()
    try:
        for round_ in range(1, 301):
            one.request_keyframe(1)
            for _ in range(round_):  # a different moment each time
                pass
            one.request_keyframe(1)
            announce.pop()()
            began = time.monotonic()
            while one.counters()["commands"] < 2 * round_:
                pass
            overslept += time.monotonic() - began > 0.9
            assert overslept < 3, "the machine may be busy once or twice"
    finally:
        one.stop()


def test_statistics_come_as_an_event() -> None:
    with LoopbackCall() as call:
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        slot = bob.subscribe(alice.publish_audio())
        assert call.network.run_until(lambda: len(slot.track.packets) > 5)
        call.plane.request_stats(alice.transport_id, 2**63 - 1)
        call.plane.request_stats(bob.transport_id, 7)
        assert call.network.run_until(lambda: len(call.events_of("stats")) == 2)
        (_, token, received), (_, _, sent) = call.events_of("stats")
        assert token == 2**63 - 1
        assert received["encodings"][0]["packets"] > 5
        assert sent["consumers"][0]["packets"] > 5


def test_counters_only_grow() -> None:
    with LoopbackCall() as call:
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        slot = bob.subscribe(alice.publish_audio())
        before = call.plane.counters()
        assert call.network.run_until(lambda: len(slot.track.packets) > 10)
        after = call.plane.counters()
        assert all(after[name] >= count for name, count in before.items())
        assert after["rtp_forwarded"] >= before["rtp_forwarded"] + 10
        assert after["loops"] > before["loops"]


# --- failure ---------------------------------------------------------------------------------------------------------


def test_a_thread_that_cannot_go_on_says_why() -> None:
    one = worker()
    one.start()
    # Another file in the place of what the thread waits on: the next wait fails.
    replacement = os.open(os.devnull, os.O_RDONLY)
    os.dup2(replacement, one.epoll_fd, inheritable=False)
    os.close(replacement)
    one.request_keyframe(1)
    readable, _, _ = select.select([one.event_fd], [], [], 5)
    assert readable
    assert one.poll_events() == [("worker_failed", os.strerror(errno.EINVAL))]
    one.request_keyframe(1)
    one.stop()


def test_audio_levels_wake_the_loop_together() -> None:
    with LoopbackCall() as call:
        people = [call.join() for _ in range(6)]
        call.connect(*people)
        call.take_events()
        wakes = 0
        for person in people:
            microphone = person.publish_audio(start=False)
            microphone.elements = [(AUDIO_LEVEL, bytes([0x80 | 30]))]
            microphone.start()
            call.network.run_for(0.025)  # so that their levels are due one after the other

        def told() -> bool:
            nonlocal wakes
            levels = call.events_of("audio_level")
            wakes += len(levels) > len(seen)
            seen[:] = levels
            return len(levels) >= 3 * len(people)

        call.events.clear()
        seen: list[tuple[object, ...]] = []
        begun_us = call.network.now_us
        assert call.network.run_until(told)
        assert wakes <= (call.network.now_us - begun_us) // 100_000 + 1


def send_as_runs(call: LoopbackCall, datagrams: list[bytes], source: tuple[str, int]) -> int:
    """Give neighbours of one size to the kernel as one buffer (UDP_SEGMENT = 103). Returns how many buffers."""
    runs = [list(run) for _, run in itertools.groupby(datagrams, key=len)]
    for run in runs:
        control = [(socket.SOL_UDP, 103, len(run[0]).to_bytes(2, sys.byteorder))]
        call.network.sockets[source].sendmsg([b"".join(run)], control, 0, (source[0], call.plane.port))
    return len(runs)


def test_a_run_that_the_kernel_left_whole_is_taken_apart() -> None:
    with LoopbackCall() as call:
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        camera = alice.publish_video(start=False, rtx=False)
        slot = bob.subscribe(camera, rtx=False, repairs=False)
        camera.encodings[0].packets_per_frame = 17
        held: list[bytes] = []
        send = call.network.send
        call.network.send = lambda data, _source: held.append(data)  # type: ignore[method-assign]
        for _ in range(3):
            camera.send_frame()
        call.network.send = send  # type: ignore[method-assign]
        assert send_as_runs(call, held, alice.peer.address) < len(held)
        sent = camera.encodings[0].sent
        assert call.network.run_until(lambda: len(slot.track.packets) == len(sent))
        assert slot.track.contents == [packet.content for packet in sent.values()]
        assert slot.track.gaps == []


def test_more_than_a_batch_in_one_run_and_oversized_ones_are_counted_each() -> None:
    with LoopbackCall() as call:
        address = call.network.open("127.0.0.1")
        send_as_runs(call, [b"\x00\x01" + bytes(18)] * 64 + [b"\x00\x01" + bytes(28)] * 60 + [bytes(2100)] * 5, address)
        call.connect(call.join())
        assert call.plane.counters()["drop_stun_malformed"] == 124
        assert call.plane.counters()["drop_oversized"] == 5


def test_a_worker_that_lingers_forwards_all_and_in_order() -> None:
    with LoopbackCall(max_linger_us=20_000) as call:
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        slots = [bob.subscribe(alice.publish_video()), bob.subscribe(alice.publish_audio())]
        assert call.network.run_until(lambda: all(len(slot.track.packets) > 60 for slot in slots), limit_s=20)
        for slot in slots:
            assert slot.track.gaps == []
            assert slot.track.in_order == slot.track.arrivals
