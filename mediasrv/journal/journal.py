"""Turns what rooms tell into records, numbered, and gives them to the sinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from mediasrv.journal.addresses import kept_address
from mediasrv.journal.chain import timestamp
from mediasrv.journal.records import Record
from mediasrv.journal.settings import Addresses
from mediasrv.journal.sinks import Sink
from mediasrv.rooms import events
from mediasrv.rooms.clock import Clock

_log = structlog.get_logger("journal.sinks")


class Entry(NamedTuple):
    """What of a room event goes into its record."""

    event: str
    participant: str | None
    fields: Mapping[str, object]


class Journal:
    """An observer of the rooms. A sink that fails misses the record; the rooms and the other sinks don't notice."""

    def __init__(self, sinks: Sequence[Sink], clock: Clock, *, addresses: Addresses = "truncated") -> None:
        self.sink_failures = [0] * len(sinks)
        self._sinks = tuple(sinks)
        self._clock = clock
        self.addresses = addresses
        self._last_seq: dict[str, int] = {}  # by the id of the open room

    def __call__(self, event: events.RoomEvent) -> None:
        """Take an event of a room; those that are no history are left out."""
        entry = entry_of(event)
        if entry is None:
            return
        if "address" in entry.fields:
            entry = entry._replace(fields=self._with_kept_address(entry.fields))
        seq = self._last_seq.get(event.room_id, 0) + 1
        self._last_seq[event.room_id] = seq
        if isinstance(event, events.RoomClosed):
            del self._last_seq[event.room_id]
        ts = timestamp(int(self._clock.time() * 1000))
        record = Record(
            seq=seq,
            ts=ts,
            room=event.room,
            room_id=event.room_id,
            participant=entry.participant,
            event=entry.event,
            fields=entry.fields,
        )
        for index, sink in enumerate(self._sinks):
            try:
                sink.write(record)
            except Exception:
                self.sink_failures[index] += 1
                if self.sink_failures[index] == 1:
                    _log.exception("a journal sink failed; from now on it is only counted", sink=type(sink).__name__)

    def _with_kept_address(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        kept = kept_address(str(fields["address"]), self.addresses)
        others = {name: value for name, value in fields.items() if name != "address"}
        return others if kept is None else {**others, "address": kept}


def entry_of(event: events.RoomEvent) -> Entry | None:
    """What the journal says of `event`; None if it is no history. Never the text of a message."""
    match event:
        case events.RoomOpened():
            return Entry("room_opened", None, {"by": event.by} if event.by else {})
        case events.RoomClosed():
            return Entry("room_closed", None, {"by": event.by} if event.by else {})
        case events.RoomUpdated():
            # Metadata is an application's own, and may say anything of anybody.
            now = {name: getattr(event.info, name) for name in event.changed if name != "metadata"}
            return Entry("room_updated", None, {"changed": list(event.changed), "now": now, "by": event.by})
        case events.ParticipantJoined(participant=joined):
            who = {"identity": joined.identity, "name": joined.name}
            return Entry("participant_joined", joined.id, {**who, "address": event.address} if event.address else who)
        case events.ParticipantLeft():
            fields = {"identity": event.identity, "reason": event.reason.value}
            if event.by:
                fields["by"] = event.by
            return Entry("participant_left", event.participant_id, fields)
        case events.TrackPublished(track=track):
            fields = {"track": track.id, "kind": track.kind, "source": track.source, "codec": track.codec}
            return Entry("track_published", track.participant_id, {**fields, "encodings": list(track.encodings)})
        case events.TrackUnpublished(track=track):
            fields = {"track": track.id, "kind": track.kind, "source": track.source}
            return Entry("track_unpublished", track.participant_id, fields)
        case events.FeatureToggled():
            toggled = {"feature": event.feature, "enabled": event.enabled, "by": event.by, "track": event.track_id}
            return Entry("feature_toggled", event.participant_id, toggled)
        case events.MessageSent():
            sent = {"message": event.message_id, "recipients": list(event.recipients), "to_all": event.to is None}
            if event.pending:
                sent["pending"] = list(event.pending)
            return Entry("message_sent", event.sender_id, sent)
        case events.PermissionsChanged():
            changed = {"added": list(event.added), "removed": list(event.removed)}
            # What is granted and refused changes nothing that holds, and somebody has done it all the same.
            layers = {"granted": list(event.granted), "consented": list(event.consented)}
            by = {"by": event.by, "cause": event.cause}
            return Entry("permission_changed", event.participant_id, {**changed, **layers, **by})
        case events.SignalingLost():
            return Entry("signaling_lost", event.participant_id, {})
        case events.SignalingResumed():
            return Entry("signaling_resumed", event.participant_id, {"epoch": event.epoch})
        case events.GuestWaiting(guest=guest):
            return Entry("guest_waiting", None, {"guest": guest.id, "identity": guest.identity, "name": guest.name})
        case events.GuestDecided():
            decided = {"guest": event.guest.id, "identity": event.guest.identity, "outcome": event.outcome}
            return Entry("guest_decided", None, {**decided, "by": event.by} if event.by else decided)
        case events.ParticipantBanned():
            banned = {"ban": event.ban_id, "until": round(event.until, 3), "by": event.by}
            return Entry(
                "participant_banned", None, {**banned, "identity": event.identity} if event.identity else banned
            )
        case events.BanLifted():
            who = {"identity": event.identity} if event.identity else {}
            return Entry("ban_lifted", None, {"ban": event.ban_id, **who, "by": event.by})
        case _:
            return None
