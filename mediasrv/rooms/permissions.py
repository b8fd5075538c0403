"""What a participant may do: one flag per feature, in two layers.

A flag is *granted* (by the token, a moderator, or the room: see `grants`), the person *consents* to it, and a feature
works only where both hold. Flags are independent: refusing one never changes another.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag, auto
from functools import reduce
from operator import or_


class Permission(IntFlag):
    """The permission flags. In tokens and on the wire they are called by their names in lower case."""

    JOIN = auto()
    PUBLISH_AUDIO = auto()
    PUBLISH_VIDEO = auto()
    SHARE_SCREEN = auto()
    SUBSCRIBE = auto()
    SEND_MESSAGE = auto()
    RECORD = auto()
    RESERVE = auto()
    MODERATE = auto()


NONE = Permission(0)
ALL = reduce(or_, Permission)
FLAG_OF_NAME: Mapping[str, Permission] = {str(flag.name).lower(): flag for flag in Permission}


_BIT_OF_NAME: Mapping[str, int] = {name: int(flag) for name, flag in FLAG_OF_NAME.items()}
FLAG_OF_CONSENT: Mapping[str, Permission] = {
    "microphone": Permission.PUBLISH_AUDIO,
    "camera": Permission.PUBLISH_VIDEO,
    "screen": Permission.SHARE_SCREEN,
    "messages": Permission.SEND_MESSAGE,
    "recording": Permission.RECORD,
    "calendar": Permission.RESERVE,
}
"""What a person may refuse of themself, and the flag that it is a layer of. `recording` is being recorded."""


class GrantsError(ValueError):
    """The `grants` of a token don't say what they should; the message names the entry."""


def flag_names(permissions: Permission) -> list[str]:
    """The names of the flags in `permissions`, in the order of their declaration."""
    bits = int(permissions)  # numbers: an IntFlag's own operators take ten times as long
    return [name for name, bit in _BIT_OF_NAME.items() if bit & bits]


def from_names(names: Iterable[str]) -> Permission:
    """The union of the flags called `names`. Raises `GrantsError` for a name that is none."""
    permissions = NONE
    for name in names:
        permissions |= flag_called(name)
    return permissions


def flag_called(name: str) -> Permission:
    """The flag of that name. Raises `GrantsError` if there is none."""
    try:
        return FLAG_OF_NAME[name]
    except KeyError:
        close = difflib.get_close_matches(name, FLAG_OF_NAME, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "the flags are " + ", ".join(FLAG_OF_NAME)
        raise GrantsError(f"there is no permission {name!r}; {hint}") from None


@dataclass(frozen=True, slots=True)
class Permissions:
    """Both layers for one participant."""

    granted: Permission
    consented: Permission = ALL

    @property
    def effective(self) -> Permission:
        return self.granted & self.consented

    def allow(self, flag: Permission) -> bool:
        return not int(flag) & ~(int(self.granted) & int(self.consented))

    def why_not(self, flag: Permission) -> str:
        """The sentence for a person who was refused `flag`."""
        name = str(flag.name).lower()
        if flag not in self.granted:
            return f"this needs the permission {name}, which is not granted to you"
        return f"this needs the permission {name}, which is granted to you, but to which you did not consent"
