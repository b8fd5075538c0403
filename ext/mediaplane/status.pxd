"""The negative numbers that native functions return on failure, and the one place that turns them into exceptions."""

cpdef enum Status:
    OK = 0
    TRUNCATED = -1        # fewer bytes than the format says
    MALFORMED = -2        # bytes that the format forbids
    UNSUPPORTED = -3      # well-formed, but not something this server does
    AUTH_FAILED = -4      # a tag, a MAC or a fingerprint does not match
    REPLAYED = -5         # seen before, or older than the replay window
    NO_SPACE = -6         # the output buffer, table or ring is full
    NO_MEMORY = -7
    NOT_FOUND = -8
    BAD_STATE = -9        # the call is not allowed now
    LIBRARY_ERROR = -10   # a library (OpenSSL, ipsec-mb) refused

cdef int check(int status) except -1
