"""Whether a session speaks for a participant: never more than one, and for a while after it was lost, another may."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from mediasrv.rooms.clock import Clock, Timer
from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import MessageSent, RoomListener

MISSED_MAX_MESSAGES = 100
MISSED_MAX_CHARACTERS = 65_536


class Attachment:
    """One session's hold on a participant. `listener` gets the room's events; None: nothing more is to be said."""

    __slots__ = ("_lost", "listener", "superseded")

    def __init__(self, listener: RoomListener, superseded: Callable[[], None], lost: Callable[[Attachment], None]):
        self.listener: RoomListener | None = listener
        self.superseded = superseded
        self._lost = lost

    def silence(self) -> None:
        """The session is ending: it hears nothing more."""
        self.listener = None

    def closed(self) -> None:
        """The session's connection is gone. Without effect for one that another has taken the place of."""
        self.silence()
        self._lost(self)


class Presence:
    """Of one participant. `epoch` is the number of its latest session, `lost` is called when that has gone, `given_up`
    when nobody has resumed within `resume_s` seconds since."""

    __slots__ = (
        "_attachment", "_clock", "_given_up", "_missed", "_missed_characters", "_session_lost", "_timer", "epoch",
        "resume_s", "token",
    )  # fmt: skip

    def __init__(
        self, clock: Clock, resume_s: float, *, lost: Callable[[], None], given_up: Callable[[], None]
    ) -> None:
        self.resume_s = resume_s
        self.token = secrets.token_urlsafe(24)
        self.epoch = 1
        self._clock = clock
        self._session_lost = lost
        self._given_up = given_up
        self._attachment: Attachment | None = None
        self._timer: Timer | None = None
        self._missed: list[MessageSent] = []
        self._missed_characters = 0

    @property
    def listener(self) -> RoomListener | None:
        return self._attachment.listener if self._attachment is not None else None

    @property
    def is_awaited(self) -> bool:
        """Whether its session was lost, and another may still come."""
        return self._timer is not None

    def attach(self, listener: RoomListener, superseded: Callable[[], None]) -> Attachment:
        self._stop_timer()
        self._attachment = Attachment(listener, superseded, self._lost)
        return self._attachment

    def renew(self, epoch: int) -> None:
        """Another session is about to attach, as number `epoch`; the present one, if any, is told that it is over.

        Raises `RoomError` `stale_session` if a later session was there already: this request was long on its way.
        """
        if epoch <= self.epoch:
            message = f"session {epoch} comes after session {self.epoch}: count on from the last one you asked for"
            raise RoomError("stale_session", message, {"epoch": self.epoch})
        self.epoch = epoch
        present, self._attachment = self._attachment, None
        if present is not None:
            superseded, present.superseded = present.superseded, _nothing
            present.silence()
            superseded()

    def would_keep(self, text: str) -> bool:
        """Whether a session is awaited that a message with `text` can be kept for."""
        full = len(self._missed) >= MISSED_MAX_MESSAGES
        return self.is_awaited and not full and self._missed_characters + len(text) <= MISSED_MAX_CHARACTERS

    def keep(self, message: MessageSent) -> None:
        """Keep a message for the session that is awaited."""
        self._missed.append(message)
        self._missed_characters += len(message.text)

    def take_missed(self) -> list[MessageSent]:
        missed, self._missed = self._missed, []
        self._missed_characters = 0
        return missed

    def close(self) -> None:
        """The participant has left: what becomes of its session concerns nobody any more."""
        self._attachment = None
        self._stop_timer()
        self.take_missed()

    def _lost(self, attachment: Attachment) -> None:
        if attachment is not self._attachment:
            return
        self._attachment = None
        if self.resume_s <= 0:
            self._given_up()
            return
        self._timer = self._clock.call_later(self.resume_s, self._time_is_up)
        self._session_lost()

    def _time_is_up(self) -> None:
        self._timer = None
        self.take_missed()
        self._given_up()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def token_key(token: str) -> bytes:
    """What a resume token is looked up by: comparing digests tells nothing of the token by the time it takes."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _nothing() -> None:
    pass
