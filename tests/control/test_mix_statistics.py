"""What a peer connection's statistics say of a microphone that is in a mix."""

from __future__ import annotations

import pytest

from mediasrv.media.handles import ProducerHandle
from mediasrv.rtc.producer import Producer, ProducerParameters
from mediasrv.rtc.statistics import peer_statistics

COUNTED = {
    "target_us": 40_000, "delay_us": 52_500, "packets": 500, "late": 3, "red_recovered": 2, "fec_recovered": 1,
    "played": 480_000, "concealed": 4_800, "removed": 960, "added": 1_440, "duplicates": 7,
}  # fmt: skip


class StubMix:
    counted: dict[str, int] | None = COUNTED

    def statistics_of(self, handle: ProducerHandle) -> dict[str, int] | None:
        return self.counted


@pytest.fixture
def microphone() -> Producer:
    producer = Producer(ProducerParameters("audio", "0", (), (), False), "", on_closed=lambda _: None)
    producer.handle = ProducerHandle.__new__(ProducerHandle)
    producer.handle.id, producer.handle.mix = 7, None
    return producer


def test_units_are_seconds(microphone: Producer) -> None:
    microphone.handle.mix = StubMix()
    snapshot = {"rtt_us": None, "encodings": [], "consumers": []}
    heard = peer_statistics(snapshot, [microphone], []).hearing["0"]
    assert (heard.target_delay_s, heard.delay_s) == (0.04, 0.0525)
    assert (heard.packets, heard.late, heard.red_recovered, heard.fec_recovered) == (500, 3, 2, 1)
    assert (heard.played_s, heard.concealed_s, heard.removed_s, heard.added_s) == (10, 0.1, 0.02, 0.03)


def test_there_is_nothing_of_one_that_is_not_decoded_or_in_no_mix(microphone: Producer) -> None:
    snapshot = {"rtt_us": None, "encodings": [], "consumers": []}
    assert peer_statistics(snapshot, [microphone], []).hearing == {}
    mix = StubMix()
    mix.counted = None
    microphone.handle.mix = mix
    assert peer_statistics(snapshot, [microphone], []).hearing == {}
