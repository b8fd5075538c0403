"""What one participant receives: its receive slots, and the tracks that fill them.

A free slot takes the oldest track of its kind that nobody but its owner publishes and that is in no slot yet. A slot
whose source leaves takes the next waiting track. Tracks for which no slot is left make the slots the client lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import Kind, SlotSource
from mediasrv.rooms.ports import ReceiveSlot
from mediasrv.rooms.track import KINDS, Track, TrackTable


class Subscriptions:
    """The receive slots of the participant whose own tracks are `own`, filled from `room_tracks`.

    `changed` gets the slots, by mid, that show something else; `needed` gets (audio, video), the numbers of slots
    lacking, whenever they change.
    """

    def __init__(
        self,
        room_tracks: TrackTable,
        own: TrackTable,
        *,
        allowed: bool,
        changed: Callable[[Mapping[str, SlotSource | None]], None],
        needed: Callable[[int, int], None],
    ) -> None:
        self._room_tracks = room_tracks
        self._own = own
        self._allowed = allowed
        self._changed = changed
        self._needed = needed
        self._announced_need = (0, 0)
        self._slots: dict[str, ReceiveSlot] = {}
        self._free: dict[Kind, dict[str, ReceiveSlot]] = {kind: {} for kind in KINDS}  # in m-line order
        self._track_in: dict[str, Track] = {}  # by mid
        self._mid_of: dict[str, str] = {}  # by track id
        self._assigned = dict.fromkeys(KINDS, 0)
        self._chosen: set[str] = set()  # mids with an encoding chosen by the client

    # --- facts -------------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, SlotSource | None]:
        """What each slot shows, by mid, in m-line order."""
        return {mid: self._source(mid) for mid in self._slots}

    def _source(self, mid: str) -> SlotSource | None:
        track = self._track_in.get(mid)
        return None if track is None else SlotSource(participant_id=track.owner.id, track_id=track.id)

    def _lacking(self, kind: Kind) -> int:
        # A free slot that stays free was refused by every waiting track: more of its like would not help.
        if not self._allowed or self._free[kind]:
            return 0
        return len(self._room_tracks.of_kind(kind)) - len(self._own.of_kind(kind)) - self._assigned[kind]

    # --- changes from the room ---------------------------------------------------------------------------------

    def negotiated(self, slots: Mapping[str, ReceiveSlot]) -> None:
        """The peer connection has these slots now. What they show is for the answer: `changed` is not called."""
        for mid in [mid for mid, slot in self._slots.items() if slots.get(mid) is not slot]:
            self._forget(mid)
        added = [slot for mid, slot in slots.items() if self._slots.get(mid) is not slot]
        self._slots = dict(slots)
        for slot in added:
            slot.set_allowed(self._allowed)
        for kind in KINDS:
            self._free[kind] = {
                mid: slot for mid, slot in slots.items() if slot.kind == kind and mid not in self._track_in
            }
            self._fill(kind)

    def fill(self, tracks: Iterable[Track]) -> None:
        """These tracks are new in the room."""
        changed = [mid for track in tracks if (mid := self._place(track)) is not None]
        self._announce(changed)

    def release(self, tracks: Iterable[Track]) -> None:
        """These tracks are no longer in the room."""
        freed: list[str] = []
        for track in tracks:
            mid = self._mid_of.get(track.id)
            if mid is not None:
                self._empty(mid)
                freed.append(mid)
        for kind in {self._kind(mid) for mid in freed}:
            freed += self._fill(kind)
        # A slot left empty still shows the old producer; one that was filled again has switched.
        for mid in freed:
            if mid not in self._track_in:
                self._slots[mid].connect(None)
        self._announce(freed)

    def set_allowed(self, allowed: bool) -> None:
        """Whether the participant may receive at all. Without that its slots are empty and shut."""
        if allowed == self._allowed:
            return
        self._allowed = allowed
        changed = []
        for mid, slot in self._slots.items():
            slot.set_allowed(allowed)
            if not allowed and mid in self._track_in:
                self._empty(mid)
                slot.connect(None)
                changed.append(mid)
        for kind in KINDS:
            changed += self._fill(kind)
        self._announce(changed)

    def announce_need(self, *, from_start: bool = False) -> None:
        """Tell how many slots lack, if that has changed; `from_start`: if there are any."""
        if from_start:
            self._announced_need = (0, 0)
        need = (self._lacking("audio"), self._lacking("video"))
        if need != self._announced_need:
            self._announced_need = need
            self._needed(*need)

    def close(self) -> None:
        """The participant has left: its slots go with its peer connection."""
        self._slots.clear()
        self._track_in.clear()
        self._mid_of.clear()
        for free in self._free.values():
            free.clear()

    # --- requests of the participant ---------------------------------------------------------------------------

    def choose_encoding(self, mid: str, rid: str | None) -> None:
        """Show the encoding `rid` in the slot; None is the highest. Holds until the slot's source changes."""
        slot = self._slot(mid)
        track = self._track_in.get(mid)
        if track is None:
            raise RoomError("not_found", f"the receive slot {mid!r} is empty: there is no encoding to choose")
        if rid is not None and rid not in track.encodings:
            known = ", ".join(track.encodings) or "one only, which has no name: choose null"
            raise RoomError(
                "not_found",
                f"the track {track.id} has no encoding {rid!r}; its encodings are {known}",
                {"encodings": list(track.encodings)},
            )
        slot.select_encoding(rid)
        self._chosen.add(mid)

    def pause(self, mid: str) -> None:
        """Stop forwarding into the slot until `resume`, whatever it shows meanwhile."""
        self._slot(mid).pause()

    def resume(self, mid: str) -> None:
        self._slot(mid).resume()

    def _slot(self, mid: str) -> ReceiveSlot:
        try:
            return self._slots[mid]
        except KeyError:
            raise RoomError("not_found", f"there is no receive slot with the mid {mid!r}") from None

    # --- the table ---------------------------------------------------------------------------------------------

    def _fill(self, kind: Kind) -> list[str]:
        """Place waiting tracks, oldest first, while slots are free. Returns the mids that got one."""
        filled: list[str] = []
        for track in self._room_tracks.of_kind(kind).values():
            if not self._free[kind]:
                break
            mid = self._place(track)
            if mid is not None:
                filled.append(mid)
        return filled

    def _place(self, track: Track) -> str | None:
        free = self._free[track.kind]
        if not self._allowed or not free or track.id in self._mid_of or self._own.get(track.id) is track:
            return None
        mid = next((mid for mid, slot in free.items() if slot.can_receive(track.producer)), None)
        if mid is None:
            return None
        slot = free.pop(mid)
        self._track_in[mid] = track
        self._mid_of[track.id] = mid
        self._assigned[track.kind] += 1
        slot.connect(track.producer)
        if mid in self._chosen:  # the choice was for another source, whose rids this one need not have
            self._chosen.discard(mid)
            slot.select_encoding(None)
        return mid

    def _empty(self, mid: str) -> None:
        track = self._track_in.pop(mid)
        del self._mid_of[track.id]
        self._assigned[track.kind] -= 1
        # Rebuilt rather than appended to, so that free slots stay in m-line order.
        self._free[track.kind] = {
            each: slot for each, slot in self._slots.items() if slot.kind == track.kind and each not in self._track_in
        }

    def _forget(self, mid: str) -> None:
        if mid in self._track_in:
            self._empty(mid)
        self._chosen.discard(mid)

    def _kind(self, mid: str) -> Kind:
        return "audio" if self._slots[mid].kind == "audio" else "video"

    def _announce(self, mids: Iterable[str]) -> None:
        changed = {mid: self._source(mid) for mid in mids}
        if changed:
            self._changed(changed)
        self.announce_need()
