"""A consumer's sequence numbers: gapless over switches and drops, with the gaps of real losses, and reversible."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mediaplane.testing.stream import SeqMap

SEQ_MAP_EPOCHS = 32
ENCODINGS = 3


class LineModel:
    """The consumer's line, written out: which packet (encoding, number) stands at which place."""

    def __init__(self, first_out: int) -> None:
        self.first_out = first_out
        self.line: list[tuple[int, int] | None] = []
        self.highest = -1  # place of the highest one forwarded
        self.current: tuple[int, int] | None = None  # encoding and the number that comes next

    def switch(self, encoding: int, first_in: int) -> None:
        del self.line[self.highest + 1 :]
        self.current = (encoding, first_in)

    def reach(self, encoding: int, in_seq: int) -> bool:
        """Gives places to everything of the current encoding below `in_seq`; whether `in_seq` is new to the line."""
        if self.current is None or encoding != self.current[0] or in_seq < self.current[1]:
            return False
        self.line += [(encoding, number) for number in range(self.current[1], in_seq)]
        self.current = (encoding, in_seq + 1)
        return True

    def forward(self, encoding: int, in_seq: int) -> int | None:
        if self.reach(encoding, in_seq):
            self.line.append((encoding, in_seq))
        elif (encoding, in_seq) not in self.line:
            return None
        place = self.line.index((encoding, in_seq))
        self.highest = max(self.highest, place)
        return self.first_out + place

    def drop(self, encoding: int, in_seq: int) -> None:
        if self.reach(encoding, in_seq) or (encoding, in_seq) not in self.line:
            return
        place = self.line.index((encoding, in_seq))
        if place > self.highest:
            del self.line[place]
        else:
            self.line[place] = None


class SeqMapStory(RuleBasedStateMachine):
    """Any story of packets, losses, late packets, drops and switches; short enough that no epoch is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.map = SeqMap(65_533)
        self.model = LineModel(65_533)
        self.next_in = [65_530, 0, 1_000_000]  # of each encoding
        self.given: dict[tuple[int, int], int] = {}

    @property
    def encoding(self) -> int:
        return self.model.current[0] if self.model.current else 0

    def has_room(self) -> bool:
        return self.map.epochs < SEQ_MAP_EPOCHS

    def forward(self, encoding: int, in_seq: int) -> None:
        expected = self.model.forward(encoding, in_seq)
        result = self.map.forward(encoding, in_seq)
        assert (result and result[0]) == expected
        if expected is not None:
            assert self.given.setdefault((encoding, in_seq), expected) == expected, "a packet keeps its number"

    @precondition(has_room)
    @rule(encoding=st.integers(0, ENCODINGS - 1), ahead=st.integers(0, 3))
    def switch(self, encoding: int, ahead: int) -> None:
        self.next_in[encoding] += ahead
        self.map.switch(encoding, self.next_in[encoding], timestamp_offset=encoding)
        self.model.switch(encoding, self.next_in[encoding])

    @rule(lost=st.integers(0, 3))
    def packet(self, lost: int) -> None:
        in_seq = self.next_in[self.encoding] + lost
        self.next_in[self.encoding] = in_seq + 1
        self.forward(self.encoding, in_seq)

    @rule(encoding=st.integers(0, ENCODINGS - 1), distance=st.integers(-2, 8))
    def any_packet(self, encoding: int, distance: int) -> None:
        in_seq = self.next_in[encoding] - distance
        self.next_in[encoding] = max(self.next_in[encoding], in_seq + 1)
        self.forward(encoding, in_seq)

    @precondition(has_room)
    @rule(distance=st.integers(-3, 5))
    def drop(self, distance: int) -> None:
        in_seq = self.next_in[self.encoding] - distance
        if (self.encoding, in_seq) in self.given:
            return  # sent already
        self.next_in[self.encoding] = max(self.next_in[self.encoding], in_seq + 1)
        self.map.drop(self.encoding, in_seq)
        self.model.drop(self.encoding, in_seq)

    @invariant()
    def every_number_leads_back(self) -> None:
        for place, packet in enumerate(self.model.line):
            found = self.map.reverse(self.model.first_out + place)
            expected = packet if place <= self.model.highest else None
            assert (found and found[:2]) == expected
            assert found is None or found[2] == found[0], "the epoch's timestamp offset comes with it"
        assert self.map.reverse(self.model.first_out - 1) is None

    @invariant()
    def numbers_are_unique(self) -> None:
        assert len(set(self.given.values())) == len(self.given)


TestSeqMapStory = SeqMapStory.TestCase


def test_the_first_packet_gets_the_first_number():
    line = SeqMap(0)
    assert line.forward(0, 7) is None
    line.switch(0, 7)
    assert line.forward(0, 7) == (0, 0, 0)
    assert line.forward(0, 6) is None


def test_a_switch_goes_on_without_a_gap_and_late_packets_keep_their_place():
    line = SeqMap(100)
    line.switch(0, 10, timestamp_offset=1, picture_offset=2)
    assert [line.forward(0, number)[0] for number in (10, 11, 14)] == [100, 101, 104]
    line.switch(2, 900, timestamp_offset=3, picture_offset=4)
    assert line.forward(2, 900) == (105, 3, 4)
    assert line.forward(0, 13) == (103, 1, 2), "late, with the offsets of its own epoch"
    assert line.forward(0, 15) is None, "of the old encoding, after the switch"
    assert line.reverse(102) == (0, 12, 1, 2), "lost on the way in: the consumer may ask for it"


def test_a_switch_before_anything_was_forwarded_replaces_the_one_before():
    line = SeqMap(5)
    line.switch(0, 10)
    line.switch(1, 20)
    assert line.forward(0, 10) is None
    assert line.forward(1, 20)[0] == 5
    assert line.epochs == 1


def test_dropping_moves_down_what_follows():
    line = SeqMap(0)
    line.switch(0, 0)
    assert line.forward(0, 0)[0] == 0
    for dropped in range(1, 1000):
        line.drop(0, dropped)
    assert line.epochs == 2, "neighbours that are dropped share one cut"
    assert line.forward(0, 1000)[0] == 1
    assert line.forward(0, 500) is None
    assert line.reverse(1)[:2] == (0, 1000)


def test_a_drop_below_what_was_sent_moves_nothing():
    line = SeqMap(0)
    line.switch(0, 0)
    line.forward(0, 0)
    line.forward(0, 5)
    line.drop(0, 3)
    assert [line.forward(0, number) for number in (2, 3, 4, 6)] == [(2, 0, 0), None, (4, 0, 0), (6, 0, 0)]
    assert line.reverse(3) is None


@given(st.lists(st.booleans(), max_size=300))
def test_any_share_of_dropped_packets_leaves_no_gap(kept: list[bool]):
    line = SeqMap(65_500)
    line.switch(1, 3)
    out = []
    for in_seq, keep in enumerate(kept, start=3):
        if keep:
            out.append(line.forward(1, in_seq)[0])
        else:
            line.drop(1, in_seq)
    assert out == list(range(65_500, 65_500 + sum(kept)))


@given(st.integers(SEQ_MAP_EPOCHS + 1, 200))
def test_only_the_newest_epochs_are_remembered(switches: int):
    line = SeqMap(0)
    for out in range(switches):
        line.switch(out % 2, 10 * out)
        assert line.forward(out % 2, 10 * out)[0] == out
    assert line.epochs == SEQ_MAP_EPOCHS
    forgotten = switches - SEQ_MAP_EPOCHS
    for out in range(switches):
        known = (out % 2, 10 * out, 0, 0) if out >= forgotten else None
        assert line.reverse(out) == known
        assert line.forward(out % 2, 10 * out) == (known and (out, 0, 0))


def test_splitting_the_oldest_epoch_of_a_full_ring_keeps_its_upper_part():
    line = SeqMap(0)
    line.switch(0, 0)
    line.forward(0, 9)
    for switch in range(1, SEQ_MAP_EPOCHS):
        line.switch(1, 100 * switch)
        line.forward(1, 100 * switch)
    line.drop(0, 5)
    assert line.epochs == SEQ_MAP_EPOCHS
    assert [line.forward(0, number) for number in (4, 5, 6)] == [None, None, (6, 0, 0)]
    assert line.forward(1, 3100)[0] == 9 + 31
