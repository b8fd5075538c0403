"""libopus from the native plane against the libopus of PyAV: the same packets make the same sound."""

from __future__ import annotations

import av
import numpy as np
import pytest
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.opus import Decoder, Encoder, packet_has_fec, packet_is_dtx, packet_samples

from bench.speech import FRAME, RATE, speech


def frames(pcm: np.ndarray, samples: int = FRAME) -> list[bytes]:
    return [pcm[at : at + samples].tobytes() for at in range(0, len(pcm) - samples + 1, samples)]


def encoded(pcm: np.ndarray, samples: int = FRAME, **settings) -> list[bytes]:
    encoder = Encoder(**settings)
    return [encoder.encode(frame) for frame in frames(pcm, samples)]


def as_int16(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, np.int16)


def decoded_by_av(packets: list[bytes]) -> np.ndarray:
    codec = av.CodecContext.create("libopus", "r")
    codec.sample_rate, codec.layout = RATE, "mono"
    heard = [frame.to_ndarray() for packet in packets for frame in codec.decode(av.Packet(packet))]
    pcm = np.concatenate(heard, axis=1)[0]
    return pcm if pcm.dtype == np.int16 else np.round(np.clip(pcm, -1, 1) * 32767).astype(np.int16)


def loudness_db(pcm: np.ndarray) -> float:
    return 10 * np.log10(np.mean(pcm.astype(float) ** 2) + 1e-9)


def test_it_decodes_what_it_encodes_as_libopus_does_elsewhere():
    packets = encoded(speech(2))
    decoder = Decoder()
    ours = np.concatenate([as_int16(decoder.decode(packet)) for packet in packets])
    theirs = decoded_by_av(packets)
    assert np.abs(ours[: len(theirs)].astype(int) - theirs).max() <= 2, "another build of libopus may round otherwise"


def test_packets_of_ffmpegs_encoder_are_understood():
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = RATE, "stereo", "s16", 64_000
    frame = av.AudioFrame.from_ndarray(np.repeat(speech(0.02), 2)[None], "s16", "stereo")
    frame.sample_rate = RATE
    (packet, *_) = [bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)]]
    assert packet_samples(packet) == FRAME
    assert len(Decoder(2).decode(packet)) == 4 * FRAME
    assert len(Decoder(1).decode(packet)) == 2 * FRAME, "mixed down"


@pytest.mark.parametrize("samples", [120, 240, 480, 960, 1920, 2880])
def test_every_frame_size_goes_through(samples: int):
    for packet in encoded(speech(0.2), samples):
        assert packet_samples(packet) == samples
        assert len(Decoder().decode(packet)) == 2 * samples


def test_a_lost_frame_comes_back_from_the_next_packet():
    pcm = speech(3)
    with_fec = encoded(pcm, fec=True, expected_loss=20, bitrate_bps=32_000)
    assert sum(map(packet_has_fec, with_fec)) > len(with_fec) / 2
    assert not any(map(packet_has_fec, encoded(pcm)))
    whole = Decoder()
    truth = [as_int16(whole.decode(packet)) for packet in with_fec]
    errors = {"fec": 0.0, "conceal": 0.0}
    for kind in errors:
        decoder = Decoder()
        for index, packet in enumerate(with_fec):
            if index % 5 or not index or index + 1 == len(with_fec) or not packet_has_fec(with_fec[index + 1]):
                decoder.decode(packet)
                continue
            heard = decoder.decode_fec(with_fec[index + 1], FRAME) if kind == "fec" else decoder.conceal(FRAME)
            errors[kind] += np.sum((as_int16(heard).astype(float) - truth[index]) ** 2)
    assert errors["fec"] < errors["conceal"] / 4


def test_stereo_fec_is_seen_in_the_second_channel_too():
    pcm = np.stack([speech(1, seed=1), speech(1, seed=2)], axis=1)
    encoder = Encoder(2, fec=True, expected_loss=20, bitrate_bps=40_000)
    packets = [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, RATE, FRAME)]
    assert sum(map(packet_has_fec, packets)) > len(packets) / 3


def test_silence_is_not_sent_with_dtx():
    encoder = Encoder(dtx=True)
    room = np.random.default_rng(1).integers(-3, 4, RATE * 2, np.int16)
    packets = [encoder.encode(frame) for frame in frames(room)]
    assert sum(map(packet_is_dtx, packets)) > len(packets) / 2
    assert packet_samples(next(filter(packet_is_dtx, packets))) == FRAME


def test_settings_change_while_it_runs():
    encoder = Encoder(bitrate_bps=16_000)
    pcm = frames(speech(2))
    small = sum(len(encoder.encode(frame)) for frame in pcm)
    encoder.set(bitrate_bps=96_000, complexity=0, fec=False, dtx=False, expected_loss=0)
    assert sum(len(encoder.encode(frame)) for frame in pcm) > 3 * small


def test_concealment_goes_on_and_fades():
    decoder = Decoder()
    for packet in encoded(speech(0.5)):
        decoder.decode(packet)
    heard = [as_int16(decoder.conceal(FRAME)) for _ in range(50)]
    assert all(len(pcm) == FRAME for pcm in heard)
    assert loudness_db(heard[-1]) < loudness_db(heard[0])


def test_what_libopus_refuses_is_an_error_and_not_a_crash():
    cases = [
        (lambda: Encoder(3), Status.UNSUPPORTED),
        (lambda: Encoder(bitrate_bps=-7), Status.UNSUPPORTED),
        (lambda: Encoder(complexity=11), Status.UNSUPPORTED),
        (lambda: Encoder().encode(bytes(100)), Status.UNSUPPORTED),
        (lambda: Decoder(0), Status.UNSUPPORTED),
        (lambda: Decoder().decode(b""), Status.MALFORMED),
        (lambda: Decoder().decode(b"\x03\x00"), Status.MALFORMED),
        (lambda: Decoder().decode(encoded(speech(0.02))[0], capacity=480), Status.NO_SPACE),
        (lambda: Decoder().conceal(7), Status.UNSUPPORTED),
        (lambda: packet_samples(b""), Status.MALFORMED),
        (lambda: packet_samples(b"\xff\x3f" + bytes(100)), Status.MALFORMED),
    ]
    for call, status in cases:
        with pytest.raises(MediaPlaneError) as error:
            call()
        assert error.value.status == status
