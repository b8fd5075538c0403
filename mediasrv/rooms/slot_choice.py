"""Which slots switch so that they show the best of what there is, and not too often. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Shown = TypeVar("Shown", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Choice(Generic[Shown]):
    """`switches`: by mid, what a slot shows instead. `due`: when to choose again, infinite if nothing waits."""

    switches: Mapping[str, Shown]
    due: float


def choose(
    wanted: Iterable[Shown],
    shown: Mapping[str, Shown | None],
    *,
    urgent: Callable[[Shown], bool],
    fits: Callable[[str, Shown], bool],
    held_until: Callable[[str], float],
    worth: Callable[[Shown], Any],
    now: float,
) -> Choice[Shown]:
    """Have the slots `shown`, by mid, show the first of `wanted`, as many as there are slots.

    What is shown and wanted stays where it is. What is wanted and not shown takes an empty slot, else the place of what
    is worth least of the rest; but until `held_until` only if it is `urgent`: if that is no matter of who
    speaks. What `fits` no slot is passed over.
    """
    present = {each for each in shown.values() if each is not None}
    best: dict[Shown, None] = {}
    for each in wanted:
        if len(best) == len(shown):
            break
        if each in present or (each not in best and any(fits(mid, each) for mid in shown)):
            best[each] = None
    missing = [each for each in best if each not in present]
    if not missing:
        return Choice({}, math.inf)
    places = [mid for mid, each in shown.items() if each is None]
    places += sorted(
        (mid for mid, each in shown.items() if each is not None and each not in best),
        key=lambda mid: worth(shown[mid]),  # type: ignore[arg-type]
    )
    switches: dict[str, Shown] = {}
    due = math.inf
    for each in missing:
        possible = [mid for mid in places if fits(mid, each)]
        free = [mid for mid in possible if shown[mid] is None or urgent(each) or held_until(mid) <= now]
        if free:
            switches[free[0]] = each
            places.remove(free[0])
        else:
            due = min((held_until(mid) for mid in possible), default=due)
    return Choice(switches, due)
