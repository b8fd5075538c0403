"""A ring of packets in segments: see retransmission_buffer.pxd."""
from libc.string cimport memcpy, memset
from posix.mman cimport (
    MADV_NOHUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap, munmap,
)

from mediaplane.status cimport Status


cdef inline size_t index_bytes(const retransmission_buffer_t *buffer) noexcept nogil:
    return <size_t>buffer.index_size * sizeof(cached_packet_t)


cdef inline size_t mapped_bytes(const retransmission_buffer_t *buffer) noexcept nogil:
    return buffer.arena_size + index_bytes(buffer) + <size_t>buffer.segment_count * sizeof(arena_segment_t)


# A zeroed entry has turn 0 and a segment in use at least 1, so fresh pages are a valid empty index as they come.
cdef int retransmission_buffer_init(retransmission_buffer_t *buffer, uint32_t index_size, uint32_t arena_size,
                                    int64_t max_age_us) noexcept nogil:
    memset(buffer, 0, sizeof(retransmission_buffer_t))
    if index_size > 0x1000000 or arena_size > 0x40000000:     # 2^24 packets, 1 GiB: offsets stay in 32 bits
        return Status.NO_MEMORY
    buffer.index_size = 1
    while buffer.index_size < index_size:
        buffer.index_size *= 2
    buffer.segment_count = max(3, (arena_size + RETRANSMISSION_SEGMENT_SIZE - 1) // RETRANSMISSION_SEGMENT_SIZE)
    buffer.arena_size = buffer.segment_count * RETRANSMISSION_SEGMENT_SIZE
    buffer.max_age_us = max_age_us

    cdef size_t size = mapped_bytes(buffer)
    cdef void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    if memory == MAP_FAILED:
        return Status.NO_MEMORY
    madvise(memory, size, MADV_NOHUGEPAGE)      # one huge page would cost more than most encodings ever need
    buffer.arena = <uint8_t *>memory
    buffer.index = <cached_packet_t *>(buffer.arena + buffer.arena_size)
    buffer.segments = <arena_segment_t *>(buffer.arena + buffer.arena_size + index_bytes(buffer))
    buffer.touched = 1
    buffer.segments[0].turn = 1
    return Status.OK


cdef void retransmission_buffer_free(retransmission_buffer_t *buffer) noexcept nogil:
    if buffer.arena != NULL:
        munmap(buffer.arena, mapped_bytes(buffer))
    memset(buffer, 0, sizeof(retransmission_buffer_t))


cdef void retransmission_buffer_clear(retransmission_buffer_t *buffer) noexcept nogil:
    memset(buffer.index, 0, index_bytes(buffer))


# The segments in use form a list from the oldest to the current one; the one taken goes to its end.
cdef void take_segment(retransmission_buffer_t *buffer, int64_t now_us) noexcept nogil:
    cdef uint32_t taken = buffer.oldest
    cdef bint expired = now_us - buffer.segments[taken].newest_us > buffer.max_age_us
    if expired or buffer.touched == buffer.segment_count:
        buffer.oldest = buffer.segments[taken].next
    else:
        taken = buffer.touched
        buffer.touched += 1
    buffer.segments[taken].turn += 1
    buffer.segments[buffer.current].next = taken
    buffer.current = taken
    buffer.write_offset = taken * RETRANSMISSION_SEGMENT_SIZE


cdef cached_packet_t *retransmission_buffer_store(retransmission_buffer_t *buffer, int64_t seq64, const uint8_t *data,
                                                  uint16_t size, uint16_t slack, int64_t now_us) noexcept nogil:
    cdef cached_packet_t *entry
    cdef arena_segment_t *segment
    cdef uint32_t room = <uint32_t>size + slack
    if size == 0 or room > RETRANSMISSION_SEGMENT_SIZE:
        buffer.refused += 1
        return NULL
    if buffer.write_offset + room > (buffer.current + 1) * RETRANSMISSION_SEGMENT_SIZE:
        take_segment(buffer, now_us)
    segment = &buffer.segments[buffer.current]
    segment.newest_us = now_us
    entry = &buffer.index[<uint64_t>seq64 & (buffer.index_size - 1)]
    entry.seq64 = seq64
    entry.received_us = now_us
    entry.offset = buffer.write_offset
    entry.turn = segment.turn
    entry.size = size
    entry.padding = 0
    memcpy(buffer.arena + buffer.write_offset, data, size)
    buffer.write_offset += room
    buffer.high_water = max(buffer.high_water, <uint64_t>buffer.write_offset)
    buffer.stored += 1
    return entry


cdef cached_packet_t *retransmission_buffer_find(retransmission_buffer_t *buffer, int64_t seq64,
                                                 int64_t now_us) noexcept nogil:
    cdef cached_packet_t *entry = &buffer.index[<uint64_t>seq64 & (buffer.index_size - 1)]
    if entry.seq64 != seq64 or now_us - entry.received_us > buffer.max_age_us:
        return NULL
    if entry.turn != buffer.segments[entry.offset // RETRANSMISSION_SEGMENT_SIZE].turn:
        return NULL
    return entry
