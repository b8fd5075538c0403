"""Epochs of a consumer's sequence numbers: see seq_map.pxd."""
from libc.stdint cimport INT64_MAX
from libc.string cimport memset


cdef void seq_map_init(seq_map_t *map, uint16_t first_out) noexcept nogil:
    memset(map, 0, sizeof(seq_map_t))
    map.highest_out = -1
    map.start_out = first_out
    seq_map_current(map).first_in = INT64_MAX


cdef inline seq_epoch_t *epoch_at(const seq_map_t *map, uint32_t position) noexcept nogil:
    return <seq_epoch_t *>&map.epochs[(map.first + position) & (SEQ_MAP_EPOCHS - 1)]


# Makes room for an epoch at `position` (at most `count`); when the ring is full the oldest one goes.
cdef seq_epoch_t *insert_epoch(seq_map_t *map, uint32_t position) noexcept nogil:
    if map.count == SEQ_MAP_EPOCHS:
        map.first = (map.first + 1) & (SEQ_MAP_EPOCHS - 1)
        position -= 1
    else:
        map.count += 1
    cdef uint32_t moved
    for moved in range(map.count - 1, position, -1):
        epoch_at(map, moved)[0] = epoch_at(map, moved - 1)[0]
    return epoch_at(map, position)


# The position of the newest epoch that has `in_seq` of `source`, or -1.
cdef int position_of(const seq_map_t *map, uint16_t source, int64_t in_seq) noexcept nogil:
    cdef int position
    cdef const seq_epoch_t *epoch
    for position in range(<int>map.count - 1, -1, -1):
        epoch = epoch_at(map, position)
        if epoch.source == source and epoch.first_in <= in_seq <= epoch.last_in:
            return position
    return -1


cdef seq_epoch_t *seq_map_switch(seq_map_t *map, uint16_t source, int64_t first_in, uint32_t timestamp_offset,
                                 uint32_t picture_offset) noexcept nogil:
    cdef seq_epoch_t *epoch
    # What the consumer has not been sent any number of need not be remembered: its numbers are given anew.
    while map.count > 0:
        epoch = seq_map_current(map)
        if epoch.first_in + epoch.offset <= map.highest_out:
            epoch.last_in = min(epoch.last_in, map.highest_out - epoch.offset)
            break
        map.count -= 1

    epoch = insert_epoch(map, map.count)
    epoch.first_in = first_in
    epoch.last_in = INT64_MAX
    epoch.offset = (map.start_out if map.highest_out < 0 else map.highest_out + 1) - first_in
    epoch.timestamp_offset = timestamp_offset
    epoch.picture_offset = picture_offset
    epoch.source = source
    return epoch


cdef void seq_map_drop(seq_map_t *map, uint16_t source, int64_t in_seq) noexcept nogil:
    cdef int position = position_of(map, source, in_seq)
    if position < 0:
        return
    cdef seq_epoch_t *epoch = epoch_at(map, position)
    cdef seq_epoch_t tail = epoch[0]
    cdef bint unseen = in_seq + epoch.offset > map.highest_out
    cdef uint32_t above = map.count - position      # epochs with numbers above in_seq, counted from the newest
    if in_seq == epoch.first_in:
        epoch.first_in += 1
    elif in_seq == epoch.last_in:
        epoch.last_in -= 1
        above -= 1
    else:
        epoch.last_in = in_seq - 1
        tail.first_in = in_seq + 1
        insert_epoch(map, position + 1)[0] = tail
    if unseen:
        for moved in range(map.count - above, map.count):
            epoch_at(map, moved).offset -= 1


cdef int seq_map_forward_late(seq_map_t *map, uint16_t source, int64_t in_seq, int64_t *out_seq,
                              seq_epoch_t **epoch) noexcept nogil:
    cdef int position = position_of(map, source, in_seq)
    if position < 0:
        return Status.NOT_FOUND
    epoch[0] = epoch_at(map, position)
    out_seq[0] = in_seq + epoch[0].offset
    map.highest_out = max(map.highest_out, out_seq[0])
    return Status.OK


cdef int seq_map_reverse(const seq_map_t *map, int64_t out_seq, uint16_t *source, int64_t *in_seq,
                         const seq_epoch_t **epoch) noexcept nogil:
    cdef int position
    cdef const seq_epoch_t *candidate
    if out_seq > map.highest_out:
        return Status.NOT_FOUND
    for position in range(<int>map.count - 1, -1, -1):
        candidate = epoch_at(map, position)
        in_seq[0] = out_seq - candidate.offset
        if candidate.first_in <= in_seq[0] <= candidate.last_in:
            source[0] = candidate.source
            epoch[0] = candidate
            return Status.OK
    return Status.NOT_FOUND
