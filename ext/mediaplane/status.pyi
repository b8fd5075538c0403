from enum import IntEnum

class Status(IntEnum):
    OK = 0
    TRUNCATED = -1
    MALFORMED = -2
    UNSUPPORTED = -3
    AUTH_FAILED = -4
    REPLAYED = -5
    NO_SPACE = -6
    NO_MEMORY = -7
    NOT_FOUND = -8
    BAD_STATE = -9
    LIBRARY_ERROR = -10

class MediaPlaneError(Exception):
    status: Status
    def __init__(self, status: Status, message: str) -> None: ...
