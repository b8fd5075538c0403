"""What a crash left open is closed at the next start, once and in its place."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mediasrv.journal.chain import Signer, genesis, seal
from mediasrv.journal.recovery import OpenRoom
from mediasrv.journal.verification import Start, Verifier

from .harness import Clock, JournalHarness, RoomScript

SIGNER = Signer(bytes(32), "j_1")


async def crashed(harness: JournalHarness) -> None:
    """As if the process had been killed: nothing is said to anybody, and what is stored is stored."""
    await harness.close()


async def test_everybody_leaves_and_every_track_ends(any_harness: JournalHarness):
    harness = any_harness
    red, blue = harness.room("red", "r_red"), harness.room("blue", "r_blue")
    await harness.write(blue.call("eve"))
    await harness.write([red.opened(), red.joined("ada"), red.joined("bob"), *red.published("ada", "t_1")])
    await harness.write([red.left("bob")])
    last_ts = "2026-01-01T00:00:00.000Z"
    await crashed(harness)
    harness.clock.now += 3_600
    journal = await harness.open()
    ended = {"reason": "server_crashed", "last_ts": last_ts}
    ada = red.id("ada")
    off = {"feature": "microphone", "track": "t_1", "enabled": False, "by": "server"}
    expected = [
        ("feature_toggled", ada, {**off, **ended}),
        ("track_unpublished", ada, {"track": "t_1", "kind": "audio", "source": "microphone", **ended}),
        ("participant_left", ada, {"identity": "ada", **ended}),
        ("room_closed", None, ended),
    ]
    assert [(each.event, each.participant, dict(each.fields)) for each in journal.recovered] == expected
    stored = await journal.reader.read("red", after=10)
    assert [(each.event, each.participant, dict(each.fields)) for each in stored] == expected
    assert [each.seq for each in stored] == [7, 8, 9, 10]
    assert {each.ts for each in stored} == {"2026-01-01T01:00:00.000Z"}
    checked = await harness.checked()
    assert (checked.findings, checked.rooms_open, checked.joins) == ([], 0, 3)


async def test_a_second_start_finds_nothing_to_do(harness: JournalHarness):
    room = harness.room()
    await harness.write([room.opened(), room.joined("ada")])
    for expected in (2, 0, 0):
        await crashed(harness)
        assert len((await harness.open()).recovered) == expected
    assert await harness.problems() == []


async def test_an_identity_that_was_erased_does_not_come_back(harness: JournalHarness):
    room = harness.room()
    journal = await harness.write([room.opened(), room.joined("ada")])
    await journal.retention.erase_person("ada")
    await crashed(harness)
    left = (await harness.open()).recovered[0]
    assert (left.event, "identity" in left.fields) == ("participant_left", False)
    assert await harness.problems() == []


EVENTS = st.lists(st.tuples(st.sampled_from(["join", "leave", "publish", "mute", "unpublish"]), st.integers(0, 3)))


@given(EVENTS)
def test_whatever_was_going_on_ends_exactly_once(story):
    """Any history of a room, cut anywhere: with the closing records it is one that verifies."""
    room = RoomScript(Clock())
    records = [room.opened()]
    inside: dict[int, list[str]] = {}
    for count, (what, number) in enumerate(story):
        who = f"{number}.{count}"
        if what == "join" and number not in inside:
            inside[number] = [who]
            records.append(room.joined(who))
        elif number not in inside:
            continue
        elif what == "leave":
            records.append(room.left(inside.pop(number)[0]))
        elif what == "publish":
            records += room.published(inside[number][0], f"t_{count}")
    rows, hash_ = [], genesis("j_1")
    for position, record in enumerate(records, 1):
        rows.append(seal(record, position, hash_, SIGNER))
        hash_ = rows[-1].hash
    state = OpenRoom()
    for row in rows:
        state.feed(row)
    closing = list(state.closing_records("2026-02-01T00:00:00.000Z"))
    for record in closing:
        rows.append(seal(record, len(rows) + 1, hash_, SIGNER))
        hash_ = rows[-1].hash
    start = Start(
        journal_id="j_1",
        pruned_position=0,
        pruned_hash=genesis("j_1"),
        pruned_mac=SIGNER.pruning(0, genesis("j_1")),
    )
    verifier = Verifier(start, SIGNER)
    assert [finding for row in rows for finding in verifier.feed(row)] == []
    assert not verifier.rooms.open
    everything = [*records, *closing]
    joined = Counter(each.participant for each in everything if each.event == "participant_joined")
    left = Counter(each.participant for each in everything if each.event == "participant_left")
    assert joined == left
    on = Counter((each.fields["track"]) for each in closing if each.event == "feature_toggled")
    assert all(count == 1 for count in on.values())
