"""From the sequence numbers of a producer's encodings to the gapless ones of a consumer, and back.

A consumer's line of numbers is cut into *epochs*: in one epoch a single encoding is forwarded at one constant offset. A
switch of the encoding, or a packet that is left out on purpose, starts a new epoch. Packets lost on the way in leave
their gap, so that the consumer may ask for them and the answer can be found. All numbers are 64 bits, never wrapping.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.status cimport Status

cdef enum:
    SEQ_MAP_EPOCHS = 32          # older ones are forgotten: their late packets and NACKs are refused

cdef struct seq_epoch_t:
    int64_t first_in             # the first number of the encoding that belongs to this epoch
    int64_t last_in              # the last one; INT64_MAX while it is the current epoch
    int64_t offset               # out = in + offset
    uint32_t timestamp_offset    # out = in + offset, modulo 2^32
    uint32_t picture_offset      # low 16: VP8 picture id, high 16: TL0PICIDX; out = in + offset
    uint16_t source              # the encoding, by whatever name the caller has for it

# The epochs in use are epochs[first .. first + count - 1], modulo SEQ_MAP_EPOCHS, oldest first. Their outgoing numbers
# ascend and never overlap. Pointers to an epoch hold until the next switch or drop.
cdef struct seq_map_t:
    seq_epoch_t epochs[32]       # a ring
    uint32_t first
    uint32_t count
    int64_t highest_out          # -1: nothing yet
    int64_t start_out

cdef void seq_map_init(seq_map_t *map, uint16_t first_out) noexcept nogil
# The next packet forwarded is `first_in` of `source`: it gets highest_out + 1 (the first ever: first_out). Numbers of
# the old encoding above the highest one forwarded are refused from now on.
cdef seq_epoch_t *seq_map_switch(seq_map_t *map, uint16_t source, int64_t first_in, uint32_t timestamp_offset,
                                 uint32_t picture_offset) noexcept nogil
# Leaves `in_seq` out: forward() refuses it from now on. If its outgoing number is above everything forwarded so far,
# there is no gap: what follows moves down by one. Else the consumer has seen the gap already, and nothing moves.
cdef void seq_map_drop(seq_map_t *map, uint16_t source, int64_t in_seq) noexcept nogil
# The incoming number behind an outgoing one that may have been sent: OK or NOT_FOUND.
cdef int seq_map_reverse(const seq_map_t *map, int64_t out_seq, uint16_t *source, int64_t *in_seq,
                         const seq_epoch_t **epoch) noexcept nogil
# seq_map_forward() for what does not belong to the current epoch.
cdef int seq_map_forward_late(seq_map_t *map, uint16_t source, int64_t in_seq, int64_t *out_seq,
                              seq_epoch_t **epoch) noexcept nogil


# The newest epoch. Before the first switch it is one that no number belongs to.
cdef inline seq_epoch_t *seq_map_current(seq_map_t *map) noexcept nogil:
    return &map.epochs[(map.first + map.count - 1) & (SEQ_MAP_EPOCHS - 1)]


# OK with the outgoing number and the epoch; NOT_FOUND if no epoch has it (dropped, of before, or too old).
cdef inline int seq_map_forward(seq_map_t *map, uint16_t source, int64_t in_seq, int64_t *out_seq,
                                seq_epoch_t **epoch) noexcept nogil:
    cdef seq_epoch_t *current = seq_map_current(map)
    if in_seq < current.first_in or current.source != source:
        return seq_map_forward_late(map, source, in_seq, out_seq, epoch)
    out_seq[0] = in_seq + current.offset
    epoch[0] = current
    if out_seq[0] > map.highest_out:
        map.highest_out = out_seq[0]
    return Status.OK
