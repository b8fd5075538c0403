"""The jitter buffer on networks from perfect to broken: what comes out, when, and how it sounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from jitter_call import FRAME, FRAME_US, PATH_US, Listener, Packet, decoded, loudness_db, sent, steepest, talk
from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Encoder

from bench.speech import speech


def where(heard: np.ndarray, truth: np.ndarray) -> int:
    """The place in `truth` where `heard` begins."""
    needle = heard[: 2 * FRAME]
    for at in range(0, len(truth) - len(needle), 1):
        if truth[at] == needle[0] and np.array_equal(truth[at : at + len(needle)], needle):
            return at
    raise AssertionError("it is not in there")


@pytest.mark.parametrize("tick_us", [10_000, 20_000])
def test_on_a_perfect_network_no_sample_is_lost_or_doubled(tick_us: int):
    payloads = talk()
    listener = Listener(tick_us=tick_us).listen(sent(payloads))
    truth = decoded(payloads)
    # The first delay is more than such a network needs; once that has gone, everything is as libopus decodes it.
    settled = listener.pcm[2 * 48_000 :]
    at = where(settled, truth)
    assert np.array_equal(settled, truth[at : at + len(settled)])
    places = [(tick["from_ts64"], tick["to_ts64"]) for tick in listener.ticks if tick["started"]]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(places[100:]))
    statistics = listener.statistics
    assert (statistics["concealed"], statistics["late"], statistics["duplicates"]) == (0, 0, 0)
    assert statistics["delay_us"] <= 2 * tick_us


def test_sequence_numbers_and_timestamps_wrap_anywhere():
    payloads = talk(1.0)
    for seq, ts in [(65_535, 2**32 - 960), (65_530, 2**32 - 1), (32_767, 2**31 - 960), (0, 0), (1, 2**32 - 20_000)]:
        listener = Listener().listen(sent(payloads, seq=seq, ts=ts))
        assert listener.concealed == 0
        assert listener.statistics["restarts"] == 0
        assert listener.statistics["implausible"] == 0


def test_reordering_within_the_delay_is_not_heard():
    chance = np.random.default_rng(1)
    delays = np.where(chance.random(500) < 0.1, 50_000, 0)
    delays[:100] = np.where(np.arange(100) % 7 == 0, 50_000, 0)
    listener = Listener().listen(sent(talk(), delays_us=delays))
    settled = [tick for tick in listener.ticks if tick["at_us"] > 4_000_000]
    assert sum(tick["concealed"] for tick in settled) == 0
    assert listener.statistics["late"] <= 5


def test_duplicates_and_late_packets_are_counted_and_change_nothing():
    packets = sent(talk(2.0))
    twice = sorted(packets + [
        type(packet)(packet.seq, packet.ts, packet.payload, packet.arrival_us + again)
        for packet in packets for again in (1_000, 900_000)
    ], key=lambda packet: packet.arrival_us)  # fmt: skip
    plain = Listener().listen(packets, until_us=4_000_000)
    listener = Listener().listen(twice, until_us=4_000_000)
    assert listener.pcm.tobytes() == plain.pcm.tobytes()
    assert listener.statistics["duplicates"] + listener.statistics["late"] == 2 * len(packets)


def dips(pcm: np.ndarray) -> int:
    """How often 10 ms fall 20 dB below those before and behind them, where someone speaks."""
    loud = loudness_db(pcm, 480)
    around = np.minimum(loud[:-2], loud[2:])
    return int(np.sum((around > 50) & (loud[1:-1] < around - 20)))


def test_a_lost_packet_is_concealed_without_a_gap_or_a_click():
    payloads = talk(10.0, seed=5)
    lost = range(20, len(payloads), 20)
    listener = Listener(tick_us=10_000).listen(sent(payloads, lost=lost))
    assert listener.statistics["concealments"] == pytest.approx(len(lost), abs=1)
    assert len(lost) * 480 <= listener.concealed <= len(lost) * FRAME
    truth = decoded(payloads)
    assert steepest(listener.pcm) <= steepest(truth) * 1.2
    assert dips(listener.pcm) <= dips(truth) + 1, "nor heard as gaps"
    assert abs(loudness_db(listener.pcm, len(listener.pcm))[0] - loudness_db(truth, len(truth))[0]) < 1.0


def hum(seconds: float, pitch: float) -> np.ndarray:
    time = np.arange(int(seconds * 48_000)) / 48_000
    return (6_000 * sum(np.sin(2 * np.pi * pitch * k * time + k) / k for k in range(1, 6))).astype(np.int16)


def hiss_db(pcm: np.ndarray) -> np.ndarray:
    """Of each 10 ms, what lies above 4 kHz against all there is: of a step much, of a hum nothing."""
    windows = np.lib.stride_tricks.sliding_window_view(pcm.astype(float), 480)[::240] * np.hanning(480)
    power = np.abs(np.fft.rfft(windows)) ** 2
    return 10 * np.log10(power[:, 40:].sum(axis=1) / power.sum(axis=1).mean() + 1e-12)


@pytest.mark.parametrize("tick_us", [10_000, 20_000])
@pytest.mark.parametrize("pitch", [110, 160])
def test_a_hum_goes_on_through_losses_without_a_step(pitch: float, tick_us: int):
    pcm, encoder = hum(6.0, pitch), Encoder(bitrate_bps=32_000)
    payloads = [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]
    lost = range(60, len(payloads) - 20, 20)
    listener = Listener(tick_us=tick_us).listen(sent(payloads, lost=lost))
    heard = listener.pcm[48_000:]
    assert listener.statistics["concealments"] >= len(lost)
    assert hiss_db(decoded(payloads)[48_000:]).max() < -50
    assert hiss_db(heard).max() < -30, "where concealment begins, ends, or is shortened"
    loud = loudness_db(heard)
    assert loud.min() > np.median(loud) - 9, "and no loss is a gap"
    assert loud.max() < np.median(loud) + 2


def test_fec_brings_a_lost_packet_back():
    payloads = talk(10.0, fec=True, expected_loss=20, bitrate_bps=32_000)
    lost = range(20, len(payloads), 10)
    listener = Listener().listen(sent(payloads, lost=lost))
    statistics = listener.statistics
    assert statistics["fec_recovered"] > len(lost) * 0.6
    assert statistics["concealed"] < len(lost) * FRAME * 0.4


def red_of(payloads: list[bytes], distance: int = 1) -> list[bytes]:
    """Each packet with the one `distance` before it (RFC 2198)."""
    return [
        bytes([0x80 | 111]) + (distance * FRAME << 10 | len(payloads[k - distance])).to_bytes(3, "big") + bytes([111])
        + payloads[k - distance] + payload if k >= distance else bytes([111]) + payload
        for k, payload in enumerate(payloads)
    ]  # fmt: skip


def test_red_brings_every_single_loss_back_sample_by_sample():
    payloads = talk(10.0)
    lost = range(100, len(payloads), 5)
    buffer = JitterBuffer(red_payload_type=63)
    listener = Listener(buffer).listen(sent(red_of(list(payloads)), lost=lost), payload_type=63)
    assert listener.statistics["red_recovered"] >= len(lost) - 1
    settled = listener.pcm[-4 * 48_000 :]
    truth = decoded(payloads)
    at = where(settled, truth)
    assert np.array_equal(settled, truth[at : at + len(settled)])


def test_red_and_plain_opus_may_take_turns():
    payloads = list(talk(4.0))
    packets = sent(payloads)
    red = {packet.seq: with_red for packet, with_red in zip(packets, red_of(payloads), strict=True)}
    listener = Listener(JitterBuffer(red_payload_type=63))
    for packet in packets:
        while listener.now_us < packet.arrival_us:
            listener.tick()
        is_red = packet.seq // 10 % 2 == 0
        listener.buffer.insert(
            red[packet.seq] if is_red else packet.payload, packet.seq & 0xFFFF, packet.ts & 0xFFFFFFFF,
            packet.arrival_us, payload_type=63 if is_red else 111,
        )  # fmt: skip
    assert listener.concealed == 0
    assert listener.statistics["unknown_payload_type"] == listener.statistics["malformed"] == 0


def test_a_stall_is_waited_for_and_its_delay_is_back_within_two_seconds():
    delays = np.zeros(500)
    delays[200:210] = 200_000 - np.arange(10) * 20_000
    listener = Listener(tick_us=10_000).listen(sent(talk(), delays_us=delays))
    assert listener.statistics["late"] == 0, "the place is held: everything is played"
    assert 150_000 < listener.concealed * 125 // 6 <= 200_000
    after = max(tick["delay_us"] for tick in listener.ticks if tick["at_us"] > 6_230_000)
    assert after <= listener.statistics["target_us"] + 20_000
    assert after <= 100_000, "and one stall is no reason to wait that long from now on"


@pytest.mark.parametrize("lost", [range(100, 130), range(100, 500, 3), [*range(100, 150), *range(160, 210)]])
def test_after_any_loss_the_delay_is_back_within_two_seconds(lost):
    payloads = talk(15.0)
    listener = Listener(tick_us=10_000).listen(sent(payloads, lost=lost))
    quiet_again = (max(lost) + 1) * FRAME_US + PATH_US + 2_000_000
    delays = [tick["delay_us"] for tick in listener.ticks if tick["at_us"] > quiet_again]
    assert max(delays) <= listener.statistics["target_us"] + 20_000


@pytest.mark.parametrize("ppm", [200, -200, 1000])
def test_a_clock_that_drifts_is_followed(ppm: int):
    payloads = talk(30.0)
    delays = np.arange(len(payloads)) * FRAME_US * ppm / 10**6
    listener = Listener(tick_us=10_000).listen(sent(payloads, delays_us=delays - min(delays.min(), 0)))
    assert max(tick["delay_us"] for tick in listener.ticks[200:]) < 35_000
    assert listener.concealed < 0.003 * len(listener.pcm)
    assert listener.statistics["late"] == 0
    moved = listener.statistics["added"] if ppm > 0 else listener.statistics["removed"]
    assert moved > 0


def test_silence_that_is_not_sent_is_no_loss():
    payloads = list(talk(3.0))
    packets = sent(payloads)
    # The sender says that it falls silent, then sends one packet in 400 ms; sequence numbers go on.
    silent = b"\x78\x00"[:1]
    story, seq, ts = [], 0, 0
    for payload in payloads[:75]:
        story.append((seq, ts, payload))
        seq, ts = seq + 1, ts + FRAME
    for _ in range(5):
        story.append((seq, ts, silent))
        seq, ts = seq + 1, ts + 20 * FRAME
    for payload in payloads[75:]:
        story.append((seq, ts, payload))
        seq, ts = seq + 1, ts + FRAME
    packets = [type(packets[0])(number, at, payload, at * 125 // 6 + PATH_US) for number, at, payload in story]
    listener = Listener().listen(packets)
    assert listener.concealed == 0
    assert listener.statistics["silent"] >= 4 * 19 * FRAME
    assert listener.statistics["delay_us"] <= 40_000
    heard = listener.pcm[-2 * FRAME * 20 :]
    assert loudness_db(heard, len(heard))[0] > 40, "and it is heard again"


def test_while_a_source_is_silent_its_room_is_still_heard():
    chance = np.random.default_rng(1)
    pcm = speech(6.0).astype(float)
    pcm[2 * 48_000 : 5 * 48_000] = 0
    pcm = np.clip(pcm + chance.normal(0, 60, len(pcm)), -32_768, 32_767).astype(np.int16)
    encoder = Encoder(dtx=True, bitrate_bps=32_000)
    payloads = [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]
    packets: list[Packet] = []
    for k, payload in enumerate(payloads):
        if len(payload) > 2 or len(payloads[k - 1]) > 2:  # of each silence the first one is sent
            packets.append(Packet(len(packets), k * FRAME, payload, k * FRAME_US + PATH_US))
    assert len(packets) < 0.7 * len(payloads)
    listener = Listener().listen(packets)
    assert listener.concealed == 0
    room = loudness_db(decoded(payloads)[int(2.5 * 48_000) : int(4.5 * 48_000)], 4_800)
    heard = loudness_db(listener.pcm[int(2.5 * 48_000) : int(4.5 * 48_000)], 4_800)
    assert np.abs(heard - np.median(room)).max() < 4, "comfort noise is as loud as the noise"


def test_a_source_that_stops_fades_and_begins_again_with_the_right_delay():
    payloads = talk()
    packets = sent(payloads)
    listener = Listener().listen(packets[:150])
    listener.listen([], until_us=packets[400].arrival_us)
    assert listener.statistics["concealed"] <= 51_000, "after a second it has stopped"
    assert listener.ticks[-1]["silent"] == FRAME
    listener.listen([type(p)(p.seq - 250, p.ts, p.payload, p.arrival_us) for p in packets[400:]])
    assert listener.statistics["restarts"] == 0
    assert listener.statistics["delay_us"] <= 60_000


@pytest.mark.parametrize("jump", [100 * 48_000, -100 * 48_000, 2**31 - 1, -50_000, 960 * 7])
def test_a_timestamp_that_jumps_costs_a_few_packets(jump: int):
    payloads = talk()
    packets = sent(payloads)
    jumped = [
        packet if k < 250 else type(packet)(packet.seq, packet.ts + jump, packet.payload, packet.arrival_us)
        for k, packet in enumerate(packets)
    ]
    listener = Listener().listen(jumped)
    settled = [tick for tick in listener.ticks if tick["at_us"] > 250 * FRAME_US + PATH_US + 1_000_000]
    assert sum(tick["concealed"] for tick in settled) == 0
    assert listener.statistics["restarts"] <= 1
    assert listener.statistics["delay_us"] <= 60_000


def test_another_source_begins_at_once():
    packets = sent(talk())
    listener = Listener().listen(packets[:200])
    others = [type(p)(p.seq + 7_000, p.ts * 3, p.payload, p.arrival_us) for p in packets[200:]]
    ticks_before = len(listener.ticks)
    listener.listen(others, ssrc=2)
    assert listener.statistics["restarts"] == 1
    quiet = [tick for tick in listener.ticks[ticks_before:] if not tick["started"]]
    assert len(quiet) * listener.tick_us <= 120_000
    assert listener.concealed <= 3 * FRAME


def test_frames_of_every_size_and_both_channel_counts():
    for samples in (120, 240, 480, 960, 1920, 2880):
        for channels in (1, 2):
            encoder = Encoder(channels)
            listener = Listener(JitterBuffer(2))
            ts = 0
            while ts < 48_000:
                now_us = ts * 125 // 6
                while listener.now_us <= now_us:
                    listener.tick()
                listener.buffer.insert(encoder.encode(bytes(samples * channels * 2)), ts // samples, ts, now_us)
                ts += samples
            assert listener.statistics["malformed"] == 0
            assert listener.statistics["played"] > 30_000
            assert listener.concealed <= 2 * FRAME


def test_without_decoding_time_goes_on_and_sound_comes_back_as_if_nothing_had_been():
    payloads = talk()
    packets = sent(payloads)
    heard_all, sometimes = Listener(), Listener()
    for listener in (heard_all, sometimes):
        for k, packet in enumerate(packets):
            while listener.now_us < packet.arrival_us:
                if listener is sometimes and 100 <= k < 300:
                    listener.buffer.skip(listener.now_us)
                    listener.heard.append(bytes(2 * FRAME))
                    listener.now_us += listener.tick_us
                else:
                    listener.tick()
            listener.buffer.insert(packet.payload, packet.seq & 0xFFFF, packet.ts & 0xFFFFFFFF, packet.arrival_us)
    assert sometimes.statistics["delay_us"] == heard_all.statistics["delay_us"]
    assert sometimes.concealed == 0
    a, b = heard_all.pcm[-100 * FRAME :], sometimes.pcm[-100 * FRAME :]
    assert np.corrcoef(a, b)[0, 1] > 0.99, "the decoder was warmed up, so it sounds the same within a moment"


def test_the_places_that_are_given_out_never_go_back():
    chance = np.random.default_rng(7)
    delays = chance.gamma(1.0, 30_000, 500)
    listener = Listener(tick_us=10_000).listen(sent(talk(), delays_us=delays, lost=range(50, 500, 17)))
    places = [tick["to_ts64"] for tick in listener.ticks if tick["started"]]
    assert places == sorted(places)
    statistics = listener.statistics
    assert statistics["played"] + statistics["concealed"] + statistics["silent"] == len(listener.pcm)
