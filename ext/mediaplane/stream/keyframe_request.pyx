"""Merged and throttled keyframe requests: see keyframe_request.pxd."""
from libc.stdint cimport INT64_MAX


cdef void keyframe_request_init(keyframe_request_t *request) noexcept nogil:
    request.due_us = INT64_MAX
    request.last_sent_us = 0
    request.sent = 0


cdef void keyframe_request_wanted(keyframe_request_t *request, int64_t now_us) noexcept nogil:
    cdef int64_t allowed_us = now_us
    if request.sent > 0:
        allowed_us = max(now_us, request.last_sent_us + KEYFRAME_REQUEST_INTERVAL_US)
    request.due_us = min(request.due_us, allowed_us)


cdef bint keyframe_request_due(keyframe_request_t *request, int64_t now_us) noexcept nogil:
    if now_us < request.due_us:
        return False
    request.last_sent_us = now_us
    request.due_us = now_us + KEYFRAME_REQUEST_RETRY_US
    request.sent += 1
    return True


cdef void keyframe_request_arrived(keyframe_request_t *request) noexcept nogil:
    request.due_us = INT64_MAX


cdef int64_t keyframe_request_deadline(const keyframe_request_t *request) noexcept nogil:
    return request.due_us
