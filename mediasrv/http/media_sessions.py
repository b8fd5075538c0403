"""The WHIP and WHEP sessions there are, by the secret part of their URL."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from mediasrv.http.ports import MediaParticipant
from mediasrv.tokens import Grant

MAX_SESSIONS = 16384


@dataclass
class MediaSession:
    """One negotiated session: its participant, whose it is, and the ICE session it is in (RFC 9725 §4.3.1)."""

    participant: MediaParticipant
    grant: Grant
    token_digest: bytes
    remote_ufrag: str | None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))  # 192 bits: cannot be guessed
    etag: str = field(default_factory=lambda: _new_etag())

    def renew_etag(self) -> None:
        self.etag = _new_etag()

    def opened_with(self, token: str) -> bool:
        """Whether the session was opened with exactly this token, which may have expired since."""
        return hmac.compare_digest(self.token_digest, digest(token))


class MediaSessions:
    """A bounded table of sessions; each is removed when its participant leaves."""

    def __init__(self) -> None:
        self._sessions: dict[str, MediaSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def full(self) -> bool:
        return len(self._sessions) >= MAX_SESSIONS

    def add(self, session: MediaSession) -> None:
        self._sessions[session.id] = session

    def find(self, room: str, session_id: str) -> MediaSession | None:
        session = self._sessions.get(session_id)
        return session if session is not None and session.grant.room == room else None

    def remove(self, session: MediaSession) -> None:
        self._sessions.pop(session.id, None)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _new_etag() -> str:
    return f'"{secrets.token_hex(8)}"'
