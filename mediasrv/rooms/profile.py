"""What a participant says of itself, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediasrv.rooms.errors import RoomError

NAME_MAX_CHARACTERS = 128
METADATA_MAX_CHARACTERS = 4_096
MAX_ATTRIBUTES = 32
ATTRIBUTE_MAX_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Profile:
    """Its name, and what an application keeps with it. Raises `RoomError` `too_large` or `invalid_params`."""

    name: str
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    may_rename: bool = True

    def __post_init__(self) -> None:
        if len(self.metadata) > METADATA_MAX_CHARACTERS:
            limit = {"limit": METADATA_MAX_CHARACTERS}
            raise RoomError("too_large", f"metadata has at most {METADATA_MAX_CHARACTERS} characters", limit)
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise RoomError("too_large", f"there are at most {MAX_ATTRIBUTES} attributes", {"limit": MAX_ATTRIBUTES})
        longest = max(map(len, (*self.attributes, *self.attributes.values())), default=0)
        if longest > ATTRIBUTE_MAX_CHARACTERS:
            message = f"the keys and values of attributes have at most {ATTRIBUTE_MAX_CHARACTERS} characters"
            raise RoomError("too_large", message, {"limit": ATTRIBUTE_MAX_CHARACTERS})
        try:
            for text in (self.name, self.metadata, *self.attributes, *self.attributes.values()):
                text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, which no frame to anybody in the room could carry
            raise RoomError("invalid_params", "name, metadata or attributes are not valid Unicode") from None

    def updated(self, name: str | None, metadata: str | None, attributes: Mapping[str, str | None] | None) -> Profile:
        """With what is given changed; an attribute that is None goes."""
        if name is not None:
            name = name.strip()
            if name != self.name and not self.may_rename:
                raise RoomError("permission_denied", "your name comes from your token: it is not yours to change")
            if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
                raise RoomError("invalid_params", f"a name has 1 to {NAME_MAX_CHARACTERS} characters")
        merged = {**self.attributes, **(attributes or {})}
        return Profile(
            self.name if name is None else name,
            self.metadata if metadata is None else metadata,
            {key: value for key, value in merged.items() if value is not None},
            self.may_rename,
        )
