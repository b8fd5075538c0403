"""Metrics of what happens in rooms, without anybody's name: an observer of their events, and what they hold now."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mediasrv.rooms import events
from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.registry import RoomRegistry


class RoomMetrics(Collector):
    """Belongs to one registry of metrics; `observe` takes the events of all rooms."""

    def __init__(self, metrics: CollectorRegistry, rooms: RoomRegistry) -> None:
        self._rooms = rooms

        def counter(name: str, help: str, *labels: str) -> Counter:
            return Counter(f"mediasrv_{name}", help, labels, registry=metrics)

        self._opened = counter("rooms_opened", "Rooms that were opened.")
        self._joins = counter("joins", "Participants that came into a room.")
        self._leaves = counter("leaves", "Participants that left a room, by reason.", "reason")
        self._published = counter("tracks_published", "Tracks that were published.", "kind", "source", "codec")
        self._messages = counter("messages", "Messages that were sent.")
        self._lost = counter("sessions_lost", "Signaling connections of participants that were lost.")
        self._resumed = counter("sessions_resumed", "Sessions that were resumed after that.")
        self._guests = counter("guests_decided", "Guests of lobbies whose waiting ended, by how.", "outcome")
        self._bans = counter("bans", "Bans that moderators imposed.")
        self._permissions = counter("permission_changes", "Changes of what a participant may do, by cause.", "cause")
        # From the start, so that a first occurrence is an increase: one that appears out of nothing is none.
        for reason in LeaveReason:
            self._leaves.labels(reason.value)
        metrics.register(self)

    def observe(self, event: events.RoomEvent) -> None:
        match event:
            case events.RoomOpened():
                self._opened.inc()
            case events.ParticipantJoined():
                self._joins.inc()
            case events.ParticipantLeft(reason=reason):
                self._leaves.labels(reason.value).inc()
            case events.TrackPublished(track=track):
                self._published.labels(track.kind, track.source, track.codec).inc()
            case events.MessageSent():
                self._messages.inc()
            case events.SignalingLost():
                self._lost.inc()
            case events.SignalingResumed():
                self._resumed.inc()
            case events.GuestDecided(outcome=outcome):
                self._guests.labels(outcome).inc()
            case events.ParticipantBanned():
                self._bans.inc()
            case events.PermissionsChanged(cause=cause):
                self._permissions.labels(cause).inc()

    def collect(self) -> Iterator[Metric]:
        rooms = list(self._rooms.rooms.values())
        tracks: Count[tuple[str, str]] = Count()
        for room in rooms:
            for kind in ("audio", "video"):
                tracks.update((kind, track.source) for track in room.tracks.of_kind(kind).values())
        yield GaugeMetricFamily("mediasrv_rooms", "Rooms that are open.", value=len(rooms))
        yield GaugeMetricFamily(
            "mediasrv_participants", "Participants of all rooms.", value=sum(len(room.participants) for room in rooms)
        )
        yield GaugeMetricFamily(
            "mediasrv_guests", "Guests that wait in lobbies.", value=sum(len(room.lobby.guests) for room in rooms)
        )
        published = GaugeMetricFamily("mediasrv_tracks", "Tracks that are published.", labels=["kind", "source"])
        for (kind, source), count in sorted(tracks.items()):
            published.add_metric([kind, source], count)
        yield published
