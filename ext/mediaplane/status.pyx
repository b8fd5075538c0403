"""Statuses of the native plane as exceptions."""


class MediaPlaneError(Exception):
    """A native call failed; `status` is the :class:`Status` it returned."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


_MESSAGES = {
    TRUNCATED: "the data ends before the format says it does",
    MALFORMED: "the data breaks its format",
    UNSUPPORTED: "the data is well-formed but uses something this server does not support",
    AUTH_FAILED: "authentication failed: wrong key, tag or fingerprint",
    REPLAYED: "the packet was seen before or is older than the replay window",
    NO_SPACE: "the output buffer, table or ring is full",
    NO_MEMORY: "out of memory",
    NOT_FOUND: "no such object",
    BAD_STATE: "the call is not allowed in this state",
    LIBRARY_ERROR: "a cryptographic library refused the call",
}


cdef int check(int status) except -1:
    """Return `status` if it is not negative, else raise :class:`MediaPlaneError`."""
    if status < 0:
        raise MediaPlaneError(Status(status), _MESSAGES.get(status, f"native status {status}"))
    return status
