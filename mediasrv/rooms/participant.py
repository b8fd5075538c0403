"""One participant: a session of a person, or of a program, in a room."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasrv.rooms import events
from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import LeaveReason, ParticipantInfo, RoomListener, SlotSource, Source
from mediasrv.rooms.permissions import Permission, Permissions, flag_names
from mediasrv.rooms.ports import PeerConnection
from mediasrv.rooms.publications import OfferedTracks, Publications
from mediasrv.rooms.subscriptions import Subscriptions
from mediasrv.rtc import events as rtc_events
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.events import PeerEvent

if TYPE_CHECKING:
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
    """Made by `Room.join`. Signaling, WHIP and WHEP all work through `offer`.

    `listener` gets the events of the room; None means that nobody listens.
    """

    def __init__(
        self, room: Room, identity: str, name: str, permissions: Permissions, *, on_left: Callable[[], None] | None
    ) -> None:
        self.id = "p_" + secrets.token_hex(8)
        self.room = room
        self.identity = identity
        self.name = name
        self.permissions = permissions
        self.joined_at = room.clock.time()
        self.listener: RoomListener | None = None
        self.left: LeaveReason | None = None
        self.media_connected = False
        self.publications = Publications(self, room.limits.tracks)
        self.subscriptions = Subscriptions(
            room.tracks,
            self.publications.tracks,
            allowed=permissions.allow(Permission.SUBSCRIBE),
            changed=self._slots_changed,
            needed=self._slots_needed,
        )
        self._on_left = on_left
        self._peer_connection: PeerConnection | None = None

    def info(self) -> ParticipantInfo:
        return ParticipantInfo(
            id=self.id,
            identity=self.identity,
            name=self.name,
            joined_at=self.joined_at,
            tracks=tuple(track.info() for track in self.publications.tracks),
        )

    def listen(self, listener: RoomListener) -> None:
        """Have `listener` get the room's events from now on, first of all how many receive slots are needed, if any."""
        self.listener = listener
        self.subscriptions.announce_need(from_start=True)

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
        if self._peer_connection is None:
            self._peer_connection = self.room.connect(self.observe)
        try:
            answer = self._peer_connection.answer(
                sdp, authorise=lambda offered: self.publications.authorise(offered, offer)
            )
        except NegotiationError as error:
            raise RoomError("bad_sdp", error.message) from error
        except BufferError as error:
            raise RoomError("server_busy", "the media worker takes nothing new at the moment: try again") from error
        slots = {mid: slot for mid, slot in self._peer_connection.slots.items() if not slot.closed}
        self.publications.negotiated(answer, self._peer_connection.producers, offer)
        self.subscriptions.negotiated(slots)
        published = self.publications.ids_by_mid()
        refused = {**answer.refused, **offer.refused}
        if not self.permissions.allow(Permission.SUBSCRIBE):
            why_not = self.permissions.why_not(Permission.SUBSCRIBE)
            refused = {mid: why_not for mid in slots if mid not in published} | refused
        self.subscriptions.announce_need()
        return OfferResult(answer.sdp, published, self.subscriptions.sources(), refused)

    def restart_ice(self, remote: Any) -> Any:
        """Take the remote's new ICE credentials and give ours (RFC 8840), for WHIP and WHEP."""
        self._check_present()
        if self._peer_connection is None:
            raise RoomError("bad_request", "there is no peer connection to restart: make an offer first")
        try:
            return self._peer_connection.restart_ice(remote)
        except NegotiationError as error:
            raise RoomError("bad_request", error.message) from error

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
                self.leave(_leave_reason(event.reason))
            case rtc_events.EncodingChanged() if event.rid:
                self._tell(events.EncodingChanged(*self.room.ref, self.id, event.mid, event.rid))
            case rtc_events.AudioLevel():
                track = self.publications.on_mid(event.mid)
                if track is not None and track.enabled:
                    # RFC 6464 writes the level without its sign.
                    self.room.speakers.heard(self.id, track.id, -event.level, event.voice)

    # --- changes -----------------------------------------------------------------------------------------------

    def set_permissions(
        self, *, granted: Permission | None = None, consented: Permission | None = None, by: str = "server"
    ) -> None:
        """Change a layer of the permissions, or both; packets follow at once. `by` is a participant's id."""
        before = self.permissions
        self.permissions = Permissions(
            granted=before.granted if granted is None else granted,
            consented=before.consented if consented is None else consented,
        )
        now = self.permissions.effective
        if self.left is not None or now == before.effective:
            return
        changed = events.PermissionsChanged(
            *self.room.ref,
            participant_id=self.id,
            permissions=tuple(flag_names(now)),
            added=tuple(flag_names(now & ~before.effective)),
            removed=tuple(flag_names(before.effective & ~now)),
            by=by,
        )
        self._tell(changed)
        self.publications.apply_gates(by)
        self.subscriptions.set_allowed(Permission.SUBSCRIBE in now)

    def signaling_closed(self) -> None:
        """The signaling connection went without `leave`. While media flows the participant stays: consent decides."""
        self.listener = None
        if not self.media_connected:
            self.leave(LeaveReason.SIGNALING_LOST)

    def leave(self, reason: str, *, by: str = "") -> None:
        """Leave the room for a `LeaveReason`; `by` is who made it so. Only the first call counts."""
        if self.left is not None:
            return
        self.left = LeaveReason(reason)
        self.media_connected = False
        if self._peer_connection is not None:
            self._peer_connection.close()
        self.room.remove(self, self.left, by)
        self.subscriptions.close()
        if self._on_left is not None:
            self._on_left()

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
