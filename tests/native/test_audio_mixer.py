"""The mixer of a room: every sample compared with numpy, and what people in the room would hear."""

from __future__ import annotations

import numpy as np
import pytest
from jitter_call import FRAME, FRAME_US, decoded, talk
from mediaplane.status import MediaPlaneError
from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.mixer import AudioMixer, Limiter
from mediaplane.testing.opus import Decoder, Encoder

LOUD, QUIET, SILENT = 20, 45, 127
DELAY = 64  # frames of the limiter


class Call:
    """A mixer, and people who send it packets each tick. Each owns itself."""

    def __init__(self, count: int, **settings: object) -> None:
        self.mixer = AudioMixer(**settings)  # type: ignore[arg-type]
        self.channels = int(settings.get("channels", 1))  # type: ignore[call-overload]
        self.now_us = 1_000_000
        self.sent = 0
        for who in range(1, count + 1):
            self.mixer.add(who, who)

    def tick(self, packets: dict[int, bytes], levels: dict[int, int]) -> list[bytes]:
        for who, packet in packets.items():
            self.mixer.receive(who, packet, self.sent, self.sent * FRAME, self.now_us, level=levels.get(who, SILENT))
        self.sent += 1
        out = self.mixer.tick(self.now_us)
        self.now_us += FRAME_US
        return out

    def pcm(self, output: int = 0) -> np.ndarray:
        return np.frombuffer(self.mixer.pcm(output), np.int16).reshape(FRAME, self.channels).astype(int)


class Reference:
    """The same by numpy: jitter buffers of its own, a sum, a limiter of its own for each output."""

    def __init__(self, count: int, channels: int) -> None:
        self.channels = channels
        self.buffers = {who: JitterBuffer(channels) for who in range(1, count + 1)}
        self.limiters = [Limiter(channels) for _ in range(count + 1)]

    def tick(self, call: Call, packets: dict[int, bytes]) -> dict[int, np.ndarray]:
        """What each person adds."""
        for who, packet in packets.items():
            self.buffers[who].insert(packet, call.sent, call.sent * FRAME, call.now_us)
        return {
            who: np.frombuffer(buffer.pull(call.now_us), np.int16).reshape(FRAME, self.channels).astype(int)
            for who, buffer in self.buffers.items()
        }

    def limit(self, output: int, sums: np.ndarray) -> np.ndarray:
        pcm = self.limiters[output].run(sums.astype(np.int32).tobytes())
        return np.frombuffer(pcm, np.int16).reshape(FRAME, self.channels).astype(int)


@pytest.mark.parametrize("channels", [1, 2])
def test_each_output_is_sample_by_sample_the_sum_of_the_others(channels: int):
    count = 3
    call, reference = Call(count, channels=channels), Reference(count, channels)
    call.mixer.want(range(4))
    speech = {who: talk(2.0, who) for who in range(1, count + 1)}
    fade = np.minimum(np.arange(FRAME), 240)[:, None] * 32_768 // 240
    for at in range(100):
        packets = {who: speech[who][at] for who in speech}
        parts = reference.tick(call, packets)
        call.tick(packets, dict.fromkeys(packets, LOUD))
        if at == 0:
            parts = {who: (part * fade) >> 15 for who, part in parts.items()}
        places = dict(call.mixer.heard.items())
        assert sorted(places.values()) == [1, 2, 3]
        whole = sum(parts.values())
        assert np.array_equal(call.pcm(0), reference.limit(0, whole))
        for place, who in places.items():
            assert np.array_equal(call.pcm(place + 1), reference.limit(place + 1, whole - parts[who])), (at, place)
    assert call.mixer.statistics["decoded"] == 300


def test_only_the_loudest_are_decoded_and_the_others_share_one_packet():
    call = Call(50, talkers=3)
    call.mixer.want(range(4))
    speech = talk(1.0)
    levels = {who: LOUD if who in (7, 21, 40) else QUIET + who % 20 for who in range(1, 51)}
    for at in range(50):
        out = call.tick(dict.fromkeys(range(1, 51), speech[at]), levels if at else {7: LOUD, 21: LOUD, 40: LOUD})
    assert sorted(call.mixer.heard.values()) == [7, 21, 40]
    assert all(out)
    statistics = call.mixer.statistics
    assert statistics["decoded"] == 150
    assert statistics["encoded"] == 200


def test_what_nobody_wants_is_not_encoded():
    call = Call(3)
    speech = talk(1.0)
    call.mixer.want({0, 2})
    out = call.tick(dict.fromkeys((1, 2, 3), speech[0]), dict.fromkeys((1, 2, 3), LOUD))
    assert [bool(packet) for packet in out] == [True, False, True, False]
    call.mixer.want(())
    assert not any(call.tick(dict.fromkeys((1, 2, 3), speech[1]), dict.fromkeys((1, 2, 3), LOUD)))


def test_nobody_hears_themself_whatever_number_of_microphones_they_have():
    call = Call(0)
    call.mixer.want(range(4))
    for source, owner in [(1, 9), (2, 9), (3, 5)]:
        call.mixer.add(source, owner)
    reference = Reference(3, 1)
    speech = {who: talk(1.0, who) for who in (1, 2, 3)}
    for at in range(30):
        packets = {who: speech[who][at] for who in speech}
        parts = reference.tick(call, packets)
        out = call.tick(packets, dict.fromkeys(packets, LOUD))
        assert sorted(call.mixer.without[1:]) == [5, 9, 9]
        first = call.mixer.without.index(9)
        heard = reference.limit(1, parts[3])
        if at:
            assert np.array_equal(call.pcm(first)[DELAY:], heard[DELAY:])
        assert sum(bool(packet) for packet in out) == 3, "whoever has two microphones gets one packet"


def test_a_mute_holds_in_the_next_tick_and_without_a_click():
    call = Call(2)
    speech = talk(2.0)
    tone = Encoder(music=True)
    time = np.arange(FRAME * 60) / 48_000
    pcm = (12_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    packets = [tone.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]
    heard = []
    for at in range(60):
        if at == 40:
            call.mixer.gate(1, False)
        call.tick({1: packets[at], 2: speech[at]}, {1: LOUD, 2: SILENT})
        heard.append(call.pcm())
    assert np.abs(heard[39]).max() > 8_000
    assert np.abs(heard[40][240 + DELAY :]).max() == 0
    line = np.concatenate(heard[30:42])[:, 0]
    loudest_step = np.abs(np.diff(line[: 9 * FRAME])).max()
    assert np.abs(np.diff(line)).max() <= 1.1 * loudest_step
    call.mixer.gate(1, True)
    call.tick({1: packets[0]}, {1: LOUD})
    assert call.mixer.heard


def steps(line: np.ndarray) -> np.ndarray:
    """Second differences: what a click is made of."""
    return np.abs(np.diff(line, 2))


def test_a_change_of_talkers_does_not_click():
    """Two steady tones; one speaker gives way to the other. A jump in the wave would be a step far above theirs."""
    call = Call(2, talkers=1)
    time = np.arange(FRAME * 200) / 48_000
    tones = {}
    for who, frequency in ((1, 300), (2, 470)):
        encoder = Encoder(music=True, bitrate_bps=96_000)
        pcm = (9_000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
        tones[who] = [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]
    heard, began = [], 200
    for at in range(200):
        levels = {1: LOUD if at < 100 else SILENT, 2: SILENT if at < 100 else LOUD}
        call.tick({who: tones[who][at] for who in tones}, levels)
        heard.append(call.pcm()[:, 0])
        if call.mixer.heard == {0: 2}:
            began = min(began, at)
    assert 100 < began < 130
    line = np.concatenate(heard)
    steady = max(steps(line[50 * FRAME : 90 * FRAME]).max(), steps(line[150 * FRAME :]).max())
    assert steps(line[50 * FRAME :]).max() < 3 * steady
    # The decoder that joined late was warmed up: the tone has its full strength right behind the fade.
    assert np.abs(heard[began][400:]).max() > 7_000


def test_a_loud_room_is_limited_and_does_not_wrap():
    count = 20
    call = Call(count, talkers=20)
    speech = talk(1.0)
    worst = 0
    for at in range(50):
        call.tick(dict.fromkeys(range(1, count + 1), speech[at]), dict.fromkeys(range(1, count + 1), LOUD))
        worst = max(worst, int(np.abs(call.pcm()).max()))
    assert 30_000 < worst <= 32_001
    assert call.mixer.statistics["limited"] > 0
    assert int(np.abs(decoded(speech)).max()) * count > 2 * 32_768, "or it would not have been too loud"


@pytest.mark.parametrize("channels", [1, 2])
def test_listeners_decode_what_was_mixed(channels: int):
    call = Call(1, channels=channels, music=True, bitrate_bps=128_000)
    time = np.arange(FRAME * 50) / 48_000
    wave = np.stack([9_000 * np.sin(2 * np.pi * f * time) for f in (500, 900)[:channels]], axis=1).astype(np.int16)
    encoder, decoder = Encoder(channels, music=True, bitrate_bps=128_000), Decoder(channels)
    heard = []
    for at in range(50):
        out = call.tick({1: encoder.encode(wave[at * FRAME : (at + 1) * FRAME].tobytes())}, {1: LOUD})
        heard.append(np.frombuffer(decoder.decode(out[0]), np.int16).reshape(FRAME, channels))
    line = np.concatenate(heard[20:]).astype(float)
    for channel, frequency in zip(range(channels), (500, 900), strict=False):
        spectrum = np.abs(np.fft.rfft(line[:, channel] * np.hanning(len(line))))
        assert abs(np.argmax(spectrum) * 48_000 / len(line) - frequency) < 3


def test_a_flood_is_dropped_and_concerns_nobody_else():
    call, calm = Call(2), Call(2)
    speech = talk(1.0)
    for at in range(50):
        for extra in range(100):
            call.mixer.receive(2, speech[0], extra * 7, extra * 3, call.now_us, level=SILENT)
        for each in (call, calm):
            each.tick({1: speech[at]}, {1: LOUD})
        assert np.array_equal(call.pcm(), calm.pcm())
    assert call.mixer.statistics["flooded"] == 50 * 84


def test_a_source_that_tells_no_levels_is_heard():
    call = Call(1)
    speech = talk(1.0)
    for at in range(20):
        call.mixer.receive(1, speech[at], at, at * FRAME, call.now_us)
        call.tick({}, {})
    assert call.mixer.heard == {0: 1}


def test_sources_come_and_go_in_the_middle_of_a_word():
    call = Call(3)
    call.mixer.want(range(4))
    speech = talk(1.0)
    for at in range(20):
        call.tick(dict.fromkeys((1, 2, 3), speech[at]), dict.fromkeys((1, 2, 3), LOUD))
    call.mixer.remove(2)
    call.tick({1: speech[20], 3: speech[20]}, {1: LOUD, 3: LOUD})
    assert sorted(call.mixer.heard.values()) == [1, 3]
    assert sorted(call.mixer.without) == [0, 0, 1, 3]
    call.mixer.add(4, 4)
    call.mixer.receive(4, speech[0], 0, 0, call.now_us, level=LOUD)
    call.tick({1: speech[21], 3: speech[21]}, {1: LOUD, 3: LOUD})
    assert sorted(call.mixer.heard.values()) == [1, 3, 4]


def test_overload_lowers_complexity_then_talkers_and_never_the_number_of_packets():
    call = Call(3, complexity=10)
    speech = talk(2.0)
    everybody = (1, 2, 3)
    for level, (complexity, heard) in enumerate([(10, 3), (5, 3), (0, 3), (0, 2), (0, 1)]):
        call.mixer.shed(level)
        for _ in range(5):
            out = call.tick(dict.fromkeys(everybody, speech[call.sent]), dict.fromkeys(everybody, LOUD))
            assert out[0]
        assert (call.mixer.complexity, len(call.mixer.heard)) == (complexity, heard)


def test_settings_change_between_ticks_and_bad_ones_change_nothing():
    call = Call(1, complexity=3)
    speech = talk(2.0)
    sizes = {}
    for bitrate in (16_000, 64_000):
        call.mixer.set(bitrate_bps=bitrate, complexity=8, fec=True, expected_loss=10)
        sizes[bitrate] = sum(len(call.tick({1: speech[call.sent]}, {1: LOUD})[0]) for _ in range(30))
    assert call.mixer.complexity == 8
    assert sizes[64_000] > 2 * sizes[16_000]
    with pytest.raises(MediaPlaneError, match="does not support"):
        call.mixer.set(bitrate_bps=64_000, complexity=11)
    assert call.mixer.complexity == 8
    assert call.tick({1: speech[call.sent]}, {1: LOUD})[0]


def test_silence_is_not_sent_where_dtx_is_on():
    call = Call(1, dtx=True)
    packets = [call.tick({}, {})[0] for _ in range(50)]
    assert sum(bool(packet) for packet in packets[25:]) <= 5
    always = Call(1)
    assert all(always.tick({}, {})[0] for _ in range(50))


def test_skipped_ticks_keep_the_delay_of_sources_as_it_was():
    call = Call(1)
    speech = talk(4.0)
    for at in range(100):
        call.tick({1: speech[at]}, {1: LOUD})
    before = call.mixer.jitter(1)["delay_us"]
    for at in range(100, 110):
        call.mixer.receive(1, speech[at], at, at * FRAME, call.now_us, level=LOUD)
        call.mixer.skip(call.now_us)
        call.sent += 1
        call.now_us += FRAME_US
    for at in range(110, 120):
        call.tick({1: speech[at]}, {1: LOUD})
    assert abs(call.mixer.jitter(1)["delay_us"] - before) <= FRAME_US
    assert call.mixer.heard == {0: 1}
