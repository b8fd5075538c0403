"""Methods of control sessions that watch: events, the journal, statistics."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta

from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.event_log import Position
from mediasrv.signaling.event_shapes import EXAMPLE_RECORD, KINDS, JournalRecord, record_of
from mediasrv.signaling.event_subscription import EventFilter
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.room_statistics import statistics_of
from mediasrv.signaling.schema import EXAMPLE_CAMERA, EXAMPLE_ME, EXAMPLE_ROOM, Nothing, RoomName, Seconds, Shape
from mediasrv.signaling.services import JournalSource, JournalUnavailableError
from mediasrv.signaling.statistics_shapes import (
    EXAMPLE_SERVER,
    EXAMPLE_WORKER,
    ParticipantStatistics,
    ServerStatistics,
    WorkerStatistics,
    example_participant,
)

MAX_ROOMS = 1_000
READ_MAX = 1_000
STATISTICS_TIMEOUT_S = 5.0
EXAMPLE_POSITION = "8f2c61d07ab4-1832-1767225693250"


class PingParams(Shape):
    """Nothing but an answer: to see whether the connection is alive, and to keep it from being idle."""


class SubscribeEventsParams(Shape):
    """Be told what happens in rooms, by the notification `event`, in the order in which it happened.

    A connection has one subscription; another one takes its place. With `after` it goes on behind an event that was
    told before, over a connection that was lost, or by a server that was started anew meanwhile: first comes what was
    missed, after the response, then what happens. What is too old to be kept comes from the journal, which has only
    what is history; of the millisecond of `after` something may come twice (`room_id` and `seq` are then the same). If
    something cannot be had any more, an event `events_missed` stands in its place.
    """

    rooms: Annotated[
        Annotated[list[RoomName], Meta(max_length=MAX_ROOMS)] | None,
        Meta(description="of these rooms alone, open or not; null: of all"),
    ] = None
    kinds: Annotated[
        Annotated[list[str], Meta(max_length=2 * len(KINDS))] | None,
        Meta(description="these kinds of events alone; null: all but `speaking`"),
    ] = None
    after: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="the `position` of an event; null: from now on")
    ] = None


class SubscribeEventsResult(Shape):
    position: Annotated[str, Meta(description="of the newest event: for `after`, until one is told")]


class UnsubscribeEventsParams(Shape):
    """Be told no more events."""


class ReadJournalParams(Shape):
    """Records of the journal, oldest first: those behind position `after`, or the newest ones with `last`."""

    room: Annotated[RoomName | None, Meta(description="of all openings of this room alone; null: of all rooms")] = None
    after: Annotated[int, Meta(ge=0, lt=2**53, description="the `position` of a record; 0: from the beginning")] = 0
    last: Annotated[bool, Meta(description="the newest ones, whatever `after` is")] = False
    limit: Annotated[int, Meta(ge=1, le=READ_MAX, description="how many at most")] = 100


class ReadJournalResult(Shape):
    records: Annotated[list[JournalRecord], Meta(description="the records; an empty list: there are no more yet")]


class GetStatisticsParams(Shape):
    """What the server and its media workers have counted, and how the media of one room does."""

    room: Annotated[RoomName | None, Meta(description="the room whose participants are asked about; null: none")] = None


class GetStatisticsResult(Shape):
    ts: Annotated[Seconds, Meta(description="when it was so, in seconds since the Unix epoch")]
    server: Annotated[ServerStatistics, Meta(description="the server")]
    workers: Annotated[list[WorkerStatistics], Meta(description="its media workers")]
    journal: Annotated[dict[str, float], Meta(description="of the journal, by name")]
    participants: Annotated[list[ParticipantStatistics], Meta(description="of the room, those that have media")]


def ping(caller: Caller, params: PingParams) -> Nothing:
    return Nothing()


def subscribe_events(caller: Caller, params: SubscribeEventsParams) -> SubscribeEventsResult:
    after = None if params.after is None else Position.parse(params.after)
    if params.after is not None and after is None:
        raise RpcError(E.INVALID_PARAMS, "subscribe_events: 'after' is no position: give that of an event, as it was")
    unknown = [kind for kind in params.kinds or () if kind not in KINDS]
    if unknown:
        raise RpcError(E.INVALID_PARAMS, f"subscribe_events: there are no events {unknown[0][:64]!r}")
    rooms = None if params.rooms is None else frozenset(params.rooms)
    kinds = None if params.kinds is None else frozenset(params.kinds)
    position = str(caller.services.events.position)
    caller.subscribe(EventFilter(rooms, kinds), after)
    return SubscribeEventsResult(position=position)


def unsubscribe_events(caller: Caller, params: UnsubscribeEventsParams) -> Nothing:
    caller.unsubscribe()
    return Nothing()


async def read_journal(caller: Caller, params: ReadJournalParams) -> ReadJournalResult:
    journal = _journal(caller)
    try:
        if params.last:
            records = await journal.last(params.room, params.limit)
        else:
            records = await journal.read(params.room, after=params.after, limit=params.limit)
    except JournalUnavailableError as error:
        raise RpcError(E.UNAVAILABLE, str(error)) from None
    return ReadJournalResult(records=[record_of(record) for record in records])


async def get_statistics(caller: Caller, params: GetStatisticsParams) -> GetStatisticsResult:
    room = None if params.room is None else caller.registry.find(params.room)
    server, workers, journal = caller.services.statistics()
    participants: list[ParticipantStatistics] = []
    if room is not None:
        try:
            async with asyncio.timeout(STATISTICS_TIMEOUT_S):
                participants = await statistics_of(room)
        except TimeoutError:
            raise RpcError(E.UNAVAILABLE, "a media worker has not answered: is the machine overloaded?") from None
    return GetStatisticsResult(
        ts=caller.registry.clock.time(),
        server=server,
        workers=list(workers),
        journal=dict(journal),
        participants=participants,
    )


def _journal(caller: Caller) -> JournalSource:
    if caller.services.journal is None:
        raise RpcError(E.UNAVAILABLE, "this server keeps no journal that could be read")
    return caller.services.journal


METHODS = (
    Method("ping", Scope.CONNECTION, ping, PingParams, Nothing, (), PingParams(), Nothing()),
    Method(
        "subscribe_events",
        Scope.ADMIN,
        subscribe_events,
        SubscribeEventsParams,
        SubscribeEventsResult,
        (),
        SubscribeEventsParams(
            rooms=[EXAMPLE_ROOM.name], kinds=["participant_joined", "participant_left"], after=EXAMPLE_POSITION
        ),
        SubscribeEventsResult(position="8f2c61d07ab4-1841-1767225702918"),
    ),
    Method(
        "unsubscribe_events",
        Scope.ADMIN,
        unsubscribe_events,
        UnsubscribeEventsParams,
        Nothing,
        (),
        UnsubscribeEventsParams(),
        Nothing(),
    ),
    Method(
        "read_journal",
        Scope.ADMIN,
        read_journal,
        ReadJournalParams,
        ReadJournalResult,
        (E.UNAVAILABLE,),
        ReadJournalParams(room=EXAMPLE_ROOM.name, after=5114, limit=1),
        ReadJournalResult(records=[EXAMPLE_RECORD]),
    ),
    Method(
        "get_statistics",
        Scope.ADMIN,
        get_statistics,
        GetStatisticsParams,
        GetStatisticsResult,
        (E.NOT_FOUND, E.UNAVAILABLE),
        GetStatisticsParams(room=EXAMPLE_ROOM.name),
        GetStatisticsResult(
            ts=1767225700.25,
            server=EXAMPLE_SERVER,
            workers=[EXAMPLE_WORKER],
            journal={"records_written": 5115, "records_queued": 0},
            participants=[example_participant(EXAMPLE_ME.id, EXAMPLE_CAMERA.id)],
        ),
    ),
)
