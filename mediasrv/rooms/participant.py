"""One participant: a session of a person, or of a program, in a room."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasrv.rooms import events
from mediasrv.rooms.errors import RoomError, permission_denied
from mediasrv.rooms.events import LeaveReason, ParticipantInfo, RoomListener, SlotSource, Source
from mediasrv.rooms.message_routes import MessageRoutes
from mediasrv.rooms.permission_state import PermissionState
from mediasrv.rooms.permissions import Permission, Permissions, flag_names
from mediasrv.rooms.ports import PeerConnection
from mediasrv.rooms.presence import Attachment, Presence
from mediasrv.rooms.publications import OfferedTracks, Publications
from mediasrv.rooms.slot_policy import MIX
from mediasrv.rooms.subscriptions import Subscriptions
from mediasrv.rooms.token_bucket import TokenBucket
from mediasrv.rtc import events as rtc_events
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.events import PeerEvent
from mediasrv.rtc.statistics import PeerStatistics

if TYPE_CHECKING:
    from mediasrv.rooms.lobby import Entry
    from mediasrv.rooms.room import Room


@dataclass(frozen=True, slots=True)
class OfferResult:
    """What an offer led to; the maps are by mid.

    `tracks` are the ids of all published tracks, `slots` what each receive slot shows, `refused` the sentence why an
    m-line carries nothing.
    """

    sdp: str
    tracks: Mapping[str, str]
    slots: Mapping[str, SlotSource | None]
    refused: Mapping[str, str]


class Participant:
    """Made by `Room`. Signaling, WHIP and WHEP all work through `offer`.

    `listener` gets the events of the room; None means that nobody listens.
    """

    def __init__(self, room: Room, entry: Entry) -> None:
        self.id = "p_" + secrets.token_hex(8)
        self.room = room
        self.identity = entry.identity
        self.profile = entry.profile
        self.address = entry.address
        self.joined_at = room.clock.time()
        self.left: LeaveReason | None = None
        self.media_connected = False
        granted = room.settings.granted(entry.grant.grants)
        self.permits = PermissionState(room.clock, granted, changed=self._permissions_changed)
        self.presence = Presence(
            room.clock, room.limits.resume_s, lost=self._signaling_lost, given_up=self._nobody_resumed
        )
        self.routes = MessageRoutes()
        self.messages = TokenBucket(room.limits.message_rate, room.limits.message_burst, room.clock.monotonic)
        self.publications = Publications(self, room.limits.tracks)
        self.subscriptions = Subscriptions(
            room.tracks,
            self.publications.tracks,
            room.order,
            room.mix,
            now=room.clock.monotonic,
            allowed=self.permissions.allow(Permission.SUBSCRIBE),
            mixes=room.mixes_by_default,
            changed=self._slots_changed,
            needed=self._slots_needed,
        )
        self._on_left = [entry.on_left] if entry.on_left is not None else []
        self._peer_connection: PeerConnection | None = None
        self._media_lost: LeaveReason | None = None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.profile.name

    @property
    def listener(self) -> RoomListener | None:
        return self.presence.listener

    def listener_of(self, event: events.RoomEvent) -> RoomListener | None:
        """Who takes `event` for it."""
        return self.routes.of(event, self.presence.listener)

    @property
    def is_reachable(self) -> bool:
        """Whether a message would find a way to it now."""
        return self.presence.listener is not None or bool(self.routes)

    @property
    def permissions(self) -> Permissions:
        """Those that hold now."""
        return self.permits.now

    def on_left(self, gone: Callable[[], None]) -> None:
        """Have `gone` called once, when it has left."""
        self._on_left.append(gone)

    def info(self) -> ParticipantInfo:
        return ParticipantInfo(
            id=self.id,
            identity=self.identity,
            name=self.name,
            joined_at=self.joined_at,
            tracks=tuple(track.info() for track in self.publications.tracks),
            metadata=self.profile.metadata,
            attributes=dict(self.profile.attributes),
        )

    # --- signaling ---------------------------------------------------------------------------------------------

    def listen(self, listener: RoomListener, superseded: Callable[[], None] = lambda: None) -> Attachment:
        """Have `listener` get the room's events from now on, first of all what was missed, and how many receive slots
        are needed, if any. `superseded` is called when another session takes this one's place."""
        resumed = self.presence.epoch > 1
        attachment = self.presence.attach(listener, superseded)
        if resumed:
            self.room.publisher.publish(events.SignalingResumed(*self.room.ref, self.id, self.presence.epoch), ())
            for message in self.presence.take_missed():
                listener(message)
                self.room.message_delivered(message, self)
        self.subscriptions.announce_need(from_start=True)
        return attachment

    def update(
        self,
        *,
        name: str | None = None,
        metadata: str | None = None,
        attributes: Mapping[str, str | None] | None = None,
    ) -> None:
        """Change what it says of itself; an attribute that is None goes. Raises `RoomError`."""
        self._check_present()
        before, self.profile = self.profile, self.profile.updated(name, metadata, attributes)
        if self.profile != before:
            self.room.tell_all(events.ParticipantUpdated(*self.room.ref, self.info()))

    def _signaling_lost(self) -> None:
        if self.left is None:
            self.room.publisher.publish(events.SignalingLost(*self.room.ref, self.id), ())

    def _nobody_resumed(self) -> None:
        """While media flows the participant stays: consent decides."""
        if not self.media_connected:
            self.leave(self._media_lost or LeaveReason.SIGNALING_LOST)

    # --- media -------------------------------------------------------------------------------------------------

    def attach(self, peer_connection: PeerConnection) -> None:
        """Use this peer connection, which must report to `observe`. Without one, the first offer makes it."""
        self._check_present()
        if self._peer_connection is not None:
            raise RoomError("bad_request", "the participant has a peer connection already")
        self._peer_connection = peer_connection

    def offer(self, sdp: str, tracks: Mapping[str, Source] | None = None) -> OfferResult:
        """Negotiate: publish what it sends and the permissions allow, fill what it receives.

        `tracks` says what the sending m-lines are, by mid; those it doesn't name are microphones and cameras. Raises
        `RoomError` if the offer as a whole can't be answered; a single refused m-line is named in the result.
        """
        self._check_present()
        offer = OfferedTracks(sources=tracks or {})
        peer_connection = self._peer_connection or self._connect()
        try:
            answer = peer_connection.answer(sdp, authorise=lambda offered: self.publications.authorise(offered, offer))
        except NegotiationError as error:
            raise RoomError("bad_sdp", error.message) from error
        except BufferError as error:
            raise RoomError("server_busy", "the media worker takes nothing new at the moment: try again") from error
        slots = {mid: slot for mid, slot in peer_connection.slots.items() if not slot.closed}
        self.publications.negotiated(answer, peer_connection.producers, offer)
        self.subscriptions.negotiated(slots)
        published = self.publications.ids_by_mid()
        refused = {**answer.refused, **offer.refused}
        if not self.permissions.allow(Permission.SUBSCRIBE):
            why_not = self.permissions.why_not(Permission.SUBSCRIBE)
            refused = {mid: why_not for mid in slots if mid not in published} | refused
        self.subscriptions.announce_need()
        return OfferResult(answer.sdp, published, self.subscriptions.sources(), refused)

    def hear_mix(self) -> None:
        """Have the mix of the room in an audio slot instead of single tracks."""
        self.subscriptions.set_policy("audio", MIX)

    def restart_ice(self, remote: Any) -> Any:
        """Take the remote's new ICE credentials and give ours (RFC 8840), for WHIP and WHEP."""
        self._check_present()
        if self._peer_connection is None:
            raise RoomError("bad_request", "there is no peer connection to restart: make an offer first")
        try:
            return self._peer_connection.restart_ice(remote)
        except NegotiationError as error:
            raise RoomError("bad_request", error.message) from error

    def apply_policy(self) -> None:
        """The room's rules for media have changed."""
        if self._peer_connection is not None:
            self._peer_connection.apply_policy()

    async def statistics(self) -> PeerStatistics | None:
        """What has been counted of its media; None if it has none."""
        return None if self._peer_connection is None else await self._peer_connection.statistics()

    def observe(self, event: PeerEvent) -> None:
        """Take an event of the peer connection."""
        if self.left is not None:
            return
        match event:
            case rtc_events.Connected():
                self.media_connected = True
                self._tell(events.MediaConnected(*self.room.ref, self.id))
            case rtc_events.Closed():
                self.media_connected = False
                reason = _leave_reason(event.reason)
                # Who loses the network loses both connections, and may come back with another one.
                if self.presence.is_awaited and reason is not LeaveReason.PEER_CLOSED:
                    self._media_lost = reason
                    self.reset_media()
                else:
                    self.leave(reason)
            case rtc_events.EncodingChanged() if event.rid:
                self._tell(events.EncodingChanged(*self.room.ref, self.id, event.mid, event.rid))
            case rtc_events.ChannelOpened(channel=channel):
                self.room.open_channel(self, channel)
            case rtc_events.AudioLevel():
                track = self.publications.on_mid(event.mid)
                if track is not None and track.enabled:
                    # RFC 6464 writes the level without its sign.
                    self.room.speakers.heard(self.id, track.id, -event.level, event.voice)

    def show(self, track_id: str, mid: str | None = None) -> str:
        """Show a track, or the mix, in a receive slot, as `Subscriptions.show`."""
        if not self.permissions.allow(Permission.SUBSCRIBE):
            raise permission_denied(self.permissions, Permission.SUBSCRIBE)
        return self.subscriptions.show(track_id, mid)

    @property
    def has_media(self) -> bool:
        """Whether there is a peer connection, so that an offer renegotiates it."""
        return self._peer_connection is not None

    def reset_media(self) -> None:
        """Give the peer connection up, with all tracks and slots: the next offer makes another one."""
        old, self._peer_connection = self._peer_connection, None
        self.media_connected = False
        if old is None:
            return
        self.publications.close()
        self.subscriptions.negotiated({})
        self.subscriptions.announce_need()
        old.close()

    def _connect(self) -> PeerConnection:
        """Another peer connection. What it still tells after it was given up is not heard."""

        def observe(event: PeerEvent) -> None:
            if self._peer_connection is made:
                self.observe(event)

        made = self._peer_connection = self.room.connect(observe)
        return made

    # --- changes -----------------------------------------------------------------------------------------------

    def set_permissions(
        self, *, granted: Permission | None = None, consented: Permission | None = None, by: str = "server"
    ) -> None:
        """Change a layer of the permissions, or both; packets follow at once. `by` is a participant's id."""
        if granted is not None:
            self.permits.set_granted(granted, by=by)
        if consented is not None:
            self.permits.consent(consented, by=by)

    def _permissions_changed(self, before: Permissions, by: str, cause: events.Cause) -> None:
        if self.left is not None:
            return
        now = self.permissions
        changed = events.PermissionsChanged(
            *self.room.ref,
            participant_id=self.id,
            permissions=tuple(flag_names(now.effective)),
            granted=tuple(flag_names(now.granted)),
            consented=tuple(flag_names(now.consented)),
            added=tuple(flag_names(now.effective & ~before.effective)),
            removed=tuple(flag_names(before.effective & ~now.effective)),
            by=by,
            cause=cause,
        )
        self.room.tell_moderators(changed, self)
        if now.effective == before.effective:
            return
        if not now.allow(Permission.JOIN):
            self.leave(LeaveReason.JOIN_REVOKED, by=by)
            return
        self.publications.apply_gates(by)
        self.subscriptions.set_allowed(now.allow(Permission.SUBSCRIBE))

    def leave(self, reason: str, *, by: str = "") -> None:
        """Leave the room for a `LeaveReason`; `by` is who made it so. Only the first call counts."""
        if self.left is not None:
            return
        self.left = LeaveReason(reason)
        self.media_connected = False
        self.permits.close()
        if self._peer_connection is not None:
            self._peer_connection.close()
        self.room.remove(self, self.left, by)
        self.presence.close()
        self.subscriptions.close()
        for gone in self._on_left:
            gone()

    def _check_present(self) -> None:
        if self.left is not None:
            raise RoomError("not_joined", f"the participant has left the room ({self.left})")

    def _slots_changed(self, slots: Mapping[str, SlotSource | None]) -> None:
        self._tell(events.SlotsChanged(*self.room.ref, self.id, slots))

    def _slots_needed(self, audio: int, video: int) -> None:
        self._tell(events.SlotsNeeded(*self.room.ref, self.id, audio, video))

    def _tell(self, event: events.RoomEvent) -> None:
        self.room.publisher.publish(event, (self,))


def _leave_reason(closed: str) -> LeaveReason:
    """For the reason why a transport closed. One that we closed ourselves was not meant to leave its participant."""
    try:
        return LeaveReason(closed)
    except ValueError:
        return LeaveReason.MEDIA_CLOSED
