"""A binary heap over the transports' next deadlines; late corrections keep renewed consent off the packet path."""
from libc.stdint cimport INT64_MAX
from libc.stdlib cimport calloc, free

from mediaplane.status cimport NO_MEMORY, NO_SPACE, OK


cdef int deadline_heap_init(deadline_heap_t *heap, uint32_t limit) noexcept nogil:
    heap.items = <deadline_t **>calloc(limit + 1, sizeof(deadline_t *))
    heap.count = 0
    heap.limit = limit
    return OK if heap.items != NULL else NO_MEMORY


cdef void deadline_heap_free(deadline_heap_t *heap) noexcept nogil:
    free(heap.items)
    heap.items = NULL


cdef void deadline_init(deadline_t *deadline, void *owner) noexcept nogil:
    cdef int reason
    for reason in range(REASON_COUNT):
        deadline.due_us[reason] = INT64_MAX
    deadline.next_us = INT64_MAX
    deadline.position = 0
    deadline.owner = owner


cdef inline void _place(deadline_heap_t *heap, uint32_t position, deadline_t *item) noexcept nogil:
    heap.items[position] = item
    item.position = position


cdef void _up(deadline_heap_t *heap, deadline_t *item) noexcept nogil:
    cdef uint32_t position = item.position
    while position > 1 and heap.items[position >> 1].next_us > item.next_us:
        _place(heap, position, heap.items[position >> 1])
        position >>= 1
    _place(heap, position, item)


cdef void _down(deadline_heap_t *heap, deadline_t *item) noexcept nogil:
    cdef uint32_t position = item.position
    cdef uint32_t child
    while True:
        child = position << 1
        if child > heap.count:
            break
        if child < heap.count and heap.items[child + 1].next_us < heap.items[child].next_us:
            child += 1
        if heap.items[child].next_us >= item.next_us:
            break
        _place(heap, position, heap.items[child])
        position = child
    _place(heap, position, item)


cdef inline int64_t _earliest(const deadline_t *deadline) noexcept nogil:
    cdef int64_t earliest = INT64_MAX
    cdef int reason
    for reason in range(REASON_COUNT):
        if deadline.due_us[reason] < earliest:
            earliest = deadline.due_us[reason]
    return earliest


cdef int deadline_add(deadline_heap_t *heap, deadline_t *deadline) noexcept nogil:
    if heap.count >= heap.limit:
        return NO_SPACE
    heap.count += 1
    deadline.next_us = _earliest(deadline)
    deadline.position = heap.count
    _up(heap, deadline)
    return OK


cdef void deadline_remove(deadline_heap_t *heap, deadline_t *deadline) noexcept nogil:
    cdef deadline_t *last
    cdef uint32_t position = deadline.position
    if position == 0:
        return
    deadline.position = 0
    last = heap.items[heap.count]
    heap.count -= 1
    if last == deadline:
        return
    _place(heap, position, last)
    _up(heap, last)
    _down(heap, last)


cdef void deadline_set(deadline_heap_t *heap, deadline_t *deadline, Reason reason, int64_t due_us) noexcept nogil:
    deadline.due_us[<int>reason] = due_us
    if due_us < deadline.next_us:
        deadline.next_us = due_us
        if deadline.position:
            _up(heap, deadline)


cdef deadline_t *deadline_due(deadline_heap_t *heap, int64_t now_us) noexcept nogil:
    cdef deadline_t *item
    cdef int64_t earliest
    while heap.count and heap.items[1].next_us <= now_us:
        item = heap.items[1]
        earliest = _earliest(item)
        if earliest <= now_us:
            return item
        item.next_us = earliest
        _down(heap, item)
    return NULL


cdef int64_t deadline_next(const deadline_heap_t *heap) noexcept nogil:
    return heap.items[1].next_us if heap.count else INT64_MAX


cdef const char *reason_text(int reason) noexcept nogil:
    if reason == REASON_CONNECT:
        return b"connect"
    if reason == REASON_DTLS:
        return b"dtls retransmission"
    if reason == REASON_CONSENT:
        return b"consent"
    if reason == REASON_REPORT:
        return b"rtcp report"
    if reason == REASON_NACK:
        return b"nack"
    if reason == REASON_KEYFRAME:
        return b"keyframe request"
    if reason == REASON_FEEDBACK:
        return b"congestion feedback"
    if reason == REASON_SPEAKERS:
        return b"speakers"
    return b"none"
