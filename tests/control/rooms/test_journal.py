"""The journal: what happened, numbered, and what it must not say."""

from typing import Any

import pytest
import structlog

from mediasrv.journal.journal import Journal
from mediasrv.journal.records import PERSONAL_FIELDS, Record
from mediasrv.journal.sinks import LogSink
from mediasrv.rooms.permissions import ALL, Permission, flag_names

from .fakes import House


class MemorySink:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)


def journal_of(house: House) -> list[Record]:
    sink = MemorySink()
    house.registry.observe(Journal([sink], house.clock))
    return sink.records


def test_a_call_from_its_first_to_its_last_line(house: House) -> None:
    records = journal_of(house)
    ada = house.joined("ada")
    bob = house.joined("bob")
    track_id = ada.offer("0 audio send")["tracks"]["0"]
    ada.request("mute", {"track_id": track_id})
    sent = bob.request("send_message", {"text": "are you muted?"})
    bob.participant.set_permissions(granted=ALL & ~Permission.RECORD, by=ada.id)
    ada.request("leave")
    bob.drop()
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert {(record.room, record.ts) for record in records} == {("standup", "2026-01-01T00:00:00.000Z")}
    assert len({record.room_id for record in records}) == 1
    on_off = {"feature": "microphone", "by": ada.id, "track": track_id}
    track = {"track": track_id, "kind": "audio", "source": "microphone"}
    layers = {"granted": flag_names(ALL & ~Permission.RECORD), "consented": flag_names(ALL)}
    assert [(record.event, record.participant, dict(record.fields)) for record in records] == [
        ("room_opened", None, {}),
        ("participant_joined", ada.id, {"identity": "ada", "name": "ada"}),
        ("participant_joined", bob.id, {"identity": "bob", "name": "bob"}),
        ("track_published", ada.id, {**track, "codec": "opus", "encodings": []}),
        ("feature_toggled", ada.id, {**on_off, "enabled": True}),
        ("feature_toggled", ada.id, {**on_off, "enabled": False}),
        ("message_sent", bob.id, {"message": sent["message_id"], "recipients": [ada.id], "to_all": True}),
        ("permission_changed", bob.id, {"added": [], "removed": ["record"], **layers, "by": ada.id, "cause": "grant"}),
        ("track_unpublished", ada.id, track),
        ("participant_left", ada.id, {"identity": "ada", "reason": "left"}),
        ("participant_left", bob.id, {"identity": "bob", "reason": "signaling_lost"}),
        ("room_closed", None, {}),
    ]


def test_it_says_what_was_refused_and_granted_though_neither_changes_what_holds(house: House) -> None:
    records = journal_of(house)
    host, ada = house.joined("host"), house.joined("ada:join")
    ada.request("set_consent", {"consents": {"recording": False}})
    host.request("grant", {"participant_id": ada.id, "permissions": ["record"]})
    refused, granted = [record.fields for record in records if record.event == "permission_changed"]
    for fields in (refused, granted):
        assert (fields["added"], fields["removed"]) == ([], [])
        assert fields["consented"] == flag_names(ALL & ~Permission.RECORD)
    assert (refused["granted"], refused["cause"], refused["by"]) == (["join"], "consent", ada.id)
    assert (granted["granted"], granted["cause"], granted["by"]) == (["join", "record"], "grant", host.id)


def test_each_opening_of_a_room_counts_from_one(house: House) -> None:
    records = journal_of(house)
    for name in ("ada", "bob"):
        house.joined(name).request("leave")
        house.joined(f"{name}@other").request("leave")
    openings: dict[str, list[int]] = {}
    for record in records:
        openings.setdefault(record.room_id, []).append(record.seq)
    assert list(openings.values()) == [[1, 2, 3, 4]] * 4


def test_it_knows_what_is_personal(house: House) -> None:
    records = journal_of(house)
    ada = house.joined("ada")
    ada.request("leave")
    joined, left = records[1:3]
    assert joined.personal == ("identity", "name")
    assert left.personal == ("identity",)
    assert dict(left.without_personal().fields) == {"reason": "left"}
    assert {name for record in records for name in record.fields if record.fields[name] == "ada"} <= PERSONAL_FIELDS


def test_it_never_has_the_text_of_a_message(house: House) -> None:
    records = journal_of(house)
    ada = house.joined("ada")
    ada.request("send_message", {"text": "my secret", "to": [ada.id]})
    assert "secret" not in str(records)


def test_a_sink_that_fails_is_logged_once_and_counted_and_breaks_nothing(house: House) -> None:
    class Full:
        def write(self, record: Record) -> None:
            raise OSError("no space left")

    good = MemorySink()
    journal = Journal([Full(), good], house.clock)
    house.registry.observe(journal)
    with structlog.testing.capture_logs() as logs:
        ada, bob = house.joined("ada"), house.joined("bob")
        assert ada.told("participant_joined")
        bob.request("leave")
    assert [(entry["event"], entry["sink"]) for entry in logs] == [
        ("a journal sink failed; from now on it is only counted", "Full")
    ]
    assert journal.sink_failures == [len(good.records), 0]
    assert len(good.records) == 4


def test_records_are_log_lines(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="journal")
    house.registry.observe(Journal([LogSink()], house.clock))
    with structlog.testing.capture_logs() as logs:
        ada = house.joined("ada")
    line: dict[str, Any] = dict(logs[1])
    assert line.pop("room_id").startswith("r_")
    assert line == {
        "event": "participant_joined",
        "log_level": "info",
        "seq": 2,
        "ts": "2026-01-01T00:00:00.000Z",
        "room": "standup",
        "participant": ada.id,
        "identity": "ada",
        "name": "ada",
        "personal": ["identity", "name"],
    }


def test_a_log_of_errors_alone_has_no_records(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR", logger="journal")
    house.registry.observe(Journal([LogSink()], house.clock))
    with structlog.testing.capture_logs() as logs:
        house.joined("ada")
    assert logs == []
