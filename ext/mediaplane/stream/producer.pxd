"""Incoming streams: which producer and encoding a packet belongs to, and what is learnt from it."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.model cimport encoding_t, ingress_t, plane_t, producer_t, receive_stream_t, transport_t

cdef enum:
    ENCODING_SILENT_US = 1500000     # without packets for so long a simulcast encoding counts as paused
    SOURCE_SILENT_US = 500000        # after so long another SSRC may take its place
    AUDIO_LEVEL_INTERVAL_US = 200000

cdef receive_stream_t *stream_find(transport_t *transport, uint32_t ssrc) noexcept nogil
# Binds an SSRC in the place of the one that the encoding had; NULL when the transport has as many as it may have. An
# SSRC that is bound keeps its replay state.
cdef receive_stream_t *stream_bind(transport_t *transport, uint32_t ssrc, encoding_t *encoding,
                                   bint is_rtx) noexcept nogil
# The encoding that a packet of an unknown SSRC belongs to (RFC 8843 section 9.2: MID and RID first, then the payload
# type where only one producer has it). NULL: nobody's.
cdef encoding_t *stream_route(transport_t *transport, const ingress_t *packet, bint *is_rtx) noexcept nogil

# Whether the encoding may take another SSRC: the one it has is silent.
cdef bint encoding_may_change(const encoding_t *encoding, uint32_t ssrc, int64_t now_us) noexcept nogil
# It did: numbers, clock and cache of the old one mean nothing any more.
cdef void encoding_begin_anew(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil
# Its first packet, or the first after it was silent, is in the batch: consumers may want it now.
cdef void encoding_awoke(plane_t *plane, const ingress_t *packet, int64_t now_us) noexcept nogil
# Another codec may have another clock: what was learnt of the old one does not hold.
cdef void encoding_set_clock(encoding_t *encoding, uint32_t clock_rate) noexcept nogil
# The publisher said BYE for it. When none is left, so the control plane learns, the producer is gone for now.
cdef void encoding_left(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil

cdef int producer_open(plane_t *plane, transport_t *transport, producer_t *producer) noexcept nogil
# An opened packet: RTX is taken apart, counts are kept, the packet is cached. True if it shall be forwarded.
cdef bint producer_receive(plane_t *plane, ingress_t *packet, int64_t now_us) noexcept nogil
# The packet alone, without RTX and padding: looked into, and cached. True if it shall be forwarded.
cdef bint producer_keep(plane_t *plane, ingress_t *packet, int64_t now_us) noexcept nogil
cdef void producer_gate(plane_t *plane, producer_t *producer, bint open, int64_t now_us) noexcept nogil
# Lets every consumer choose its encoding anew.
cdef void producer_retarget(plane_t *plane, producer_t *producer, int64_t now_us) noexcept nogil
# Marks encodings that fell silent; True if any did.
cdef bint producer_watch_silence(producer_t *producer, int64_t now_us) noexcept nogil
cdef void producer_detach(plane_t *plane, producer_t *producer) noexcept nogil
cdef void producer_free(producer_t *producer) noexcept nogil


# The packet at `position` of the batch shall be forwarded.
cdef inline void encoding_touch(plane_t *plane, encoding_t *encoding, uint32_t position) noexcept nogil:
    if encoding.batch_mask == 0:
        encoding.next_touched = plane.touched
        plane.touched = encoding
    encoding.batch_mask |= <uint64_t>1 << position
