"""From Python's descriptions to a peer that the thread can start."""
from mediaplane.loadgen.model cimport generator_t, peer_t

# Raises ValueError, OSError, MemoryError; the caller owns the peer.
cdef peer_t *peer_new(generator_t *generator, object connection, object sources, object streams) except NULL
cdef str peer_state(const peer_t *peer)
cdef dict peer_to_python(const peer_t *peer)
