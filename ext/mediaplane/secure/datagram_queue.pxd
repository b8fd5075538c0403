"""A bounded queue of datagrams in one block of memory, which is taken at the first push."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from mediaplane.status cimport Status
from mediaplane.wire.byte_order cimport load16, store16

# Zeroed memory with a capacity is an empty queue. Each entry: its size in two bytes, and the datagram.
cdef struct datagram_queue_t:
    uint8_t *bytes
    uint32_t capacity
    uint32_t head              # of the first entry
    uint32_t tail              # where the next entry goes
    uint32_t last              # of the last entry; only if there is one


cdef inline bint queue_is_empty(const datagram_queue_t *queue) noexcept nogil:
    return queue.head == queue.tail


cdef inline void queue_clear(datagram_queue_t *queue) noexcept nogil:
    queue.head = queue.tail = 0


cdef inline void queue_release(datagram_queue_t *queue) noexcept nogil:
    """Drops the entries and gives the memory back; the queue stays usable."""
    free(queue.bytes)
    queue.bytes = NULL
    queue_clear(queue)


cdef inline int queue_make_room(datagram_queue_t *queue, uint32_t size) noexcept nogil:
    if queue.bytes == NULL:
        queue.bytes = <uint8_t *>malloc(queue.capacity)
        if queue.bytes == NULL:
            return Status.NO_MEMORY
    if size > queue.capacity - queue.tail + queue.head:
        return Status.NO_SPACE
    if size > queue.capacity - queue.tail:
        memmove(queue.bytes, queue.bytes + queue.head, queue.tail - queue.head)
        queue.last -= queue.head
        queue.tail -= queue.head
        queue.head = 0
    return Status.OK


cdef inline int queue_push(datagram_queue_t *queue, const void *data, uint32_t size) noexcept nogil:
    """OK, NO_SPACE or NO_MEMORY. An empty datagram is an entry too."""
    cdef int status
    if size > 0xFFFF:
        return Status.NO_SPACE
    status = queue_make_room(queue, size + 2)
    if status < 0:
        return status
    queue.last = queue.tail
    store16(queue.bytes + queue.tail, <uint16_t>size)
    if size:
        memcpy(queue.bytes + queue.tail + 2, data, size)
    queue.tail += size + 2
    return Status.OK


cdef inline int queue_join(datagram_queue_t *queue, const void *data, uint32_t size, uint32_t limit) noexcept nogil:
    """Puts `data` behind the last datagram, unless that is empty or would exceed `limit`: then as one of its own."""
    cdef uint32_t last_size
    cdef int status
    if not queue_is_empty(queue):
        last_size = load16(queue.bytes + queue.last)
        if last_size and last_size + size <= limit:
            status = queue_make_room(queue, size)
            if status == Status.OK:
                memcpy(queue.bytes + queue.tail, data, size)
                store16(queue.bytes + queue.last, <uint16_t>(last_size + size))
                queue.tail += size
            return status
    return queue_push(queue, data, size)


cdef inline uint32_t queue_front(const datagram_queue_t *queue, const uint8_t **data) noexcept nogil:
    """Size and place of the first entry; the queue must not be empty."""
    data[0] = queue.bytes + queue.head + 2
    return load16(queue.bytes + queue.head)


cdef inline void queue_drop(datagram_queue_t *queue) noexcept nogil:
    """Removes the first entry; the queue must not be empty."""
    queue.head += 2 + <uint32_t>load16(queue.bytes + queue.head)
    if queue.head == queue.tail:
        queue_clear(queue)


cdef inline int queue_pop(datagram_queue_t *queue, uint8_t *out, uint32_t capacity) noexcept nogil:
    """Copies the first datagram and removes it: its size, 0 when there is none, or NO_SPACE (it stays)."""
    cdef const uint8_t *data
    cdef uint32_t size
    if queue_is_empty(queue):
        return 0
    size = queue_front(queue, &data)
    if size > capacity:
        return Status.NO_SPACE
    memcpy(out, data, size)
    queue_drop(queue)
    return <int>size
