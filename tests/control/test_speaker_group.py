"""Who speaks in a room that is spread over workers: what each tells of its own adds up to one order and one floor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording_worker import RecordingWorker

from mediasrv.media.events import SpeakerScores
from mediasrv.media.handles import ProducerHandle
from mediasrv.media.media_worker import MediaWorker
from mediasrv.media.speaker_group import CLEAR_ACTIVITY, SpeakerGroup, clearly_better, merged

NOBODY = -23_025
SPEAKING = (320, 4730, 6129)
SILENT = (NOBODY, NOBODY, 4466)
"""Immediate, medium and long-term scores of somebody who speaks, and of one who has just ceased to."""


class Workers:
    """Two of them, one speaker group, and what it told."""

    def __init__(self) -> None:
        self.natives = [RecordingWorker(index) for index in range(2)]
        self.workers = [MediaWorker(native, native.index, lambda *_: None) for native in self.natives]
        self.told: list[tuple[ProducerHandle | None, tuple[ProducerHandle, ...]]] = []
        self.group = SpeakerGroup(lambda dominant, ranking: self.told.append((dominant, tuple(ranking))))
        self.transports = [
            worker.create_transport(
                ice_ufrag=b"", ice_pwd=b"", dtls_role="server", fingerprints=[], extensions={}, on_event=lambda _: None
            )
            for worker in self.workers
        ]

    def microphone(self, index: int) -> ProducerHandle:
        return self.transports[index].create_producer(
            kind="audio", mid="0", codecs=[(111, "opus", 48_000, 0)], encodings=[("", 0, 0)], nack=False, pli=False,
            fir=False, transport_cc=False, speakers=self.group, on_event=lambda _: None,
        )  # fmt: skip

    def tell(
        self, index: int, dominant: ProducerHandle | None, *ranking: tuple[ProducerHandle, tuple[int, int, int], int]
    ) -> None:
        group_id = self.natives[index].named("create_producer")[0].keywords["speaker_group"]
        rows = [(producer.id, *scores, activity) for producer, scores, activity in ranking]
        self.natives[index].report("speakers", group_id, dominant.id if dominant else 0, rows)
        self.workers[index].deliver_events()

    def refreshed(self, index: int) -> list[bool]:
        return [command.arguments[1] for command in self.natives[index].named("refresh_speakers")]


@pytest.fixture
def workers() -> Workers:
    return Workers()


def test_of_one_worker_its_own_word_counts(workers: Workers) -> None:
    ada, bob = workers.microphone(0), workers.microphone(0)
    workers.tell(0, None, (bob, SPEAKING, 500), (ada, SPEAKING, 9000))
    workers.tell(0, ada, (bob, SPEAKING, 500), (ada, SPEAKING, 9000))
    workers.tell(0, ada, (bob, SPEAKING, 600), (ada, SPEAKING, 9100))
    assert workers.told == [(None, (bob, ada)), (ada, (bob, ada))]
    assert workers.refreshed(0) == []


def test_producers_without_a_group_are_in_none(workers: Workers) -> None:
    workers.transports[0].create_producer(
        kind="video", mid="0", codecs=[], encodings=[], nack=False, pli=False, fir=False, transport_cc=False,
        on_event=lambda _: None,
    )  # fmt: skip
    assert workers.natives[0].named("create_producer")[0].keywords["speaker_group"] == 0


def test_rankings_of_two_workers_are_merged_by_loudness(workers: Workers) -> None:
    ada, bob, carol = workers.microphone(0), workers.microphone(0), workers.microphone(1)
    workers.tell(0, None, (ada, SPEAKING, 3000), (bob, SPEAKING, 1000))
    workers.tell(1, None, (carol, SPEAKING, 2000))
    assert workers.group.ranking == (ada, carol, bob)
    workers.tell(1, None, (carol, SPEAKING, 3100))
    assert workers.group.ranking == (ada, carol, bob), "a little louder is not enough"
    workers.tell(1, None, (carol, SPEAKING, 4000))
    assert workers.group.ranking == (carol, ada, bob)


def test_the_floor_goes_to_another_worker_as_it_would_on_one(workers: Workers) -> None:
    ada, bob = workers.microphone(0), workers.microphone(1)
    workers.tell(0, ada, (ada, SPEAKING, 3000))
    workers.tell(1, bob, (bob, SPEAKING, 4000))
    assert workers.group.dominant is ada, "bob interrupts"
    workers.tell(0, ada, (ada, SILENT, 2500))
    assert workers.group.dominant is bob, "ada has paused"
    workers.tell(0, ada, (ada, SPEAKING, 3000))
    assert workers.group.dominant is bob
    workers.tell(1, bob)
    assert workers.group.dominant is ada, "bob is silent, and ada has spoken for longer"


def test_who_has_the_floor_keeps_it_in_silence(workers: Workers) -> None:
    ada, bob = workers.microphone(0), workers.microphone(1)
    workers.tell(1, bob, (bob, SPEAKING, 4000))
    workers.tell(0, ada, (ada, SPEAKING, 3000))
    workers.tell(1, bob)
    workers.tell(0, ada)
    assert workers.group.dominant is ada
    assert workers.group.ranking == ()


def test_scores_are_asked_for_while_there_is_somebody_to_compare_with(workers: Workers) -> None:
    ada = workers.microphone(0)
    workers.tell(0, ada, (ada, SPEAKING, 3000))
    bob = workers.microphone(1)
    assert (workers.refreshed(0), workers.refreshed(1)) == ([True], [])
    workers.tell(1, bob, (bob, SPEAKING, 3000))
    workers.tell(1, bob, (bob, SPEAKING, 3000))
    assert (workers.refreshed(0), workers.refreshed(1)) == ([True], [True])
    bob.close()
    assert (workers.refreshed(0), workers.refreshed(1)) == ([True, False], [True])


def test_who_is_closed_is_out_at_once_and_late_news_of_them_is_ignored(workers: Workers) -> None:
    ada, bob = workers.microphone(0), workers.microphone(0)
    workers.tell(0, ada, (ada, SPEAKING, 3000), (bob, SPEAKING, 1000))
    ada.close()
    assert workers.group.dominant is None
    assert workers.group.ranking == (bob,)
    workers.tell(0, ada, (ada, SPEAKING, 3000), (bob, SPEAKING, 1000))
    assert workers.group.dominant is None
    assert workers.group.ranking == (bob,)
    bob.close()
    told = len(workers.told)
    workers.tell(0, bob, (bob, SPEAKING, 1000))
    assert len(workers.told) == told


def test_a_lost_transport_takes_its_speakers_along(workers: Workers) -> None:
    ada, bob = workers.microphone(0), workers.microphone(1)
    workers.tell(0, ada, (ada, SPEAKING, 3000))
    workers.natives[0].report("transport_closed", workers.transports[0].id, "consent_expired")
    workers.workers[0].deliver_events()
    assert workers.group.dominant is None
    workers.tell(1, bob, (bob, SPEAKING, 3000))
    assert workers.told[-1] == (bob, (bob,))


def scores(activity: int) -> SpeakerScores:
    return SpeakerScores(0, *SPEAKING, activity)


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 6000)), max_size=10))
def test_the_merged_order_is_sound_and_calm(rounds: Sequence[dict[str, int]]) -> None:
    order: tuple[str, ...] = ()
    for activities in rounds:
        told = {speaker: scores(activity) for speaker, activity in activities.items()}
        order = merged(order, told)
        assert sorted(order) == sorted(activities)
        for above, below in pairwise(order):
            assert activities[below] <= activities[above] + (activities[above] >> 3) + CLEAR_ACTIVITY
        assert merged(order, told) == order


def test_nobody_is_clearly_better_than_themself() -> None:
    assert not clearly_better(scores(1), scores(1))
