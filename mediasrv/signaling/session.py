"""One client's side of the control protocol, whatever carries its frames."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
import structlog

from mediasrv.rooms import events
from mediasrv.rooms.clock import Timer
from mediasrv.rooms.errors import permission_denied
from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.lobby import Guest
from mediasrv.rooms.participant import Participant as RoomParticipant
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.ports import Grant
from mediasrv.rooms.presence import Attachment
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import Room
from mediasrv.rooms.token_bucket import TokenBucket
from mediasrv.signaling import codec
from mediasrv.signaling.codec import CodecError, Frame, Request
from mediasrv.signaling.errors import ErrorCode, RpcError, rate_limited, reply_of, token_error
from mediasrv.signaling.event_log import LoggedEvent, Position
from mediasrv.signaling.event_subscription import EventFilter, EventSubscription
from mediasrv.signaling.method import Scope
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.notifications import CLOSING_REASONS, METHOD_OF, Admitted, Closing, ServerDraining
from mediasrv.signaling.observation import Observe, nobody
from mediasrv.signaling.schema import Shape
from mediasrv.signaling.services import Services
from mediasrv.signaling.shapes import joined_of
from mediasrv.signaling.told_events import TOLD

_log = structlog.get_logger("signaling")

Verify = Callable[[str], Grant]
"""Checks a token. Raises an exception with `code` and `message` when it is not accepted."""
Send = Callable[[Frame], bool | None]
"""Queues a frame for the client and returns at once. False: too many are waiting, the frame was not taken."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one client may ask for. Rates are per second, each with a burst that may come at once."""

    request_rate: float = 50
    request_burst: int = 200
    control_request_rate: float = 5_000  # of control sessions, which speak for a whole service
    control_request_burst: int = 10_000
    refused_requests: int = 1_000  # in a row; who goes on asking then is cut off
    open_requests: int = 16  # whose methods await something, such as the journal
    unsettled_requests: int = 1_000  # whose methods have acted, and await that it is written down
    join_timeout_s: float = 30
    frame_bytes: int = codec.MAX_FRAME_BYTES
    frame_bytes_before_join: int = 32 << 10  # a stranger may not have us decode more than a token needs


class Session:
    """The state machine of one connection.

    Its driver calls `feed` for each frame and, exactly once, `closed` when the connection is gone. `close` asks the
    driver to close the connection after what was sent; it must not call `closed` before it has returned. Notifications
    that a request causes come after its reply.
    """

    def __init__(
        self,
        registry: RoomRegistry,
        verify: Verify,
        *,
        send: Send,
        close: Callable[[], None],
        limits: SessionLimits | None = None,
        address: str | None = None,
        services: Services | None = None,
        trusted: Grant | None = None,
        text: bool = True,
        observe: Observe = nobody,
    ) -> None:
        """`address` is the IP address of the client, where it has one. `trusted`: it is a control session without a
        token, and may still become something else with one. `text`: what is said before it has spoken is JSON.
        `observe` looks at each request."""
        self._observe = observe
        self.address = address
        self.registry = registry
        self._verify: Verify | None = verify  # until it is known who this is
        self._send = send
        self._close = close
        self._limits = limits or SessionLimits()
        clock = registry.clock
        self._requests = TokenBucket(self._limits.request_rate, self._limits.request_burst, clock.monotonic)
        self._refused = 0
        self._participant: RoomParticipant | None = None
        self._attachment: Attachment | None = None
        self._guest: Guest | None = None
        self._admin: Grant | None = None
        self._trusted = trusted
        self._services = services
        self._subscription: EventSubscription | None = None
        # Dicts for sets, which take three times the memory while they are empty, as they mostly are.
        self._open: dict[asyncio.Task[None], None] = {}  # requests whose methods await something
        self._unsettled: dict[asyncio.Task[None], None] = {}  # those whose methods have acted
        self._text = text  # the format of the client's last frame, in which it is spoken to
        self._ended = False
        self._after_reply: list[Callable[[], None]] | None = None  # while a request is handled
        self._join_timer: Timer | None = None
        if trusted is not None:
            self.become_admin(trusted)
        else:
            self._join_timer = clock.call_later(self._limits.join_timeout_s, self._join_timed_out)

    # --- the driver's side -------------------------------------------------------------------------------------

    def feed(self, frame: Frame) -> None:
        """Take a frame: bytes are MessagePack, text is JSON. Never raises for what is in it."""
        if self._ended:
            return
        self._text = isinstance(frame, str)
        try:
            request = codec.decode(frame, self.frame_limit)
        except CodecError as error:
            if error.request_id is None:
                self._end("bad_frame", error.message)
            else:
                self._reply_error(error.request_id, RpcError(ErrorCode.BAD_REQUEST, error.message))
            return
        self._answer(request)

    @property
    def frame_limit(self) -> int:
        """The bytes that a frame may have now."""
        known = self._participant is not None or self._admin is not None
        return self._limits.frame_bytes if known else self._limits.frame_bytes_before_join

    def drained(self) -> None:
        """All that was sent has been taken from the connection's queue."""
        if self._subscription is not None:
            self._subscription.drained()

    def end(self, reason: str, message: str | None = None) -> None:
        """Tell the client why, and close: for what the driver notices. `reason` is a reason of closing."""
        self._end(reason, message)

    def closed(self) -> None:
        """The connection is gone. The participant stays in the room while its media flows."""
        self._ended = True
        self._stop_join_timer()
        self.unsubscribe()
        for task in (*self._open, *self._unsettled):
            task.cancel()
        if self._attachment is not None:
            self._attachment.closed()
        if self._guest is not None:
            self._guest.leave()

    # --- requests ----------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> None:
        self._after_reply = []
        with self._observe(request.method) as observation:
            try:
                result = self._call(request)
            except Exception as error:
                observation.outcome = self._reply_error(request.id, reply_of(error, request.method))
            else:
                if isinstance(result, Awaitable):
                    observation.is_whole = False
                    self._await(request, result)
                else:
                    self._put(codec.encode_result(request.id, result, text=self._text))
        waiting, self._after_reply = self._after_reply, None
        for step in waiting:
            step()

    def _call(self, request: Request) -> Shape | Awaitable[Shape]:
        self._check_rate()
        method = METHODS.get(request.method)
        if method is None:
            raise RpcError(ErrorCode.UNKNOWN_METHOD, f"there is no method {request.method[:64]!r}")
        self._check_scope(method.scope)
        if method.settles and len(self._unsettled) >= self._limits.unsettled_requests:
            raise _too_many_open()  # before it acts: afterwards an error would be untrue
        try:
            params = msgspec.convert(request.params, method.params)
        except msgspec.ValidationError as error:
            raise RpcError(ErrorCode.INVALID_PARAMS, f"{method.name}: {error}") from None
        return method.handler(self, params)

    def _check_scope(self, scope: Scope) -> None:
        if scope is Scope.ADMIN and self._admin is None:
            raise RpcError(ErrorCode.NOT_AUTHENTICATED, "this is for control sessions: authenticate first")
        if scope is Scope.PARTICIPANT or (scope is Scope.MODERATOR and self._admin is None):
            me = self.me
            if scope is Scope.MODERATOR and not me.permissions.allow(Permission.MODERATE):
                raise permission_denied(me.permissions, Permission.MODERATE)

    def _await(self, request: Request, result: Awaitable[Shape]) -> None:
        """Answer when `result` is there; other requests are answered meanwhile."""
        settles = METHODS[request.method].settles
        if not settles and len(self._open) >= self._limits.open_requests:
            if inspect.iscoroutine(result):
                result.close()
            self._reply_error(request.id, _too_many_open())
            return

        async def answer() -> None:
            with self._observe(request.method) as observation:
                try:
                    found = await result
                except Exception as error:
                    observation.outcome = self._reply_error(request.id, reply_of(error, request.method))
                else:
                    self._put(codec.encode_result(request.id, found, text=self._text))

        task = asyncio.ensure_future(answer())
        tasks = self._unsettled if settles else self._open
        tasks[task] = None
        task.add_done_callback(tasks.pop)

    def _check_rate(self) -> None:
        wait_s = self._requests.take()
        if not wait_s:
            self._refused = 0
            return
        self._refused += 1
        if self._refused >= self._limits.refused_requests:
            self._end("rate_limited")
        raise rate_limited("requests", wait_s)

    def _reply_error(self, request_id: int, error: RpcError) -> str:
        """Returns the error's code."""
        self._put(codec.encode_error(request_id, error, text=self._text))
        return error.code

    # --- what methods see --------------------------------------------------------------------------------------

    @property
    def me(self) -> RoomParticipant:
        if self._participant is not None:
            return self._participant
        if self._guest is not None:
            raise RpcError(ErrorCode.NOT_JOINED, "you wait to be let in")
        raise RpcError(ErrorCode.NOT_JOINED, "join first")

    @property
    def guest(self) -> Guest | None:
        return self._guest

    @property
    def by(self) -> str:
        return self.me.id if self._admin is None else f"admin:{self._admin.identity}"

    @property
    def is_admin(self) -> bool:
        return self._admin is not None

    def room(self, name: str | None) -> Room:
        name = self.room_name(name)
        return self.me.room if self._admin is None else self.registry.find(name)

    def room_name(self, name: str | None) -> str:
        if self._admin is None:
            mine = self.me.room.name
            if name not in (None, mine):
                raise RpcError(ErrorCode.PERMISSION_DENIED, f"you moderate the room {mine!r}, and no other")
            return mine
        if name is None:
            raise RpcError(ErrorCode.INVALID_PARAMS, "a control session is in no room: name one in 'room'")
        return name

    @property
    def services(self) -> Services:
        if self._services is None:
            raise RpcError(ErrorCode.UNAVAILABLE, "this server does not offer that")
        return self._services

    def subscribe(self, chosen: EventFilter, after: Position | None) -> None:
        self.unsubscribe()
        services = self.services
        subscription = EventSubscription(
            services.events, chosen, put=self._put_event, too_slow=lambda: self._end("too_slow")
        )
        self._subscription = subscription
        self._when_replied(lambda: subscription.start(after, services.journal))

    def unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def check_new(self) -> None:
        admin = self._admin is not None and self._admin is not self._trusted
        if self._participant is not None or admin or self._guest is not None:
            raise RpcError(ErrorCode.ALREADY_JOINED, "this connection has joined or authenticated already")

    def verify(self, token: str) -> Grant:
        self.check_new()
        assert self._verify is not None, "who is new has not joined"
        try:
            return self._verify(token)
        except Exception as error:
            raise token_error(error) from error

    def resume(self, token: str, epoch: int) -> RoomParticipant:
        return self.registry.resume(token, epoch)

    def become_participant(self, participant: RoomParticipant) -> None:
        self._participant = participant
        self._admin = None
        self._verify = None
        self.unsubscribe()
        self._stop_join_timer()
        self._attachment = participant.listen(self._take, superseded=self._resumed_elsewhere)

    def become_guest(self, guest: Guest) -> None:
        self._guest = guest
        self._admin = None
        self.unsubscribe()
        self._stop_join_timer()

    def guest_decided(self, participant: RoomParticipant | None, outcome: events.GuestOutcome) -> None:
        self._guest = None
        if participant is None:
            draining = self.registry.draining
            if outcome == "server_stopping" and draining is not None:
                self._notify(ServerDraining(until=draining.until, reconnect_url=draining.reconnect_url))
            self._end(_END_OF_WAITING[outcome])
        else:
            self._notify(joined_of(participant, Admitted))
            self.become_participant(participant)

    def become_admin(self, grant: Grant) -> None:
        self._admin = grant
        limits = self._limits
        monotonic = self.registry.clock.monotonic
        self._requests = TokenBucket(limits.control_request_rate, limits.control_request_burst, monotonic)
        self._stop_join_timer()

    # --- notifications -----------------------------------------------------------------------------------------

    def _take(self, event: events.RoomEvent) -> None:
        """An event of the room. In the middle of a request it waits for the reply."""
        self._when_replied(partial(self._tell, event))

    def _tell(self, event: events.RoomEvent) -> None:
        if isinstance(event, events.ParticipantLeft) and event.participant_id == self.me.id:
            self._end(event.reason)
            return
        frame = TOLD.frame(event, text=self._text)
        if frame is not None:
            self._put(frame)

    def _notify(self, notification: Shape) -> None:
        method = METHOD_OF[type(notification)]
        self._put(codec.encode_notification(method, notification, text=self._text))

    def _put_event(self, event: LoggedEvent) -> None:
        frame = event.encoded(text=self._text)
        self._when_replied(lambda: self._put(frame))

    # --- the end -----------------------------------------------------------------------------------------------

    def _put(self, frame: Frame) -> None:
        if not self._ended and self._send(frame) is False:
            self._end_now("too_slow", CLOSING_REASONS["too_slow"])

    def _end(self, reason: str, message: str | None = None) -> None:
        """Say why, and have the connection closed; in the middle of a request, after the reply."""
        self._when_replied(partial(self._end_now, reason, message or CLOSING_REASONS[reason]))

    def _when_replied(self, step: Callable[[], None]) -> None:
        """Do it now; in the middle of a request, after the reply."""
        if self._after_reply is not None:
            self._after_reply.append(step)
        else:
            step()

    def _end_now(self, reason: str, message: str) -> None:
        if self._ended:
            return
        # What becomes of the participant is decided in `closed`: a room must not change while it tells its events.
        self._ended = True
        self._stop_join_timer()
        self.unsubscribe()
        if self._attachment is not None:
            self._attachment.silence()
        closing = Closing(reason=reason, message=message)
        self._send(codec.encode_notification(METHOD_OF[Closing], closing, text=self._text))
        self._close()

    def _resumed_elsewhere(self) -> None:
        self._end("resumed_elsewhere")

    def _join_timed_out(self) -> None:
        self._join_timer = None
        self._end("join_timeout")

    def _stop_join_timer(self) -> None:
        if self._join_timer is not None:
            self._join_timer.cancel()
            self._join_timer = None


def _too_many_open() -> RpcError:
    return RpcError(ErrorCode.RATE_LIMITED, "too many requests wait for their results")


_END_OF_WAITING: Mapping[events.GuestOutcome, str] = {
    "refused": "refused",
    "gone": LeaveReason.LEFT,
    "replaced": LeaveReason.REPLACED,
    "room_closed": LeaveReason.ROOM_CLOSED,
    "server_stopping": LeaveReason.SERVER_STOPPING,
}
