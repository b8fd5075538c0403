"""All pipes of a worker: laid before it starts, read and published between its batches."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from mediaplane.model cimport plane_t
from mediaplane.pipes.pipe cimport pipe_t

# Lays a pipe each way. `a_wake`, `b_wake`: eventfd of each worker, -1: none. OK, NO_MEMORY, NO_SPACE (an index from
# MAX_WORKERS on), BAD_STATE (they are joined already).
cdef int pipes_join(plane_t *a, uint32_t a_worker, int a_wake, plane_t *b, uint32_t b_worker, int b_wake,
                    uint32_t capacity) noexcept nogil
# Lays this plane's end of two pipes whose other end a thread has that is no worker. Takes one reference of each pipe,
# also when it fails: NO_MEMORY, NO_SPACE, BAD_STATE.
cdef int pipes_attach(plane_t *plane, uint32_t worker, pipe_t *incoming, pipe_t *outgoing) noexcept nogil
# Frees what piped producers there are; the pipes themselves go with the plane that lets go of them last.
cdef void pipes_free(plane_t *plane) noexcept nogil

# Notes what the other workers have written so far. To be called before commands are carried out: then an order that was
# given before another worker wrote is carried out before that is read.
cdef void pipes_look(plane_t *plane) noexcept nogil
# Takes a batch of what was noted. False: nothing was left. As after plane_receive(), a flush has to follow.
cdef bint pipes_receive(plane_t *plane, int64_t now_us) noexcept nogil
# Lets the other workers see what was written; returns those that have to be woken, a bit each.
cdef uint64_t pipes_publish(plane_t *plane) noexcept nogil
# Whether any pipe has something to read: then the worker must not sleep.
cdef bint pipes_waiting(plane_t *plane) noexcept nogil
