"""Commands from Python. Everything is checked and allocated here, so that a worker only has to link it in."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from mediaplane.audio.active_speaker cimport speaker_group_init, speaker_group_t, speaker_init, speaker_t
from mediaplane.commands cimport (
    COMMAND_CLOSE_CONSUMER, COMMAND_CLOSE_PRODUCER, COMMAND_CLOSE_TRANSPORT, COMMAND_CONNECT_CONSUMER,
    COMMAND_CREATE_CONSUMER, COMMAND_CREATE_PIPED_PRODUCER, COMMAND_CREATE_PRODUCER, COMMAND_CREATE_TRANSPORT,
    COMMAND_GATE_CONSUMER, COMMAND_GATE_PRODUCER, COMMAND_LIMIT_PRODUCER, COMMAND_REFRESH_SPEAKERS,
    COMMAND_REQUEST_KEYFRAME, COMMAND_REQUEST_STATS, COMMAND_RESTART_ICE, COMMAND_SELECT_ENCODING, COMMAND_SEND_DTLS,
    COMMAND_UPDATE_TRANSPORT, commands_discard,
)
from mediaplane.congestion.transport_cc cimport transport_cc_receiver_init, transport_cc_receiver_t
from mediaplane.model cimport (
    CNAME_CAPACITY, KIND_AUDIO, KIND_VIDEO, MAX_ENCODINGS, MAX_MIX_ENCODINGS, MID_CAPACITY, NO_ENCODING, RID_CAPACITY,
    consumer_t, encoding_t, producer_t, transport_t,
)
from mediaplane.rings cimport ring_free, ring_init, ring_push
from mediaplane.secure.dtls cimport (
    DTLS_CLIENT, DTLS_MAX_FINGERPRINTS, DTLS_MAX_MESSAGE_SIZE, DTLS_SERVER, FINGERPRINT_SHA256, FINGERPRINT_SHA384,
    FINGERPRINT_SHA512,
)
from mediaplane.secure.ice_lite cimport ICE_PWD_SIZE, ICE_UFRAG_SIZE, ice_credentials_t
from mediaplane.status cimport OK
from mediaplane.stream.keyframe_request cimport keyframe_request_init
from mediaplane.stream.nack_generator cimport nack_generator_init
from mediaplane.stream.producer cimport producer_free
from mediaplane.stream.receive_statistics cimport receive_statistics_init
from mediaplane.stream.resend_guard cimport resend_guard_init
from mediaplane.stream.retransmission_buffer cimport retransmission_buffer_init
from mediaplane.wire.codecs cimport CODEC_AV1, CODEC_H264, CODEC_OPUS, CODEC_OTHER, CODEC_RED, CODEC_VP8, CODEC_VP9
from mediaplane.wire.rtp_extensions cimport EXT_MID

import random
import string

from mediaplane.wire.rtp_extensions import EXTENSION_URIS as _EXTENSION_URIS

cdef enum:
    # One second of 8 Mbit/s video and of 500 kbit/s audio; memory is only touched as far as the bitrate needs it.
    VIDEO_CACHE_PACKETS = 1024
    VIDEO_CACHE_BYTES = 1200 * 1024
    AUDIO_CACHE_PACKETS = 256
    AUDIO_CACHE_BYTES = 256 * 1024      # the half of it must hold the largest batch until that is sealed
    CACHE_AGE_US = 1000000

_FINGERPRINTS = {
    "sha-256": (FINGERPRINT_SHA256, 32),
    "sha-384": (FINGERPRINT_SHA384, 48),
    "sha-512": (FINGERPRINT_SHA512, 64),
}
_CODECS = {"opus": CODEC_OPUS, "vp8": CODEC_VP8, "vp9": CODEC_VP9, "h264": CODEC_H264, "av1": CODEC_AV1,
           "red": CODEC_RED}
_KINDS = {"audio": KIND_AUDIO, "video": KIND_VIDEO}
_ROLES = {"server": DTLS_SERVER, "client": DTLS_CLIENT}
_ICE_CHARACTERS = frozenset(string.ascii_letters.encode() + string.digits.encode() + b"+/")     # RFC 8839 section 5.4


cdef int _copy(bytes source, uint8_t *out, uint32_t capacity, str what) except -1:
    """Copy `source` to `out`; ValueError if it is longer than `capacity` bytes."""
    if len(source) > capacity:
        raise ValueError(f"{what} has {len(source)} bytes, at most {capacity} are possible")
    memcpy(out, <const char *>source, len(source))
    return len(source)


cdef int _copy_exactly(bytes source, uint8_t *out, uint32_t size, str what) except -1:
    if len(source) != size:
        raise ValueError(f"{what} has {len(source)} bytes, not {size}")
    memcpy(out, <const char *>source, size)
    return 0


cdef int _fill_credentials(ice_credentials_t *out, bytes ufrag, bytes pwd) except -1:
    _copy_exactly(ufrag, out.local_ufrag, ICE_UFRAG_SIZE, "ice_ufrag")
    _copy_exactly(pwd, out.local_pwd, ICE_PWD_SIZE, "ice_pwd")
    if not _ICE_CHARACTERS.issuperset(ufrag + pwd):
        raise ValueError("ice_ufrag and ice_pwd are made of letters, digits, + and /")
    return 0


cdef object _one_of(dict known, object name, str what):
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}: choose one of {', '.join(known)}")
    return known[name]


cdef int _fill_kinds(object extensions, uint8_t *kind_by_id) except -1:
    """Header extension kinds by id, of a mapping URI -> id. URIs that this plane does not know are skipped."""
    memset(kind_by_id, 0, 256)
    for uri, identifier in extensions.items():
        if not 1 <= identifier <= 255:
            raise ValueError(f"header extension id {identifier} is not between 1 and 255")
        kind_by_id[<int>identifier] = _EXTENSION_URIS.get(uri, 0)
    return 0


cdef int _init_encoding(encoding_t *encoding, int index, bint video, uint32_t clock_rate, str rid, uint32_t ssrc,
                        uint32_t rtx_ssrc) except -1:
    encoding.index = index
    encoding.rid_size = _copy(rid.encode(), encoding.rid, RID_CAPACITY, "rid")
    encoding.ssrc = ssrc
    encoding.rtx_ssrc = rtx_ssrc
    encoding.highest_seq = -1
    encoding.clock.clock_rate = clock_rate
    receive_statistics_init(&encoding.statistics, clock_rate)
    nack_generator_init(&encoding.nack)
    keyframe_request_init(&encoding.keyframe_request)
    if retransmission_buffer_init(&encoding.cache, VIDEO_CACHE_PACKETS if video else AUDIO_CACHE_PACKETS,
                                  VIDEO_CACHE_BYTES if video else AUDIO_CACHE_BYTES, CACHE_AGE_US) != OK:
        raise MemoryError("no memory for a producer's retransmission cache")
    return 0


cdef producer_t *_new_producer(uint32_t producer_id, str kind, codecs, encodings, int most) except NULL:
    cdef producer_t *producer = <producer_t *>calloc(1, sizeof(producer_t))
    cdef uint32_t clock_rate = 0
    cdef int index = 0
    if producer == NULL:
        raise MemoryError("no memory for a producer")
    try:
        if not producer_id:
            raise ValueError("a producer's id must not be 0")
        producer.id = producer_id
        producer.kind = _one_of(_KINDS, kind, "kind")
        producer.open = True
        producer.level_peak = 127
        for payload_type, name, rate, rtx in codecs:
            if not (0 <= payload_type < 128 and 0 <= rtx < 128):
                raise ValueError(f"payload type {payload_type} or {rtx} is not between 0 and 127")
            producer.codec_by_pt[<int>payload_type] = _CODECS.get(name.lower(), CODEC_OTHER) + 1
            producer.clock_by_pt[<int>payload_type] = rate
            if rtx:
                producer.apt_by_pt[<int>rtx] = payload_type + 1
            clock_rate = clock_rate or rate
        if not clock_rate:
            raise ValueError("a producer needs a codec with a clock rate")
        if not 1 <= len(encodings) <= most:
            raise ValueError(f"a producer has 1 to {most} encodings, not {len(encodings)}")
        producer.encodings = <encoding_t *>calloc(len(encodings), sizeof(encoding_t))
        if producer.encodings == NULL:
            raise MemoryError("no memory for a producer's encodings")
        for rid, ssrc, rtx_ssrc in encodings:
            producer.encoding_count = index + 1
            _init_encoding(&producer.encodings[index], index, kind == "video", clock_rate, rid, ssrc, rtx_ssrc)
            index += 1
    except BaseException:
        producer_free(producer)
        raise
    return producer


cdef int _add_speaker(producer_t *producer, uint32_t group_id) except -1:
    """Give a producer its part in a speaker group, and the group itself in case it is the first in it."""
    producer.speaker = <speaker_t *>calloc(1, sizeof(speaker_t))
    if producer.speaker == NULL:
        raise MemoryError("no memory for a speaker")
    speaker_init(producer.speaker, producer.id)
    producer.speaker.group = <speaker_group_t *>calloc(1, sizeof(speaker_group_t))
    if producer.speaker.group == NULL:
        raise MemoryError("no memory for a speaker group")
    speaker_group_init(producer.speaker.group, group_id)
    return 0


cdef class CommandPort:
    """Base of everything that takes commands. One Python thread at a time may use it."""

    def __cinit__(self, *args, **kwargs):
        if ring_init(&self.commands, 8192, sizeof(command_t)) != OK:
            raise MemoryError("no memory for the command ring")

    def __dealloc__(self):
        if self.commands.records != NULL:
            commands_discard(&self.commands)
            ring_free(&self.commands)

    cdef int wake(self) except -1:
        """Tell the receiving side that the ring has something."""
        return 0

    cdef int push(self, command_t *command) except -1:
        if ring_push(&self.commands, command) != OK:
            raise BufferError("the worker's command ring is full: it is overloaded or has stopped")
        return self.wake()

    cdef int _simple(self, int kind, uint32_t id, uint32_t owner=0, long long value=0) except -1:
        cdef command_t command
        memset(&command, 0, sizeof(command_t))
        command.kind = kind
        command.id = id
        command.owner = owner
        command.value = value
        return self.push(&command)

    cdef int _with_data(self, int kind, uint32_t id, uint32_t owner, long long value, const void *data,
                        size_t size) except -1:
        """The same with a copy of `data`."""
        cdef command_t command
        memset(&command, 0, sizeof(command_t))
        command.kind = kind
        command.id = id
        command.owner = owner
        command.value = value
        command.data = malloc(size)
        if command.data == NULL:
            raise MemoryError
        memcpy(command.data, data, size)
        try:
            return self.push(&command)
        except BufferError:
            free(command.data)
            raise

    cdef int _hand_over(self, int kind, uint32_t id, uint32_t owner, void *data) except -1:
        """The same with memory that the receiver takes over; the caller keeps it when this raises."""
        cdef command_t command
        memset(&command, 0, sizeof(command_t))
        command.kind = kind
        command.id = id
        command.owner = owner
        command.data = data
        return self.push(&command)

    # --- transports ------------------------------------------------------------------------------------------------

    def create_transport(self, uint32_t transport_id, *, bytes ice_ufrag, bytes ice_pwd, str dtls_role, fingerprints,
                         extensions, bint data_channel=False):
        """Open a transport that waits for ICE and DTLS.

        `ice_ufrag` (8 bytes) and `ice_pwd` (24 bytes) are ours, `dtls_role` ("server" or "client") too; `fingerprints`
        are the peer's: ("sha-256" | "sha-384" | "sha-512", digest), of which one must match; `extensions` maps the URI
        of each header extension that the peer sends to its id. Raises ValueError, BufferError.
        """
        cdef transport_t *transport = <transport_t *>calloc(1, sizeof(transport_t))
        cdef int count = 0
        if transport == NULL:
            raise MemoryError("no memory for a transport")
        try:
            if not transport_id:
                raise ValueError("a transport's id must not be 0")
            transport.id = transport_id
            _fill_credentials(&transport.ice, ice_ufrag, ice_pwd)
            transport.dtls_role = _one_of(_ROLES, dtls_role, "DTLS role")
            for name, digest in fingerprints:
                if count == DTLS_MAX_FINGERPRINTS:
                    break
                algorithm, size = _one_of(_FINGERPRINTS, name.lower(), "fingerprint's hash")
                transport.fingerprints[count].hash = algorithm
                _copy_exactly(digest, transport.fingerprints[count].digest, size, f"{name} fingerprint")
                count += 1
            if count == 0:
                raise ValueError("a transport needs a fingerprint of its peer's certificate")
            transport.fingerprint_count = count
            transport.keep_dtls = data_channel
            transport.local_ssrc = random.getrandbits(31) | 1
            _fill_kinds(extensions, transport.kind_by_id)
            self._hand_over(COMMAND_CREATE_TRANSPORT, transport_id, 0, transport)
        except BaseException:
            free(transport)
            raise

    def update_transport(self, uint32_t transport_id, *, extensions, bint data_channel=False):
        """Replace the header extensions that the peer sends, and say whether application data is wanted, after a
        renegotiation."""
        cdef uint8_t kinds[256]
        _fill_kinds(extensions, kinds)
        self._with_data(COMMAND_UPDATE_TRANSPORT, transport_id, 0, data_channel, kinds, 256)

    def restart_ice(self, uint32_t transport_id, *, bytes ice_ufrag, bytes ice_pwd):
        """Take new ICE credentials; the old ones hold until the first valid check with the new."""
        cdef ice_credentials_t credentials
        _fill_credentials(&credentials, ice_ufrag, ice_pwd)
        self._with_data(COMMAND_RESTART_ICE, transport_id, 0, 0, &credentials, sizeof(credentials))

    def close_transport(self, uint32_t transport_id):
        """Close a transport with its producers and consumers; the peer gets close_notify."""
        self._simple(COMMAND_CLOSE_TRANSPORT, transport_id)

    def send_dtls(self, uint32_t transport_id, bytes message):
        """Send application data (SCTP) through the DTLS association."""
        if not 0 < len(message) <= DTLS_MAX_MESSAGE_SIZE:
            raise ValueError(f"a DTLS message has 1 to {DTLS_MAX_MESSAGE_SIZE} bytes, not {len(message)}")
        self._with_data(COMMAND_SEND_DTLS, transport_id, 0, len(message), <const char *>message, len(message))

    def request_stats(self, uint32_t transport_id, unsigned long long token):
        """Ask for a snapshot; it comes as the event ("stats", token, dict)."""
        self._simple(COMMAND_REQUEST_STATS, transport_id, 0, <long long>token)

    # --- producers -------------------------------------------------------------------------------------------------

    def create_producer(self, uint32_t transport_id, uint32_t producer_id, *, str kind, str mid, codecs, encodings,
                        bint nack, bint pli, bint fir, bint transport_cc, uint32_t speaker_group=0):
        """Receive a source.

        `codecs`: (payload type, codec name, clock rate in Hz, RTX payload type or 0); `encodings`: (rid or "", SSRC or
        0, RTX SSRC or 0), the lowest quality first. `speaker_group`, chosen by the caller, says of which sources
        together the event ("speakers", group, dominant producer or 0, [(producer, immediate, medium, long-term score,
        activity), …]) tells who speaks; 0: it is in none. Raises ValueError, BufferError.
        """
        cdef producer_t *producer = _new_producer(producer_id, kind, codecs, encodings, MAX_ENCODINGS)
        try:
            producer.mid_size = _copy(mid.encode(), producer.mid, MID_CAPACITY, "mid")
            producer.nack = nack
            producer.pli = pli
            producer.fir = fir
            producer.transport_cc = transport_cc
            if speaker_group:
                _add_speaker(producer, speaker_group)
            if transport_cc:
                producer.transport_cc_receiver = <transport_cc_receiver_t *>malloc(sizeof(transport_cc_receiver_t))
                if producer.transport_cc_receiver == NULL:
                    raise MemoryError("no memory for congestion feedback")
                transport_cc_receiver_init(producer.transport_cc_receiver)
            self._hand_over(COMMAND_CREATE_PRODUCER, producer_id, transport_id, producer)
        except BaseException:
            producer_free(producer)
            raise

    def create_piped_producer(self, uint32_t producer_id, *, uint32_t source_id, uint32_t from_worker, str kind, codecs,
                              int encodings):
        """Stand for the producer `source_id` of another worker, from which its packets come by pipe.

        `codecs` are that producer's, `encodings` their number. It is closed by close_producer(). Raises ValueError,
        BufferError.
        """
        cdef producer_t *producer = _new_producer(producer_id, kind, codecs, [("", 0, 0)] * encodings,
                                                  MAX_MIX_ENCODINGS)
        try:
            if not source_id:
                raise ValueError("the producer that a piped producer stands for must not be 0")
            producer.source_id = source_id
            self._hand_over(COMMAND_CREATE_PIPED_PRODUCER, producer_id, from_worker, producer)
        except BaseException:
            producer_free(producer)
            raise

    def close_producer(self, uint32_t producer_id):
        """Stop receiving a source; its consumers become empty."""
        self._simple(COMMAND_CLOSE_PRODUCER, producer_id)

    def gate_producer(self, uint32_t producer_id, bint open):
        """Let packets of a source through, or drop them all (muted, not permitted)."""
        self._simple(COMMAND_GATE_PRODUCER, producer_id, 0, open)

    def limit_producer(self, uint32_t producer_id, uint32_t bitrate_bps):
        """Drop what a source sends beyond so much, of payload over all its encodings; 0: nothing."""
        self._simple(COMMAND_LIMIT_PRODUCER, producer_id, 0, bitrate_bps)

    def request_keyframe(self, uint32_t producer_id):
        """Ask the publisher for a keyframe of every encoding, as the throttle allows."""
        self._simple(COMMAND_REQUEST_KEYFRAME, producer_id)

    def refresh_speakers(self, uint32_t speaker_group, bint on):
        """Tell a speaker group's scores twice a second while somebody speaks, or only when the order changes."""
        self._simple(COMMAND_REFRESH_SPEAKERS, speaker_group, 0, on)

    # --- consumers -------------------------------------------------------------------------------------------------

    def create_consumer(self, uint32_t transport_id, uint32_t consumer_id, *, str kind, str mid, uint32_t ssrc,
                        uint32_t rtx_ssrc, str cname, extensions, bint two_byte):
        """Open an empty receive slot.

        `extensions` maps the URIs that the peer takes on this m-line to its ids; `two_byte`: it takes the two-byte form
        too (extmap-allow-mixed). Raises ValueError, BufferError.
        """
        cdef consumer_t *consumer = <consumer_t *>calloc(1, sizeof(consumer_t))
        if consumer == NULL:
            raise MemoryError("no memory for a consumer")
        try:
            if not consumer_id or not ssrc:
                raise ValueError("a consumer's id and SSRC must not be 0")
            consumer.id = consumer_id
            consumer.kind = _one_of(_KINDS, kind, "kind")
            consumer.mid_size = _copy(mid.encode(), consumer.mid, MID_CAPACITY, "mid")
            consumer.cname_size = _copy(cname.encode(), consumer.cname, CNAME_CAPACITY, "cname")
            consumer.ssrc = ssrc
            consumer.rtx_ssrc = rtx_ssrc
            consumer.two_byte = two_byte
            consumer.open = True
            consumer.current = NO_ENCODING
            consumer.target = NO_ENCODING
            consumer.preferred = NO_ENCODING
            consumer.seq.highest_out = -1
            for uri, identifier in extensions.items():
                if not 1 <= identifier <= 255:
                    raise ValueError(f"header extension id {identifier} is not between 1 and 255")
                extension_kind = _EXTENSION_URIS.get(uri, 0)
                if extension_kind:
                    consumer.id_by_kind[<int>extension_kind] = identifier
                    consumer.wide_ids |= identifier > 14
            consumer.mid_id = consumer.id_by_kind[<int>EXT_MID]
            resend_guard_init(&consumer.resend)
            self._hand_over(COMMAND_CREATE_CONSUMER, consumer_id, transport_id, consumer)
        except BaseException:
            free(consumer)
            raise

    def connect_consumer(self, uint32_t consumer_id, uint32_t producer_id, payload_types):
        """Give a receive slot a source (0: none); (producer's payload type, consumer's, consumer's RTX or 0)."""
        cdef uint8_t types[256]
        memset(types, 255, 128)
        memset(types + 128, 0, 128)
        for theirs, ours, rtx in payload_types:
            if not (0 <= theirs < 128 and 0 <= ours < 128 and 0 <= rtx < 128):
                raise ValueError(f"one of the payload types {theirs}, {ours}, {rtx} is not between 0 and 127")
            types[<int>theirs] = ours
            types[128 + <int>ours] = rtx
        self._with_data(COMMAND_CONNECT_CONSUMER, consumer_id, producer_id, 0, types, 256)

    def gate_consumer(self, uint32_t consumer_id, bint open):
        """Forward to a receive slot, or not (paused, not permitted)."""
        self._simple(COMMAND_GATE_CONSUMER, consumer_id, 0, open)

    def select_encoding(self, uint32_t consumer_id, int encoding):
        """Prefer an encoding of the producer; -1: the highest that is alive."""
        if not -1 <= encoding < MAX_ENCODINGS:
            raise ValueError(f"encoding {encoding} is not between -1 and {MAX_ENCODINGS - 1}")
        self._simple(COMMAND_SELECT_ENCODING, consumer_id, 0, NO_ENCODING if encoding < 0 else encoding)

    def close_consumer(self, uint32_t consumer_id):
        """Close a receive slot."""
        self._simple(COMMAND_CLOSE_CONSUMER, consumer_id)
