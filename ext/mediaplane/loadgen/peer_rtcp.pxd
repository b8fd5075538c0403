"""RTCP of a synthetic peer: the reports that a server needs, and what it asks for."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mediaplane.loadgen.model cimport generator_t, peer_t

cdef enum:
    FIRST_REPORT_US = 200000         # so that the first clock of a publisher is soon known
    REPORT_INTERVAL_US = 1000000

cdef void peer_rtcp_receive(generator_t *generator, peer_t *peer, uint8_t *data, uint32_t size,
                            int64_t now_us) noexcept nogil
cdef void peer_rtcp_timeout(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil
