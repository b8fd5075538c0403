"""Messages of a room: whom they reach, and what of them is kept for those who come later."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mediasrv.rooms.errors import RoomError, permission_denied
from mediasrv.rooms.events import KeptMessage, MessageSent
from mediasrv.rooms.permissions import Permission

if TYPE_CHECKING:
    from mediasrv.rooms.participant import Participant

MESSAGE_MAX_CHARACTERS = 4_000
HISTORY_MAX_CHARACTERS = 262_144


def compose(
    sender: Participant, present: Mapping[str, Participant], text: str, to: list[str] | None, *, reliable: bool = True
) -> tuple[MessageSent, list[Participant]]:
    """The message that `sender` sends to those `present` whose ids are in `to`, or to all others; and whom it reaches.

    Those who have left meanwhile, or have no way to get it, are not among the recipients; one that is `reliable` is
    kept for those who may still come back. Raises `RoomError`.
    """
    if sender.left is not None:  # a data channel may end later than its participant
        raise RoomError("not_joined", f"the participant has left the room ({sender.left})")
    if not sender.permissions.allow(Permission.SEND_MESSAGE):
        raise permission_denied(sender.permissions, Permission.SEND_MESSAGE)
    if not text or to == []:
        what = "the text is empty" if not text else "`to` is empty: leave it out to reach everybody"
        raise RoomError("invalid_params", what)
    if len(text) > MESSAGE_MAX_CHARACTERS:
        message = f"the text has {len(text)} characters; at most {MESSAGE_MAX_CHARACTERS} are sent"
        raise RoomError("too_large", message, {"limit": MESSAGE_MAX_CHARACTERS})
    if to is None:
        named = [participant for participant in present.values() if participant is not sender]
    else:
        named = [present[each] for each in dict.fromkeys(to) if each in present]
        if not named:
            raise RoomError("not_found", "nobody whom the message is for is in the room")
    recipients = [participant for participant in named if participant.is_reachable]
    away = [participant for participant in named if reliable and not participant.is_reachable]
    sent = MessageSent(
        *sender.room.ref,
        message_id="m_" + secrets.token_hex(8),
        sender_id=sender.id,
        sender_name=sender.name,
        to=None if to is None else tuple(dict.fromkeys(to)),
        recipients=tuple(participant.id for participant in recipients),
        pending=tuple(participant.id for participant in away if participant.presence.would_keep(text)),
        sent_at=sender.room.clock.time(),
        text=text,
        reliable=reliable,
    )
    return sent, named


class History:
    """The latest messages to everybody, bounded in number and in characters. They go with the room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[KeptMessage] = []  # an empty deque takes 760 bytes, and most rooms keep nothing
        self._characters = 0

    def set_limit(self, limit: int) -> None:
        self._limit = limit
        self._trim()

    def add(self, message: MessageSent) -> None:
        """Keep `message`, unless it was for some only, or need not arrive."""
        if message.to is not None or not message.reliable or not self._limit:
            return
        kept = KeptMessage(message.message_id, message.sender_id, message.sender_name, message.sent_at, message.text)
        self._kept.append(kept)
        self._characters += len(kept.text)
        self._trim()

    def latest(self, count: int, before: str | None = None) -> Sequence[KeptMessage]:
        """Up to `count` messages, oldest first: the last ones, or the last ones before the message called `before`.

        Raises `RoomError` `not_found` if that is not kept (any more).
        """
        kept = self._kept
        if before is not None:
            index = next((index for index, message in enumerate(kept) if message.id == before), None)
            if index is None:
                raise RoomError("not_found", f"the message {before[:64]!r} is not kept (any more)")
            kept = kept[:index]
        return kept[-count:]

    def _trim(self) -> None:
        while self._kept and (len(self._kept) > self._limit or self._characters > HISTORY_MAX_CHARACTERS):
            self._characters -= len(self._kept.pop(0).text)
