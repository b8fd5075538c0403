"""How a participant's receive slots of one kind choose what they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from mediasrv.rooms.errors import RoomError

PolicyName = Literal["automatic", "request", "loudest", "pinned", "mix"]
POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)
MAX_PINNED = 64


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """`automatic`: each track takes a free slot, the oldest first, and keeps it. `request`: as `subscribe` says, and
    nothing else. `loudest`: those who speak, the loudest first. `pinned`: these participants, then the loudest. `mix`,
    for audio alone: one slot has the mix of everybody else, and the others are empty.

    `participants` are those pinned, the first before the second. `limit`: more slots are never said to be needed.
    `or_mix`: while the room is one that is heard as a mix, the mix instead.
    """

    name: PolicyName = "automatic"
    participants: tuple[str, ...] = ()
    limit: int | None = None
    or_mix: bool = False
    follows: bool = field(init=False, default=False)
    """Whether slots follow those who speak."""

    def __post_init__(self) -> None:
        """Raises `RoomError` `invalid_params`."""
        if self.participants and self.name != "pinned":
            raise RoomError("invalid_params", f"the policy {self.name!r} has no participants: choose 'pinned' for that")
        if self.name == "pinned" and not self.participants:
            raise RoomError("invalid_params", "the policy 'pinned' needs participants; without any choose 'loudest'")

        object.__setattr__(self, "follows", self.name in ("loudest", "pinned"))

    def may_keep(self, *, is_mix: bool) -> bool:
        """Whether a slot that shows the mix, or else a single track, may go on to under this policy."""
        return self.name == "request" or (self.name == "mix") == is_mix


AUTOMATIC = SlotPolicy()
UNCHOSEN = SlotPolicy(or_mix=True)
"""Of audio slots, before the participant says anything."""
MIX = SlotPolicy("mix")
