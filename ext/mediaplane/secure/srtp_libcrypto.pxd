"""SRTP on OpenSSL's libcrypto: the back end that is always there, and the cipher of SRTCP."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.secure.libcrypto cimport EVP_CIPHER_CTX, EVP_MAC_CTX
from mediaplane.secure.srtp cimport srtp_backend_t

cdef enum:
    SRTP_GCM_TAG_SIZE = 16
    SRTP_SHA1_TAG_SIZE = 10

cdef const srtp_backend_t *srtp_libcrypto_backend() noexcept nogil

# Contexts with their keys set, made once per session. Zeroed memory is "not made".
cdef struct libcrypto_keys_t:
    EVP_CIPHER_CTX *cipher
    EVP_MAC_CTX *mac             # NULL for AEAD profiles

# OK, UNSUPPORTED, NO_MEMORY or LIBRARY_ERROR; call libcrypto_keys_clear() in every case.
cdef int libcrypto_keys_init(libcrypto_keys_t *keys, int profile, const uint8_t *cipher_key,
                             const uint8_t *auth_key) noexcept nogil
cdef void libcrypto_keys_clear(libcrypto_keys_t *keys) noexcept nogil

# AES-GCM; `aad` comes in two pieces (the second may be empty). `out` is `data`, or does not overlap it.
cdef int libcrypto_gcm_seal(libcrypto_keys_t *keys, const uint8_t *iv, const uint8_t *aad, uint32_t aad_size,
                            const uint8_t *aad2, uint32_t aad2_size, const uint8_t *data, uint32_t size,
                            uint8_t *out, uint8_t *tag) noexcept nogil         # OK or LIBRARY_ERROR
cdef int libcrypto_gcm_open(libcrypto_keys_t *keys, const uint8_t *iv, const uint8_t *aad, uint32_t aad_size,
                            const uint8_t *aad2, uint32_t aad2_size, uint8_t *data, uint32_t size,
                            const uint8_t *tag) noexcept nogil                 # OK, AUTH_FAILED or LIBRARY_ERROR
# AES in counter mode, both directions.
cdef int libcrypto_cm(libcrypto_keys_t *keys, const uint8_t *iv, const uint8_t *data, uint32_t size,
                      uint8_t *out) noexcept nogil                             # OK or LIBRARY_ERROR
# HMAC-SHA1 over `data` and `word` (4 bytes, NULL: none), cut to 10 bytes.
cdef int libcrypto_tag(libcrypto_keys_t *keys, const uint8_t *data, uint32_t size, const uint8_t *word,
                       uint8_t *tag) noexcept nogil                            # OK or LIBRARY_ERROR
