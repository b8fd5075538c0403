"""Single-producer, single-consumer byte ring; see pipe.pxd."""
from libc.stdlib cimport free
from libc.string cimport memset

from mediaplane.event_loop cimport c_close

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <fcntl.h>
    #include <stdlib.h>
    #define mp_pipe_load(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
    #define mp_pipe_store(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
    #define mp_pipe_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
    #define mp_pipe_drop(address) __atomic_sub_fetch(address, 1, __ATOMIC_ACQ_REL)
    #define mp_duplicate(fd) fcntl(fd, F_DUPFD_CLOEXEC, 0)
    #define mp_page_aligned(size) aligned_alloc(4096, size)
    """
    uint64_t load_acquire "mp_pipe_load"(uint64_t *address) noexcept nogil
    void store_release "mp_pipe_store"(uint64_t *address, uint64_t value) noexcept nogil
    void fence "mp_pipe_fence"() noexcept nogil
    int drop_reference "mp_pipe_drop"(int *references) noexcept nogil
    int duplicate "mp_duplicate"(int fd) noexcept nogil
    void *page_aligned "mp_page_aligned"(size_t size) noexcept nogil

cdef enum:
    SMALLEST_PIPE = 1 << 15
    LARGEST_PIPE = 1 << 30


cdef pipe_t *pipe_new(uint32_t capacity, int wake_fd) noexcept nogil:
    cdef pipe_t *pipe = <pipe_t *>page_aligned(4096)
    if pipe == NULL:
        return NULL
    memset(pipe, 0, sizeof(pipe_t))
    pipe.capacity = SMALLEST_PIPE
    while pipe.capacity < capacity and pipe.capacity < LARGEST_PIPE:
        pipe.capacity <<= 1
    pipe.bytes = <uint8_t *>page_aligned(pipe.capacity)
    pipe.wake_fd = duplicate(wake_fd) if wake_fd >= 0 else -1
    pipe.references = 2
    if pipe.bytes == NULL or (wake_fd >= 0 and pipe.wake_fd < 0):
        free(pipe.bytes)
        free(pipe)
        return NULL
    return pipe


cdef void pipe_release(pipe_t *pipe) noexcept nogil:
    if pipe == NULL or drop_reference(&pipe.references):
        return
    if pipe.wake_fd >= 0:
        c_close(pipe.wake_fd)
    free(pipe.bytes)
    free(pipe)


cdef inline uint32_t _whole(uint32_t size) noexcept nogil:
    return (size + 7) & ~<uint32_t>7


cdef inline bint _has_room(pipe_t *pipe, uint32_t need) noexcept nogil:
    if pipe.written + need - pipe.head_seen <= pipe.capacity:
        return True
    pipe.head_seen = load_acquire(&pipe.head)
    return pipe.written + need - pipe.head_seen <= pipe.capacity


cdef void *pipe_reserve(pipe_t *pipe, uint32_t size, uint32_t spare) noexcept nogil:
    cdef uint32_t position = <uint32_t>pipe.written & (pipe.capacity - 1)
    cdef uint32_t till_end = pipe.capacity - position
    cdef uint32_t skipped
    cdef pipe_record_t *record
    size = _whole(size)
    skipped = till_end if size > till_end else 0
    if not _has_room(pipe, skipped + size + spare):
        return NULL
    if skipped:
        record = <pipe_record_t *>(pipe.bytes + position)
        record.size = skipped
        record.kind = 0
        pipe.written += skipped
        position = 0
    return pipe.bytes + position


cdef void pipe_commit(pipe_t *pipe, void *record, uint16_t kind, uint32_t size) noexcept nogil:
    cdef pipe_record_t *head = <pipe_record_t *>record
    head.size = _whole(size)
    head.kind = kind
    head.zero = 0
    pipe.written += head.size


# The writer stores `tail` and then loads `head`, the reader stores `head` and then loads `tail`, each with a fence in
# between. So at least one of them sees what the other did: the reader goes on, or the writer wakes it.

cdef bint pipe_publish(pipe_t *pipe) noexcept nogil:
    cdef uint64_t before = pipe.tail
    if pipe.written == before:
        return False
    store_release(&pipe.tail, pipe.written)
    fence()
    pipe.head_seen = load_acquire(&pipe.head)
    return pipe.head_seen == before


cdef void pipe_look(pipe_t *pipe) noexcept nogil:
    pipe.tail_seen = load_acquire(&pipe.tail)


cdef const pipe_record_t *pipe_next(pipe_t *pipe) noexcept nogil:
    cdef const pipe_record_t *record
    while pipe.read != pipe.tail_seen:
        record = <const pipe_record_t *>(pipe.bytes + (pipe.read & (pipe.capacity - 1)))
        if record.kind:
            return record
        pipe.read += record.size
    return NULL


cdef void pipe_take(pipe_t *pipe, const pipe_record_t *record) noexcept nogil:
    pipe.read += record.size


cdef void pipe_give_back(pipe_t *pipe) noexcept nogil:
    if pipe.head != pipe.read:
        store_release(&pipe.head, pipe.read)


cdef bint pipe_waiting(pipe_t *pipe) noexcept nogil:
    fence()
    return load_acquire(&pipe.tail) != pipe.read


cdef uint64_t pipe_depth(pipe_t *pipe) noexcept nogil:
    cdef uint64_t head = load_acquire(&pipe.head)
    return load_acquire(&pipe.tail) - head
