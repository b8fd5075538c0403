"""A snapshot of one transport's streams, taken by the worker and read by Python."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.model cimport plane_t, transport_t

cdef struct encoding_stats_t:
    uint32_t producer
    uint32_t ssrc
    uint8_t encoding
    uint8_t active
    uint64_t packets
    uint64_t octets
    int64_t lost                 # expected less received; negative with duplicates
    uint32_t jitter              # timestamp units
    uint64_t nacked
    uint64_t recovered

cdef struct consumer_stats_t:
    uint32_t consumer
    uint32_t producer            # 0: an empty slot
    uint32_t ssrc
    uint32_t packets
    uint32_t octets
    uint32_t rtx_packets
    uint8_t encoding             # NO_ENCODING: nothing forwarded yet
    uint8_t target
    uint8_t fraction_lost        # of 256, as the receiver reported last

cdef struct stats_t:
    uint32_t transport
    int64_t rtt_us               # 0: unknown
    uint32_t encoding_count
    uint32_t consumer_count
    # The encodings follow, then the consumers.

# One allocation that the event owns; NULL: no memory.
cdef stats_t *stats_take(transport_t *transport) noexcept nogil
cdef dict stats_to_python(const stats_t *stats)
