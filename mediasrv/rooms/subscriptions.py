"""What one participant receives: its receive slots, and the tracks that fill them, never its own.

By the policy `automatic` a free slot takes the oldest track of its kind that is in no slot yet, and a slot whose source
leaves the next waiting one. Other policies (`slot_policy`) fill slots by request, or have them follow who speaks: then
tracks change places in slots, each at most once in `HOLD_S`. Tracks for which no slot is left make the slots the client
lacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import Kind, SlotSource
from mediasrv.rooms.mix import MIX_TRACK_ID, RoomMix
from mediasrv.rooms.ports import ReceiveSlot
from mediasrv.rooms.slot_choice import choose
from mediasrv.rooms.slot_policy import AUTOMATIC, MIX, UNCHOSEN, SlotPolicy
from mediasrv.rooms.slot_table import Shown, SlotTable
from mediasrv.rooms.speaker_order import SpeakerOrder
from mediasrv.rooms.track import KINDS, Track, TrackTable

HOLD_S: Mapping[Kind, float] = {"audio": 1.0, "video": 2.0}
"""For so long a slot shows what it shows, before one who speaks takes the place of one who does not, or less."""

# Shared by all who have chosen nothing: each change makes another one.
BY_THEMSELVES: Mapping[Kind, SlotPolicy] = dict.fromkeys(KINDS, AUTOMATIC)
BY_MIX: Mapping[Kind, SlotPolicy] = {**BY_THEMSELVES, "audio": MIX}


class Subscriptions:
    """The receive slots of the participant whose own tracks are `own`, filled from `room_tracks`.

    `mixes`: the room is one that is heard as a mix by those who do not mind. `changed` gets the slots, by mid, that
    show something else; `needed` gets (audio, video), the numbers of slots lacking, whenever they change.
    """

    def __init__(
        self,
        room_tracks: TrackTable,
        own: TrackTable,
        speakers: SpeakerOrder,
        mix: RoomMix,
        *,
        now: Callable[[], float],
        allowed: bool,
        mixes: bool,
        changed: Callable[[Mapping[str, SlotSource | None]], None],
        needed: Callable[[int, int], None],
    ) -> None:
        self._room_tracks = room_tracks
        self._own = own
        self._speakers = speakers
        self._mix = mix
        self._now = now
        self._policy = BY_MIX if mixes else BY_THEMSELVES
        self._audio_policy = UNCHOSEN  # as asked for: what is in force may be the mix instead
        self._mixes = mixes
        self._table = SlotTable(mix, now)
        self._allowed = allowed
        self._changed = changed
        self._needed = needed
        self._announced_need = (0, 0)

    # --- facts -------------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, SlotSource | None]:
        """What each slot shows, by mid, in m-line order."""
        return self._table.sources()

    def _lacking(self, kind: Kind) -> int:
        policy = self._policy[kind]
        # A free slot that stays free was refused by every waiting track: more of its like would not help.
        if not self._allowed or self._table.free(kind) or policy.name == "request":
            return 0
        shown = len(self._table.shown(kind))
        if policy.name == "mix":
            return 0 if shown else 1
        lacking = len(self._room_tracks.of_kind(kind)) - len(self._own.of_kind(kind)) - shown
        if policy.limit is not None:
            lacking = min(lacking, max(0, policy.limit - shown))
        return lacking

    # --- changes from the room ---------------------------------------------------------------------------------

    def negotiated(self, slots: Mapping[str, ReceiveSlot]) -> None:
        """The peer connection has these slots now. What they show is for the answer: `changed` is not called."""
        for slot in self._table.negotiated(slots):
            slot.set_allowed(self._allowed)
        for kind in KINDS:
            self._settle(kind)

    def fill(self, tracks: Iterable[Track]) -> None:
        """These tracks are new in the room."""
        changed = []
        for track in tracks:
            if self._policy[track.kind].name not in ("request", "mix") and (mid := self._place(track)) is not None:
                changed.append(mid)
        for kind in {track.kind for track in tracks}:
            changed += self._follow(kind)
        self._announce(changed)

    def release(self, tracks: Iterable[Track]) -> None:
        """These tracks are no longer in the room."""
        freed: list[str] = []
        for track in tracks:
            mid = self._table.mid_of.get(track.id)
            if mid is not None:
                self._table.empty(mid)
                freed.append(mid)
        for kind in {self._table.kind(mid) for mid in freed}:
            freed += self._settle(kind)
        # A slot left empty still shows the old producer; one that was filled again has switched.
        self._table.disconnect(freed)
        self._announce(freed)

    def set_allowed(self, allowed: bool) -> None:
        """Whether the participant may receive at all. Without that its slots are empty and shut."""
        if allowed == self._allowed:
            return
        self._allowed = allowed
        changed = []
        for mid, slot in self._table.slots.items():
            slot.set_allowed(allowed)
            if not allowed and mid in self._table.track_in:
                self._table.empty(mid)
                slot.connect(None)
                changed.append(mid)
        for kind in KINDS:
            changed += self._settle(kind)
        self._announce(changed)

    def follow(self) -> None:
        """Others speak now, or were muted, or time has passed."""
        changed = []
        for kind, policy in self._policy.items():
            if policy.follows:
                changed += self._follow(kind)
        if changed:
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
        self._table.clear()
        self._policy = BY_THEMSELVES

    # --- requests of the participant ---------------------------------------------------------------------------

    def choose_encoding(self, mid: str, rid: str | None) -> None:
        """Show the encoding `rid` in the slot; None is the highest. Holds until the slot's source changes."""
        self._table.choose_encoding(mid, rid)

    def set_policy(self, kind: Kind, policy: SlotPolicy) -> None:
        """Have the slots of `kind` choose so from now on. What they show stays where it may. Raises `RoomError`."""
        if kind != "audio":
            if policy.name == "mix" or policy.or_mix:
                raise RoomError("invalid_params", "only audio is mixed: choose another policy for video")
            self._take_policy(kind, policy)
            return
        self._audio_policy = policy
        self._take_policy("audio", MIX if policy.or_mix and self._mixes else policy)

    def set_default(self, mixes: bool) -> None:
        """Whether audio slots have the mix where the participant does not mind."""
        self._mixes = mixes
        if self._audio_policy.or_mix:
            self._take_policy("audio", MIX if mixes else self._audio_policy)

    def _take_policy(self, kind: Kind, policy: SlotPolicy) -> None:
        self._policy = {**self._policy, kind: policy}
        emptied = [
            mid
            for mid, track in self._table.track_in.items()
            if track.kind == kind and not policy.may_keep(is_mix=track.id == MIX_TRACK_ID)
        ]
        for mid in emptied:
            self._table.empty(mid)
        changed = self._settle(kind, at_once=True)
        self._table.disconnect(emptied)
        self._announce(dict.fromkeys([*emptied, *changed]))

    def show(self, track_id: str, mid: str | None = None) -> str:
        """Show the track, or the mix, in the slot `mid` or a free one. Returns the slot. Raises `RoomError`."""
        if track_id == MIX_TRACK_ID:
            self._check_requests("audio")
            with self._mix.held() as mix:
                return self._show(mix, mid)
        track = self._room_tracks.get(track_id)
        if track is None:
            raise RoomError("not_found", f"there is no track {track_id[:64]!r} in the room")
        self._check_requests(track.kind)
        if self._own.get(track.id) is track:
            raise RoomError("bad_request", "that is a track of your own")
        return self._show(track, mid)

    def _show(self, track: Shown, mid: str | None) -> str:
        present = self._table.mid_of.get(track.id)
        if present is not None and mid in (None, present):
            return present
        slots = self._table.free(track.kind) if mid is None else {mid: self._table.slot(mid)}
        place = next((each for each, slot in slots.items() if slot.can_receive(track.producer)), None)
        if place is None:
            raise RoomError("bad_request", self._why_no_place(track, mid))
        if present is not None:
            self._table.empty(present)
            self._table.disconnect([present])
        self._table.switch(place, track)
        self._announce([place] if present is None else [present, place])
        return place

    def hide(self, track_id: str) -> None:
        """Show the track no longer. Raises `RoomError`."""
        mid = self._table.mid_of.get(track_id)
        if mid is None:
            raise RoomError("not_found", f"no receive slot shows the track {track_id[:64]!r}")
        self._check_requests(self._table.kind(mid))
        self._table.empty(mid)
        self._table.disconnect([mid])
        self._announce([mid])

    def _check_requests(self, kind: Kind) -> None:
        name = self._policy[kind].name
        if name != "request":
            raise RoomError("bad_request", f"your {kind} slots have the policy {name!r}: set it to 'request' first")

    def _why_no_place(self, track: Shown, mid: str | None) -> str:
        if mid is not None:
            slot = self._table.slot(mid)
            if slot.kind != track.kind:
                return f"the slot {mid!r} is for {slot.kind}, and the track is {track.kind}"
            return f"the slot {mid!r} takes no codec that the track may be sent in"
        if self._table.free(track.kind):
            return f"no free {track.kind} slot takes a codec that the track may be sent in"
        return f"no {track.kind} slot is free: name the one to use, unsubscribe from a track, or offer more slots"

    def pause(self, mid: str) -> None:
        """Stop forwarding into the slot until `resume`, whatever it shows meanwhile."""
        self._table.slot(mid).pause()

    def resume(self, mid: str) -> None:
        self._table.slot(mid).resume()

    # --- what the policies do ----------------------------------------------------------------------------------

    def _settle(self, kind: Kind, *, at_once: bool = False) -> list[str]:
        """What the policy has waiting tracks do now that slots are free, or others. Returns the mids that changed."""
        if self._policy[kind].name == "request":
            return []
        if self._policy[kind].name == "mix":
            return self._show_mix()
        # Who speaks first, so that what is left is for the oldest of the others.
        return [*self._follow(kind, at_once=at_once), *self._fill(kind)]

    def _show_mix(self) -> list[str]:
        """In the first audio slot that takes it, if it is in none."""
        free = self._table.free("audio")
        if not self._allowed or MIX_TRACK_ID in self._table.mid_of or not free:
            return []
        with self._mix.held() as mix:
            mid = next((mid for mid, slot in free.items() if slot.can_receive(mix.producer)), None)
            if mid is None:
                return []
            self._table.assign(mid, mix)
            return [mid]

    def _follow(self, kind: Kind, *, at_once: bool = False) -> list[str]:
        """Have slots that follow show the best. `at_once`: without regard to when they last changed."""
        policy = self._policy[kind]
        if not policy.follows or not self._allowed:
            return []
        if self._shows_the_best(kind, policy):
            return []
        slots = self._table.open_slots(kind)
        order = self._speakers.order(kind)
        pinned = self._pinned(kind, policy)
        now, hold_s = self._now(), 0.0 if at_once else HOLD_S[kind]

        def held_until(mid: str) -> float:
            track = self._table.track_in[mid]
            # Nobody misses the sound of who is silent.
            expendable = not track.enabled or (kind == "audio" and track not in order)
            return now if expendable else self._table.since(mid) + hold_s

        def worth(track: Track) -> Any:
            position = order.get(track)
            rank = -math.inf if position is None else -position
            return (track.enabled, rank, self._speakers.spoke_at(track.owner.id))

        choice = choose(
            (track for track in chain(pinned, order) if self._own.get(track.id) is None),
            {mid: self._table.track(mid) for mid in slots},
            urgent=lambda track: track.source == "screen" or track in pinned,
            fits=lambda mid, track: slots[mid].can_receive(track.producer),
            held_until=held_until,
            worth=worth,
            now=now,
        )
        for mid, track in choice.switches.items():
            self._table.switch(mid, track)
        self._speakers.wake_at(choice.due)
        return list(choice.switches)

    def _shows_the_best(self, kind: Kind, policy: SlotPolicy) -> bool:
        """Whether nothing is to be done, as nearly always: in a large room this is asked for everybody."""
        shown = self._table.shown(kind)
        missing = len(shown) + len(self._table.free(kind))
        pinned, order = self._pinned(kind, policy), self._speakers.order(kind)
        for track in dict.fromkeys(chain(pinned, order)) if pinned else order:
            if not missing:
                break
            if track in shown:
                missing -= 1
            elif self._own.get(track.id) is None:
                return False
        return True

    def _pinned(self, kind: Kind, policy: SlotPolicy) -> list[Track]:
        """The tracks of the pinned participants that are sent at the moment, theirs in the order of publishing."""
        return [
            track
            for participant_id in policy.participants
            for track in self._room_tracks.of_owner(participant_id, kind)
            if track.enabled
        ]

    def _fill(self, kind: Kind) -> list[str]:
        """Place waiting tracks, oldest first, while slots are free. Returns the mids that got one."""
        filled: list[str] = []
        for track in self._room_tracks.of_kind(kind).values():
            if not self._table.free(kind):
                break
            mid = self._place(track)
            if mid is not None:
                filled.append(mid)
        return filled

    def _place(self, track: Track) -> str | None:
        free = self._table.free(track.kind)
        if not self._allowed or not free or track.id in self._table.mid_of or self._own.get(track.id) is track:
            return None
        mid = next((mid for mid, slot in free.items() if slot.can_receive(track.producer)), None)
        if mid is None:
            return None
        self._table.assign(mid, track)
        return mid

    def _announce(self, mids: Iterable[str]) -> None:
        changed = {mid: self._table.source(mid) for mid in mids}
        if changed:
            self._changed(changed)
        self.announce_need()
