"""SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714): sessions, replay windows, and the sealing of whole batches.

An *engine* belongs to one thread and holds what a back end needs there; a *session* is one direction of one transport.
Two back ends stand behind the same functions: libcrypto (always) and intel-ipsec-mb (where it is installed).
Python must call `available_backends()` once before the first engine is made: it looks for intel-ipsec-mb.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

# Parts of this interface that stand in files of their own: cimport them from here or from there.
from mediaplane.secure.srtp_keys cimport srtp_key_size, srtp_salt_size, srtp_session_keys_t
from mediaplane.secure.srtp_replay cimport (
    SRTP_REPLAY_WINDOW,
    srtp_estimate_index,
    srtp_replay_check,
    srtp_replay_commit,
    srtp_replay_t,
)

cpdef enum SrtpProfile:
    SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001
    SRTP_AEAD_AES_128_GCM = 0x0007
    SRTP_AEAD_AES_256_GCM = 0x0008

cpdef enum SrtpBackend:
    SRTP_BACKEND_AUTO = 0
    SRTP_BACKEND_LIBCRYPTO = 1
    SRTP_BACKEND_IPSEC_MB = 2

cdef enum:
    SRTP_MAX_OVERHEAD = 16       # bytes that SRTP adds to a packet
    SRTCP_MAX_OVERHEAD = 20
    SRTP_MAX_KEY_SIZE = 32
    SRTP_MAX_SALT_SIZE = 14

ctypedef struct srtp_engine_t
ctypedef struct srtp_session_t

cdef int srtp_overhead(int profile) noexcept nogil        # bytes of the tag; UNSUPPORTED

cdef srtp_engine_t *srtp_engine_new(int backend) noexcept nogil      # NULL: back end not available, or no memory
cdef void srtp_engine_free(srtp_engine_t *engine) noexcept nogil
cdef int srtp_engine_backend(const srtp_engine_t *engine) noexcept nogil

# NULL: unknown profile, no memory, or the library refused the keys. A session works with every engine of its back end,
# on one thread at a time.
cdef srtp_session_t *srtp_session_new(srtp_engine_t *engine, int profile, const uint8_t *master_key,
                                      const uint8_t *master_salt) noexcept nogil
cdef void srtp_session_free(srtp_session_t *session) noexcept nogil  # wipes the keys
cdef int srtp_session_overhead(const srtp_session_t *session) noexcept nogil

# One packet to open, in place. After a failure the bytes behind the header are undefined.
cdef struct srtp_unprotect_job_t:
    srtp_session_t *session
    srtp_replay_t *replay        # several jobs of a batch may share one; committed in the order of the jobs
    uint8_t *data
    uint32_t size
    uint16_t header_size         # bytes in clear: RTP header with CSRCs and extension
    uint16_t seq16
    int status                   # out: OK, REPLAYED (before decryption), AUTH_FAILED, TRUNCATED, LIBRARY_ERROR
    uint32_t plain_size          # out: header and payload
    uint64_t index               # out

cdef void srtp_unprotect_batch(srtp_engine_t *engine, srtp_unprotect_job_t *jobs, uint32_t count) noexcept nogil

# One packet to seal. The header stands at `out`; the sealed payload and the tag are written behind it.
cdef struct srtp_protect_job_t:
    srtp_session_t *session
    uint8_t *out                 # room for header_size + payload_size + overhead
    const uint8_t *payload       # may be out + header_size (in place), else must not overlap `out`
    uint16_t header_size
    uint16_t payload_size
    uint32_t ssrc
    uint64_t index               # ROC << 16 | seq
    int status                   # out: OK or LIBRARY_ERROR

# Sealed size of each = header_size + payload_size + srtp_session_overhead(session).
cdef void srtp_protect_batch(srtp_engine_t *engine, srtp_protect_job_t *jobs, uint32_t count) noexcept nogil

# SRTCP, one compound at a time, in place. Return the new size or a negative status.
# protect: TRUNCATED (no room for a header), NO_SPACE, BAD_STATE (the 31 bits are used up: the keys must change).
# unprotect: TRUNCATED, MALFORMED (not encrypted), REPLAYED, AUTH_FAILED.
cdef int srtcp_protect(srtp_engine_t *engine, srtp_session_t *session, uint8_t *data, uint32_t size,
                       uint32_t capacity, uint32_t index) noexcept nogil       # index: 31 bits, counted by the caller
cdef int srtcp_unprotect(srtp_engine_t *engine, srtp_session_t *session, srtp_replay_t *replay, uint8_t *data,
                         uint32_t size) noexcept nogil                         # `replay`: one per sender SSRC


# What a back end provides. The rest of this file is for back ends alone.
cdef struct srtp_backend_t:
    int backend                  # SrtpBackend
    uint32_t session_size        # bytes of `srtp_session_t.rtp`; they come zeroed and aligned to 64
    void *(*engine_new)() noexcept nogil                             # NULL: no memory
    void (*engine_free)(void *state) noexcept nogil
    int (*session_init)(void *engine_state, srtp_session_t *session, const uint8_t *cipher_key,
                        const uint8_t *auth_key) noexcept nogil
    void (*session_clear)(srtp_session_t *session) noexcept nogil    # frees what `rtp` points at; also if half made
    void (*protect_batch)(void *engine_state, srtp_protect_job_t *jobs, uint32_t count) noexcept nogil
    void (*unprotect_batch)(void *engine_state, srtp_unprotect_job_t *jobs, uint32_t count) noexcept nogil

ctypedef struct srtp_engine_t:
    const srtp_backend_t *backend
    void *state

ctypedef struct srtp_session_t:
    uint8_t rtp_salt[16]
    void *rtp                    # the back end's keys for SRTP
    void *rtcp                   # libcrypto_keys_t: SRTCP is rare enough for libcrypto in every back end
    const srtp_backend_t *backend
    uint8_t rtcp_salt[16]
    int profile
    uint8_t aead
    uint8_t tag_size

# As srtp_session_new(), with keys that are already derived.
cdef srtp_session_t *srtp_session_from_keys(srtp_engine_t *engine, int profile, const srtp_session_keys_t *rtp,
                                            const srtp_session_keys_t *rtcp) noexcept nogil

# Makes a back end known; called when its module is imported. `backend` must live as long as the process.
cdef void srtp_register_backend(const srtp_backend_t *backend) noexcept nogil
cdef bint srtp_tags_equal(const uint8_t *a, const uint8_t *b, uint32_t size) noexcept nogil   # in constant time


# Whether a packet can be opened at all; before everything else.
cdef inline bint srtp_job_is_truncated(const srtp_unprotect_job_t *job) noexcept nogil:
    return job.header_size < 12 or job.size < <uint32_t>job.header_size + job.session.tag_size
