"""Access tokens: who may join which room, and what they may do there.

A token is a JWT (RFC 7519) signed with HS256. `iss` names the key, `sub` is the identity, `grants` maps a permission
flag to true or to the time (seconds since the epoch) at which that permission ends. One with `admin` set to true is for
no room: it makes a connection a control session.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import jwt
import msgspec

from mediasrv.durations import format_duration
from mediasrv.failed_attempts import FailedAttempts
from mediasrv.rooms.grants import Granted, Terms, terms_of
from mediasrv.rooms.permissions import GrantsError, Permission
from mediasrv.rooms.profile import ATTRIBUTE_MAX_CHARACTERS, MAX_ATTRIBUTES, METADATA_MAX_CHARACTERS

ALGORITHM = "HS256"
LEEWAY_S = 10.0  # clocks of servers that make tokens are rarely exact
TOKEN_MAX_CHARS = 8192

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
Attribute = Annotated[str, msgspec.Meta(min_length=0, max_length=ATTRIBUTE_MAX_CHARACTERS)]
RoomName = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^/\x00-\x1f\x7f]*$")]


class TokenError(Exception):
    """Why a token is not accepted: `code` is `token_invalid`, `token_expired` or `token_wrong_room`, or `rate_limited`
    for an address that showed too many wrong ones; `details` then has `retry_after_ms`."""

    def __init__(self, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Mapping[str, object] = details or {}


@dataclass(frozen=True)
class Grant:
    """What a valid token says; times in seconds since the epoch."""

    identity: str
    name: str
    room: str
    permissions: Permission
    expires_at: float
    grants: Terms = field(default_factory=dict)
    """What it says of each flag, and until when; `permissions` are those that it grants now."""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    admin: bool = False
    """For a control session; `room` is then empty."""


class _Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    sub: Name
    exp: float
    room: RoomName | None = None
    grants: dict[str, bool | float] = {}
    name: Annotated[str, msgspec.Meta(max_length=128)] = ""
    nbf: float = 0
    admin: bool = False
    metadata: Annotated[str, msgspec.Meta(max_length=METADATA_MAX_CHARACTERS)] = ""
    attributes: Annotated[dict[Attribute, Attribute], msgspec.Meta(max_length=MAX_ATTRIBUTES)] = {}


_JWS = jwt.PyJWS(algorithms=[ALGORITHM])


class _Issuer(msgspec.Struct):
    iss: Any = None


def _key_id(token: str) -> str:
    """What an unverified token says of its key; empty if nothing of use. Raises `TokenError` if it is no token."""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        payload = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars="-_", validate=True)
        issuer = msgspec.json.decode(payload, type=_Issuer).iss
    except (ValueError, msgspec.MsgspecError):
        raise TokenError("token_invalid", "this is not a token: expected a JWT of three parts") from None
    return issuer if isinstance(issuer, str) else ""


class TokenVerifier:
    """Verifies tokens against the configured `keys` (key id -> secret).

    The clocks of those who make tokens may be wrong by `leeway_s`. Who shows token after token that no key has signed
    is not listened to for a while.
    """

    def __init__(
        self,
        keys: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        *,
        leeway_s: float = LEEWAY_S,
        attempts: FailedAttempts | None = None,
    ) -> None:
        self.leeway_s = leeway_s
        self.attempts = attempts or FailedAttempts()
        self._keys = dict(keys)
        self._clock = clock

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Accept tokens of these keys from now on, and of no others. Who is in a room already stays there."""
        self._keys = dict(keys)

    def trusted(self, user: str) -> Grant:
        """That of a control session which needs no token: the user of this machine is known by other means."""
        return Grant(identity=user, name=user, room="", permissions=Permission(0), expires_at=math.inf, admin=True)

    def verify(self, token: str, *, room: str | None = None, address: str | None = None) -> Grant:
        """The grant of `token`, which must be for `room` if that is given; `address` is the IP address of who shows it.

        Raises `TokenError`, whose text never has anything of the token in it.
        """
        wait_s = self.attempts.wait_s(address)
        if wait_s:
            wait = format_duration(math.ceil(wait_s))
            details = {"retry_after_ms": math.ceil(wait_s * 1000)}
            raise TokenError("rate_limited", f"too many wrong tokens came from your address: try in {wait}", details)
        try:
            claims = self._claims(token)
        except TokenError:
            self.attempts.count(address)
            raise
        now = self._clock()
        if claims.exp + self.leeway_s <= now:
            age = format_duration(now - claims.exp)
            raise TokenError("token_expired", f"the token expired {age} ago; get a new one")
        if claims.nbf - self.leeway_s > now:
            wait = format_duration(claims.nbf - now)
            raise TokenError("token_invalid", f"the token is not valid yet, only in {wait}")
        if claims.room is None and not claims.admin:
            raise TokenError("token_invalid", "the token's claims are wrong: it names no room (claim 'room')")
        if room is not None and claims.room != room:
            raise TokenError("token_wrong_room", "the token is for another room")
        try:
            grants = terms_of(claims.grants)
        except GrantsError as error:
            raise TokenError("token_invalid", f"the token's claim 'grants' is wrong: {error}") from None
        return Grant(
            identity=claims.sub,
            name=claims.name or claims.sub,
            room=claims.room or "",
            permissions=Granted(grants).flags(now),
            grants=grants,
            metadata=claims.metadata,
            attributes=claims.attributes,
            expires_at=claims.exp,
            admin=claims.admin,
        )

    def _claims(self, token: str) -> _Claims:
        if len(token) > TOKEN_MAX_CHARS:
            raise TokenError("token_invalid", f"the token is longer than {TOKEN_MAX_CHARS} characters")
        key_id = _key_id(token)
        if key_id not in self._keys:
            raise TokenError("token_invalid", "the token's key (claim 'iss') is not known to this server")
        try:
            # Times are checked above, against our clock. Naming the algorithm shuts out `none` and key confusion.
            payload = _JWS.decode(token, self._keys[key_id], algorithms=[ALGORITHM])
        except jwt.InvalidAlgorithmError:
            raise TokenError("token_invalid", f"the token is not signed with {ALGORITHM}") from None
        except jwt.InvalidTokenError:
            raise TokenError("token_invalid", f"the token's signature is not that of key '{key_id}'") from None
        try:
            return msgspec.json.decode(payload, type=_Claims)
        except msgspec.ValidationError as error:
            raise TokenError("token_invalid", f"the token's claims are wrong: {error}") from None


def mint(
    key_id: str,
    secret: str,
    *,
    identity: str,
    room: str | None,
    grants: Mapping[str, bool | float],
    ttl_s: float,
    name: str = "",
    now: float | None = None,
    admin: bool = False,
) -> str:
    """A signed token that is valid for `ttl_s` seconds from `now` on; raises `ValueError` for a bad name.

    `room` is None for one that is only for control sessions.
    """
    issued_at = int(time.time() if now is None else now)
    expires_at = issued_at + int(ttl_s)
    claims = _Claims(
        sub=identity, room=room, exp=expires_at, grants=dict(grants), name=name, nbf=issued_at, admin=admin
    )
    payload = msgspec.to_builtins(claims)
    try:
        msgspec.convert(payload, _Claims)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return jwt.encode({"iss": key_id, **payload}, secret, algorithm=ALGORITHM)
