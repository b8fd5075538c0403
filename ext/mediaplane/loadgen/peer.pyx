"""Checks, handshake and the way of a datagram, in and out. RTCP has a file of its own."""
from libc.stdint cimport INT64_MAX, uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcmp

from mediaplane.deadlines cimport Reason, deadline_set
from mediaplane.event_loop cimport c_close, mp_clock_us, mp_flag_load
from mediaplane.loadgen.histogram cimport histogram_add, histogram_t
from mediaplane.loadgen.model cimport (
    BURST, DATAGRAM_BYTES, DUE_CHECK, DUE_DTLS, DUE_MEDIA, DUE_REPORT, PEER_CHECKING, PEER_CLOSED, PEER_CONNECTED,
    PEER_FAILED, PEER_HANDSHAKING, sealed_t, source_t, stream_t,
)
from mediaplane.loadgen.peer_rtcp cimport FIRST_REPORT_US, peer_rtcp_receive, peer_rtcp_timeout
from mediaplane.loadgen.peer_socket cimport (
    peer_socket_is_full, peer_socket_message, peer_socket_receive, peer_socket_send,
)
from mediaplane.loadgen.source cimport source_due_us, source_start, source_write
from mediaplane.loadgen.stream cimport stream_arrived, stream_bind, stream_opened
from mediaplane.secure.dtls cimport (
    DTLS_CLIENT, DTLS_CLOSED, DTLS_CONNECTED, DTLS_FAILED, dtls_close, dtls_export_keys, dtls_keys_t,
    dtls_next_datagram, dtls_next_deadline, dtls_receive, dtls_session_free, dtls_start, dtls_state, dtls_timeout,
)
from mediaplane.secure.libssl cimport OPENSSL_cleanse
from mediaplane.secure.srtp cimport (
    srtp_overhead, srtp_protect_batch, srtp_session_free, srtp_session_new, srtp_unprotect_batch, srtp_unprotect_job_t,
)
from mediaplane.status cimport OK, REPLAYED
from mediaplane.wire.demux cimport (
    DATAGRAM_DTLS, DATAGRAM_RTCP, DATAGRAM_RTP, DATAGRAM_STUN, DatagramKind, classify_datagram,
)
from mediaplane.wire.rtp cimport rtp_parse_header
from mediaplane.wire.stun cimport (
    STUN_BINDING_REQUEST, STUN_BINDING_SUCCESS, stun_check_integrity, stun_message_t, stun_parse, stun_write_request,
    stun_write_success,
)

cdef extern from "<openssl/rand.h>" nogil:
    int RAND_bytes(unsigned char *out, int size)

cdef enum:
    FIRST_RETRY_MS = 100
    LONGEST_RETRY_MS = 1600
    CONSENT_US = 2500000         # browsers check about this often
    HOST_PRIORITY = 2130706431   # of a host candidate (RFC 8445 section 5.1.2)
    LATE_US = 5000


cdef void _set_due(generator_t *generator, peer_t *peer, int which, int64_t due_us) noexcept nogil:
    deadline_set(&generator.deadlines, &peer.deadline, <Reason>which, due_us)


cdef void _send(generator_t *generator, peer_t *peer, const uint8_t *data, uint32_t size) noexcept nogil:
    if peer_socket_send(peer.fd, data, DATAGRAM_BYTES, &size, 1) != 1:
        generator.send_errors += 1


cdef void _end(generator_t *generator, peer_t *peer, int state) noexcept nogil:
    cdef int which
    peer.state = state
    for which in range(DUE_MEDIA + 1):
        _set_due(generator, peer, which, INT64_MAX)


# --- ICE -----------------------------------------------------------------------------------------------------------

cdef void _check(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    """The next connectivity check, or the repetition of the one that has no answer yet (RFC 8445 section 7.2)."""
    cdef uint8_t request[1024]
    cdef int size
    if peer.state == PEER_CHECKING and now_us - peer.started_us > CHECK_TIMEOUT_US:
        _end(generator, peer, PEER_FAILED)
        return
    if peer.check_pending and peer.state != PEER_CHECKING:
        peer.checks_unanswered += 1
    if not peer.check_pending or peer.state != PEER_CHECKING:
        RAND_bytes(peer.transaction_id, sizeof(peer.transaction_id))
    peer.check_pending = True
    size = stun_write_request(request, sizeof(request), peer.transaction_id, peer.username, peer.username_size,
                              HOST_PRIORITY, True, peer.tie_breaker, True, peer.remote_pwd, peer.remote_pwd_size)
    if size > 0:
        _send(generator, peer, request, size)
        peer.checks_sent += 1
    if peer.state == PEER_CHECKING:
        _set_due(generator, peer, DUE_CHECK, now_us + peer.retry_ms * <int64_t>1000)
        peer.retry_ms = min(peer.retry_ms * 2, <uint32_t>LONGEST_RETRY_MS)
    else:
        # 0.8 to 1.2 of the interval (RFC 7675 section 5.1).
        _set_due(generator, peer, DUE_CHECK,
                 now_us + CONSENT_US * 4 // 5 + peer.transaction_id[0] * <int64_t>CONSENT_US // 640)


cdef void _asked(generator_t *generator, peer_t *peer, const stun_message_t *message) noexcept nogil:
    """A server that is not ICE-lite checks the way to us (RFC 8445 section 7.3)."""
    cdef uint8_t response[256]
    cdef int size
    if stun_check_integrity(message, peer.local_pwd, peer.local_pwd_size) != OK:
        peer.bad_datagrams += 1
        return
    size = stun_write_success(response, sizeof(response), message.transaction_id, peer.remote_address,
                              peer.remote_address_size, peer.remote_port, peer.local_pwd, peer.local_pwd_size)
    if size > 0:
        _send(generator, peer, response, size)


cdef void _stun(generator_t *generator, peer_t *peer, const uint8_t *data, uint32_t size,
                int64_t now_us) noexcept nogil:
    cdef stun_message_t message
    cdef int status = stun_parse(data, size, &message)
    if status == OK and message.message_type == STUN_BINDING_REQUEST:
        _asked(generator, peer, &message)
    elif (status == OK and message.message_type == STUN_BINDING_SUCCESS
            and stun_check_integrity(&message, peer.remote_pwd, peer.remote_pwd_size) == OK):
        _answered(generator, peer, &message, now_us)
    else:
        peer.bad_datagrams += 1


cdef void _answered(generator_t *generator, peer_t *peer, const stun_message_t *message,
                    int64_t now_us) noexcept nogil:
    if memcmp(message.transaction_id, peer.transaction_id, sizeof(peer.transaction_id)) != 0:
        peer.late_answers += 1
        return
    peer.check_pending = False
    if peer.state != PEER_CHECKING:
        return
    peer.state = PEER_HANDSHAKING
    peer.ice_us = now_us
    _set_due(generator, peer, DUE_CHECK, now_us + CONSENT_US)
    if peer.dtls_role == DTLS_CLIENT:
        dtls_start(peer.dtls, now_us)
        _dtls_progress(generator, peer, now_us)


# --- DTLS ----------------------------------------------------------------------------------------------------------

cdef bint _take_keys(generator_t *generator, peer_t *peer) noexcept nogil:
    cdef dtls_keys_t keys
    if dtls_export_keys(peer.dtls, &keys) != OK:
        return False
    peer.srtp_send = srtp_session_new(generator.srtp, keys.profile, keys.local_key, keys.local_salt)
    peer.srtp_receive = srtp_session_new(generator.srtp, keys.profile, keys.remote_key, keys.remote_salt)
    peer.profile = keys.profile
    OPENSSL_cleanse(&keys, sizeof(keys))
    return peer.srtp_send != NULL and peer.srtp_receive != NULL


cdef void _connected(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    cdef uint32_t i
    if not _take_keys(generator, peer):
        _end(generator, peer, PEER_FAILED)
        return
    peer.state = PEER_CONNECTED
    peer.connected_us = now_us
    for i in range(peer.source_count):
        source_start(&peer.sources[i], now_us)
    if peer.source_count:
        _set_due(generator, peer, DUE_MEDIA, now_us)
    _set_due(generator, peer, DUE_REPORT, now_us + FIRST_REPORT_US)


cdef void _send_dtls(generator_t *generator, peer_t *peer) noexcept nogil:
    cdef uint8_t out[2048]
    cdef int size = dtls_next_datagram(peer.dtls, out, sizeof(out))
    while size > 0:
        _send(generator, peer, out, size)
        size = dtls_next_datagram(peer.dtls, out, sizeof(out))


cdef void _dtls_progress(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    cdef int state
    _send_dtls(generator, peer)
    state = dtls_state(peer.dtls)
    _set_due(generator, peer, DUE_DTLS, dtls_next_deadline(peer.dtls))
    if state == DTLS_CONNECTED and peer.srtp_send == NULL:
        _connected(generator, peer, now_us)
    elif state == DTLS_CLOSED:
        _end(generator, peer, PEER_CLOSED)
    elif state == DTLS_FAILED:
        _end(generator, peer, PEER_FAILED)


# --- receiving -----------------------------------------------------------------------------------------------------

cdef stream_t *_find_stream(peer_t *peer, uint32_t ssrc) noexcept nogil:
    cdef uint32_t i
    for i in range(peer.stream_count):
        if peer.stream_ssrcs[i] == ssrc:
            return &peer.streams[i]
    return NULL


cdef void _open_sealed(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    cdef srtp_unprotect_job_t *job
    cdef sealed_t *item
    cdef histogram_t *latency
    cdef int64_t sent_us
    cdef uint32_t i
    srtp_unprotect_batch(generator.srtp, generator.opening, generator.sealed_count)
    for i in range(generator.sealed_count):
        job = &generator.opening[i]
        item = &generator.sealed[i]
        if job.status == REPLAYED:
            item.stream.duplicates += 1
            continue
        if job.status != OK:
            item.stream.unauthentic += 1
            continue
        sent_us = stream_opened(item.stream, job.data, job.plain_size, &item.header, generator.pattern)
        if sent_us >= 0:
            latency = &generator.video_latency if item.stream.is_video else &generator.audio_latency
            histogram_add(latency, now_us - sent_us)
            item.stream.latency_sum_us += now_us - sent_us
            item.stream.latency_max_us = max(item.stream.latency_max_us, now_us - sent_us)
    generator.sealed_count = 0


cdef void _rtp(generator_t *generator, peer_t *peer, uint8_t *data, uint32_t size, int64_t now_us) noexcept nogil:
    cdef srtp_unprotect_job_t *job = &generator.opening[generator.sealed_count]
    cdef sealed_t *item = &generator.sealed[generator.sealed_count]
    cdef int64_t gap_us
    if peer.srtp_receive == NULL or rtp_parse_header(data, size, &item.header) != OK:
        peer.bad_datagrams += 1
        return
    item.stream = _find_stream(peer, item.header.ssrc)
    if item.stream == NULL:
        item.stream = stream_bind(peer, data, &item.header)
    if item.stream == NULL:
        peer.bad_datagrams += 1
        return
    gap_us = now_us - item.stream.last_packet_us if item.stream.packets else -1
    if not stream_arrived(item.stream, &item.header, size, now_us):
        return
    if gap_us >= 0 and not item.stream.is_video:
        histogram_add(&generator.audio_gap, gap_us)
    if generator.open_every > 1 and item.stream.packets % generator.open_every != 1:
        return
    job.session = peer.srtp_receive
    job.replay = &item.stream.replay
    job.data = data
    job.size = size
    job.header_size = item.header.header_size
    job.seq16 = item.header.seq16
    job.status = OK
    generator.sealed_count += 1
    if generator.sealed_count == BURST:
        _open_sealed(generator, peer, now_us)


cdef void _datagram(generator_t *generator, peer_t *peer, uint8_t *data, uint32_t size, int64_t now_us) noexcept nogil:
    cdef DatagramKind kind = classify_datagram(data, size)
    if kind == DATAGRAM_RTP:
        _rtp(generator, peer, data, size, now_us)
    elif kind == DATAGRAM_RTCP and peer.srtp_receive != NULL:
        peer_rtcp_receive(generator, peer, data, size, now_us)
    elif kind == DATAGRAM_STUN:
        _stun(generator, peer, data, size, now_us)
    elif kind == DATAGRAM_DTLS and peer.state < PEER_CLOSED:
        dtls_receive(peer.dtls, data, size, now_us)
        _dtls_progress(generator, peer, now_us)
    else:
        peer.bad_datagrams += 1


cdef void peer_receive(generator_t *generator, peer_t *peer) noexcept nogil:
    cdef uint8_t *data
    cdef uint32_t size, segment_size, offset
    cdef int64_t now_us
    cdef int received, i
    while True:
        received = peer_socket_receive(peer.fd, generator.incoming)
        if received < 0:
            peer.failed_errno = -received
            _end(generator, peer, PEER_FAILED)
            return
        now_us = mp_clock_us()
        for i in range(received):
            data = peer_socket_message(generator.incoming, i, &size, &segment_size)
            offset = 0
            while offset < size:
                _datagram(generator, peer, data + offset, min(segment_size, size - offset), now_us)
                generator.datagrams += 1
                offset += segment_size
        generator.messages += received
        _open_sealed(generator, peer, now_us)
        if not peer_socket_is_full(generator.incoming, received):
            return


# --- sending -------------------------------------------------------------------------------------------------------

cdef void _seal_and_send(generator_t *generator, peer_t *peer, uint32_t count) noexcept nogil:
    cdef uint32_t i
    cdef int sent
    srtp_protect_batch(generator.srtp, generator.sealing, count)
    for i in range(count):
        generator.sizes[i] = (generator.sealing[i].header_size + generator.sealing[i].payload_size
                              + <uint32_t>srtp_overhead(peer.profile))
    sent = peer_socket_send(peer.fd, generator.outgoing, DATAGRAM_BYTES, generator.sizes, count)
    if sent < <int>count:
        generator.send_errors += count - max(sent, 0)


cdef void _media(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    cdef source_t *source
    cdef int64_t due_us = INT64_MAX
    cdef uint32_t count = 0
    cdef uint32_t i
    if not mp_flag_load(&generator.sending):
        _set_due(generator, peer, DUE_MEDIA, INT64_MAX)
        return
    for i in range(peer.source_count):
        source = &peer.sources[i]
        if source.packets_left == 0 and now_us - source.frame_due_us > LATE_US:
            generator.late_frames += 1
        while source_write(source, generator.pattern, &peer.transport_cc_seq,
                           generator.outgoing + count * DATAGRAM_BYTES, &generator.sealing[count], now_us):
            generator.sealing[count].session = peer.srtp_send
            count += 1
            if count == BURST:
                _seal_and_send(generator, peer, count)
                count = 0
        due_us = min(due_us, source_due_us(source))
    if count:
        _seal_and_send(generator, peer, count)
    _set_due(generator, peer, DUE_MEDIA, due_us)


# --- life ----------------------------------------------------------------------------------------------------------

cdef void peer_start(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    peer.started_us = now_us
    peer.retry_ms = FIRST_RETRY_MS
    _check(generator, peer, now_us)


cdef void peer_timeout(generator_t *generator, peer_t *peer, int64_t now_us) noexcept nogil:
    if peer.deadline.due_us[<int>DUE_MEDIA] <= now_us:
        _media(generator, peer, now_us)
    if peer.deadline.due_us[<int>DUE_CHECK] <= now_us:
        _check(generator, peer, now_us)
    if peer.deadline.due_us[<int>DUE_DTLS] <= now_us:
        dtls_timeout(peer.dtls, now_us)
        _dtls_progress(generator, peer, now_us)
    if peer.deadline.due_us[<int>DUE_REPORT] <= now_us:
        peer_rtcp_timeout(generator, peer, now_us)


cdef void peer_close(generator_t *generator, peer_t *peer) noexcept nogil:
    if peer.state == PEER_CONNECTED:
        dtls_close(peer.dtls)
        _send_dtls(generator, peer)
        peer.state = PEER_CLOSED


cdef void peer_free(peer_t *peer) noexcept nogil:
    cdef uint32_t i
    if peer == NULL:
        return
    if peer.fd >= 0:
        c_close(peer.fd)
    for i in range(peer.source_count):
        free(peer.sources[i].recording)
    dtls_session_free(peer.dtls)
    srtp_session_free(peer.srtp_receive)
    srtp_session_free(peer.srtp_send)
    free(peer.streams)
    free(peer.reporters)
    OPENSSL_cleanse(peer, sizeof(peer_t))
    free(peer)
