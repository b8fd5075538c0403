from libc.string cimport memcpy, memset

from mediaplane.secure.libcrypto cimport (
    EVP_CIPHER,
    EVP_CIPHER_CTX,
    EVP_CIPHER_CTX_free,
    EVP_CIPHER_CTX_new,
    EVP_CIPHER_fetch,
    EVP_CipherInit_ex2,
    EVP_CipherUpdate,
    OPENSSL_cleanse,
)
from mediaplane.secure.srtp cimport (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_HMAC_SHA1_80,
)
from mediaplane.status cimport LIBRARY_ERROR, NO_MEMORY, OK, UNSUPPORTED

cdef EVP_CIPHER *aes_128_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL)
cdef EVP_CIPHER *aes_256_ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL)
if aes_128_ctr is NULL or aes_256_ctr is NULL:
    raise ImportError("libcrypto has no AES in counter mode: SRTP needs OpenSSL 3 with its default provider")


cdef int srtp_key_size(int profile) noexcept nogil:
    if profile == SRTP_AES128_CM_HMAC_SHA1_80 or profile == SRTP_AEAD_AES_128_GCM:
        return 16
    if profile == SRTP_AEAD_AES_256_GCM:
        return 32
    return UNSUPPORTED


cdef int srtp_salt_size(int profile) noexcept nogil:
    if profile == SRTP_AES128_CM_HMAC_SHA1_80:
        return 14
    if srtp_is_aead(profile):
        return 12
    return UNSUPPORTED


cdef int srtp_is_aead(int profile) noexcept nogil:
    return profile == SRTP_AEAD_AES_128_GCM or profile == SRTP_AEAD_AES_256_GCM


cdef int srtp_derive(const uint8_t *master_key, uint32_t key_size, const uint8_t *master_salt, uint32_t salt_size,
                     uint8_t label, uint8_t *out, uint32_t out_size) noexcept nogil:
    cdef uint8_t counter[16]
    cdef EVP_CIPHER_CTX *context
    cdef int written = 0
    cdef int status = OK
    if (key_size != 16 and key_size != 32) or salt_size > 14:
        return UNSUPPORTED
    # x * 2^16, where x = master salt XOR (label || 48 zero bits); a 96-bit salt is filled up with zeros on the right.
    memset(counter, 0, sizeof(counter))
    memcpy(counter, master_salt, salt_size)
    counter[7] ^= label
    context = EVP_CIPHER_CTX_new()
    if context is NULL:
        return NO_MEMORY
    memset(out, 0, out_size)
    if (EVP_CipherInit_ex2(context, aes_128_ctr if key_size == 16 else aes_256_ctr, master_key, counter, 1, NULL) != 1
            or EVP_CipherUpdate(context, out, &written, out, <int>out_size) != 1):
        status = LIBRARY_ERROR
    EVP_CIPHER_CTX_free(context)
    OPENSSL_cleanse(counter, sizeof(counter))
    return status


cdef int srtp_derive_session_keys(int profile, const uint8_t *master_key, const uint8_t *master_salt,
                                  uint8_t first_label, srtp_session_keys_t *keys) noexcept nogil:
    cdef int key_size = srtp_key_size(profile)
    cdef int salt_size = srtp_salt_size(profile)
    cdef int status
    memset(keys, 0, sizeof(keys[0]))
    if key_size < 0:
        return key_size
    status = srtp_derive(master_key, key_size, master_salt, salt_size, first_label, keys.cipher_key, key_size)
    if status == OK and not srtp_is_aead(profile):
        status = srtp_derive(master_key, key_size, master_salt, salt_size, first_label + 1,
                             keys.auth_key, SRTP_AUTH_KEY_SIZE)
    if status == OK:
        status = srtp_derive(master_key, key_size, master_salt, salt_size, first_label + 2, keys.salt, salt_size)
    if status != OK:
        OPENSSL_cleanse(keys, sizeof(keys[0]))
    return status
