"""One synthetic peer: the controlling side of ICE, one end of DTLS, and what its datagrams do."""
from libc.stdint cimport int64_t

from mediaplane.loadgen.model cimport generator_t, peer_t

cdef enum:
    CHECK_TIMEOUT_US = 15000000      # no answer to any connectivity check: there is no server

cdef void peer_start(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil
# Reads what the socket has.
cdef void peer_receive(generator_t *generator, peer_t *peer) noexcept nogil
# Does what is due.
cdef void peer_timeout(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil
# Says goodbye by close_notify.
cdef void peer_close(generator_t *generator, peer_t *peer) noexcept nogil
cdef void peer_free(peer_t *peer) noexcept nogil
