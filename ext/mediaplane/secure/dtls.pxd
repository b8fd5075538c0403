"""DTLS 1.2 (RFC 6347) with SRTP keys (RFC 5764) on libssl: sans-IO, datagrams in and datagrams out."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cpdef enum DtlsState:
    DTLS_NEW = 0
    DTLS_HANDSHAKING = 1
    DTLS_CONNECTED = 2
    DTLS_CLOSED = 3          # close_notify received or sent
    DTLS_FAILED = 4          # see dtls_failure()

cpdef enum DtlsFailure:
    DTLS_FAILURE_NONE = 0
    DTLS_FAILURE_HANDSHAKE = 1            # alert, protocol error
    DTLS_FAILURE_FINGERPRINT = 2          # the certificate is not the one that signaling announced
    DTLS_FAILURE_NO_SRTP_PROFILE = 3
    DTLS_FAILURE_TIMEOUT = 4

cpdef enum DtlsRole:
    DTLS_SERVER = 0
    DTLS_CLIENT = 1

cpdef enum FingerprintHash:
    FINGERPRINT_SHA256 = 0
    FINGERPRINT_SHA384 = 1
    FINGERPRINT_SHA512 = 2

cdef enum:
    DTLS_MAX_FINGERPRINTS = 4
    DTLS_MAX_MESSAGE_SIZE = 1400          # of dtls_send(): with 37 bytes of DTLS it fits Ethernet; more is NO_SPACE

cdef struct dtls_context_t            # certificate and settings, shared by all workers
cdef struct dtls_session_t            # one association, owned by one thread

cdef struct dtls_fingerprint_t:
    uint8_t hash                          # FingerprintHash
    uint8_t digest[64]

cdef struct dtls_keys_t:
    int profile                           # SrtpProfile
    uint8_t local_key[32]                 # what we send with
    uint8_t local_salt[14]
    uint8_t remote_key[32]                # what the peer sends with
    uint8_t remote_salt[14]

cdef dtls_context_t *dtls_context_new(const uint8_t *certificate_pem, uint32_t certificate_size,
                                      const uint8_t *key_pem, uint32_t key_size) noexcept nogil   # NULL: not usable
cdef void dtls_context_free(dtls_context_t *context) noexcept nogil

# The peer is accepted when any of the fingerprints matches (RFC 8122 section 5.1). Flights are cut to `mtu` bytes (at
# least 256). NULL: no memory, no or too many fingerprints, or a hash that is unknown.
cdef dtls_session_t *dtls_session_new(dtls_context_t *context, int role, uint16_t mtu,
                                      const dtls_fingerprint_t *fingerprints, uint8_t fingerprint_count) noexcept nogil
cdef void dtls_session_free(dtls_session_t *session) noexcept nogil
# Offers, or takes, this SrtpProfile alone instead of all that the context has. Before the first flight: else BAD_STATE.
# UNSUPPORTED: a profile that this module does not export keys for.
cdef int dtls_use_profile(dtls_session_t *session, int profile) noexcept nogil

# A client makes its first flight. A server may be started to have its 30 s counted; else its first datagram does it.
cdef int dtls_start(dtls_session_t *session, int64_t now_us) noexcept nogil
# OK, MALFORMED (shorter than a record), BAD_STATE (over, or a client that was not started), or why the association has
# failed now: AUTH_FAILED (fingerprint) or LIBRARY_ERROR. What DTLS drops silently is OK.
cdef int dtls_receive(dtls_session_t *session, const uint8_t *data, uint32_t size, int64_t now_us) noexcept nogil
# Retransmits when due. Returns OK or a failure status; the state tells the rest.
cdef int dtls_timeout(dtls_session_t *session, int64_t now_us) noexcept nogil
cdef int64_t dtls_next_deadline(const dtls_session_t *session) noexcept nogil   # us; INT64_MAX: none

# Datagrams to send: copies the next into `out`; returns its size, 0 when there is none, or NO_SPACE.
cdef int dtls_next_datagram(dtls_session_t *session, uint8_t *out, uint32_t capacity) noexcept nogil
# Application data (SCTP) that arrived: likewise.
cdef int dtls_next_message(dtls_session_t *session, uint8_t *out, uint32_t capacity) noexcept nogil
cdef int dtls_send(dtls_session_t *session, const uint8_t *data, uint32_t size) noexcept nogil
cdef int dtls_close(dtls_session_t *session) noexcept nogil                     # queues close_notify

cdef int dtls_state(const dtls_session_t *session) noexcept nogil
cdef int dtls_failure(const dtls_session_t *session) noexcept nogil
cdef uint32_t dtls_dropped(const dtls_session_t *session) noexcept nogil   # datagrams and messages: a queue was full
cdef const char *dtls_failure_text(const dtls_session_t *session) noexcept nogil   # for a log; no peer data in it
cdef int dtls_export_keys(dtls_session_t *session, dtls_keys_t *keys) noexcept nogil   # CONNECTED only
# Bytes that libssl holds are given back: what can go without ending the association (buffers, handshake messages).
# After this the association still takes and makes close_notify and application data.
cdef void dtls_shrink(dtls_session_t *session) noexcept nogil
