"""SRTP on intel-ipsec-mb. An optional module: importing it makes the back end known to `srtp`.

AES-GCM goes packet by packet through the library's direct interface (measured a little faster than its jobs). AES-CM
with HMAC-SHA1 is collected over the batch, because SHA-1 is only fast when several packets are hashed side by side.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset
from posix.stdlib cimport posix_memalign

from mediaplane.secure.ipsec_mb cimport (
    IMB_AES128_GCM_DEC,
    IMB_AES128_GCM_ENC,
    IMB_AES128_GCM_PRE,
    IMB_AES256_GCM_DEC,
    IMB_AES256_GCM_ENC,
    IMB_AES256_GCM_PRE,
    IMB_AES_KEYEXP_128,
    IMB_ARCH_AVX512,
    IMB_AUTH_HMAC_SHA_1,
    IMB_CIPHER_CNTR,
    IMB_DIR_ENCRYPT,
    IMB_FEATURE_AESNI,
    IMB_FEATURE_PCLMULQDQ,
    IMB_FEATURE_SHANI,
    IMB_JOB,
    IMB_KEY_128_BYTES,
    IMB_MGR,
    IMB_SHA1_BLOCK_SIZE,
    IMB_SHA1_ONE_BLOCK,
    IMB_SUBMIT_CIPHER_BURST_NOCHECK,
    IMB_SUBMIT_HASH_BURST_NOCHECK,
    gcm_context_data,
    gcm_key_data,
    imb_clear_mem,
    imb_get_errno,
    imb_get_feature_flags,
    imb_get_mb_mgr_size,
    imb_set_pointers_mb_mgr,
    init_mb_mgr_auto,
    init_mb_mgr_sse,
)
from mediaplane.secure.srtp cimport (
    SRTP_AEAD_AES_256_GCM,
    SRTP_BACKEND_IPSEC_MB,
    srtp_backend_t,
    srtp_job_is_truncated,
    srtp_protect_job_t,
    srtp_register_backend,
    srtp_session_t,
    srtp_tags_equal,
    srtp_unprotect_job_t,
)
from mediaplane.secure.srtp_keys cimport SRTP_AUTH_KEY_SIZE, srtp_cm_iv, srtp_gcm_iv
from mediaplane.secure.srtp_replay cimport srtp_estimate_index, srtp_replay_check, srtp_replay_commit
from mediaplane.status cimport AUTH_FAILED, LIBRARY_ERROR, OK, TRUNCATED
from mediaplane.wire.byte_order cimport load32, store32

cdef enum:
    BURST = 64                   # packets hashed together; more brings nothing and leaves the first-level cache
    GCM_TAG_SIZE = 16
    SHA1_TAG_SIZE = 10
    SHA1_SIZE = 20
    IV_SIZE = 16

cdef struct cm_keys_t:
    uint8_t schedule[16 * 11]
    uint8_t inner[20]            # SHA-1 of the key XOR ipad, and of the key XOR opad
    uint8_t outer[20]

cdef union ipsec_mb_keys_t:
    gcm_key_data gcm
    cm_keys_t cm

# What one thread needs. The jobs' constant fields are filled in once.
cdef struct ipsec_mb_engine_t:
    gcm_context_data gcm
    IMB_MGR *manager             # the widest the processor can do
    IMB_MGR *narrow              # SHA extensions on two packets at a time: better for a few; NULL: none
    uint32_t lanes               # packets that `manager` hashes side by side
    uint32_t few                 # up to this many are left to `narrow`
    uint32_t count               # packets collected
    srtp_protect_job_t *sealing[BURST]
    srtp_unprotect_job_t *opening[BURST]
    IMB_JOB ciphers[BURST]
    IMB_JOB hashes[BURST]
    uint8_t ivs[BURST][IV_SIZE]
    uint8_t digests[BURST][SHA1_SIZE]
    uint8_t received_tags[BURST][SHA1_TAG_SIZE]


cdef void free_manager(IMB_MGR *manager) noexcept nogil:
    if manager is not NULL:
        imb_clear_mem(manager, imb_get_mb_mgr_size())
        free(manager)


cdef IMB_MGR *new_manager(bint narrow) noexcept nogil:
    cdef void *memory
    cdef IMB_MGR *manager
    if posix_memalign(&memory, 64, imb_get_mb_mgr_size()) != 0:
        return NULL
    manager = imb_set_pointers_mb_mgr(memory, 0, 1)
    if manager is NULL:
        free(memory)
        return NULL
    if narrow:
        init_mb_mgr_sse(manager)
    else:
        init_mb_mgr_auto(manager, NULL)
    if imb_get_errno(manager) != 0:      # it also says so when the library's self-test fails
        free_manager(manager)
        return NULL
    return manager


cdef void engine_free(void *state) noexcept nogil:
    cdef ipsec_mb_engine_t *engine = <ipsec_mb_engine_t *>state
    free_manager(engine.manager)
    free_manager(engine.narrow)
    imb_clear_mem(engine, sizeof(engine[0]))
    free(engine)


cdef void *engine_new() noexcept nogil:
    cdef ipsec_mb_engine_t *engine
    cdef void *memory
    cdef int i
    if posix_memalign(&memory, 64, sizeof(ipsec_mb_engine_t)) != 0:
        return NULL
    memset(memory, 0, sizeof(ipsec_mb_engine_t))
    engine = <ipsec_mb_engine_t *>memory
    engine.manager = new_manager(narrow=False)
    if engine.manager is NULL:
        engine_free(engine)
        return NULL
    engine.lanes = 16 if engine.manager.used_arch == IMB_ARCH_AVX512 else 8
    if engine.manager.features & IMB_FEATURE_SHANI:
        engine.narrow = new_manager(narrow=True)
        engine.few = engine.lanes // 2 if engine.narrow is not NULL else 0
    for i in range(BURST):
        engine.ciphers[i].key_len_in_bytes = IMB_KEY_128_BYTES
        engine.ciphers[i].iv = engine.ivs[i]
        engine.ciphers[i].iv_len_in_bytes = IV_SIZE
        engine.hashes[i].auth_tag_output = engine.digests[i]
        engine.hashes[i].auth_tag_output_len_in_bytes = SHA1_SIZE
    return engine


cdef int session_init(void *engine_state, srtp_session_t *session, const uint8_t *cipher_key,
                      const uint8_t *auth_key) noexcept nogil:
    cdef IMB_MGR *manager = (<ipsec_mb_engine_t *>engine_state).manager
    cdef ipsec_mb_keys_t *keys = <ipsec_mb_keys_t *>session.rtp
    cdef uint8_t unused_schedule[16 * 11]
    cdef uint8_t block[IMB_SHA1_BLOCK_SIZE]
    cdef int i
    if session.aead:
        if session.profile == SRTP_AEAD_AES_256_GCM:
            IMB_AES256_GCM_PRE(manager, cipher_key, &keys.gcm)
        else:
            IMB_AES128_GCM_PRE(manager, cipher_key, &keys.gcm)
        return OK
    IMB_AES_KEYEXP_128(manager, cipher_key, keys.cm.schedule, unused_schedule)
    memset(block, 0x36, sizeof(block))
    for i in range(SRTP_AUTH_KEY_SIZE):
        block[i] ^= auth_key[i]
    IMB_SHA1_ONE_BLOCK(manager, block, keys.cm.inner)
    for i in range(IMB_SHA1_BLOCK_SIZE):
        block[i] ^= 0x36 ^ 0x5C
    IMB_SHA1_ONE_BLOCK(manager, block, keys.cm.outer)
    imb_clear_mem(block, sizeof(block))
    imb_clear_mem(unused_schedule, sizeof(unused_schedule))
    return OK


cdef void session_clear(srtp_session_t *session) noexcept nogil:
    pass                         # the keys stand in the session's own memory


cdef void protect_gcm(ipsec_mb_engine_t *engine, srtp_protect_job_t *job) noexcept nogil:
    cdef gcm_key_data *keys = &(<ipsec_mb_keys_t *>job.session.rtp).gcm
    cdef uint8_t *sealed = job.out + job.header_size
    cdef uint8_t iv[12]
    srtp_gcm_iv(job.session.rtp_salt, job.ssrc, job.index, iv)
    if job.session.profile == SRTP_AEAD_AES_256_GCM:
        IMB_AES256_GCM_ENC(engine.manager, keys, &engine.gcm, sealed, job.payload, job.payload_size, iv,
                           job.out, job.header_size, sealed + job.payload_size, GCM_TAG_SIZE)
    else:
        IMB_AES128_GCM_ENC(engine.manager, keys, &engine.gcm, sealed, job.payload, job.payload_size, iv,
                           job.out, job.header_size, sealed + job.payload_size, GCM_TAG_SIZE)
    job.status = OK


cdef int unprotect_gcm(ipsec_mb_engine_t *engine, srtp_unprotect_job_t *job) noexcept nogil:
    cdef gcm_key_data *keys = &(<ipsec_mb_keys_t *>job.session.rtp).gcm
    cdef uint8_t *body = job.data + job.header_size
    cdef uint32_t body_size = job.plain_size - job.header_size
    cdef uint8_t iv[12]
    cdef uint8_t tag[GCM_TAG_SIZE]
    srtp_gcm_iv(job.session.rtp_salt, load32(job.data + 8), job.index, iv)
    if job.session.profile == SRTP_AEAD_AES_256_GCM:
        IMB_AES256_GCM_DEC(engine.manager, keys, &engine.gcm, body, body, body_size, iv,
                           job.data, job.header_size, tag, GCM_TAG_SIZE)
    else:
        IMB_AES128_GCM_DEC(engine.manager, keys, &engine.gcm, body, body, body_size, iv,
                           job.data, job.header_size, tag, GCM_TAG_SIZE)
    if not srtp_tags_equal(tag, body + body_size, GCM_TAG_SIZE):
        return AUTH_FAILED
    srtp_replay_commit(job.replay, job.index)
    return OK


cdef void add_cipher(ipsec_mb_engine_t *engine, uint32_t place, srtp_session_t *session, uint32_t ssrc,
                     uint64_t index, const uint8_t *data, uint8_t *out, uint32_t size) noexcept nogil:
    cdef IMB_JOB *cipher = &engine.ciphers[place]
    cipher.enc_keys = (<ipsec_mb_keys_t *>session.rtp).cm.schedule
    cipher.src = data
    cipher.dst = out
    cipher.msg_len_to_cipher_in_bytes = size
    srtp_cm_iv(session.rtp_salt, ssrc, index, engine.ivs[place])


cdef bint run_ciphers(ipsec_mb_engine_t *engine, uint32_t count) noexcept nogil:
    return count == 0 or count == IMB_SUBMIT_CIPHER_BURST_NOCHECK(engine.manager, engine.ciphers, count,
                                                                  IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES)


# The tag covers header, ciphertext and ROC. The ROC is written where the tag will stand, so that they lie in a row.
cdef void add_hash(ipsec_mb_engine_t *engine, uint32_t place, srtp_session_t *session, uint8_t *packet,
                   uint32_t size, uint64_t index) noexcept nogil:
    cdef cm_keys_t *keys = &(<ipsec_mb_keys_t *>session.rtp).cm
    cdef IMB_JOB *hash = &engine.hashes[place]
    store32(packet + size, <uint32_t>(index >> 16))
    hash.src = packet
    hash.msg_len_to_hash_in_bytes = size + 4
    hash.u.HMAC._hashed_auth_key_xor_ipad = keys.inner
    hash.u.HMAC._hashed_auth_key_xor_opad = keys.outer


cdef bint run_hashes(ipsec_mb_engine_t *engine, uint32_t first, uint32_t count) noexcept nogil:
    # A round of the wide manager costs the same however many of its lanes are empty.
    cdef uint32_t rest = count % engine.lanes
    cdef uint32_t wide = count - rest if rest <= engine.few else count
    rest = count - wide
    return ((wide == 0 or wide == IMB_SUBMIT_HASH_BURST_NOCHECK(engine.manager, &engine.hashes[first], wide,
                                                                IMB_AUTH_HMAC_SHA_1))
            and (rest == 0 or rest == IMB_SUBMIT_HASH_BURST_NOCHECK(engine.narrow, &engine.hashes[first + wide], rest,
                                                                    IMB_AUTH_HMAC_SHA_1)))


cdef void seal_collected(ipsec_mb_engine_t *engine) noexcept nogil:
    cdef srtp_protect_job_t *job
    cdef uint32_t count = engine.count, ciphers = 0, i, size
    cdef uint8_t *sealed
    cdef int status
    engine.count = 0
    for i in range(count):
        job = engine.sealing[i]
        size = <uint32_t>job.header_size + job.payload_size
        if job.payload_size:
            add_cipher(engine, ciphers, job.session, job.ssrc, job.index,
                       job.payload, job.out + job.header_size, job.payload_size)
            ciphers += 1
        add_hash(engine, i, job.session, job.out, size, job.index)
    status = OK if run_ciphers(engine, ciphers) and run_hashes(engine, 0, count) else LIBRARY_ERROR
    for i in range(count):
        job = engine.sealing[i]
        sealed = job.out + job.header_size
        memcpy(sealed + job.payload_size, engine.digests[i], SHA1_TAG_SIZE)
        job.status = status


cdef void protect_batch(void *engine_state, srtp_protect_job_t *jobs, uint32_t count) noexcept nogil:
    cdef ipsec_mb_engine_t *engine = <ipsec_mb_engine_t *>engine_state
    cdef uint32_t i
    for i in range(count):
        if jobs[i].session.aead:
            protect_gcm(engine, &jobs[i])
            continue
        engine.sealing[engine.count] = &jobs[i]
        engine.count += 1
        if engine.count == BURST:
            seal_collected(engine)
    if engine.count:
        seal_collected(engine)


# The index of a collected packet was estimated before the packets ahead of it were accepted. Where they moved the
# estimate (they turned the roll-over counter) it is authenticated again, alone.
cdef int authenticate(ipsec_mb_engine_t *engine, uint32_t place) noexcept nogil:
    cdef srtp_unprotect_job_t *job = engine.opening[place]
    cdef uint64_t index = srtp_estimate_index(job.replay, job.seq16)
    cdef int status = srtp_replay_check(job.replay, index)
    if index != job.index:
        job.index = index
        if status == OK:
            add_hash(engine, place, job.session, job.data, job.plain_size, index)
            if not run_hashes(engine, place, 1):
                return LIBRARY_ERROR
    if status != OK:
        return status
    if not srtp_tags_equal(engine.digests[place], engine.received_tags[place], SHA1_TAG_SIZE):
        return AUTH_FAILED
    srtp_replay_commit(job.replay, index)
    return OK


cdef void open_collected(ipsec_mb_engine_t *engine) noexcept nogil:
    cdef srtp_unprotect_job_t *job
    cdef uint32_t count = engine.count, ciphers = 0, i
    cdef bint hashed
    engine.count = 0
    for i in range(count):
        job = engine.opening[i]
        memcpy(engine.received_tags[i], job.data + job.plain_size, SHA1_TAG_SIZE)
        add_hash(engine, i, job.session, job.data, job.plain_size, job.index)
    hashed = run_hashes(engine, 0, count)
    for i in range(count):
        job = engine.opening[i]
        job.status = authenticate(engine, i) if hashed else LIBRARY_ERROR
        if job.status == OK and job.plain_size > job.header_size:
            add_cipher(engine, ciphers, job.session, load32(job.data + 8), job.index,
                       job.data + job.header_size, job.data + job.header_size, job.plain_size - job.header_size)
            ciphers += 1
    if not run_ciphers(engine, ciphers):
        for i in range(count):
            if engine.opening[i].status == OK:
                engine.opening[i].status = LIBRARY_ERROR


cdef void unprotect_batch(void *engine_state, srtp_unprotect_job_t *jobs, uint32_t count) noexcept nogil:
    cdef ipsec_mb_engine_t *engine = <ipsec_mb_engine_t *>engine_state
    cdef srtp_unprotect_job_t *job
    cdef uint32_t i
    for i in range(count):
        job = &jobs[i]
        if srtp_job_is_truncated(job):
            job.status = TRUNCATED
            continue
        job.plain_size = job.size - job.session.tag_size
        job.index = srtp_estimate_index(job.replay, job.seq16)
        job.status = srtp_replay_check(job.replay, job.index)
        if job.status != OK:
            continue
        if job.session.aead:
            job.status = unprotect_gcm(engine, job)
            continue
        engine.opening[engine.count] = job
        engine.count += 1
        if engine.count == BURST:
            open_collected(engine)
    if engine.count:
        open_collected(engine)


cdef srtp_backend_t backend
backend.backend = SRTP_BACKEND_IPSEC_MB
backend.session_size = sizeof(ipsec_mb_keys_t)
backend.engine_new = engine_new
backend.engine_free = engine_free
backend.session_init = session_init
backend.session_clear = session_clear
backend.protect_batch = protect_batch
backend.unprotect_batch = unprotect_batch

if imb_get_feature_flags() & IMB_FEATURE_AESNI and imb_get_feature_flags() & IMB_FEATURE_PCLMULQDQ:
    srtp_register_backend(&backend)
else:
    raise ImportError("this processor has no AES instructions: intel-ipsec-mb would only emulate them")
