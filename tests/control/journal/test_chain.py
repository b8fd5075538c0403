"""The chain: whatever is done to the rows of a journal shows, and what retention does does not."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv.journal import chain
from mediasrv.journal.chain import Row, Signer
from mediasrv.journal.records import Record
from mediasrv.journal.verification import Finding, Head, Start, Verifier

from .harness import Clock, RoomScript

KEY = bytes(range(32))
JOURNAL = "j_test"
SIGNER = Signer(KEY, JOURNAL)
GENESIS = chain.genesis(JOURNAL)
START = Start(journal_id=JOURNAL, pruned_position=0, pruned_hash=GENESIS, pruned_mac=SIGNER.pruning(0, GENESIS))


def sealed(records: list[Record], signer: Signer = SIGNER) -> list[Row]:
    rows: list[Row] = []
    for position, record in enumerate(records, 1):
        rows.append(chain.seal(record, position, rows[-1].hash if rows else GENESIS, signer))
    return rows


def found(rows: list[Row], *, start: Start = START, signer: Signer | None = SIGNER, head: Row | None = None) -> list:
    heads = [Head(journal=JOURNAL, position=head.position, hash=head.hash.hex())] if head else []
    verifier = Verifier(start, signer, heads)
    findings: list[Finding] = []
    for row in rows:
        findings += verifier.feed(row)
    return [(finding.position, finding.problem) for finding in (*findings, *verifier.finish())]


def two_calls() -> list[Record]:
    """Two rooms at the same time, one of them with tracks."""
    red, blue = RoomScript(Clock(), "red", "r_red"), RoomScript(Clock(), "blüe", "r_blue")
    return [
        red.opened(), blue.opened(), red.joined("ada"), blue.joined("bob"), *red.published("ada", "t_1"),
        blue.left("bob"), blue.closed(), red.joined("eve"), red.left("eve"), red.left("ada"), red.closed(),
    ]  # fmt: skip


ROWS = sealed(two_calls())
ERASED = [
    chain.erase(row, 7, SIGNER) if row.event == "track_published"
    else chain.erase_fields(row, {"address"}, 5, SIGNER) if row.event == "participant_joined"
    else row
    for row in ROWS
]  # fmt: skip


@pytest.mark.parametrize("rows", [ROWS, ERASED], ids=["whole", "partly erased"])
@pytest.mark.parametrize("signer", [SIGNER, None], ids=["with key", "without"])
def test_a_journal_that_nobody_touched_verifies(rows, signer):
    assert found(rows, signer=signer, head=rows[-1]) == []


def test_it_is_made_of_what_every_language_has():
    """As docs/journal.md says it, without a line of ours."""
    previous = hashlib.sha256(f"mediasrv journal 1 {JOURNAL}".encode()).digest()
    for row in ROWS:
        assert row.content is not None
        previous = hashlib.sha256(previous + hashlib.sha256(row.content.encode()).digest()).digest()
        assert row.hash == previous
        assert row.mac == hmac.digest(KEY, previous, "sha256")
        commitments = json.loads(row.content)["personal"]
        for name, (salt, value) in json.loads(row.personal or "{}").items():
            as_json = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            assert commitments[name] == hashlib.sha256((salt + as_json).encode()).hexdigest()


def test_a_personal_field_is_in_no_content_and_no_salt_comes_twice():
    assert not any("ada" in str(json.loads(row.content)["fields"]) for row in ROWS if row.content)
    salts = [salt for row in ROWS for salt, _ in chain.decode_personal(row.personal).values()]
    assert len(set(salts)) == len(salts) == 12


@pytest.mark.parametrize("rows", [ROWS, ERASED], ids=["whole", "partly erased"])
@settings(max_examples=1_000)
@given(data=st.data())
def test_any_bit_that_is_turned_is_found(rows, data):
    index = data.draw(st.integers(0, len(rows) - 1), "row")
    columns = [name for name in Row.__struct_fields__ if getattr(rows[index], name) is not None]
    column = data.draw(st.sampled_from(columns), "column")
    changed = _turn_bit(getattr(rows[index], column), data)
    if changed is None:
        return  # no longer text: no database would have it
    tampered = [*rows]
    tampered[index] = msgspec.structs.replace(rows[index], **{column: changed})
    assert found(tampered)


def _turn_bit(value, data):
    if isinstance(value, int):
        return value ^ (1 << data.draw(st.integers(0, 20), "bit"))
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1), "bit")
    raw[bit // 8] ^= 1 << bit % 8
    if isinstance(value, bytes):
        return bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


@given(st.sets(st.integers(0, len(ROWS) - 1), min_size=1), st.booleans())
def test_any_rows_that_are_missing_are_found(gone, renumbered):
    left = [row for index, row in enumerate(ROWS) if index not in gone]
    if renumbered:
        left = [msgspec.structs.replace(row, position=position) for position, row in enumerate(left, 1)]
    assert found(left, head=ROWS[-1])


@given(st.permutations(range(len(ROWS))), st.booleans())
def test_any_other_order_is_found(order, renumbered):
    if order == sorted(order):
        return
    rows = [ROWS[index] for index in order]
    if renumbered:
        rows = [msgspec.structs.replace(row, position=position) for position, row in enumerate(rows, 1)]
    assert found(rows)


@given(st.integers(0, len(ROWS)), st.sampled_from(["message_sent", "participant_joined"]))
def test_a_row_put_in_without_the_key_is_found(index, event):
    """Even if the whole chain behind it is made anew."""
    records = two_calls()
    room = records[max(0, index - 1)]
    records.insert(index, msgspec.structs.replace(room, event=event, participant="p_x", fields={}))
    rows = sealed(records, Signer(b"another key, as long as they are", JOURNAL))
    assert found(rows)


def test_a_chain_made_wholly_anew_is_found_by_the_key_and_by_a_noted_hash():
    forged = sealed(two_calls()[:-4] + two_calls()[-2:], Signer(bytes(32), JOURNAL))
    assert [problem for _, problem in found(forged)].count("it is not signed with the journal's key") == len(forged)
    assert found(forged, signer=None, head=ROWS[-1])[-1] == (
        len(forged) + 1, f"records {len(forged) + 1} to {len(ROWS)} are missing at the end: "
        f"the noted head is record {len(ROWS)}",
    )  # fmt: skip
    assert (5, "its hash is not the one that was noted when it was written") in found(
        sealed(two_calls()[:4] + two_calls()[5:]), signer=None, head=ROWS[4]
    )


@pytest.mark.parametrize("what", ["a record", "a field"])
def test_erasing_without_the_key_is_found(what):
    stranger = Signer(bytes(32), JOURNAL)
    rows = [*ROWS]
    if what == "a record":
        rows[2] = chain.erase(rows[2], 7, stranger)
        expected = "it was erased by somebody else than the server"
    else:
        rows[2] = chain.erase_fields(rows[2], {"identity"}, 7, stranger)
        expected = "its field identity was erased by somebody else than the server"
    assert (3, expected) in found(rows)


def test_what_was_erased_cannot_be_guessed_from_what_is_left():
    row = next(row for row in ROWS if row.event == "participant_joined")
    erased = chain.erase_fields(row, {"identity", "name", "address"}, 5, SIGNER)
    assert '"ada"' not in str(erased).lower()
    assert erased.personal is None
    # Of the salt nothing is left, so hashing every likely value leads nowhere.
    assert all(salt not in str(erased) for salt, _ in chain.decode_personal(row.personal).values())
    whole = chain.erase(row, 5, SIGNER)
    assert (whole.room, whole.event, whole.content, whole.personal, whole.ts_ms) == (None,) * 5


def test_the_place_is_told_and_only_the_place():
    rows = [*ROWS]
    rows[4] = msgspec.structs.replace(rows[4], content=str(rows[4].content).replace("opus", "opux"))
    assert found(rows) == [(5, "its content or its hash was changed, or the hash of the record before")]
    assert found([*ROWS[:3], *ROWS[5:]])[0] == (4, "records 4 to 5 are missing")
    assert found(ROWS[:-2], head=ROWS[-1]) == [
        (11, "records 11 to 12 are missing at the end: the noted head is record 12")
    ]


@given(st.integers(0, len(ROWS) - 1))
def test_a_pruned_beginning_is_signed(cut):
    last = ROWS[cut]
    start = Start(
        journal_id=JOURNAL,
        pruned_position=last.position,
        pruned_hash=last.hash,
        pruned_mac=SIGNER.pruning(last.position, last.hash),
    )
    assert found(ROWS[cut + 1 :], start=start, head=ROWS[-1]) == []
    forged = msgspec.structs.replace(start, pruned_mac=Signer(bytes(32), JOURNAL).pruning(last.position, last.hash))
    assert found(ROWS[cut + 1 :], start=forged)


# --- what must hold of rooms, whoever wrote the records ------------------------------------------------------------


def problems(*records: Record) -> list[str]:
    return [problem for _, problem in found(sealed(list(records)))]


def test_one_leave_for_each_join():
    room = RoomScript(Clock())
    start = [room.opened(), room.joined("ada")]
    assert problems(*start, room.left("ada"), room.left("ada"))[0].endswith("leaves room standup a second time")
    room = RoomScript(Clock())
    start = [room.opened(), room.joined("ada")]
    assert problems(*start, room.joined("ada"))[0].endswith("joins room standup a second time")
    room = RoomScript(Clock())
    assert problems(room.opened(), room.left("bob"))[0].endswith("leaves room standup without having joined")
    room = RoomScript(Clock())
    start = [room.opened(), room.joined("ada")]
    assert problems(*start, room.closed())[0].endswith("never left")


def test_a_room_that_is_still_open_is_no_fault():
    room = RoomScript(Clock())
    assert problems(room.opened(), room.joined("ada")) == []


def test_numbers_without_gaps():
    room = RoomScript(Clock())
    opened, lost, joined = room.opened(), room.joined("eve"), room.joined("ada")
    assert problems(opened, joined) == ["number 2 is missing in room standup"]
    assert problems(opened, lost, joined, room.closed())[0].endswith("never left")
    assert problems(lost) == ["it has number 2 in room standup, which was not opened or has been closed"]
    room = RoomScript(Clock())
    assert problems(*room.call("ada"), room.opened()) != []


def test_records_that_the_server_says_it_lost_are_no_gap():
    room = RoomScript(Clock())
    records = list(itertools.chain([room.opened()], [room.joined("ada"), room.left("ada")]))
    note = msgspec.structs.replace(records[-1], event="records_lost", participant=None, fields={"first_seq": 2})
    assert problems(records[0], note, room.left("eve"), room.closed()) == []


def test_nul_in_a_rooms_name_does_not_matter():
    assert problems(*RoomScript(Clock(), "a\0b").call("ada")) == []
