from libc.stdlib cimport free
from libc.string cimport memcpy, memset
from posix.stdlib cimport posix_memalign

from mediaplane.debug cimport invariant
from mediaplane.secure.libcrypto cimport CRYPTO_memcmp, OPENSSL_cleanse
from mediaplane.secure.srtp_keys cimport (
    SRTP_LABEL_RTCP,
    SRTP_LABEL_RTP,
    srtp_cm_iv,
    srtp_derive_session_keys,
    srtp_gcm_iv,
    srtp_is_aead,
    srtp_session_keys_t,
)
from mediaplane.secure.srtp_libcrypto cimport (
    SRTP_GCM_TAG_SIZE,
    SRTP_SHA1_TAG_SIZE,
    libcrypto_cm,
    libcrypto_gcm_open,
    libcrypto_gcm_seal,
    libcrypto_keys_clear,
    libcrypto_keys_init,
    libcrypto_keys_t,
    libcrypto_tag,
    srtp_libcrypto_backend,
)
from mediaplane.status cimport AUTH_FAILED, BAD_STATE, MALFORMED, NO_SPACE, OK, TRUNCATED, UNSUPPORTED
from mediaplane.wire.byte_order cimport load32, store32

cdef enum:
    RTCP_HEADER_SIZE = 8         # what stays in clear: the first packet's header and its sender's SSRC
    RTCP_INDEX_SIZE = 4          # E flag and 31 bits of index

cdef uint32_t ENCRYPTED = 0x80000000

cdef const srtp_backend_t *ipsec_mb = NULL       # until its module is imported
_ipsec_mb_tried = False


def available_backends():
    """The names of the back ends that engines can be made with, fastest first ("ipsec-mb", "libcrypto").

    The first call looks for intel-ipsec-mb; `SRTP_BACKEND_AUTO` means the first name of the list from then on.
    """
    global _ipsec_mb_tried
    if not _ipsec_mb_tried:
        _ipsec_mb_tried = True
        try:
            __import__("mediaplane.secure.srtp_ipsec_mb")      # registers itself
        except ImportError:
            pass                 # not built, or its shared library is not on this machine
    return ["libcrypto"] if ipsec_mb is NULL else ["ipsec-mb", "libcrypto"]


cdef void srtp_register_backend(const srtp_backend_t *backend) noexcept nogil:
    global ipsec_mb
    if backend.backend == SRTP_BACKEND_IPSEC_MB:
        ipsec_mb = backend


cdef const srtp_backend_t *backend_of(int backend) noexcept nogil:
    if backend == SRTP_BACKEND_IPSEC_MB or (backend == SRTP_BACKEND_AUTO and ipsec_mb is not NULL):
        return ipsec_mb
    if backend == SRTP_BACKEND_LIBCRYPTO or backend == SRTP_BACKEND_AUTO:
        return srtp_libcrypto_backend()
    return NULL


cdef bint srtp_tags_equal(const uint8_t *a, const uint8_t *b, uint32_t size) noexcept nogil:
    return CRYPTO_memcmp(a, b, size) == 0


cdef int srtp_overhead(int profile) noexcept nogil:
    if srtp_key_size(profile) < 0:
        return UNSUPPORTED
    return SRTP_GCM_TAG_SIZE if srtp_is_aead(profile) else SRTP_SHA1_TAG_SIZE


cdef void *new_zeroed(size_t size) noexcept nogil:
    cdef void *block
    if posix_memalign(&block, 64, size) != 0:
        return NULL
    memset(block, 0, size)
    return block


cdef size_t aligned(size_t size) noexcept nogil:
    return (size + 63) & ~<size_t>63


cdef srtp_engine_t *srtp_engine_new(int backend) noexcept nogil:
    cdef srtp_engine_t *engine
    if backend_of(backend) is NULL:
        return NULL
    engine = <srtp_engine_t *>new_zeroed(sizeof(srtp_engine_t))
    if engine is NULL:
        return NULL
    engine.backend = backend_of(backend)
    engine.state = engine.backend.engine_new()
    if engine.state is NULL:
        free(engine)
        return NULL
    return engine


cdef void srtp_engine_free(srtp_engine_t *engine) noexcept nogil:
    if engine is not NULL:
        engine.backend.engine_free(engine.state)
        free(engine)


cdef int srtp_engine_backend(const srtp_engine_t *engine) noexcept nogil:
    return engine.backend.backend


cdef size_t session_block_size(const srtp_backend_t *backend) noexcept nogil:
    return aligned(sizeof(srtp_session_t)) + aligned(backend.session_size) + sizeof(libcrypto_keys_t)


cdef srtp_session_t *srtp_session_new(srtp_engine_t *engine, int profile, const uint8_t *master_key,
                                      const uint8_t *master_salt) noexcept nogil:
    cdef srtp_session_keys_t rtp, rtcp
    cdef srtp_session_t *session = NULL
    if (srtp_derive_session_keys(profile, master_key, master_salt, SRTP_LABEL_RTP, &rtp) == OK
            and srtp_derive_session_keys(profile, master_key, master_salt, SRTP_LABEL_RTCP, &rtcp) == OK):
        session = srtp_session_from_keys(engine, profile, &rtp, &rtcp)
    OPENSSL_cleanse(&rtp, sizeof(rtp))
    OPENSSL_cleanse(&rtcp, sizeof(rtcp))
    return session


cdef srtp_session_t *srtp_session_from_keys(srtp_engine_t *engine, int profile, const srtp_session_keys_t *rtp,
                                            const srtp_session_keys_t *rtcp) noexcept nogil:
    cdef srtp_session_t *session
    cdef int status
    if srtp_key_size(profile) < 0:
        return NULL
    session = <srtp_session_t *>new_zeroed(session_block_size(engine.backend))
    if session is NULL:
        return NULL
    # One block: the session, the back end's keys, the keys of SRTCP.
    session.rtp = <uint8_t *>session + aligned(sizeof(srtp_session_t))
    session.rtcp = <uint8_t *>session.rtp + aligned(engine.backend.session_size)
    session.backend = engine.backend
    session.profile = profile
    session.aead = srtp_is_aead(profile)
    session.tag_size = srtp_overhead(profile)
    memcpy(session.rtp_salt, rtp.salt, sizeof(rtp.salt))
    memcpy(session.rtcp_salt, rtcp.salt, sizeof(rtcp.salt))
    status = engine.backend.session_init(engine.state, session, rtp.cipher_key, rtp.auth_key)
    if status == OK:
        status = libcrypto_keys_init(<libcrypto_keys_t *>session.rtcp, profile, rtcp.cipher_key, rtcp.auth_key)
    if status != OK:
        srtp_session_free(session)
        return NULL
    return session


cdef void srtp_session_free(srtp_session_t *session) noexcept nogil:
    if session is NULL:
        return
    session.backend.session_clear(session)
    libcrypto_keys_clear(<libcrypto_keys_t *>session.rtcp)
    OPENSSL_cleanse(session, session_block_size(session.backend))
    free(session)


cdef int srtp_session_overhead(const srtp_session_t *session) noexcept nogil:
    return session.tag_size


cdef void srtp_protect_batch(srtp_engine_t *engine, srtp_protect_job_t *jobs, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        invariant(jobs[i].session.backend is engine.backend, "a session is used with engines of its own back end")
        invariant(jobs[i].header_size >= 12, "a packet to seal has an RTP header")
        invariant(jobs[i].ssrc == load32(jobs[i].out + 8), "the SSRC of a job is that of its header")
        invariant(jobs[i].index >> 48 == 0, "a packet index has 48 bits")
    engine.backend.protect_batch(engine.state, jobs, count)


cdef void srtp_unprotect_batch(srtp_engine_t *engine, srtp_unprotect_job_t *jobs, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        invariant(jobs[i].session.backend is engine.backend, "a session is used with engines of its own back end")
    engine.backend.unprotect_batch(engine.state, jobs, count)


# SRTCP packets end differently (RFC 3711 section 3.4; RFC 7714 section 9.3):
#     AES-CM:   header | encrypted | E + index | tag        the tag covers all before it
#     AES-GCM:  header | encrypted | tag | E + index        the additional data are the header and E + index
cdef int srtcp_protect(srtp_engine_t *engine, srtp_session_t *session, uint8_t *data, uint32_t size,
                       uint32_t capacity, uint32_t index) noexcept nogil:
    cdef libcrypto_keys_t *keys = <libcrypto_keys_t *>session.rtcp
    cdef uint8_t iv[16]
    cdef uint8_t *body = data + RTCP_HEADER_SIZE
    cdef uint32_t body_size = size - RTCP_HEADER_SIZE
    cdef uint32_t total = size + session.tag_size + RTCP_INDEX_SIZE
    cdef uint8_t *trailer = data + size
    cdef int status
    if size < RTCP_HEADER_SIZE:
        return TRUNCATED
    if index >= ENCRYPTED:
        return BAD_STATE
    if capacity < total:
        return NO_SPACE
    if session.aead:
        store32(trailer + SRTP_GCM_TAG_SIZE, ENCRYPTED | index)
        srtp_gcm_iv(session.rtcp_salt, load32(data + 4), index, iv)
        status = libcrypto_gcm_seal(keys, iv, data, RTCP_HEADER_SIZE, trailer + SRTP_GCM_TAG_SIZE, RTCP_INDEX_SIZE,
                                    body, body_size, body, trailer)
    else:
        store32(trailer, ENCRYPTED | index)
        srtp_cm_iv(session.rtcp_salt, load32(data + 4), index, iv)
        status = libcrypto_cm(keys, iv, body, body_size, body)
        if status == OK:
            status = libcrypto_tag(keys, data, size + RTCP_INDEX_SIZE, NULL, trailer + RTCP_INDEX_SIZE)
    return status if status != OK else <int>total


# A packet without the E flag is refused unread: the profiles that DTLS negotiates encrypt SRTCP (RFC 5764 section
# 4.1.2), so it comes from no peer of ours, and there is no second path through the authentication to get wrong.
cdef int srtcp_unprotect(srtp_engine_t *engine, srtp_session_t *session, srtp_replay_t *replay, uint8_t *data,
                         uint32_t size) noexcept nogil:
    cdef libcrypto_keys_t *keys = <libcrypto_keys_t *>session.rtcp
    cdef uint8_t iv[16]
    cdef uint8_t tag[SRTP_SHA1_TAG_SIZE]
    cdef uint8_t *body = data + RTCP_HEADER_SIZE
    cdef uint8_t *trailer
    cdef uint8_t *word
    cdef uint32_t plain_size, index
    cdef int status
    if size < <uint32_t>RTCP_HEADER_SIZE + session.tag_size + RTCP_INDEX_SIZE:
        return TRUNCATED
    plain_size = size - session.tag_size - RTCP_INDEX_SIZE
    trailer = data + plain_size
    word = trailer + SRTP_GCM_TAG_SIZE if session.aead else trailer
    index = load32(word) & ~ENCRYPTED
    if not load32(word) & ENCRYPTED:
        return MALFORMED
    status = srtp_replay_check(replay, index)
    if status != OK:
        return status
    if session.aead:
        srtp_gcm_iv(session.rtcp_salt, load32(data + 4), index, iv)
        status = libcrypto_gcm_open(keys, iv, data, RTCP_HEADER_SIZE, word, RTCP_INDEX_SIZE,
                                    body, plain_size - RTCP_HEADER_SIZE, trailer)
    else:
        status = libcrypto_tag(keys, data, plain_size + RTCP_INDEX_SIZE, NULL, tag)
        if status == OK and not srtp_tags_equal(tag, word + RTCP_INDEX_SIZE, SRTP_SHA1_TAG_SIZE):
            status = AUTH_FAILED
        if status == OK:
            srtp_cm_iv(session.rtcp_salt, load32(data + 4), index, iv)
            status = libcrypto_cm(keys, iv, body, plain_size - RTCP_HEADER_SIZE, body)
    if status != OK:
        return status
    srtp_replay_commit(replay, index)
    return <int>plain_size
