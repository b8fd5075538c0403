"""Why a receive slot shows the encoding that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

REASONS = {
    "empty": "No track is in the slot.",
    "not_permitted": "The participant may not subscribe.",
    "paused": "The participant has paused the slot.",
    "muted": "The track is muted, or its owner may not publish it.",
    "silent": "Nothing comes of the track.",
    "switching": "The slot waits for a keyframe of `target_rid`.",
    "only": "It is the only encoding that comes.",
    "asked": "The participant asked for it.",
    "below_asked": "The participant asked for another one, which does not come.",
    "highest": "It is the highest of those that come.",
}


class Counted(Protocol):
    """What of a slot's statistics the reason depends on."""

    @property
    def rid(self) -> str | None: ...
    @property
    def target_rid(self) -> str | None: ...
    @property
    def asked_rid(self) -> str | None: ...
    @property
    def paused(self) -> bool: ...
    @property
    def allowed(self) -> bool: ...


def reason_of(slot: Counted, *, shows_track: bool, enabled: bool, active: Sequence[str]) -> str:
    """One of `REASONS`. `enabled`: the track is forwarded; `active`: the rids of it that come, lowest first."""
    if not shows_track:
        return "empty"
    if not slot.allowed:
        return "not_permitted"
    if slot.paused:
        return "paused"
    if not enabled:
        return "muted"
    if not active:
        return "silent"
    if slot.rid is None or slot.rid != slot.target_rid:
        return "switching"
    if slot.asked_rid is not None:
        return "asked" if slot.rid == slot.asked_rid else "below_asked"
    return "only" if len(active) == 1 else "highest"
