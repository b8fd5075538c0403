"""Which receive slot of one participant shows what. It decides nothing and tells nobody: see `subscriptions`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import Kind, SlotSource
from mediasrv.rooms.mix import MIX_TRACK_ID, MixTrack, RoomMix
from mediasrv.rooms.ports import ReceiveSlot
from mediasrv.rooms.track import KINDS, Track

Shown = Track | MixTrack


class _OfKind:
    """The slots of one kind that show nothing, in m-line order, and the tracks that the others show."""

    __slots__ = ("free", "shown")

    def __init__(self) -> None:
        self.free: dict[str, ReceiveSlot] = {}
        self.shown: dict[Shown, None] = {}  # a set that is empty takes three times the memory, and most stay so


class SlotTable:
    """Slots by mid, in m-line order, and what they show. Who listens to `mix` is counted there."""

    __slots__ = ("_audio", "_chosen", "_mix", "_now", "_since", "_video", "mid_of", "slots", "track_in")

    def __init__(self, mix: RoomMix, now: Callable[[], float]) -> None:
        self.slots: dict[str, ReceiveSlot] = {}
        self.track_in: dict[str, Shown] = {}  # by mid
        self.mid_of: dict[str, str] = {}  # by track id
        self._mix = mix
        self._now = now
        self._audio = _OfKind()
        self._video = _OfKind()
        self._since: dict[str, float] = {}  # by mid: when its slot got what it shows
        self._chosen: dict[str, None] = {}  # mids with an encoding chosen by the client

    # --- facts -------------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, SlotSource | None]:
        """What each slot shows, by mid, in m-line order."""
        return {mid: self.source(mid) for mid in self.slots}

    def source(self, mid: str) -> SlotSource | None:
        track = self.track_in.get(mid)
        return None if track is None else SlotSource(participant_id=track.participant_id, track_id=track.id)

    def slot(self, mid: str) -> ReceiveSlot:
        """Raises `RoomError`."""
        try:
            return self.slots[mid]
        except KeyError:
            raise RoomError("not_found", f"there is no receive slot with the mid {mid!r}") from None

    def free(self, kind: Kind) -> Mapping[str, ReceiveSlot]:
        """Those that show nothing, by mid, in m-line order."""
        return self._of(kind).free

    def shown(self, kind: Kind) -> Collection[Shown]:
        return self._of(kind).shown.keys()

    def open_slots(self, kind: Kind) -> dict[str, ReceiveSlot]:
        return {mid: slot for mid, slot in self.slots.items() if slot.kind == kind and not slot.closed}

    def since(self, mid: str) -> float:
        """When a slot got what it shows."""
        return self._since[mid]

    def track(self, mid: str) -> Track | None:
        """What a slot shows; None: nothing, or the mix."""
        track = self.track_in.get(mid)
        return track if isinstance(track, Track) else None

    def kind(self, mid: str) -> Kind:
        return "audio" if self.slots[mid].kind == "audio" else "video"

    # --- changes -----------------------------------------------------------------------------------------------

    def negotiated(self, slots: Mapping[str, ReceiveSlot]) -> list[ReceiveSlot]:
        """There are these slots now, and no others. Returns those that are new."""
        for mid in [mid for mid, slot in self.slots.items() if slots.get(mid) is not slot]:
            if mid in self.track_in:
                self.empty(mid)
            self._chosen.pop(mid, None)
        added = [slot for mid, slot in slots.items() if self.slots.get(mid) is not slot]
        self.slots = dict(slots)
        for kind in KINDS:
            self._find_free(kind)
        return added

    def assign(self, mid: str, track: Shown) -> None:
        """Show `track` in a free slot."""
        kind = self._of(track.kind)
        slot = kind.free.pop(mid)
        self._since[mid] = self._now()
        self.track_in[mid] = track
        self.mid_of[track.id] = mid
        kind.shown[track] = None
        if track.id == MIX_TRACK_ID:
            self._mix.listen()
        slot.connect(track.producer)
        if mid in self._chosen:  # the choice was for another source, whose rids this one need not have
            del self._chosen[mid]
            slot.select_encoding(None)

    def switch(self, mid: str, track: Shown) -> None:
        """Show `track` in the slot, whatever it showed before."""
        if mid in self.track_in:
            self.empty(mid)
        self.assign(mid, track)

    def empty(self, mid: str) -> None:
        """The slot is free. It stays connected to what it showed: often it gets something else at once."""
        track = self.track_in.pop(mid)
        self._since.pop(mid, None)
        del self.mid_of[track.id]
        del self._of(track.kind).shown[track]
        if track.id == MIX_TRACK_ID:
            self._mix.leave()
        self._find_free(track.kind)

    def disconnect(self, mids: Collection[str]) -> None:
        """Those of the slots that are free, and got nothing else, show nothing."""
        for mid in mids:
            if mid not in self.track_in:
                self.slots[mid].connect(None)

    def choose_encoding(self, mid: str, rid: str | None) -> None:
        """Show the encoding `rid` in the slot until its source changes; None is the highest. Raises `RoomError`."""
        slot = self.slot(mid)
        track = self.track_in.get(mid)
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
        self._chosen[mid] = None

    def clear(self) -> None:
        """The slots have gone with their peer connection."""
        if MIX_TRACK_ID in self.mid_of:
            self._mix.leave()
        for each in (self.slots, self.track_in, self.mid_of, self._since):
            each.clear()
        for kind in (self._audio, self._video):
            kind.free.clear()
            kind.shown.clear()

    def _of(self, kind: Kind) -> _OfKind:
        return self._audio if kind == "audio" else self._video

    def _find_free(self, kind: Kind) -> None:
        # Made anew rather than appended to, so that free slots stay in m-line order.
        self._of(kind).free = {
            mid: slot for mid, slot in self.slots.items() if slot.kind == kind and mid not in self.track_in
        }
