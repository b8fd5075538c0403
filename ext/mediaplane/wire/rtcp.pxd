"""RTCP (RFC 3550 section 6; feedback: RFC 4585, FIR: RFC 5104)."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    RTCP_SR = 200
    RTCP_RR = 201
    RTCP_SDES = 202
    RTCP_BYE = 203
    RTCP_APP = 204
    RTCP_RTPFB = 205
    RTCP_PSFB = 206
    RTCP_XR = 207
    RTPFB_NACK = 1
    RTPFB_TRANSPORT_CC = 15
    PSFB_PLI = 1
    PSFB_FIR = 4
    PSFB_AFB = 15            # application layer: REMB

cdef struct rtcp_packet_t:
    const uint8_t *data      # of this packet, its 4-byte header included
    uint32_t size            # bytes, padding removed
    uint8_t packet_type
    uint8_t count            # RC, SC or FMT

# Takes the packet at `offset` of a compound (reduced-size allowed, RFC 5506) and moves `offset` behind it.
# OK, NOT_FOUND at the end, TRUNCATED or MALFORMED (then nothing more can be read).
cdef int rtcp_next(const uint8_t *data, uint32_t size, uint32_t *offset, rtcp_packet_t *packet) noexcept nogil

cdef struct rtcp_sender_info_t:
    uint32_t ssrc
    uint64_t ntp             # 32.32 seconds since 1900
    uint32_t rtp_timestamp
    uint32_t packets
    uint32_t octets

cdef struct rtcp_report_block_t:
    uint32_t ssrc            # the source that is reported on
    uint8_t fraction_lost    # of 256
    int64_t cumulative_lost  # signed 24 bits on the wire, clamped when written
    uint32_t highest_seq     # cycles << 16 | seq16
    uint32_t jitter          # timestamp units
    uint32_t last_sr         # middle 32 bits of the SR's NTP, 0: none
    uint32_t delay_since_last_sr  # 1/65536 s

cdef int rtcp_parse_sender_info(const rtcp_packet_t *packet, rtcp_sender_info_t *info) noexcept nogil
# Report block `index` of an SR or RR; NOT_FOUND past the count, TRUNCATED if the packet is short.
cdef int rtcp_parse_report_block(const rtcp_packet_t *packet, uint8_t index, rtcp_report_block_t *block) noexcept nogil
# SSRC `index` of a BYE.
cdef int rtcp_parse_bye(const rtcp_packet_t *packet, uint8_t index, uint32_t *ssrc) noexcept nogil
# Sender and media SSRC of a feedback packet (RTPFB, PSFB).
cdef int rtcp_parse_feedback(const rtcp_packet_t *packet, uint32_t *sender_ssrc, uint32_t *media_ssrc) noexcept nogil
# Expands the generic NACK into at most `capacity` sequence numbers, in the order of the wire; returns their number.
cdef int rtcp_parse_nack(const rtcp_packet_t *packet, uint16_t *seqs, uint32_t capacity) noexcept nogil
# FCI entry `index` of a FIR: the SSRC asked and the command's sequence number.
cdef int rtcp_parse_fir(const rtcp_packet_t *packet, uint32_t index, uint32_t *ssrc, uint8_t *seq) noexcept nogil

# Writers return the bytes written or NO_SPACE (also for more than 31 blocks). `blocks` may be NULL when `count` is 0.
cdef int rtcp_write_sr(uint8_t *out, uint32_t capacity, const rtcp_sender_info_t *info,
                       const rtcp_report_block_t *blocks, uint8_t count) noexcept nogil
cdef int rtcp_write_rr(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, const rtcp_report_block_t *blocks,
                       uint8_t count) noexcept nogil
cdef int rtcp_write_sdes_cname(uint8_t *out, uint32_t capacity, uint32_t ssrc, const uint8_t *cname,
                               uint8_t cname_size) noexcept nogil
cdef int rtcp_write_bye(uint8_t *out, uint32_t capacity, uint32_t ssrc) noexcept nogil
cdef int rtcp_write_pli(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, uint32_t media_ssrc) noexcept nogil
cdef int rtcp_write_fir(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, uint32_t media_ssrc,
                        uint8_t seq) noexcept nogil
# `seqs` ascending modulo 2^16; packs them into as few FCI entries as they need. 0 when there is nothing to ask for.
cdef int rtcp_write_nack(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, uint32_t media_ssrc,
                         const uint16_t *seqs, uint32_t count) noexcept nogil
