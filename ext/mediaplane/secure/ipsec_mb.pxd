"""What the media plane uses of intel-ipsec-mb 1.3: AES-GCM, and bursts of AES-CTR and HMAC-SHA1."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "intel-ipsec-mb.h" nogil:
    enum:
        IMB_ARCH_AVX512
        IMB_CIPHER_CNTR
        IMB_DIR_ENCRYPT
        IMB_KEY_128_BYTES
        IMB_AUTH_HMAC_SHA_1
        IMB_SHA1_BLOCK_SIZE
    uint64_t IMB_FEATURE_SHANI
    uint64_t IMB_FEATURE_AESNI
    uint64_t IMB_FEATURE_PCLMULQDQ

    ctypedef struct IMB_MGR:
        uint64_t features
        uint32_t used_arch
    struct gcm_key_data:
        pass
    struct gcm_context_data:
        pass

    struct hmac_fields "_HMAC_specific_fields":
        const uint8_t *_hashed_auth_key_xor_ipad
        const uint8_t *_hashed_auth_key_xor_opad
    union hash_fields:               # anonymous in C: only ever named through IMB_JOB.u
        hmac_fields HMAC
    ctypedef struct IMB_JOB:
        const void *enc_keys
        const void *dec_keys
        uint64_t key_len_in_bytes
        const uint8_t *src
        uint8_t *dst
        uint64_t cipher_start_src_offset_in_bytes
        uint64_t msg_len_to_cipher_in_bytes
        uint64_t hash_start_src_offset_in_bytes
        uint64_t msg_len_to_hash_in_bytes
        const uint8_t *iv
        uint64_t iv_len_in_bytes
        uint8_t *auth_tag_output
        uint64_t auth_tag_output_len_in_bytes
        hash_fields u

    uint64_t imb_get_feature_flags()
    size_t imb_get_mb_mgr_size()
    IMB_MGR *imb_set_pointers_mb_mgr(void *memory, uint64_t flags, unsigned reset)
    void init_mb_mgr_auto(IMB_MGR *manager, void *arch)
    void init_mb_mgr_sse(IMB_MGR *manager)
    int imb_get_errno(IMB_MGR *manager)
    void imb_clear_mem(void *memory, size_t size)

    void IMB_AES_KEYEXP_128(IMB_MGR *manager, const void *key, void *encrypt_keys, void *decrypt_keys)
    void IMB_SHA1_ONE_BLOCK(IMB_MGR *manager, const void *block, void *digest)
    void IMB_AES128_GCM_PRE(IMB_MGR *manager, const void *key, gcm_key_data *keys)
    void IMB_AES256_GCM_PRE(IMB_MGR *manager, const void *key, gcm_key_data *keys)
    void IMB_AES128_GCM_ENC(IMB_MGR *manager, const gcm_key_data *keys, gcm_context_data *context, uint8_t *out,
                            const uint8_t *data, uint64_t size, const uint8_t *iv, const uint8_t *aad,
                            uint64_t aad_size, uint8_t *tag, uint64_t tag_size)
    void IMB_AES256_GCM_ENC(IMB_MGR *manager, const gcm_key_data *keys, gcm_context_data *context, uint8_t *out,
                            const uint8_t *data, uint64_t size, const uint8_t *iv, const uint8_t *aad,
                            uint64_t aad_size, uint8_t *tag, uint64_t tag_size)
    void IMB_AES128_GCM_DEC(IMB_MGR *manager, const gcm_key_data *keys, gcm_context_data *context, uint8_t *out,
                            const uint8_t *data, uint64_t size, const uint8_t *iv, const uint8_t *aad,
                            uint64_t aad_size, uint8_t *tag, uint64_t tag_size)
    void IMB_AES256_GCM_DEC(IMB_MGR *manager, const gcm_key_data *keys, gcm_context_data *context, uint8_t *out,
                            const uint8_t *data, uint64_t size, const uint8_t *iv, const uint8_t *aad,
                            uint64_t aad_size, uint8_t *tag, uint64_t tag_size)
    # Synchronous: all jobs are done when these return. The number of jobs done, 0 if refused.
    uint32_t IMB_SUBMIT_CIPHER_BURST_NOCHECK(IMB_MGR *manager, IMB_JOB *jobs, uint32_t count, int cipher,
                                             int direction, int key_size)
    uint32_t IMB_SUBMIT_HASH_BURST_NOCHECK(IMB_MGR *manager, IMB_JOB *jobs, uint32_t count, int algorithm)
