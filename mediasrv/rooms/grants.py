"""The granted layer of permissions: who grants which flag, and until when.

A moderator's word goes before the token's, and the token's before the room's defaults. A moderator's word that has run
out leaves what the others say; a token's grant that has run out is a refusal; what a room grants until a time, it does
not grant from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mediasrv.rooms.permissions import NONE, GrantsError, Permission, flag_called


@dataclass(frozen=True, slots=True)
class Term:
    """Whether a flag is granted, until `until` (seconds since the Unix epoch; None: for good)."""

    holds: bool = True
    until: float | None = None

    def lasts(self, now: float) -> bool:
        return self.until is None or now < self.until


FOR_GOOD = {holds: Term(holds) for holds in (True, False)}
"""Everybody has some of these two, so they are shared."""

Terms = Mapping[Permission, Term]


@dataclass(frozen=True, slots=True)
class Granted:
    """What one participant is granted. Each change makes another one."""

    token: Terms = field(default_factory=dict)
    defaults: Permission = NONE
    moderator: Terms = field(default_factory=dict)
    default_ends: Mapping[Permission, float] = field(default_factory=dict)
    """When the room grants a flag no longer, in seconds since the Unix epoch."""

    def flags(self, now: float) -> Permission:
        """The flags that are granted at `now`, in seconds since the Unix epoch."""
        bits = int(self.defaults)  # numbers: an IntFlag's own operators take ten times as long
        for flag, end in self.default_ends.items():
            bits = bits if now < end else bits & ~int(flag)
        for flag, term in self.token.items():
            bits = bits | int(flag) if term.holds and term.lasts(now) else bits & ~int(flag)
        for flag, term in self.moderator.items():
            if term.lasts(now):
                bits = bits | int(flag) if term.holds else bits & ~int(flag)
        return Permission(bits)

    def next_change(self, now: float) -> float | None:
        """When the next term runs out after `now`; None if none does."""
        terms = (term.until for terms in (self.token, self.moderator) for term in terms.values())
        ends = (*terms, *self.default_ends.values())
        return min((end for end in ends if end is not None and end > now), default=None)

    def moderated(self, flags: Permission, term: Term) -> Granted:
        """With a moderator's word on `flags`."""
        words = dict.fromkeys((flag for flag in Permission if flag & flags), term)
        return replace(self, moderator={**self.moderator, **words})

    def with_defaults(self, defaults: Permission, ends: Mapping[Permission, float]) -> Granted:
        return replace(self, defaults=defaults, default_ends=ends)


def terms_of(grants: Mapping[str, object]) -> dict[Permission, Term]:
    """What a token's `grants` say: a flag's name to true, to false, or to the time at which it ends, in seconds since
    the Unix epoch. Raises `GrantsError` for an unknown name or another kind of value."""
    terms: dict[Permission, Term] = {}
    for name, value in grants.items():
        flag = flag_called(name)
        if isinstance(value, bool):
            terms[flag] = FOR_GOOD[value]
        elif isinstance(value, int | float):
            terms[flag] = Term(until=float(value))
        else:
            raise GrantsError(f"the grant {name!r} must be true or the Unix time it expires, not {value!r}")
    return terms
