"""The packets of one encoding that may still be sent: for the batch at hand and, later, for NACKs.

The arena is cut into segments. Packets are written one after the other into the current segment; when it is full, the
segment filled longest ago is taken if all its packets are older than `max_age_us`, else one that was never touched, and
only when there is none, the one filled longest ago with packets that are younger. So memory follows the bitrate, and a
packet is found, or known to be overwritten, without a look at any other.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    RETRANSMISSION_SEGMENT_SIZE = 8192     # bytes; also the largest packet

cdef struct cached_packet_t:
    int64_t seq64
    int64_t received_us
    uint32_t offset              # in the arena
    uint32_t turn                # the turn of its segment in which it was written; 0: empty
    uint16_t size                # header and payload, decrypted, without padding
    uint16_t header_size         # this and what follows is filled by the caller after store()
    uint16_t payload_size
    uint8_t payload_type
    uint8_t marker
    uint8_t padding              # bytes behind the payload that are sent with it
    uint32_t timestamp

cdef struct arena_segment_t:
    int64_t newest_us            # when its newest packet came
    uint32_t turn                # how often it was taken into use
    uint32_t next                # the segment filled after it

cdef struct retransmission_buffer_t:
    cached_packet_t *index       # index_size entries, by seq64 & (index_size - 1)
    uint8_t *arena
    arena_segment_t *segments
    uint32_t index_size          # a power of two
    uint32_t arena_size
    uint32_t write_offset        # in the arena
    uint32_t current             # the segment that is being filled
    uint32_t oldest              # the one filled longest ago
    uint32_t touched             # segments ever taken into use; segment_count in all
    uint32_t segment_count
    int64_t max_age_us
    uint64_t stored
    uint64_t refused             # packets that are empty or larger than a segment
    uint64_t high_water          # bytes of the arena that were ever touched

# Rounds `index_size` up to a power of two and `arena_size` to whole segments, at least three. OK or NO_MEMORY.
# Memory that was not touched yet costs nothing.
cdef int retransmission_buffer_init(retransmission_buffer_t *buffer, uint32_t index_size, uint32_t arena_size,
                                    int64_t max_age_us) noexcept nogil
cdef void retransmission_buffer_free(retransmission_buffer_t *buffer) noexcept nogil
# Forgets every packet. Their bytes stay as they are for as long as they would have.
cdef void retransmission_buffer_clear(retransmission_buffer_t *buffer) noexcept nogil
# Copies a packet in and returns its entry, or NULL if it is empty or larger than a segment. `slack` bytes behind it
# stay free for the caller.
# The bytes stay where and as they are until the packet is older than max_age_us or, if that comes first, until at least
# arena_size / 2 more bytes of packets were stored (each of at most a quarter of a segment, as all that fit an Ethernet
# frame are). The entry itself is used again by the next packet whose seq64 is the same modulo index_size.
cdef cached_packet_t *retransmission_buffer_store(retransmission_buffer_t *buffer, int64_t seq64, const uint8_t *data,
                                                  uint16_t size, uint16_t slack, int64_t now_us) noexcept nogil
# NULL if it was never there, was overwritten, or is older than max_age_us.
cdef cached_packet_t *retransmission_buffer_find(retransmission_buffer_t *buffer, int64_t seq64,
                                                 int64_t now_us) noexcept nogil


cdef inline uint8_t *cached_packet_data(retransmission_buffer_t *buffer, const cached_packet_t *packet) noexcept nogil:
    return buffer.arena + packet.offset
