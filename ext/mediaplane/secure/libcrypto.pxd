"""What the media plane uses of OpenSSL 3's libcrypto: EVP ciphers and MACs, comparison and wiping of secrets."""
from libc.stddef cimport size_t

cdef extern from "openssl/params.h" nogil:
    ctypedef struct OSSL_PARAM:
        pass
    OSSL_PARAM OSSL_PARAM_construct_utf8_string(const char *key, char *buffer, size_t size)
    OSSL_PARAM OSSL_PARAM_construct_end()

cdef extern from "openssl/core_names.h" nogil:
    const char *OSSL_MAC_PARAM_DIGEST

cdef extern from "openssl/evp.h" nogil:
    ctypedef struct OSSL_LIB_CTX
    ctypedef struct EVP_CIPHER
    ctypedef struct EVP_CIPHER_CTX
    ctypedef struct EVP_MAC
    ctypedef struct EVP_MAC_CTX
    enum:
        EVP_CTRL_AEAD_GET_TAG
        EVP_CTRL_AEAD_SET_TAG

    EVP_CIPHER *EVP_CIPHER_fetch(OSSL_LIB_CTX *context, const char *algorithm, const char *properties)
    EVP_CIPHER_CTX *EVP_CIPHER_CTX_new()
    void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)               # wipes the key schedule
    int EVP_CipherInit_ex2(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, const unsigned char *key,
                           const unsigned char *iv, int encrypt, const OSSL_PARAM *parameters)
    int EVP_CipherUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size,
                         const unsigned char *data, int size)
    int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size)
    int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int what, int size, void *data)

    EVP_MAC *EVP_MAC_fetch(OSSL_LIB_CTX *context, const char *algorithm, const char *properties)
    EVP_MAC_CTX *EVP_MAC_CTX_new(EVP_MAC *mac)
    void EVP_MAC_CTX_free(EVP_MAC_CTX *context)                     # wipes the key
    int EVP_MAC_init(EVP_MAC_CTX *context, const unsigned char *key, size_t key_size, const OSSL_PARAM *parameters)
    int EVP_MAC_update(EVP_MAC_CTX *context, const unsigned char *data, size_t size)
    int EVP_MAC_final(EVP_MAC_CTX *context, unsigned char *out, size_t *out_size, size_t capacity)

cdef extern from "openssl/crypto.h" nogil:
    void OPENSSL_cleanse(void *secret, size_t size)
    int CRYPTO_memcmp(const void *a, const void *b, size_t size)    # 0: equal; in constant time

cdef extern from "openssl/err.h" nogil:
    void ERR_clear_error()
