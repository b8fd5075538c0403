"""The window of packets and the frames in it: see frame_assembler.pxd."""
from libc.stdint cimport INT64_MAX
from libc.string cimport memset

from mediaplane.debug cimport invariant
from mediaplane.status cimport BAD_STATE, OK
from mediaplane.stream.nack_generator cimport (
    nack_generator_due, nack_generator_init, nack_generator_keyframe, nack_generator_received,
)

cdef enum:
    FARTHEST_BACK = 4096         # no reordering reaches back so far: the sender counts anew


cdef void frame_assembler_init(frame_assembler_t *assembler, int64_t hole_us) noexcept nogil:
    memset(assembler, 0, sizeof(frame_assembler_t))
    assembler.hole_us = hole_us
    assembler.broken_keyframe = -1
    _begin(assembler)


cdef void _begin(frame_assembler_t *assembler) noexcept nogil:
    cdef int i
    for i in range(ASSEMBLER_WINDOW):
        assembler.slots[i].seq64 = -1
    nack_generator_init(&assembler.nack)
    assembler.next_seq = assembler.scan_seq = assembler.highest = -1
    assembler.searching = assembler.at_beginning = True
    assembler.decodable = False


cdef inline assembler_slot_t *_place(const frame_assembler_t *assembler, int64_t seq64) noexcept nogil:
    return <assembler_slot_t *>&assembler.slots[seq64 & (ASSEMBLER_WINDOW - 1)]


cdef inline assembler_slot_t *_packet(const frame_assembler_t *assembler, int64_t seq64) noexcept nogil:
    """NULL while it is missing."""
    cdef assembler_slot_t *slot = _place(assembler, seq64)
    return slot if slot.seq64 == seq64 and slot.present else NULL


# --- in ------------------------------------------------------------------------------------------------------------

cdef void _jump(frame_assembler_t *assembler) noexcept nogil:
    """The numbers left the window: all that waits is given up, and the packet at hand is the first of a new stretch."""
    cdef int i
    for i in range(ASSEMBLER_WINDOW):
        if assembler.slots[i].present and assembler.slots[i].seq64 >= assembler.next_seq:
            assembler.packets_discarded += 1
        assembler.slots[i].present = False
    assembler.jumps += 1
    _begin(assembler)
    _want_keyframe(assembler)


cdef void _want_keyframe(frame_assembler_t *assembler) noexcept nogil:
    # Asked once; whoever passes it on repeats it until a keyframe comes.
    if not assembler.keyframe_wanted:
        assembler.keyframe_wanted = True
        assembler.keyframe_requests += 1


cdef void _discard(frame_assembler_t *assembler, int64_t seq64) noexcept nogil:
    """A packet that came, but whose frame does not get whole."""
    cdef const assembler_slot_t *packet = _packet(assembler, seq64)
    assembler.packets_discarded += 1
    if packet.keyframe and packet.timestamp != assembler.broken_keyframe:
        assembler.broken_keyframe = packet.timestamp
        if assembler.keyframe_wanted == 2:
            assembler.keyframe_wanted = False        # it was the answer
            _want_keyframe(assembler)


cdef void _mark_missing(frame_assembler_t *assembler, int64_t first, int64_t end, int64_t now_us) noexcept nogil:
    cdef assembler_slot_t *slot
    cdef int64_t seq64
    for seq64 in range(first, end):
        slot = _place(assembler, seq64)
        slot.seq64 = seq64
        slot.time_us = now_us
        slot.present = False


cdef int frame_assembler_insert(frame_assembler_t *assembler, int64_t seq64, uint32_t timestamp, bint marker,
                                uint8_t start, bint keyframe, int64_t now_us) noexcept nogil:
    cdef assembler_slot_t *slot
    if assembler.next_seq >= 0 and (seq64 >= assembler.next_seq + ASSEMBLER_WINDOW
                                    or seq64 < assembler.next_seq - FARTHEST_BACK):
        _jump(assembler)
    if assembler.next_seq < 0:
        assembler.next_seq = assembler.scan_seq = seq64
        assembler.highest = seq64 - 1
    elif seq64 < assembler.next_seq:
        # A beginning that was reordered may still move to the front, as long as nothing came out.
        if not (assembler.at_beginning and assembler.highest - seq64 < ASSEMBLER_WINDOW):
            assembler.late += 1
            return BAD_STATE
        _mark_missing(assembler, seq64 + 1, assembler.next_seq, now_us)
        assembler.next_seq = assembler.scan_seq = seq64
        assembler.searching = True
    if seq64 > assembler.highest:
        _mark_missing(assembler, assembler.highest + 1, seq64, now_us)
        assembler.highest = seq64
    slot = _place(assembler, seq64)
    if slot.seq64 == seq64 and slot.present:
        assembler.duplicates += 1
        return BAD_STATE
    slot.seq64 = seq64
    slot.time_us = now_us
    slot.timestamp = timestamp
    slot.present = True
    slot.start = start
    slot.marker = marker
    slot.keyframe = keyframe
    if marker:
        assembler.markers = True
    if nack_generator_received(&assembler.nack, seq64, now_us):
        _want_keyframe(assembler)
    return OK


# --- out -----------------------------------------------------------------------------------------------------------

cdef bint _starts_frame(const frame_assembler_t *assembler, int64_t seq64) noexcept nogil:
    cdef const assembler_slot_t *packet = _packet(assembler, seq64)
    cdef const assembler_slot_t *before
    if packet.start != START_UNKNOWN:
        return packet.start == START_YES
    before = _packet(assembler, seq64 - 1)
    if before != NULL:
        return before.marker or before.timestamp != packet.timestamp
    if assembler.at_beginning and seq64 == assembler.next_seq:
        return True
    # One packet is gone, and the frame before it had not ended: it was that frame's last.
    before = _packet(assembler, seq64 - 2)
    return assembler.markers and before != NULL and not before.marker and before.timestamp != packet.timestamp


cdef bint _find_start(frame_assembler_t *assembler) noexcept nogil:
    """Look for the first packet of a frame from `next_seq` on, and pass over what cannot be part of a whole one."""
    cdef int64_t seq64 = assembler.next_seq
    while seq64 <= assembler.highest:
        if _packet(assembler, seq64) == NULL:
            # It may come yet: a frame before it is not looked for behind it.
            break
        if _starts_frame(assembler, seq64):
            assembler.next_seq = assembler.scan_seq = seq64
            assembler.searching = False
            return True
        _discard(assembler, seq64)
        assembler.at_beginning = False
        seq64 += 1
        assembler.next_seq = assembler.scan_seq = seq64
    return False


cdef bint _is_complete(frame_assembler_t *assembler, int64_t *last) noexcept nogil:
    """Whether the next frame's packets are all there; `scan_seq` then, and else, is behind those that are."""
    cdef uint32_t timestamp
    cdef const assembler_slot_t *packet = _packet(assembler, assembler.next_seq)
    if packet == NULL:
        return False
    timestamp = packet.timestamp
    if assembler.scan_seq > assembler.next_seq:
        packet = _packet(assembler, assembler.scan_seq)
    while packet != NULL:
        if packet.timestamp != timestamp:
            last[0] = assembler.scan_seq - 1     # a sender that sets no marker
            return True
        assembler.scan_seq += 1
        if packet.marker:
            last[0] = assembler.scan_seq - 1
            return True
        packet = _packet(assembler, assembler.scan_seq)
    return False


cdef void _hand_out(frame_assembler_t *assembler, int64_t last, video_frame_t *frame) noexcept nogil:
    cdef int64_t seq64
    cdef const assembler_slot_t *packet
    frame.first_seq = assembler.next_seq
    frame.last_seq = last
    frame.timestamp = _packet(assembler, assembler.next_seq).timestamp
    frame.keyframe = False
    for seq64 in range(frame.first_seq, last + 1):
        packet = _packet(assembler, seq64)
        invariant(packet != NULL and packet.timestamp == frame.timestamp, "a frame is whole and of one time")
        if packet.keyframe:
            frame.keyframe = True        # behind parameter sets or another header it is not the first packet's
    if frame.keyframe:
        assembler.decodable = True
        assembler.keyframe_wanted = False
        nack_generator_keyframe(&assembler.nack, frame.first_seq)
    elif not assembler.decodable:
        _want_keyframe(assembler)
    frame.decodable = assembler.decodable
    assembler.frames += 1
    assembler.at_beginning = False
    assembler.next_seq = assembler.scan_seq = last + 1


cdef int64_t _hole(const frame_assembler_t *assembler) noexcept nogil:
    """The missing packet that the next frame waits for; -1: none is known to be missing."""
    return assembler.scan_seq if assembler.scan_seq <= assembler.highest else -1


cdef void _give_up(frame_assembler_t *assembler, int64_t hole) noexcept nogil:
    cdef int64_t seq64
    for seq64 in range(assembler.next_seq, hole):
        _discard(assembler, seq64)
    assembler.given_up += 1
    assembler.at_beginning = False
    assembler.searching = True
    assembler.next_seq = assembler.scan_seq = hole + 1
    nack_generator_keyframe(&assembler.nack, assembler.next_seq)
    if assembler.decodable:
        assembler.decodable = False
        _want_keyframe(assembler)


cdef bint frame_assembler_next(frame_assembler_t *assembler, int64_t now_us, video_frame_t *frame) noexcept nogil:
    cdef int64_t last, hole
    if assembler.next_seq < 0:
        return False
    while True:
        if (not assembler.searching or _find_start(assembler)) and _is_complete(assembler, &last):
            _hand_out(assembler, last, frame)
            return True
        hole = _hole(assembler)
        if hole < 0 or now_us < _place(assembler, hole).time_us + assembler.hole_us:
            return False
        _give_up(assembler, hole)


cdef int64_t frame_assembler_deadline(const frame_assembler_t *assembler) noexcept nogil:
    cdef int64_t hole = _hole(assembler)
    if assembler.next_seq < 0 or hole < 0:
        return INT64_MAX
    return _place(assembler, hole).time_us + assembler.hole_us


cdef int frame_assembler_missing(frame_assembler_t *assembler, int64_t now_us, int64_t rtt_us, uint16_t *seqs,
                                 uint32_t capacity) noexcept nogil:
    return nack_generator_due(&assembler.nack, now_us, rtt_us, seqs, capacity)


cdef bint frame_assembler_take_keyframe_request(frame_assembler_t *assembler) noexcept nogil:
    cdef bint wanted = assembler.keyframe_wanted == 1
    if wanted:
        assembler.keyframe_wanted = 2    # told
    return wanted
