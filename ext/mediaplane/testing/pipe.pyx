"""The byte ring between two workers, by itself."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from mediaplane.event_loop cimport (
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, c_close, c_read, c_write, epoll_create1, epoll_event, epoll_wait, eventfd,
    mp_watch,
)
from mediaplane.pipes.pipe cimport (
    pipe_commit, pipe_give_back, pipe_look, pipe_new, pipe_next, pipe_publish, pipe_record_t, pipe_release,
    pipe_reserve, pipe_t, pipe_take, pipe_waiting,
)

cdef enum:
    HEAD = sizeof(pipe_record_t)
    BATCH = 5                    # records that are published together
    LOST_MS = 2000               # who sleeps so long was not woken


cdef class Pipe:
    """Records are bytes here. `capacity` is rounded up to a power of two, at least 32 KiB."""

    cdef pipe_t *pipe
    cdef int wake_fd
    cdef int epoll_fd

    def __cinit__(self, uint32_t capacity):
        self.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        self.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.pipe = pipe_new(capacity, self.wake_fd)
        if self.pipe == NULL:
            raise MemoryError
        mp_watch(self.epoll_fd, self.wake_fd, 0)

    def __dealloc__(self):
        pipe_release(self.pipe)
        pipe_release(self.pipe)
        c_close(self.wake_fd)
        c_close(self.epoll_fd)

    def write(self, bytes data, uint32_t spare=0):
        """False: it is full."""
        cdef uint8_t *record = <uint8_t *>pipe_reserve(self.pipe, HEAD + 4 + len(data), spare)
        cdef uint32_t size = len(data)
        if record == NULL:
            return False
        memcpy(record + HEAD, &size, 4)
        memcpy(record + HEAD + 4, <const char *>data, size)
        pipe_commit(self.pipe, record, 1, HEAD + 4 + size)
        return True

    def publish(self):
        """Whether the reader has to be woken."""
        return pipe_publish(self.pipe)

    def look(self):
        pipe_look(self.pipe)

    def take(self):
        """The next record, or None."""
        cdef const pipe_record_t *record = pipe_next(self.pipe)
        cdef uint32_t size
        if record == NULL:
            return None
        memcpy(&size, <const uint8_t *>record + HEAD, 4)
        data = (<const char *>record)[HEAD + 4:HEAD + 4 + size]
        pipe_take(self.pipe, record)
        return data

    def give_back(self):
        pipe_give_back(self.pipe)

    def waiting(self):
        return pipe_waiting(self.pipe)

    @property
    def capacity(self):
        return self.pipe.capacity

    def transfer(self, uint64_t count):
        """Write records with the numbers below `count`, without the GIL; wait for room; wake the reader as told."""
        cdef uint64_t number = 0
        cdef uint64_t one = 1
        cdef uint32_t size
        cdef uint8_t *record
        with nogil:
            while number < count:
                size = HEAD + 8 + <uint32_t>(number * 7919 % 1500)
                record = <uint8_t *>pipe_reserve(self.pipe, size, 0)
                if record != NULL:
                    memset(record + HEAD + 8, <int>(number & 0xFF), size - HEAD - 8)
                    memcpy(record + HEAD, &number, 8)
                    pipe_commit(self.pipe, record, 1, size)
                    number += 1
                if (record == NULL or number % BATCH == 0 or number == count) and pipe_publish(self.pipe):
                    c_write(self.wake_fd, &one, 8)

    def collect(self, uint64_t count):
        """Take `count` records, without the GIL, sleeping when there are none. Returns (wrong, times not woken)."""
        cdef epoll_event ready[1]
        cdef uint64_t expected = 0
        cdef uint64_t wrong = 0
        cdef uint64_t lost = 0
        cdef uint64_t number
        cdef const uint8_t *record
        with nogil:
            while expected < count:
                pipe_look(self.pipe)
                record = <const uint8_t *>pipe_next(self.pipe)
                while record != NULL:
                    memcpy(&number, record + HEAD, 8)
                    wrong += number != expected
                    if expected * 7919 % 1500:
                        wrong += record[HEAD + 8] != <uint8_t>(expected & 0xFF)
                    expected += 1
                    pipe_take(self.pipe, <const pipe_record_t *>record)
                    record = <const uint8_t *>pipe_next(self.pipe)
                pipe_give_back(self.pipe)
                if expected < count and not pipe_waiting(self.pipe):
                    lost += epoll_wait(self.epoll_fd, ready, 1, LOST_MS) == 0
                    c_read(self.wake_fd, &number, 8)
        return wrong, lost
