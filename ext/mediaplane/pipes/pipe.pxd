"""A bounded ring of bytes from one worker's thread to another's, cut into records of different sizes.

The writer reserves, fills and commits records, and publishes what it has written once per batch. The reader takes what
was published when it looked last, in place, and gives the room back once per batch.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    PIPE_DEFAULT_BYTES = 1 << 21     # 80 ms of 200 Mbit/s; memory is only touched in a pipe that is used
    PIPE_CONTROL_BYTES = 1 << 14     # of it, for control records alone: packets never crowd them out

# What every record begins with; 8 bytes, as all sizes are multiples of 8.
cdef struct pipe_record_t:
    uint32_t size                # of the whole record
    uint16_t kind                # 0: nothing up to the ring's end, the next record is at its start
    uint16_t zero

# What each thread writes lies on cache lines of its own.
cdef struct pipe_t:
    uint8_t *bytes
    uint32_t capacity            # a power of two
    int wake_fd                  # eventfd of the reader, owned; -1: nobody sleeps
    int references               # the two planes
    uint8_t pad_a[64]
    uint64_t head                # given back by the reader
    uint64_t read                # taken by it
    uint64_t tail_seen           # `tail` when it looked last
    uint8_t pad_b[64]
    uint64_t tail                # published by the writer
    uint64_t written             # committed by it
    uint64_t head_seen           # `head` when it looked last
    uint8_t pad_c[64]

# Rounds `capacity` up to a power of two. `wake_fd` is duplicated, -1: none. NULL: no memory. It has two references.
cdef pipe_t *pipe_new(uint32_t capacity, int wake_fd) noexcept nogil
cdef void pipe_release(pipe_t *pipe) noexcept nogil

# The writer. Room for a record of at most `size` bytes; NULL: full. `spare`: bytes that have to stay free behind it.
cdef void *pipe_reserve(pipe_t *pipe, uint32_t size, uint32_t spare) noexcept nogil
# The record that was reserved last is ready and has `size` bytes.
cdef void pipe_commit(pipe_t *pipe, void *record, uint16_t kind, uint32_t size) noexcept nogil
# Lets the reader see what was committed. True if it may be asleep: then it has to be woken.
cdef bint pipe_publish(pipe_t *pipe) noexcept nogil

# The reader. What is published from now on is seen by the next look.
cdef void pipe_look(pipe_t *pipe) noexcept nogil
# The next record that was seen, NULL: none. It stays the next one until it is taken.
cdef const pipe_record_t *pipe_next(pipe_t *pipe) noexcept nogil
cdef void pipe_take(pipe_t *pipe, const pipe_record_t *record) noexcept nogil
# Gives the room of all records taken back to the writer.
cdef void pipe_give_back(pipe_t *pipe) noexcept nogil
# Whether there is anything that was not taken. A reader that sleeps after it heard no will be woken.
cdef bint pipe_waiting(pipe_t *pipe) noexcept nogil

# Bytes between what was published and what was given back, for anyone who wants to know.
cdef uint64_t pipe_depth(pipe_t *pipe) noexcept nogil
