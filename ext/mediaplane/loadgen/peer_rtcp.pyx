"""Sender reports of sources, receiver reports of streams, keyframe requests in."""
from libc.stdint cimport uint16_t, uint64_t

from mediaplane.deadlines cimport Reason, deadline_set
from mediaplane.loadgen.model cimport (
    DATAGRAM_BYTES, DUE_REPORT, source_t, stream_t,
)
from mediaplane.loadgen.peer_socket cimport peer_socket_send
from mediaplane.loadgen.source cimport source_timestamp
from mediaplane.secure.srtp cimport srtcp_protect, srtcp_unprotect, srtp_replay_t
from mediaplane.status cimport OK
from mediaplane.stream.receive_statistics cimport receive_statistics_report, receive_statistics_sender_report
from mediaplane.wire.byte_order cimport load32
from mediaplane.wire.rtcp cimport (
    PSFB_FIR, PSFB_PLI, RTCP_PSFB, RTCP_RTPFB, RTCP_SR, RTPFB_NACK, rtcp_next, rtcp_packet_t, rtcp_parse_feedback,
    rtcp_parse_fir, rtcp_parse_nack, rtcp_parse_sender_info, rtcp_report_block_t, rtcp_sender_info_t, rtcp_write_rr,
    rtcp_write_sdes_cname, rtcp_write_sr,
)

cdef enum:
    COMPOUND_BYTES = 1200
    MAX_BLOCKS = 31


# --- in ------------------------------------------------------------------------------------------------------------

cdef srtp_replay_t *_replay_of(peer_t *peer, uint32_t ssrc) noexcept nogil:
    cdef uint32_t i
    for i in range(peer.reporter_count):
        if peer.reporters[i].ssrc == ssrc:
            return &peer.reporters[i].replay
    if peer.reporter_count == peer.reporter_capacity:
        return NULL
    peer.reporters[peer.reporter_count].ssrc = ssrc
    peer.reporter_count += 1
    return &peer.reporters[peer.reporter_count - 1].replay


cdef void _keyframe_request(peer_t *peer, uint32_t ssrc) noexcept nogil:
    cdef uint32_t i
    for i in range(peer.source_count):
        if peer.sources[i].ssrc == ssrc and peer.sources[i].is_video:
            peer.sources[i].keyframe_wanted = True
            peer.sources[i].keyframe_requests += 1


cdef void _nack(peer_t *peer, const rtcp_packet_t *packet, uint32_t ssrc) noexcept nogil:
    cdef uint16_t seqs[256]
    cdef int count = rtcp_parse_nack(packet, seqs, 256)
    cdef uint32_t i
    for i in range(peer.source_count):
        if peer.sources[i].ssrc == ssrc and count > 0:
            peer.sources[i].nacked += count


cdef void _feedback(peer_t *peer, const rtcp_packet_t *packet) noexcept nogil:
    cdef uint32_t sender_ssrc, media_ssrc
    cdef uint32_t index = 0
    cdef uint8_t seq
    if rtcp_parse_feedback(packet, &sender_ssrc, &media_ssrc) != OK:
        return
    if packet.packet_type == RTCP_RTPFB and packet.count == RTPFB_NACK:
        _nack(peer, packet, media_ssrc)
    elif packet.packet_type == RTCP_PSFB and packet.count == PSFB_PLI:
        _keyframe_request(peer, media_ssrc)
    elif packet.packet_type == RTCP_PSFB and packet.count == PSFB_FIR:
        while rtcp_parse_fir(packet, index, &media_ssrc, &seq) == OK:
            _keyframe_request(peer, media_ssrc)
            index += 1


cdef void _sender_report(peer_t *peer, const rtcp_packet_t *packet, int64_t now_us) noexcept nogil:
    cdef rtcp_sender_info_t info
    cdef uint32_t i
    if rtcp_parse_sender_info(packet, &info) != OK:
        return
    for i in range(peer.stream_count):
        if peer.stream_ssrcs[i] == info.ssrc:
            peer.streams[i].sender_reports += 1
            receive_statistics_sender_report(&peer.streams[i].statistics, info.ntp, info.rtp_timestamp, now_us)


cdef void peer_rtcp_receive(generator_t *generator, peer_t *peer, uint8_t *data, uint32_t size,
                            int64_t now_us) noexcept nogil:
    cdef rtcp_packet_t packet
    cdef srtp_replay_t *replay = _replay_of(peer, load32(data + 4)) if size >= 8 else NULL
    cdef uint32_t offset = 0
    cdef int opened = srtcp_unprotect(generator.srtp, peer.srtp_receive, replay, data, size) if replay != NULL else -1
    if opened < 0:
        peer.bad_datagrams += 1
        return
    while rtcp_next(data, opened, &offset, &packet) == OK:
        if packet.packet_type == RTCP_SR:
            _sender_report(peer, &packet, now_us)
        elif packet.packet_type == RTCP_PSFB or packet.packet_type == RTCP_RTPFB:
            _feedback(peer, &packet)


# --- out -----------------------------------------------------------------------------------------------------------

cdef int _write_receiver_report(peer_t *peer, uint8_t *out, int64_t now_us) noexcept nogil:
    cdef rtcp_report_block_t blocks[31]
    cdef stream_t *stream
    cdef uint8_t count = 0
    cdef uint32_t i
    cdef uint32_t first = peer.next_reported
    for i in range(peer.stream_count):
        stream = &peer.streams[(first + i) % peer.stream_count]
        if count == MAX_BLOCKS:
            peer.next_reported = (first + i) % peer.stream_count      # theirs is next (RFC 3550 section 6.4.2)
            break
        if stream.packets:
            blocks[count].ssrc = stream.ssrc
            receive_statistics_report(&stream.statistics, now_us, &blocks[count])
            count += 1
    return rtcp_write_rr(out, COMPOUND_BYTES, peer.local_ssrc, blocks, count)


cdef int _write_sender_report(const source_t *source, uint8_t *out, uint32_t capacity, int64_t now_us) noexcept nogil:
    cdef rtcp_sender_info_t info
    info.ssrc = source.ssrc
    # Any clock does: only differences are looked at.
    info.ntp = <uint64_t>(now_us // 1000000 + 1) << 32 | (((now_us % 1000000) << 32) // 1000000)
    info.rtp_timestamp = source_timestamp(source, now_us)
    info.packets = <uint32_t>source.packets
    info.octets = <uint32_t>source.octets
    return rtcp_write_sr(out, capacity, &info, NULL, 0)


cdef void peer_rtcp_timeout(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    cdef uint8_t compound[2048]
    cdef int used = _write_receiver_report(peer, compound, now_us)
    cdef uint32_t first = peer.local_ssrc
    cdef uint32_t i, size, spread
    cdef int written
    if used < 0:
        used = 0
    if peer.source_count and peer.stream_count == 0:
        used = 0                     # who only sends begins with its sender reports
        first = peer.sources[0].ssrc
    for i in range(peer.source_count):
        if peer.sources[i].packets:
            written = _write_sender_report(&peer.sources[i], compound + used, COMPOUND_BYTES - used, now_us)
            used += max(written, 0)
    if used:
        written = rtcp_write_sdes_cname(compound + used, COMPOUND_BYTES - used, first, <const uint8_t *>b"load", 4)
        used += max(written, 0)
        written = srtcp_protect(generator.srtp, peer.srtp_send, compound, used, sizeof(compound), peer.srtcp_index)
        peer.srtcp_index = (peer.srtcp_index + 1) & 0x7FFFFFFF
        size = max(written, 0)
        if written <= 0 or peer_socket_send(peer.fd, compound, DATAGRAM_BYTES, &size, 1) != 1:
            generator.send_errors += 1
    spread = (peer.local_ssrc ^ <uint32_t>now_us) % (REPORT_INTERVAL_US // 2)
    deadline_set(&generator.deadlines, &peer.deadline, <Reason>DUE_REPORT,
                 now_us + REPORT_INTERVAL_US * 3 // 4 + spread)
