"""A client of a mediasrv server for programs: `Client`, what it gives, and what it raises."""

from mediasrv.client.client import Client
from mediasrv.client.errors import (
    ClientError,
    ConnectionLostError,
    InvalidParamsError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RequestError,
    RequestTimeoutError,
    RoomExistsError,
    TokenRefusedError,
    UnavailableError,
)
from mediasrv.client.events import EventStream
from mediasrv.signaling.event_shapes import Event, JournalRecord

__all__ = [
    "Client",
    "ClientError",
    "ConnectionLostError",
    "Event",
    "EventStream",
    "InvalidParamsError",
    "JournalRecord",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitedError",
    "RequestError",
    "RequestTimeoutError",
    "RoomExistsError",
    "TokenRefusedError",
    "UnavailableError",
]
