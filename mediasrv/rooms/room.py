"""A room: who is in it and what they publish, and the facts it tells about that."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from mediasrv.rooms import events
from mediasrv.rooms.bans import Bans
from mediasrv.rooms.errors import RoomError, room_locked
from mediasrv.rooms.events import GuestOutcome, LeaveReason, MessageSent, RoomInfo
from mediasrv.rooms.lobby import Entry, Guest, Lobby
from mediasrv.rooms.messages import MESSAGE_MAX_CHARACTERS as MESSAGE_MAX_CHARACTERS
from mediasrv.rooms.messages import History, compose
from mediasrv.rooms.mix import OpenMix, RoomMix
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.permissions import Permission, flag_names
from mediasrv.rooms.ports import PeerConnection, PeerObserver
from mediasrv.rooms.publisher import Publisher
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rooms.speaker_order import SpeakerOrder
from mediasrv.rooms.speakers import Speakers
from mediasrv.rooms.track import Track, TrackTable
from mediasrv.rtc.data_channel import DataChannel

if TYPE_CHECKING:
    from mediasrv.rooms.clock import Clock, Timer


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bounds: rooms of a server, tracks that a participant sends, messages that it sends (a second, and at once), and
    the seconds in which its session may be resumed after its signaling connection was lost."""

    rooms: int = 10_000
    tracks: int = 16
    message_rate: float = 5
    message_burst: int = 20
    resume_s: float = 30


_TOLD_AS = {"defaults": "default_permissions", "defaults_until": "default_permissions_until"}
"""What settings are called in `RoomInfo`, where they have another name there."""

Connect = Callable[["Room", PeerObserver], PeerConnection]
"""Makes a peer connection for somebody in the room. All of one room belong on one worker: whoever makes them may keep
the room's worker in a `WeakKeyDictionary`, since a room is one object from opening to closing."""


OpenChannel = Callable[[Participant, DataChannel], None]
"""Takes a data channel that a participant has opened."""


class Room:
    """Made by the registry, closed with its last participant, or after it was empty for `settings.idle_s` seconds.

    Facts go to the publisher in the order in which a client can use them: a participant before its tracks, a track
    before the slots that show it; at the end the tracks before their participant.
    """

    def __init__(
        self,
        name: str,
        settings: RoomSettings,
        *,
        connect: Connect,
        open_channel: OpenChannel,
        open_mix: OpenMix,
        clock: Clock,
        limits: RoomLimits,
        bans: Bans,
        publisher: Publisher,
        joined: Callable[[Participant], Callable[[], None]],
        closed: Callable[[Room], None],
        by: str = "",
    ) -> None:
        self.name = name
        self.id = "r_" + secrets.token_hex(8)
        self.settings = settings
        self.clock = clock
        self.opened_at = clock.time()
        self.limits = limits
        self.bans = bans
        self.publisher = publisher
        self.tracks = TrackTable()
        self.speakers = Speakers(clock, self._announce_speaking)
        self.order = SpeakerOrder(clock, self.tracks, announce=self._announce_dominant, follow=self._follow)
        self.history = History(settings.history)
        self.mix = RoomMix(self.tracks, settings.mix, open_mix)
        self.mixes_by_default = False
        self.lobby = Lobby()
        self._participants: dict[str, Participant] = {}
        self._by_identity: dict[str, Participant] = {}
        self._connect = connect
        self.open_channel = open_channel
        self._joined = joined
        self._closed = closed
        self._is_closed = False
        self._closed_by = ""
        self._idle_timer: Timer | None = None
        publisher.publish(events.RoomOpened(*self.ref, by), ())

    @property
    def ref(self) -> tuple[str, str]:
        """What every event of the room begins with: name and id."""
        return self.name, self.id

    @property
    def participants(self) -> Mapping[str, Participant]:
        """By id, in the order in which they joined."""
        return self._participants

    def info(self) -> RoomInfo:
        settings = self.settings
        return RoomInfo(
            name=self.name,
            id=self.id,
            opened_at=self.opened_at,
            participants=len(self._participants),
            guests=len(self.lobby.guests),
            capacity=settings.capacity,
            default_permissions=tuple(flag_names(settings.defaults)),
            default_permissions_until=settings.defaults_until,
            lobby=settings.lobby,
            locked=settings.locked,
            codecs=settings.codecs,
            track_bitrate_bps=settings.track_bitrate_bps,
            idle_s=settings.idle_s,
            history=settings.history,
            mix_above=settings.mix_above,
            mix=settings.mix,
            metadata=settings.metadata,
        )

    def participant(self, participant_id: str) -> Participant:
        """Who is called so. Raises `RoomError` `not_found`."""
        try:
            return self._participants[participant_id]
        except KeyError:
            raise RoomError("not_found", f"there is no participant {participant_id[:64]!r} in the room") from None

    def update(self, settings: RoomSettings, *, by: str) -> None:
        """Other settings from now on. Codecs hold for offers that come later."""
        before, self.settings = self.settings, settings
        changed = tuple(
            _TOLD_AS.get(field.name, field.name)
            for field in fields(settings)
            if getattr(before, field.name) != getattr(settings, field.name)
        )
        if not changed:
            return
        self.tell_all(events.RoomUpdated(*self.ref, self.info(), changed, by))
        self.history.set_limit(settings.history)
        self.mix.set(settings.mix)
        self._choose_mix()
        if "track_bitrate_bps" in changed:
            for participant in self._participants.values():
                participant.apply_policy()
        if not {"default_permissions", "default_permissions_until"}.isdisjoint(changed):
            ends = settings.default_ends
            for participant in list(self._participants.values()):
                participant.permits.set_defaults(settings.defaults, ends, by=by)
        if before.lobby and not settings.lobby:
            for guest in list(self.lobby.guests.values()):
                # Who finds no place goes on waiting; whose permission has run out was told so.
                with contextlib.suppress(RoomError):
                    self.admit(guest, by=by)
        self.close_if_empty()

    # --- joining and leaving -----------------------------------------------------------------------------------

    def check(self, entry: Entry, allowed: Permission) -> bool:
        """Whether somebody who may do `allowed` comes in at once; False: they have to wait to be let in.

        Raises `RoomError`: `room_locked`, `server_busy`.
        """
        known = entry.identity in self._by_identity
        if known or Permission.MODERATE in allowed:
            self._check_capacity(entry)
            return True
        if self.settings.locked:
            raise room_locked()
        self._check_capacity(entry)
        return not self.settings.lobby or self.lobby.knows(entry.identity)

    def join(self, entry: Entry) -> Participant:
        """Let somebody in, in place of a participant with the same identity."""
        self._stop_idle_timer()
        present = self._by_identity.get(entry.identity)
        participant = Participant(self, entry)
        # Before the present one leaves, so that the room is not empty in between.
        self._by_identity[entry.identity] = participant
        self._participants[participant.id] = participant
        self._choose_mix()
        participant.on_left(self._joined(participant))
        if self.settings.lobby:
            self.lobby.remember(entry.identity)
        if present is not None:
            present.leave(LeaveReason.REPLACED)
        others = [other for other in self._participants.values() if other is not participant]
        self.publisher.publish(events.ParticipantJoined(*self.ref, participant.info(), entry.address), others)
        return participant

    def wait(self, entry: Entry, decided: Callable[[Participant | None, GuestOutcome], None]) -> Guest:
        """Have somebody wait to be let in, in place of a guest with the same identity. Raises `RoomError`."""
        before = self.lobby.of_identity(entry.identity)
        if before is not None:
            self.dismiss(before, "replaced")
        guest = Guest(self, entry, self.clock.time(), decided)
        self.lobby.add(guest)
        self._stop_idle_timer()
        self.tell_moderators(events.GuestWaiting(*self.ref, guest.info()))
        return guest

    def admit(self, guest: Guest, *, by: str) -> Participant:
        """Let a guest in. Raises `RoomError` `server_busy` if the room is full; then they go on waiting."""
        self._check_capacity(guest.entry)
        if not self.settings.granted(guest.entry.grant.grants).flags(self.clock.time()) & Permission.JOIN:
            self.dismiss(guest, "refused")
            raise RoomError("not_found", "their permission to join has run out meanwhile")
        del self.lobby.guests[guest.id]
        self.tell_moderators(events.GuestDecided(*self.ref, guest.info(), "admitted", by))
        participant = self.join(guest.entry)
        guest.decided(participant, "admitted")
        return participant

    def dismiss(self, guest: Guest, outcome: GuestOutcome, *, by: str = "") -> None:
        """A guest does not come in; without effect for one who waits no longer."""
        if self.lobby.guests.pop(guest.id, None) is None:
            return
        self.tell_moderators(events.GuestDecided(*self.ref, guest.info(), outcome, by))
        guest.decided(None, outcome)
        self.close_if_empty()

    def dismiss_all(self, outcome: GuestOutcome, *, by: str = "") -> None:
        """Nobody who waits comes in."""
        for guest in list(self.lobby.guests.values()):
            self.dismiss(guest, outcome, by=by)

    def remove(self, participant: Participant, reason: LeaveReason, by: str = "") -> None:
        """For `Participant.leave`."""
        del self._participants[participant.id]
        if self._by_identity.get(participant.identity) is participant:
            del self._by_identity[participant.identity]
        participant.publications.close()
        self.order.forget(participant.id)
        self._choose_mix()
        left = events.ParticipantLeft(*self.ref, participant.id, participant.identity, reason, by)
        self.publisher.publish(left, (*self._participants.values(), participant))
        self.close_if_empty()

    def end(self, reason: LeaveReason, by: str = "") -> None:
        """Everybody leaves for `reason`, guests are sent away, and the room closes."""
        # From here on it closes with its last, whatever its settings say of staying open.
        self.settings = replace(self.settings, idle_s=0)
        self._closed_by = by
        self.dismiss_all("server_stopping" if reason is LeaveReason.SERVER_STOPPING else "room_closed", by=by)
        for participant in list(self._participants.values()):
            participant.leave(reason, by=by)
        self._close()

    def close_if_empty(self) -> None:
        """Close if nobody is there, now or when it was empty for long enough."""
        self._stop_idle_timer()
        if self._participants or self.lobby.guests:
            return
        if self.settings.idle_s > 0:
            self._idle_timer = self.clock.call_later(self.settings.idle_s, self._close)
        else:
            self._close()

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._stop_idle_timer()
        self.speakers.close()
        self.order.close()
        self.publisher.publish(events.RoomClosed(*self.ref, self._closed_by), ())
        self._closed(self)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _check_capacity(self, entry: Entry) -> None:
        capacity = self.settings.capacity
        if entry.identity not in self._by_identity and len(self._participants) >= capacity:
            raise RoomError("server_busy", f"the room is full: it has {capacity} participants")

    def connect(self, observer: PeerObserver) -> PeerConnection:
        """A new peer connection on the room's worker, reporting to `observer`."""
        return self._connect(self, observer)

    # --- tracks ------------------------------------------------------------------------------------------------

    def publish_tracks(self, owner: Participant, tracks: list[Track]) -> None:
        for track in tracks:
            self.tracks.add(track)
            self.tell_all(events.TrackPublished(*self.ref, track.info()))
            owner.publications.apply_gate(track, by=owner.id)
        self.mix.add(tracks)
        if tracks:
            for participant in self._participants.values():
                participant.subscriptions.fill(tracks)

    def unpublish_tracks(self, owner: Participant, tracks: list[Track]) -> None:
        for track in tracks:
            self.tracks.remove(track)
            self.speakers.silence(owner.id, track.id)
            self.order.silence(track)
            if track.announced_enabled:
                self.tell_all(events.FeatureToggled(*self.ref, owner.id, track.feature, False, owner.id, track.id))
            self.tell_all(events.TrackUnpublished(*self.ref, track.info()))
        self.mix.remove(tracks)
        if tracks:
            for participant in self._participants.values():
                participant.subscriptions.release(tracks)
            self.order.changed()

    def _choose_mix(self) -> None:
        """Have those who have not chosen hear the mix, or not. Around the bound it stays as it is."""
        above, count = self.settings.mix_above, len(self._participants)
        if above is None:
            mixes = False
        elif count > above:
            mixes = True
        else:
            mixes = self.mixes_by_default and count > above * 3 // 4
        if mixes == self.mixes_by_default:
            return
        self.mixes_by_default = mixes
        for participant in self._participants.values():
            participant.subscriptions.set_default(mixes)

    def announce_feature(self, track: Track, by: str) -> None:
        """The track began or ceased to be forwarded."""
        if not track.enabled:
            self.speakers.silence(track.owner.id, track.id)
            self.order.silence(track)
        toggled = events.FeatureToggled(*self.ref, track.owner.id, track.feature, track.enabled, by, track.id)
        self.tell_all(toggled)
        self.order.changed()

    # --- messages ----------------------------------------------------------------------------------------------

    def send_message(
        self, sender: Participant, text: str, to: list[str] | None, *, reliable: bool = True
    ) -> MessageSent:
        """Deliver `text` to the participants with the ids `to`, or to all the others. Raises `RoomError`."""
        sent, named = compose(sender, self._participants, text, to, reliable=reliable)
        self.history.add(sent)
        for participant in named:
            if participant.id in sent.pending:
                participant.presence.keep(sent)
        self.publisher.publish(sent, [participant for participant in named if participant.id in sent.recipients])
        return sent

    def message_delivered(self, message: MessageSent, recipient: Participant) -> None:
        """Somebody who was away has got `message` now."""
        sender = self._participants.get(message.sender_id)
        delivered = events.MessageDelivered(*self.ref, message.message_id, message.sender_id, recipient.id)
        self.publisher.publish(delivered, () if sender is None else (sender,))

    # --- telling -----------------------------------------------------------------------------------------------

    def tell_all(self, event: events.RoomEvent) -> None:
        self.publisher.publish(event, self._participants.values())

    def tell_moderators(self, event: events.RoomEvent, also: Participant | None = None) -> None:
        """Tell those with the permission `moderate`, and `also` whom it is about."""
        told = [
            participant
            for participant in self._participants.values()
            if participant is also or participant.permissions.allow(Permission.MODERATE)
        ]
        self.publisher.publish(event, told)

    def _follow(self) -> None:
        for participant in self._participants.values():
            participant.subscriptions.follow()

    def _announce_dominant(self, track: Track | None) -> None:
        owner, track_id = (track.owner.id, track.id) if track is not None else (None, None)
        self.tell_all(events.DominantSpeaker(*self.ref, owner, track_id))

    def _announce_speaking(self, levels: Mapping[str, int]) -> None:
        self.tell_all(events.Speaking(*self.ref, levels))
