"""Session keys from master keys (RFC 3711 section 4.3, RFC 6188, RFC 7714 section 11), and the IV of each packet."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from mediaplane.wire.byte_order cimport load32, load64, store32, store64

cdef enum:
    SRTP_AUTH_KEY_SIZE = 20      # HMAC-SHA1
    SRTP_LABEL_RTP = 0           # first label of each set of three: cipher key, authentication key, salt
    SRTP_LABEL_RTCP = 3

# What one master key and salt become for RTP, or for RTCP. Secret: wipe it.
cdef struct srtp_session_keys_t:
    uint8_t cipher_key[32]
    uint8_t auth_key[20]         # zero for AEAD profiles
    uint8_t salt[16]             # 14 bytes (AES-CM) or 12 (AEAD), then zeros

cdef int srtp_key_size(int profile) noexcept nogil        # bytes of the master key; UNSUPPORTED
cdef int srtp_salt_size(int profile) noexcept nogil       # bytes of the master salt; UNSUPPORTED
cdef int srtp_is_aead(int profile) noexcept nogil

# AES-CM PRF (RFC 3711 section 4.3.3) with a key derivation rate of 0: `out_size` bytes of the key named by `label`.
# `key_size` is 16 or 32, `salt_size` 12 or 14. OK, UNSUPPORTED, NO_MEMORY or LIBRARY_ERROR.
cdef int srtp_derive(const uint8_t *master_key, uint32_t key_size, const uint8_t *master_salt, uint32_t salt_size,
                     uint8_t label, uint8_t *out, uint32_t out_size) noexcept nogil
cdef int srtp_derive_session_keys(int profile, const uint8_t *master_key, const uint8_t *master_salt,
                                  uint8_t first_label, srtp_session_keys_t *keys) noexcept nogil


# 12-byte IV of AEAD_AES_GCM (RFC 7714 sections 8.1 and 9.1). `index`: ROC || SEQ, or the 31-bit SRTCP index.
cdef inline void srtp_gcm_iv(const uint8_t *salt, uint32_t ssrc, uint64_t index, uint8_t *iv) noexcept nogil:
    store64(iv, load64(salt) ^ (<uint64_t>ssrc << 16) ^ (index >> 32))
    store32(iv + 8, load32(salt + 8) ^ <uint32_t>index)


# 16-byte first counter block of AES-CM (RFC 3711 section 4.1.1).
cdef inline void srtp_cm_iv(const uint8_t *salt, uint32_t ssrc, uint64_t index, uint8_t *iv) noexcept nogil:
    store64(iv, load64(salt) ^ ssrc)
    store64(iv + 8, load64(salt + 8) ^ (index << 16))
