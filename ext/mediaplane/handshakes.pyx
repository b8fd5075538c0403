"""A bounded ring of copied datagrams: see handshakes.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from mediaplane.status cimport NO_MEMORY, NO_SPACE, OK


cdef int handshake_queue_init(handshake_queue_t *queue) noexcept nogil:
    queue.items = <waiting_datagram_t *>calloc(HANDSHAKE_QUEUE, sizeof(waiting_datagram_t))
    queue.first = queue.count = 0
    return OK if queue.items != NULL else NO_MEMORY


cdef void handshake_queue_free(handshake_queue_t *queue) noexcept nogil:
    free(queue.items)
    queue.items = NULL


cdef int handshake_queue_put(handshake_queue_t *queue, const uint8_t *data, uint32_t size,
                             const transport_tuple_t *source) noexcept nogil:
    cdef waiting_datagram_t *item = &queue.items[(queue.first + queue.count) % HANDSHAKE_QUEUE]
    if queue.count == HANDSHAKE_QUEUE or size > HANDSHAKE_BYTES:
        return NO_SPACE
    item.source = source[0]
    item.size = size
    memcpy(item.data, data, size)
    queue.count += 1
    return OK


cdef waiting_datagram_t *handshake_queue_take(handshake_queue_t *queue) noexcept nogil:
    cdef waiting_datagram_t *item = &queue.items[queue.first]
    if queue.count == 0:
        return NULL
    queue.first = (queue.first + 1) % HANDSHAKE_QUEUE
    queue.count -= 1
    return item
