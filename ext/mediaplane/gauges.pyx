"""Read by Python's thread while the worker's writes: each number is right, and they need not be of one moment."""
from libc.stdint cimport uint64_t

from mediaplane.model cimport MAX_WORKERS
from mediaplane.pipes.pipe cimport pipe_depth
from mediaplane.rings cimport ring_depth


cdef dict gauges_to_python(plane_t *plane, ring_t *commands, ring_t *events, int64_t cpu_us):
    cdef uint64_t piped_bytes = 0
    cdef int i
    for i in range(MAX_WORKERS):
        if plane.pipes[i] != NULL:
            piped_bytes += pipe_depth(plane.pipes[i].incoming)
    return {
        "transports": plane.transports.count, "producers": plane.producers.count, "consumers": plane.consumers.count,
        "tuples": plane.tuples.count, "command_ring": ring_depth(commands), "event_ring": ring_depth(events),
        "pipe_bytes": piped_bytes, "cpu_us": cpu_us,
    }
