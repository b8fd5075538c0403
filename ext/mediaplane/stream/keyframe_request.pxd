"""When to ask a publisher for a keyframe of one encoding, however many consumers want one."""
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    KEYFRAME_REQUEST_INTERVAL_US = 300000      # at least this long between two requests
    KEYFRAME_REQUEST_RETRY_US = 1000000        # after so long without a keyframe the request is taken as lost

cdef struct keyframe_request_t:
    int64_t due_us               # when to send the next request; INT64_MAX: none is wanted
    int64_t last_sent_us
    uint64_t sent

cdef void keyframe_request_init(keyframe_request_t *request) noexcept nogil
# A consumer needs a keyframe.
cdef void keyframe_request_wanted(keyframe_request_t *request, int64_t now_us) noexcept nogil
# Whether a request is to be sent now; if so it counts as sent.
cdef bint keyframe_request_due(keyframe_request_t *request, int64_t now_us) noexcept nogil
# A keyframe has begun: everyone who wanted one is served.
cdef void keyframe_request_arrived(keyframe_request_t *request) noexcept nogil
# When due() says yes next; INT64_MAX: never.
cdef int64_t keyframe_request_deadline(const keyframe_request_t *request) noexcept nogil
