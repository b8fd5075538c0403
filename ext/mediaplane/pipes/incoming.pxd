"""Piped producers: each stands for a producer of another worker, and to consumers it is like any other."""
from libc.stdint cimport int64_t, uint16_t

from mediaplane.model cimport encoding_t, pipe_end_t, plane_t, producer_t, transport_t
from mediaplane.pipes.records cimport pipe_packet_t, pipe_state_t

# Takes a filled producer whose `source_id` is set. NO_SPACE when a table is full, BAD_STATE when its source stands here
# already.
cdef int incoming_open(plane_t *plane, pipe_end_t *end, producer_t *producer, int64_t now_us) noexcept nogil
# Tells the other worker, and forgets; the producer's memory stays the caller's.
cdef void incoming_close(plane_t *plane, producer_t *producer) noexcept nogil

# What came through the pipe. False: the batch at hand has to end before it; nothing has changed then.
cdef bint incoming_packet(plane_t *plane, pipe_end_t *end, const pipe_packet_t *record, int64_t now_us) noexcept nogil
cdef bint incoming_state(plane_t *plane, pipe_end_t *end, const pipe_state_t *state, int64_t now_us) noexcept nogil

# Writes the wishes that have changed into the pipe.
cdef void incoming_tell_wishes(pipe_end_t *end) noexcept nogil
# Has all of them told again, and sets the time of the next round.
cdef void incoming_renew(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil


# What consumers want of the producer may have changed: it is found out, and told, after the batch.
cdef inline void wish_changed(producer_t *producer) noexcept nogil:
    cdef pipe_end_t *end = producer.transport.pipe
    if end != NULL and not producer.is_wishing:
        producer.is_wishing = True
        producer.next_wishing = end.wishing
        end.wishing = producer


# A consumer needs a keyframe that only the producer's own worker can ask for.
cdef inline void wish_keyframe(encoding_t *encoding) noexcept nogil:
    encoding.producer.wished_keyframes |= <uint16_t>(1 << encoding.index)
    wish_changed(encoding.producer)
