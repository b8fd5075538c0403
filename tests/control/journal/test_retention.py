"""What is kept as long as it may be, and then is gone: from the file too, and without breaking the chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv.journal.addresses import kept_address
from mediasrv.journal.settings import parse_retention, parse_span

from .harness import DAY_S, JournalHarness

DAY_MS = DAY_S * 1000


async def pass_days(harness: JournalHarness, days: float) -> None:
    harness.clock.now += days * DAY_S
    assert harness.journal
    await harness.journal.retention.enforce()


async def fields_left(harness: JournalHarness) -> list[tuple[str, set[str], tuple[str, ...]]]:
    assert harness.journal
    return [(each.event, set(each.fields), each.erased) for each in await harness.journal.reader.read()]


async def test_each_field_goes_at_its_time_and_the_record_last(any_harness: JournalHarness):
    harness = any_harness
    await harness.write(harness.room().call("ada"))
    await pass_days(harness, 6.9)
    assert (await fields_left(harness))[1] == ("participant_joined", {"identity", "name", "address"}, ())
    await pass_days(harness, 0.2)
    assert (await fields_left(harness))[1] == ("participant_joined", {"identity", "name"}, ("address",))
    await pass_days(harness, 23)
    left = await fields_left(harness)
    assert left[1] == ("participant_joined", set(), ("address", "identity", "name"))
    assert left[2] == ("participant_left", {"reason"}, ("identity",))
    assert await harness.problems() == await harness.problems(key=False) == []
    await pass_days(harness, 60)
    assert await fields_left(harness) == []
    checked = await harness.checked()
    # The last one stays as a bare place in the chain, for the next to go behind it.
    assert (checked.findings, checked.first_position, checked.records, checked.erased_records) == ([], 4, 1, 1)
    await harness.write(harness.room("blue", "r_2").call("bob"))
    assert await harness.problems() == []


async def test_events_have_times_of_their_own(harness: JournalHarness):
    harness.retention = {"message_sent": "1d", "room_opened": "forever", "default": "2d"}
    room = harness.room()
    opened, ada = room.opened(), room.joined("ada")
    message = room.record("message_sent", room.id("ada"), recipients=[], to_all=True)
    await harness.write([opened, ada, message, room.left("ada"), room.closed()])
    await pass_days(harness, 1.5)
    assert [event for event, *_ in await fields_left(harness)] == [
        "room_opened", "participant_joined", "participant_left", "room_closed",
    ]  # fmt: skip
    await pass_days(harness, 1)
    assert [event for event, *_ in await fields_left(harness)] == ["room_opened"]
    checked = await harness.checked()
    assert (checked.findings, checked.records, checked.erased_records) == ([], 5, 4)


async def test_a_room_that_is_open_keeps_its_records_but_no_personal_fields(harness: JournalHarness):
    room = harness.room()
    await harness.write([room.opened(), room.joined("ada")])
    await pass_days(harness, 100)
    assert await fields_left(harness) == [
        ("room_opened", set(), ()),
        ("participant_joined", set(), ("address", "identity", "name")),
    ]
    await harness.close()
    journal = await harness.open()
    assert [record.event for record in journal.recovered] == ["participant_left", "room_closed"]
    assert await harness.problems() == []


async def test_what_was_erased_is_in_no_file_any_more(harness: JournalHarness):
    room = harness.room()
    await harness.write([room.opened(), room.joined("hildegard-of-bingen"), room.left("hildegard-of-bingen")])

    def present() -> list[str]:
        return [path.name for path in Path(harness.folder).iterdir() if b"hildegard" in path.read_bytes().lower()]

    assert present()
    await pass_days(harness, 31)
    assert present() == []


async def test_a_person_can_be_erased_at_once(any_harness: JournalHarness):
    harness = any_harness
    await harness.write(harness.room().call("ada", "ada2", "ADA"))
    assert harness.journal
    assert await harness.journal.retention.erase_person("ada") == 2
    stored = await harness.journal.reader.read()
    assert [each.fields.get("identity") for each in stored] == [
        None, None, "ada2", "ADA", None, "ada2", "ADA", None,
    ]  # fmt: skip
    assert await harness.problems() == []


async def test_many_records_go_in_many_transactions(harness: JournalHarness):
    rooms = [harness.room("red", f"r_{number}") for number in range(400)]
    await harness.write(record for room in rooms for record in room.call("ada"))
    await pass_days(harness, 100)
    assert harness.journal
    assert harness.journal.statistics()["journal_erased_records"] == 1_600
    checked = await harness.checked()
    assert (checked.findings, checked.records) == ([], 1)


@pytest.mark.parametrize(
    ("text", "span"), [("12h", DAY_MS // 2), ("7d", 7 * DAY_MS), ("2w", 14 * DAY_MS), ("1y", 365 * DAY_MS)]
)
def test_times_are_written_as_people_write_them(text, span):
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "0d", "d", "-1d", "1.5d", "7 d", "7D", "1234567d"])
def test_other_times_are_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write for example 12h, 30d"):
        parse_span(text)


def test_the_defaults_and_what_is_said_over_them():
    kept = parse_retention({"personal": "14d", "message_sent": "1d", "identity": "3d", "room_closed": "forever"})
    assert dict(kept.field) == {"address": 7 * DAY_MS, "identity": 3 * DAY_MS, "name": 14 * DAY_MS}
    assert kept.of_event("message_sent") == DAY_MS
    assert kept.of_event("room_closed") is None
    assert kept.of_event("room_opened") == 90 * DAY_MS


def test_a_slip_is_met_with_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'message_sent'"):
        parse_retention({"mesage_sent": "1d"})


@pytest.mark.parametrize(
    ("address", "how", "kept"),
    [
        ("203.0.113.77", "truncated", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "truncated", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "truncated", "203.0.113.0/24"),
        ("fe80::1%eth0", "truncated", "fe80::/48"),
        ("203.0.113.77", "full", "203.0.113.77"),
        ("203.0.113.77", "none", None),
        ("/run/mediasrv.sock", "full", None),
        (None, "full", None),
    ],
)
def test_what_is_kept_of_an_address(address, how, kept):
    assert kept_address(address, how) == kept
