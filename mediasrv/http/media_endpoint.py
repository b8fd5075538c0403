"""The HTTP that WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) share.

POST an offer to `/whip/{room}` -> 201 with the answer and the session's URL; PATCH that for trickle ICE and ICE
restarts; DELETE it to end. `Link` headers with rel="ice-server" (RFC 9725 §4.6) name STUN and TURN servers: there are
none to name, as this server has a public address itself and needs no relay to be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from mediasrv.http import cors, problem
from mediasrv.http.bearer import bearer_token, token_error
from mediasrv.http.client_address import ClientAddresses
from mediasrv.http.media_sessions import MediaSession, MediaSessions, digest
from mediasrv.http.offer_direction import narrow
from mediasrv.http.ports import MediaParticipant, OfferResult, Rooms
from mediasrv.http.problem import HttpError
from mediasrv.http.rate_limit import RateLimit
from mediasrv.rooms.permissions import Permission
from mediasrv.rtc.errors import NegotiationError, SdpError
from mediasrv.rtc.ice import IceFragment
from mediasrv.rtc.offer import Offer
from mediasrv.rtc.sdp import Direction, SessionDescription
from mediasrv.tokens import Grant, TokenError, TokenVerifier

log = structlog.get_logger(__name__)

OFFER_CONTENT_TYPE = "application/sdp"
FRAGMENT_CONTENT_TYPE = "application/trickle-ice-sdpfrag"
BODY_MAX_BYTES = 256 << 10  # a browser's offer has 10 kB
RETRY_AFTER_S = 5

# The control protocol's codes as HTTP statuses; what is not here is the server's fault.
STATUS_OF_CODE = {
    "bad_sdp": 400,
    "bad_request": 400,
    "invalid_params": 400,
    "permission_denied": 403,
    "banned": 403,
    "room_locked": 403,
    "lobby": 403,
    "not_found": 404,
    "not_joined": 404,
    "no_common_codec": 406,
    "too_large": 413,
    "rate_limited": 429,
    "server_busy": 503,
    "server_draining": 503,
}


@dataclass(frozen=True)
class MediaProtocol:
    """What tells WHIP from WHEP."""

    name: str
    direction: Direction
    """The client's."""
    needed: Permission
    """One of these must be granted, or there is nothing the client could do."""
    accepted: Callable[[OfferResult], Mapping[str, Any]]
    """The m-lines that carry media, by mid."""


class MediaEndpoint:
    """One protocol's endpoint and its sessions."""

    def __init__(
        self, protocol: MediaProtocol, rooms: Rooms, verifier: TokenVerifier, clients: ClientAddresses
    ) -> None:
        self._protocol = protocol
        self._rooms = rooms
        self._verifier = verifier
        self._clients = clients
        self._sessions = MediaSessions()
        # A publisher that reconnects in a loop, and a phone that roams, stay well below these.
        self._posts = RateLimit(burst=10, per_second=1)
        self._changes = RateLimit(burst=20, per_second=2)

    def application(self) -> web.Application:
        """The routes below `/whip` or `/whep`."""
        app = web.Application(middlewares=[cors.middleware, problem.middleware])
        app.router.add_routes([
            web.post("/{room}", self._post),
            web.get("/{room}", self._get_endpoint),
            web.options("/{room}", self._options_endpoint),
            web.patch("/{room}/{session}", self._patch),
            web.delete("/{room}/{session}", self._delete),
            web.get("/{room}/{session}", self._get_session),
            web.options("/{room}/{session}", self._options_session),
        ])  # fmt: skip
        return app

    # The endpoint.

    async def _post(self, request: web.Request) -> web.Response:
        token = bearer_token(request)
        address = self._clients.of(request)
        try:
            grant = self._verifier.verify(token, room=request.match_info["room"], address=address)
        except TokenError as error:
            raise token_error(error) from None
        self._posts.check((grant.room, grant.identity))
        mixed = self._wants_mix(request)
        text = await _body(request, OFFER_CONTENT_TYPE)
        try:
            offer = SessionDescription.parse(text)
            narrow(offer, self._protocol.direction)
            ufrag = next((media.ice_ufrag for media in offer.media), None)
            text = str(offer)
            parsed = Offer.parse(text)
        except NegotiationError as error:
            raise HttpError(400, "bad_sdp", error.message) from None
        refused = {section.mid: section.refusal for section in parsed.sections if section.refusal is not None}
        if refused and parsed.transport is None:  # before it takes the place of one that goes on
            raise self._nothing_accepted(refused, self._rooms.allowed(grant))
        session, result = self._join(grant, token, ufrag, text, address, mixed=mixed)
        return web.Response(
            status=201,
            text=result.sdp,
            content_type=OFFER_CONTENT_TYPE,
            headers={
                # A relative reference (RFC 9110 §10.2.2): right behind any proxy and under any name.
                "Location": f"{request.rel_url.raw_path.rstrip('/')}/{session.id}",
                "ETag": session.etag,
                "Cache-Control": "no-store",
            },
        )

    def _wants_mix(self, request: web.Request) -> bool:
        """Whether a player asks for the mix of the room with `?audio=mix`."""
        audio = request.query.get("audio", "tracks")
        if audio not in ("tracks", "mix"):
            raise HttpError(400, "bad_request", f"audio is 'mix' (of the room) or 'tracks', not {audio[:40]!r}")
        return audio == "mix" and self._protocol.direction is Direction.RECVONLY

    def _join(
        self, grant: Grant, token: str, ufrag: str | None, offer: str, address: str | None, *, mixed: bool
    ) -> tuple[MediaSession, OfferResult]:
        needed, allowed = self._protocol.needed, self._rooms.allowed(grant)
        if Permission.JOIN not in allowed or not allowed & needed:
            names = " or ".join(str(flag.name).lower() for flag in needed)
            raise HttpError(403, "permission_denied", f"{self._protocol.name} needs the permissions join and {names}")
        if self._sessions.full:
            raise _busy("the server has as many sessions as it can hold")
        departed = False

        def on_left() -> None:
            nonlocal departed
            departed = True
            if session is not None:
                self._sessions.remove(session)

        session: MediaSession | None = None
        try:
            participant = self._rooms.join(grant, on_left, address=address)
        except Exception as error:
            raise _as_http_error(error) from error
        if mixed:
            participant.hear_mix()
        result = self._negotiate(participant, offer, allowed)
        session = MediaSession(participant, grant, digest(token), ufrag)
        if departed:  # while it was being negotiated
            raise HttpError(409, "replaced", "the same identity has joined again meanwhile")
        self._sessions.add(session)
        return session, result

    def _negotiate(self, participant: MediaParticipant, offer: str, granted: Permission) -> OfferResult:
        """The answer, in which at least one m-line carries media; else the participant leaves."""
        try:
            result = participant.offer(offer)
        except Exception as error:
            participant.leave("left")
            raise _as_http_error(error) from error
        # RFC 9725 §4.4.3 discourages answers that accept only a part, for errors. A permission that somebody lacks is
        # none: flags are independent, and one without the camera still publishes the microphone.
        if not self._protocol.accepted(result):
            participant.leave("left")
            raise self._nothing_accepted(result.refused, granted)
        return result

    def _nothing_accepted(self, refused: Mapping[str, str], granted: Permission) -> HttpError:
        if not refused:
            return HttpError(422, "no_media", f"the offer has no media section that is {self._protocol.direction.word}")
        reasons = "; ".join(f"mid {mid}: {reason}" for mid, reason in refused.items())
        if self._protocol.needed in granted:  # so it was not for want of a permission
            return HttpError(406, "no_common_codec", f"no media section can be accepted: {reasons}")
        return HttpError(403, "permission_denied", f"every media section was refused: {reasons}")

    async def _get_endpoint(self, _request: web.Request) -> web.Response:
        # RFC 9725 §4.1: endpoints and sessions have no representation, and a GET gets 2xx without content.
        return web.Response(status=204)

    async def _options_endpoint(self, request: web.Request) -> web.Response:
        response = cors.preflight(request, "GET, HEAD, OPTIONS, POST")
        response.headers["Accept-Post"] = OFFER_CONTENT_TYPE
        return response

    # A session.

    async def _patch(self, request: web.Request) -> web.Response:
        session = self._authorised_session(request)
        self._changes.check(session.id)
        if_match = request.headers.get("If-Match")
        text = await _body(request, FRAGMENT_CONTENT_TYPE)
        try:
            remote = IceFragment.parse(text)
        except SdpError as error:
            raise HttpError(400, error.code, error.message) from None
        if if_match is None:
            raise HttpError(
                428, "precondition_required", "send If-Match: the session's ETag, or '*' for an ICE restart"
            )
        if not _matches(if_match, session.etag):
            raise HttpError(412, "precondition_failed", "If-Match names an ICE session that is over; send the new ETag")
        if remote.credentials.ufrag == session.remote_ufrag:
            # Trickled candidates. An ICE-lite agent sends no checks (RFC 8445 §2.5), so it has no use for them.
            return web.Response(status=204)
        try:
            answer = session.participant.restart_ice(remote)
        except Exception as error:
            raise _as_http_error(error) from error  # RFC 9725 §4.3.3: the ICE session stays as it is
        session.remote_ufrag = remote.credentials.ufrag
        session.renew_etag()
        return web.Response(text=str(answer), content_type=FRAGMENT_CONTENT_TYPE, headers={"ETag": session.etag})

    async def _delete(self, request: web.Request) -> web.Response:
        session = self._authorised_session(request)
        self._sessions.remove(session)
        session.participant.leave("deleted")
        return web.Response()

    async def _get_session(self, request: web.Request) -> web.Response:
        self._authorised_session(request)
        return web.Response(status=204)

    async def _options_session(self, request: web.Request) -> web.Response:
        response = cors.preflight(request, "DELETE, GET, HEAD, OPTIONS, PATCH")
        response.headers["Accept-Patch"] = FRAGMENT_CONTENT_TYPE
        return response

    def _authorised_session(self, request: web.Request) -> MediaSession:
        """The session of the request's URL, if the request carries its token or a newer one of the same person."""
        token = bearer_token(request)
        room = request.match_info["room"]
        session = self._sessions.find(room, request.match_info["session"])
        if session is not None and session.opened_with(token):
            return session  # even if it has expired by now: whoever may start a session may end it
        try:
            grant = self._verifier.verify(token, room=room, address=self._clients.of(request))
        except TokenError as error:
            raise token_error(error) from None
        if session is None:
            raise HttpError(404, "not_found", "there is no such session (any more)")
        if grant.identity != session.grant.identity:
            raise HttpError(403, "permission_denied", "the session belongs to somebody else")
        return session


async def _body(request: web.Request, content_type: str) -> str:
    if request.content_type != content_type:
        raise HttpError(415, "unsupported_media_type", f"send Content-Type: {content_type}")
    try:
        return (await request.read()).decode("utf-8")
    except UnicodeDecodeError:
        raise HttpError(400, "bad_sdp", "the body is not UTF-8") from None


def _matches(if_match: str, etag: str) -> bool:
    """Strong comparison (RFC 9110 §13.1.1); RFC 9725's own example has the asterisk in quotes, so both forms count."""
    tags = [tag.strip() for tag in if_match.split(",")]
    return etag in tags or "*" in tags or '"*"' in tags


def _as_http_error(error: Exception) -> HttpError:
    """The response to an error of the rooms, which has a code of the control protocol and a sentence."""
    code, message = getattr(error, "code", None), getattr(error, "message", None)
    if not isinstance(code, str) or code not in STATUS_OF_CODE:
        log.error("negotiation failed", error=type(error).__name__, exc_info=error)
        return HttpError(500, "internal", "the server failed to handle this request; its log says why")
    if code == "server_busy":
        return _busy(str(message))
    return HttpError(STATUS_OF_CODE[code], code, str(message))


def _busy(detail: str) -> HttpError:
    return HttpError(503, "server_busy", detail, {"Retry-After": str(RETRY_AFTER_S)})
