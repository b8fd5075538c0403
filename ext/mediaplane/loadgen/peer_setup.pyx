"""Everything of a peer is checked and allocated here, before its thread sees it; and its counters are read here."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc
from libc.string cimport memcpy

from mediaplane.deadlines cimport deadline_init
from mediaplane.loadgen.model cimport (
    MAX_SOURCES, MAX_STREAMS, PEER_FAILED, SPARE_REPORTERS, reporter_t, source_t, stream_t,
)
from mediaplane.loadgen.peer cimport peer_free
from mediaplane.loadgen.peer_socket cimport peer_socket_open
from mediaplane.loadgen.source cimport SMALLEST_PAYLOAD
from mediaplane.secure.dtls cimport (
    DTLS_CLIENT, DTLS_MAX_FINGERPRINTS, DTLS_SERVER, FINGERPRINT_SHA256, FINGERPRINT_SHA384, FINGERPRINT_SHA512,
    dtls_failure_text, dtls_fingerprint_t, dtls_session_new, dtls_use_profile,
)
from mediaplane.secure.srtp cimport SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_HMAC_SHA1_80
from mediaplane.status cimport check
from mediaplane.stream.receive_statistics cimport receive_statistics_init

import ipaddress
import os
import random

from mediaplane.loadgen.media import RecordedSource, VideoSource

cdef enum:
    PATH_MTU = 1200
    LARGEST_PACKET = 1400        # payload of a packet: with headers and tag it fits DATAGRAM_BYTES and Ethernet

_FINGERPRINTS = {"sha-256": (FINGERPRINT_SHA256, 32), "sha-384": (FINGERPRINT_SHA384, 48),
                 "sha-512": (FINGERPRINT_SHA512, 64)}
_PROFILES = {"gcm-128": SRTP_AEAD_AES_128_GCM, "gcm-256": SRTP_AEAD_AES_256_GCM, "cm-sha1": SRTP_AES128_CM_HMAC_SHA1_80}
_PROFILE_NAMES = {number: name for name, number in _PROFILES.items()}
_STATES = ("checking", "handshaking", "connected", "closed", "failed")
_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


cdef int _copy(bytes text, uint8_t *out, size_t capacity, str what) except -1:
    if not 0 < <size_t>len(text) <= capacity:
        raise ValueError(f"{what} has {len(text)} bytes; 1 to {capacity} are possible")
    memcpy(out, <const char *>text, len(text))
    return len(text)


cdef int _fill_dtls(generator_t *generator, peer_t *peer, object connection) except -1:
    cdef dtls_fingerprint_t announced[4]
    cdef int count = 0
    cdef bytes digest
    for name, digest in connection.fingerprints:
        algorithm, size = _FINGERPRINTS[name.lower()]
        if count == DTLS_MAX_FINGERPRINTS or len(digest) != size:
            raise ValueError(f"{name} fingerprint of {len(digest)} bytes")
        announced[count].hash = algorithm
        memcpy(announced[count].digest, <const char *>digest, len(digest))
        count += 1
    peer.dtls_role = {"client": DTLS_CLIENT, "server": DTLS_SERVER}[connection.dtls_role]
    peer.dtls = dtls_session_new(generator.dtls, peer.dtls_role, PATH_MTU, announced, count)
    if peer.dtls == NULL:
        raise ValueError("no DTLS session with these fingerprints")
    if connection.srtp_profile is not None:
        check(dtls_use_profile(peer.dtls, _PROFILES[connection.srtp_profile]))
    return 0


cdef int _fill_recording(source_t *source, object packets) except -1:
    cdef bytes recording
    for packet, level in packets:
        if not 0 < len(packet) <= LARGEST_PACKET or not 0 <= level <= 127:
            raise ValueError(f"a recorded packet has 1 to {LARGEST_PACKET} bytes and a level of 0 to 127, "
                             f"not {len(packet)} and {level}")
    recording = b"".join(len(packet).to_bytes(2, "big") + bytes([level]) + packet for packet, level in packets)
    if not recording:
        raise ValueError("a recording has a packet at least")
    source.recording = <uint8_t *>malloc(len(recording))
    if source.recording == NULL:
        raise MemoryError("no memory for a recording")
    memcpy(source.recording, <const char *>recording, len(recording))
    source.recording_size = len(recording)
    return 0


cdef int _fill_source(source_t *source, object wanted, uint32_t id) except -1:
    cdef bint is_video = isinstance(wanted, VideoSource)
    cdef int smallest = 4 * SMALLEST_PAYLOAD if is_video else SMALLEST_PAYLOAD
    cdef int packet_bytes = SMALLEST_PAYLOAD
    if isinstance(wanted, RecordedSource):
        _fill_recording(source, wanted.packets)
    else:
        packet_bytes = wanted.packet_bytes
    if not smallest <= packet_bytes <= LARGEST_PACKET:
        raise ValueError(f"a packet's payload has {smallest} to {LARGEST_PACKET} bytes, not {packet_bytes}")
    source.id = id
    source.ssrc = wanted.ssrc
    source.payload_type = wanted.payload_type
    source.is_video = is_video
    source.packet_bytes = packet_bytes
    source.mid_id = wanted.extensions.get(_MID, 0)
    source.transport_cc_id = wanted.extensions.get(_TRANSPORT_CC, 0)
    source.mid_size = _copy(wanted.mid.encode(), source.mid, sizeof(source.mid), "mid")
    if is_video:
        source.clock_rate = 90000
        source.interval_us = round(1e6 / wanted.fps)
        source.frame_bytes = round(wanted.bitrate_bps / 8 / wanted.fps)
        source.spread = wanted.pacing == "spread"
        source.full_packets = wanted.packets == "full"
        if wanted.rid and _RID in wanted.extensions:
            source.rid_id = wanted.extensions[_RID]
            source.rid_size = _copy(wanted.rid.encode(), source.rid, sizeof(source.rid), "rid")
        if source.frame_bytes < 2 * SMALLEST_PAYLOAD:
            raise ValueError(f"{wanted.bitrate_bps} bit/s leaves a frame {source.frame_bytes} bytes: too little")
    else:
        source.clock_rate = 48000
        source.interval_us = 20000 if source.recording != NULL else round(1e3 * wanted.interval_ms)
        source.frame_bytes = packet_bytes
        source.level_id = wanted.extensions.get(_AUDIO_LEVEL, 0)
    return 0


cdef int _fill_stream(stream_t *stream, object wanted) except -1:
    stream.ssrc = wanted.ssrc
    stream.is_video = wanted.kind == "video"
    stream.is_mixed = wanted.mixed
    stream.payload_type = wanted.payload_type
    if wanted.mid and wanted.mid_id:
        stream.mid_id = wanted.mid_id
        stream.mid_size = _copy(wanted.mid.encode(), stream.mid, sizeof(stream.mid), "mid")
    receive_statistics_init(&stream.statistics, 90000 if wanted.kind == "video" else 48000)
    return 0


cdef peer_t *peer_new(generator_t *generator, object connection, object sources, object streams) except NULL:
    cdef peer_t *peer = <peer_t *>calloc(1, sizeof(peer_t))
    cdef bytes address = ipaddress.ip_address(connection.address).packed
    cdef bytes username = f"{connection.remote_ufrag}:{connection.local_ufrag}".encode()
    if peer == NULL:
        raise MemoryError("no memory for a peer")
    peer.fd = -1
    try:
        if len(sources) > MAX_SOURCES or len(streams) > MAX_STREAMS:
            raise ValueError(f"a peer sends at most {MAX_SOURCES} streams and receives at most {MAX_STREAMS}")
        deadline_init(&peer.deadline, peer)
        peer.username_size = _copy(username, peer.username, sizeof(peer.username), "username")
        peer.remote_pwd_size = _copy(connection.remote_pwd.encode(), peer.remote_pwd, sizeof(peer.remote_pwd),
                                     "ice-pwd")
        peer.tie_breaker = random.getrandbits(64)
        peer.local_ssrc = random.getrandbits(31) | 1
        peer.local_pwd_size = _copy(connection.local_pwd.encode(), peer.local_pwd, sizeof(peer.local_pwd), "ice-pwd")
        peer.remote_address_size = _copy(address, peer.remote_address, sizeof(peer.remote_address), "address")
        peer.remote_port = connection.port
        _fill_dtls(generator, peer, connection)
        peer.reporter_capacity = len(streams) + SPARE_REPORTERS
        peer.reporters = <reporter_t *>calloc(peer.reporter_capacity, sizeof(reporter_t))
        peer.streams = <stream_t *>calloc(max(len(streams), 1), sizeof(stream_t))
        if peer.reporters == NULL or peer.streams == NULL:
            raise MemoryError("no memory for a peer's streams")
        for source in sources:
            peer.source_count += 1
            _fill_source(&peer.sources[peer.source_count - 1], source, random.getrandbits(31) | 1)
        for stream in streams:
            _fill_stream(&peer.streams[peer.stream_count], stream)
            peer.stream_ssrcs[peer.stream_count] = stream.ssrc
            peer.stream_count += 1
            peer.unbound_streams += stream.ssrc == 0
        peer.fd = peer_socket_open(<const uint8_t *><const char *>address, len(address), connection.port,
                                   generator.gro)
        if peer.fd < 0:
            raise OSError(-peer.fd, f"cannot open a socket to {connection.address}: {os.strerror(-peer.fd)}")
    except BaseException:
        peer_free(peer)
        raise
    return peer


# --- counters ------------------------------------------------------------------------------------------------------

cdef dict _source_to_python(const source_t *source):
    return {"source": source.id, "kind": "video" if source.is_video else "audio", "packets": source.packets,
            "octets": source.octets, "frames": source.frames, "keyframes": source.keyframes,
            "keyframe_requests": source.keyframe_requests, "nacked": source.nacked}


cdef uint64_t stream_lost(const stream_t *stream) noexcept nogil:
    # The generator's thread goes on counting: what came between the two readings must not make it less than none.
    cdef uint64_t packets = stream.packets
    cdef uint64_t expected = stream.order.highest_index - stream.first_index + 1 if packets else 0
    return expected - packets if expected > packets else 0


cdef uint64_t _missing_numbers(const stream_t *stream) noexcept nogil:
    cdef uint64_t distinct = stream.distinct_numbers
    cdef uint64_t numbers = stream.numbers.highest_index - stream.first_number + 1 if stream.source_id else 0
    return stream.missing_before + (numbers - distinct if numbers > distinct else 0)


cdef dict _stream_to_python(const stream_t *stream):
    return {"ssrc": stream.ssrc, "kind": "video" if stream.is_video else "audio", "source": stream.source_id,
            "packets": stream.packets, "octets": stream.octets, "lost": stream_lost(stream),
            "duplicates": stream.duplicates, "reordered": stream.reordered, "misordered": stream.misordered,
            "wrong_payload_type": stream.wrong_payload_type, "unauthentic": stream.unauthentic,
            "corrupt": stream.corrupt, "verified": stream.verified, "first_number": stream.first_number,
            "last_number": stream.numbers.highest_index,
            "missing_numbers": _missing_numbers(stream),
            "sender_reports": stream.sender_reports, "first_packet_us": stream.first_packet_us,
            "latency_mean_us": stream.latency_sum_us // <int64_t>max(stream.verified, <uint64_t>1),
            "latency_max_us": stream.latency_max_us}


cdef str peer_state(const peer_t *peer):
    return _STATES[peer.state]


cdef str _failure(const peer_t *peer):
    if peer.failed_errno:
        return os.strerror(peer.failed_errno)
    if peer.state == PEER_FAILED and peer.ice_us == 0:
        return "no answer to any connectivity check"
    return (<bytes>dtls_failure_text(peer.dtls)).decode()


cdef dict peer_to_python(const peer_t *peer):
    return {
        "id": peer.id,
        "state": _STATES[peer.state],
        "failure": _failure(peer),
        "srtp_profile": _PROFILE_NAMES.get(peer.profile, ""),
        "ice_ms": (peer.ice_us - peer.started_us) / 1e3 if peer.ice_us else None,
        "join_ms": (peer.connected_us - peer.started_us) / 1e3 if peer.connected_us else None,
        "started_us": peer.started_us,
        "checks_sent": peer.checks_sent,
        "checks_unanswered": peer.checks_unanswered,
        "late_answers": peer.late_answers,
        "bad_datagrams": peer.bad_datagrams,
        "sources": [_source_to_python(&peer.sources[i]) for i in range(peer.source_count)],
        "streams": [_stream_to_python(&peer.streams[i]) for i in range(peer.stream_count)],
    }
