"""A room: who is in it and what they publish, and the facts it tells about that."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediasrv.rooms import events
from mediasrv.rooms.errors import RoomError, permission_denied
from mediasrv.rooms.events import LeaveReason, MessageSent, RoomInfo
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.permissions import Permission, Permissions
from mediasrv.rooms.ports import Grant, PeerConnection, PeerObserver
from mediasrv.rooms.publisher import Publisher
from mediasrv.rooms.speakers import Speakers
from mediasrv.rooms.track import Track, TrackTable

if TYPE_CHECKING:
    from mediasrv.rooms.clock import Clock

MESSAGE_MAX_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bounds: rooms of a server, participants of a room, tracks that a participant sends."""

    rooms: int = 10_000
    participants: int = 1_000
    tracks: int = 16


Connect = Callable[["Room", PeerObserver], PeerConnection]
"""Makes a peer connection for somebody in the room. All of one room belong on one worker: whoever makes them may keep
the room's worker in a `WeakKeyDictionary`, since a room is one object from opening to closing."""


class Room:
    """Made by the registry for its first participant, closed with its last.

    Facts go to the publisher in the order in which a client can use them: a participant before its tracks, a track
    before the slots that show it; at the end the tracks before their participant.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Connect,
        clock: Clock,
        limits: RoomLimits,
        publisher: Publisher,
        closed: Callable[[Room], None],
    ) -> None:
        self.name = name
        self.id = "r_" + secrets.token_hex(8)
        self.clock = clock
        self.opened_at = clock.time()
        self.limits = limits
        self.publisher = publisher
        self.tracks = TrackTable()
        self.speakers = Speakers(clock, self._announce_speaking)
        self._participants: dict[str, Participant] = {}
        self._by_identity: dict[str, Participant] = {}
        self._connect = connect
        self._closed = closed
        publisher.publish(events.RoomOpened(*self.ref), ())

    @property
    def ref(self) -> tuple[str, str]:
        """What every event of the room begins with: name and id."""
        return self.name, self.id

    @property
    def participants(self) -> Mapping[str, Participant]:
        """By id, in the order in which they joined."""
        return self._participants

    def info(self) -> RoomInfo:
        return RoomInfo(self.name, self.id, self.opened_at, len(self._participants))

    def participant(self, participant_id: str) -> Participant:
        """Who is called so. Raises `RoomError` `not_found`."""
        try:
            return self._participants[participant_id]
        except KeyError:
            raise RoomError("not_found", f"there is no participant {participant_id[:64]!r} in the room") from None

    # --- joining and leaving -----------------------------------------------------------------------------------

    def join(self, grant: Grant, name: str, on_left: Callable[[], None] | None) -> Participant:
        """Let the grant's holder in under `name`, in place of a participant with the same identity."""
        present = self._by_identity.get(grant.identity)
        if present is None and len(self._participants) >= self.limits.participants:
            raise RoomError("server_busy", f"the room is full: it has {self.limits.participants} participants")
        permissions = Permissions(grant.permissions)
        participant = Participant(self, grant.identity, name, permissions, on_left=on_left)
        # Before the present one leaves, so that the room is not empty in between.
        self._by_identity[grant.identity] = participant
        self._participants[participant.id] = participant
        if present is not None:
            present.leave(LeaveReason.REPLACED)
        others = [other for other in self._participants.values() if other is not participant]
        self.publisher.publish(events.ParticipantJoined(*self.ref, participant.info()), others)
        return participant

    def end(self, reason: LeaveReason, by: str = "") -> None:
        """Everybody leaves for `reason`, which closes the room."""
        for participant in list(self._participants.values()):
            participant.leave(reason, by=by)

    def remove(self, participant: Participant, reason: LeaveReason, by: str = "") -> None:
        """For `Participant.leave`."""
        del self._participants[participant.id]
        if self._by_identity.get(participant.identity) is participant:
            del self._by_identity[participant.identity]
        participant.publications.close()
        left = events.ParticipantLeft(*self.ref, participant.id, participant.identity, reason, by)
        self.publisher.publish(left, (*self._participants.values(), participant))
        if not self._participants:
            self.speakers.close()
            self.publisher.publish(events.RoomClosed(*self.ref), ())
            self._closed(self)

    def connect(self, observer: PeerObserver) -> PeerConnection:
        """A new peer connection on the room's worker, reporting to `observer`."""
        return self._connect(self, observer)

    # --- tracks ------------------------------------------------------------------------------------------------

    def publish_tracks(self, owner: Participant, tracks: list[Track]) -> None:
        for track in tracks:
            self.tracks.add(track)
            self._tell_all(events.TrackPublished(*self.ref, track.info()))
            owner.publications.apply_gate(track, by=owner.id)
        if tracks:
            for participant in self._participants.values():
                participant.subscriptions.fill(tracks)

    def unpublish_tracks(self, owner: Participant, tracks: list[Track]) -> None:
        for track in tracks:
            self.tracks.remove(track)
            self.speakers.silence(owner.id, track.id)
            if track.announced_enabled:
                self._tell_all(events.FeatureToggled(*self.ref, owner.id, track.feature, False, owner.id, track.id))
            self._tell_all(events.TrackUnpublished(*self.ref, track.info()))
        if tracks:
            for participant in self._participants.values():
                participant.subscriptions.release(tracks)

    def announce_feature(self, track: Track, by: str) -> None:
        """The track began or ceased to be forwarded."""
        if not track.enabled:
            self.speakers.silence(track.owner.id, track.id)
        toggled = events.FeatureToggled(*self.ref, track.owner.id, track.feature, track.enabled, by, track.id)
        self._tell_all(toggled)

    # --- messages ----------------------------------------------------------------------------------------------

    def send_message(self, sender: Participant, text: str, to: list[str] | None) -> MessageSent:
        """Deliver `text` to the participants with the ids `to`, or to all the others.

        Those who have left meanwhile, or have no signaling connection, are not among the recipients.
        """
        if not sender.permissions.allow(Permission.SEND_MESSAGE):
            raise permission_denied(sender.permissions, Permission.SEND_MESSAGE)
        if not text or to == []:
            what = "the text is empty" if not text else "`to` is empty: leave it out to reach everybody"
            raise RoomError("invalid_params", what)
        if len(text) > MESSAGE_MAX_CHARACTERS:
            message = f"the text has {len(text)} characters; at most {MESSAGE_MAX_CHARACTERS} are sent"
            raise RoomError("too_large", message, {"limit": MESSAGE_MAX_CHARACTERS})
        if to is None:
            named = [participant for participant in self._participants.values() if participant is not sender]
        else:
            named = [self._participants[each] for each in dict.fromkeys(to) if each in self._participants]
            if not named:
                raise RoomError("not_found", "nobody whom the message is for is in the room")
        recipients = [participant for participant in named if participant.listener is not None]
        sent = MessageSent(
            *self.ref,
            message_id="m_" + secrets.token_hex(8),
            sender_id=sender.id,
            to=None if to is None else tuple(dict.fromkeys(to)),
            recipients=tuple(participant.id for participant in recipients),
            sent_at=self.clock.time(),
            text=text,
        )
        self.publisher.publish(sent, recipients)
        return sent

    def _announce_speaking(self, levels: Mapping[str, int]) -> None:
        self._tell_all(events.Speaking(*self.ref, levels))

    def _tell_all(self, event: events.RoomEvent) -> None:
        self.publisher.publish(event, self._participants.values())
