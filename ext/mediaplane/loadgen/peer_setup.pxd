"""From Python's descriptions to a peer that the thread can start."""
from libc.stdint cimport uint64_t

from mediaplane.loadgen.model cimport generator_t, peer_t, stream_t

# Raises ValueError, OSError, MemoryError; the caller owns the peer.
cdef peer_t *peer_new(generator_t *generator, object connection, object sources, object streams) except NULL
cdef str peer_state(const peer_t *peer)
cdef dict peer_to_python(const peer_t *peer)
# Packets between the first and the highest that did not come.
cdef uint64_t stream_lost(const stream_t *stream) noexcept nogil
