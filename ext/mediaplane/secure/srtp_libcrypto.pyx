from libc.string cimport memcpy

from mediaplane.secure.libcrypto cimport (
    CRYPTO_memcmp,
    ERR_clear_error,
    EVP_CIPHER,
    EVP_CIPHER_CTX_ctrl,
    EVP_CIPHER_CTX_free,
    EVP_CIPHER_CTX_new,
    EVP_CIPHER_fetch,
    EVP_CipherFinal_ex,
    EVP_CipherInit_ex2,
    EVP_CipherUpdate,
    EVP_CTRL_AEAD_GET_TAG,
    EVP_CTRL_AEAD_SET_TAG,
    EVP_MAC,
    EVP_MAC_CTX_free,
    EVP_MAC_CTX_new,
    EVP_MAC_fetch,
    EVP_MAC_final,
    EVP_MAC_init,
    EVP_MAC_update,
    OSSL_MAC_PARAM_DIGEST,
    OSSL_PARAM,
    OSSL_PARAM_construct_end,
    OSSL_PARAM_construct_utf8_string,
)
from mediaplane.secure.srtp cimport (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_HMAC_SHA1_80,
    SRTP_BACKEND_LIBCRYPTO,
    srtp_job_is_truncated,
    srtp_protect_job_t,
    srtp_session_t,
    srtp_unprotect_job_t,
)
from mediaplane.secure.srtp_keys cimport SRTP_AUTH_KEY_SIZE, srtp_cm_iv, srtp_gcm_iv
from mediaplane.secure.srtp_replay cimport srtp_estimate_index, srtp_replay_check, srtp_replay_commit
from mediaplane.status cimport AUTH_FAILED, LIBRARY_ERROR, NO_MEMORY, OK, TRUNCATED, UNSUPPORTED
from mediaplane.wire.byte_order cimport load32, store32

# Fetched once: a fetch takes locks and is far dearer than a packet.
cdef EVP_CIPHER *aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL)
cdef EVP_CIPHER *aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL)
cdef EVP_CIPHER *aes_128_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL)
cdef EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL)
if aes_128_gcm is NULL or aes_256_gcm is NULL or aes_128_ctr is NULL or hmac is NULL:
    raise ImportError("libcrypto lacks AES-GCM, AES-CTR or HMAC: SRTP needs OpenSSL 3 with its default provider")


cdef int failed(int status) noexcept nogil:
    # What libcrypto leaves in the thread's error queue would make a later call of libssl look failed.
    ERR_clear_error()
    return status


cdef int libcrypto_keys_init(libcrypto_keys_t *keys, int profile, const uint8_t *cipher_key,
                             const uint8_t *auth_key) noexcept nogil:
    cdef EVP_CIPHER *cipher
    cdef OSSL_PARAM parameters[2]
    if profile == SRTP_AEAD_AES_128_GCM:
        cipher = aes_128_gcm
    elif profile == SRTP_AEAD_AES_256_GCM:
        cipher = aes_256_gcm
    elif profile == SRTP_AES128_CM_HMAC_SHA1_80:
        cipher = aes_128_ctr
    else:
        return UNSUPPORTED
    keys.cipher = EVP_CIPHER_CTX_new()
    if keys.cipher is NULL:
        return failed(NO_MEMORY)
    if EVP_CipherInit_ex2(keys.cipher, cipher, cipher_key, NULL, 1, NULL) != 1:
        return failed(LIBRARY_ERROR)
    if profile != SRTP_AES128_CM_HMAC_SHA1_80:
        return OK
    keys.mac = EVP_MAC_CTX_new(hmac)
    if keys.mac is NULL:
        return failed(NO_MEMORY)
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, <char *>"SHA1", 0)
    parameters[1] = OSSL_PARAM_construct_end()
    if EVP_MAC_init(keys.mac, auth_key, SRTP_AUTH_KEY_SIZE, parameters) != 1:
        return failed(LIBRARY_ERROR)
    return OK


cdef void libcrypto_keys_clear(libcrypto_keys_t *keys) noexcept nogil:
    EVP_CIPHER_CTX_free(keys.cipher)
    EVP_MAC_CTX_free(keys.mac)
    keys.cipher = NULL
    keys.mac = NULL


cdef int libcrypto_gcm_seal(libcrypto_keys_t *keys, const uint8_t *iv, const uint8_t *aad, uint32_t aad_size,
                            const uint8_t *aad2, uint32_t aad2_size, const uint8_t *data, uint32_t size,
                            uint8_t *out, uint8_t *tag) noexcept nogil:
    cdef int written
    if (EVP_CipherInit_ex2(keys.cipher, NULL, NULL, iv, 1, NULL) != 1
            or EVP_CipherUpdate(keys.cipher, NULL, &written, aad, <int>aad_size) != 1
            or (aad2_size and EVP_CipherUpdate(keys.cipher, NULL, &written, aad2, <int>aad2_size) != 1)
            or (size and EVP_CipherUpdate(keys.cipher, out, &written, data, <int>size) != 1)
            or EVP_CipherFinal_ex(keys.cipher, tag, &written) != 1
            or EVP_CIPHER_CTX_ctrl(keys.cipher, EVP_CTRL_AEAD_GET_TAG, SRTP_GCM_TAG_SIZE, tag) != 1):
        return failed(LIBRARY_ERROR)
    return OK


cdef int libcrypto_gcm_open(libcrypto_keys_t *keys, const uint8_t *iv, const uint8_t *aad, uint32_t aad_size,
                            const uint8_t *aad2, uint32_t aad2_size, uint8_t *data, uint32_t size,
                            const uint8_t *tag) noexcept nogil:
    cdef int written
    cdef uint8_t nothing[16]
    if (EVP_CipherInit_ex2(keys.cipher, NULL, NULL, iv, 0, NULL) != 1
            or EVP_CIPHER_CTX_ctrl(keys.cipher, EVP_CTRL_AEAD_SET_TAG, SRTP_GCM_TAG_SIZE, <void *>tag) != 1
            or EVP_CipherUpdate(keys.cipher, NULL, &written, aad, <int>aad_size) != 1
            or (aad2_size and EVP_CipherUpdate(keys.cipher, NULL, &written, aad2, <int>aad2_size) != 1)
            or (size and EVP_CipherUpdate(keys.cipher, data, &written, data, <int>size) != 1)):
        return failed(LIBRARY_ERROR)
    if EVP_CipherFinal_ex(keys.cipher, nothing, &written) != 1:
        return failed(AUTH_FAILED)
    return OK


cdef int libcrypto_cm(libcrypto_keys_t *keys, const uint8_t *iv, const uint8_t *data, uint32_t size,
                      uint8_t *out) noexcept nogil:
    cdef int written
    if size == 0:
        return OK
    if (EVP_CipherInit_ex2(keys.cipher, NULL, NULL, iv, 1, NULL) != 1
            or EVP_CipherUpdate(keys.cipher, out, &written, data, <int>size) != 1):
        return failed(LIBRARY_ERROR)
    return OK


cdef int libcrypto_tag(libcrypto_keys_t *keys, const uint8_t *data, uint32_t size, const uint8_t *word,
                       uint8_t *tag) noexcept nogil:
    cdef uint8_t digest[20]
    cdef size_t written
    if (EVP_MAC_init(keys.mac, NULL, 0, NULL) != 1
            or EVP_MAC_update(keys.mac, data, size) != 1
            or (word is not NULL and EVP_MAC_update(keys.mac, word, 4) != 1)
            or EVP_MAC_final(keys.mac, digest, &written, sizeof(digest)) != 1):
        return failed(LIBRARY_ERROR)
    memcpy(tag, digest, SRTP_SHA1_TAG_SIZE)
    return OK


cdef int protect_gcm(srtp_session_t *session, srtp_protect_job_t *job) noexcept nogil:
    cdef uint8_t iv[12]
    cdef uint8_t *sealed = job.out + job.header_size
    srtp_gcm_iv(session.rtp_salt, job.ssrc, job.index, iv)
    return libcrypto_gcm_seal(<libcrypto_keys_t *>session.rtp, iv, job.out, job.header_size, NULL, 0,
                              job.payload, job.payload_size, sealed, sealed + job.payload_size)


cdef int protect_cm(srtp_session_t *session, srtp_protect_job_t *job) noexcept nogil:
    cdef libcrypto_keys_t *keys = <libcrypto_keys_t *>session.rtp
    cdef uint8_t iv[16]
    cdef uint8_t roc[4]
    cdef uint8_t *sealed = job.out + job.header_size
    cdef int status
    srtp_cm_iv(session.rtp_salt, job.ssrc, job.index, iv)
    status = libcrypto_cm(keys, iv, job.payload, job.payload_size, sealed)
    if status != OK:
        return status
    store32(roc, <uint32_t>(job.index >> 16))
    return libcrypto_tag(keys, job.out, <uint32_t>job.header_size + job.payload_size, roc, sealed + job.payload_size)


cdef int unprotect_gcm(srtp_session_t *session, srtp_unprotect_job_t *job) noexcept nogil:
    cdef uint8_t iv[12]
    srtp_gcm_iv(session.rtp_salt, load32(job.data + 8), job.index, iv)
    return libcrypto_gcm_open(<libcrypto_keys_t *>session.rtp, iv, job.data, job.header_size, NULL, 0,
                              job.data + job.header_size, job.plain_size - job.header_size,
                              job.data + job.plain_size)


cdef int unprotect_cm(srtp_session_t *session, srtp_unprotect_job_t *job) noexcept nogil:
    cdef libcrypto_keys_t *keys = <libcrypto_keys_t *>session.rtp
    cdef uint8_t iv[16]
    cdef uint8_t roc[4]
    cdef uint8_t tag[SRTP_SHA1_TAG_SIZE]
    cdef int status
    store32(roc, <uint32_t>(job.index >> 16))
    status = libcrypto_tag(keys, job.data, job.plain_size, roc, tag)
    if status != OK:
        return status
    if CRYPTO_memcmp(tag, job.data + job.plain_size, SRTP_SHA1_TAG_SIZE) != 0:
        return AUTH_FAILED
    srtp_cm_iv(session.rtp_salt, load32(job.data + 8), job.index, iv)
    return libcrypto_cm(keys, iv, job.data + job.header_size, job.plain_size - job.header_size,
                        job.data + job.header_size)


cdef void protect_batch(void *engine_state, srtp_protect_job_t *jobs, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        if jobs[i].session.aead:
            jobs[i].status = protect_gcm(jobs[i].session, &jobs[i])
        else:
            jobs[i].status = protect_cm(jobs[i].session, &jobs[i])


cdef int unprotect(srtp_unprotect_job_t *job) noexcept nogil:
    cdef int status
    if srtp_job_is_truncated(job):
        return TRUNCATED
    job.plain_size = job.size - job.session.tag_size
    job.index = srtp_estimate_index(job.replay, job.seq16)
    status = srtp_replay_check(job.replay, job.index)
    if status != OK:
        return status
    status = unprotect_gcm(job.session, job) if job.session.aead else unprotect_cm(job.session, job)
    if status == OK:
        srtp_replay_commit(job.replay, job.index)
    return status


cdef void unprotect_batch(void *engine_state, srtp_unprotect_job_t *jobs, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        jobs[i].status = unprotect(&jobs[i])


cdef void *engine_new() noexcept nogil:
    return &backend              # nothing is kept per thread


cdef void engine_free(void *state) noexcept nogil:
    pass


cdef int session_init(void *engine_state, srtp_session_t *session, const uint8_t *cipher_key,
                      const uint8_t *auth_key) noexcept nogil:
    return libcrypto_keys_init(<libcrypto_keys_t *>session.rtp, session.profile, cipher_key, auth_key)


cdef void session_clear(srtp_session_t *session) noexcept nogil:
    libcrypto_keys_clear(<libcrypto_keys_t *>session.rtp)


cdef const srtp_backend_t *srtp_libcrypto_backend() noexcept nogil:
    return &backend


cdef srtp_backend_t backend
backend.backend = SRTP_BACKEND_LIBCRYPTO
backend.session_size = sizeof(libcrypto_keys_t)
backend.engine_new = engine_new
backend.engine_free = engine_free
backend.session_init = session_init
backend.session_clear = session_clear
backend.protect_batch = protect_batch
backend.unprotect_batch = unprotect_batch
