"""Versions, ciphers, groups, SRTP profiles and our own certificate."""
from libc.limits cimport INT_MAX
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.secure.libssl cimport *


cdef enum:
    SECURITY_LEVEL = 2                 # 112 bits: RSA from 2048, no SHA-1 signatures
    MAX_CERTIFICATE_MESSAGE = 16384

cdef const char *CIPHERS = (b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                            b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
# Of the key exchange, and of the peer's certificate as well: FFmpeg over GnuTLS makes its own on P-224.
cdef const char *GROUPS = b"X25519:P-256:P-384:P-521:P-224"
# In the order of our preference, which decides when we are the server.
cdef const char *SRTP_PROFILES = b"SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"


cdef bint use_identity(SSL_CTX *settings, const uint8_t *certificate_pem, uint32_t certificate_size,
                       const uint8_t *key_pem, uint32_t key_size) noexcept nogil:
    cdef BIO *certificate_source = BIO_new_mem_buf(certificate_pem, <int>certificate_size)
    cdef BIO *key_source = BIO_new_mem_buf(key_pem, <int>key_size)
    cdef X509 *certificate = NULL
    cdef EVP_PKEY *key = NULL
    cdef bint done = False
    if certificate_source != NULL and key_source != NULL:
        # An empty password, so that libcrypto never asks the terminal for one.
        certificate = PEM_read_bio_X509(certificate_source, NULL, NULL, <void *>b"")
        key = PEM_read_bio_PrivateKey(key_source, NULL, NULL, <void *>b"")
        done = (certificate != NULL and key != NULL
                and SSL_CTX_use_certificate(settings, certificate) == 1
                and SSL_CTX_use_PrivateKey(settings, key) == 1
                and SSL_CTX_check_private_key(settings) == 1)
    BIO_free(certificate_source)
    BIO_free(key_source)
    X509_free(certificate)
    EVP_PKEY_free(key)
    return done


cdef SSL_CTX *dtls_settings_new(const uint8_t *certificate_pem, uint32_t certificate_size, const uint8_t *key_pem,
                                uint32_t key_size,
                                int (*verify)(X509_STORE_CTX *, void *) noexcept nogil) noexcept nogil:
    cdef SSL_CTX *settings
    if certificate_size > INT_MAX or key_size > INT_MAX:
        return NULL
    ERR_clear_error()
    settings = SSL_CTX_new(DTLS_method())
    if settings == NULL:
        ERR_clear_error()
        return NULL
    # Nothing here depends on the machine's openssl.cnf.
    SSL_CTX_set_security_level(settings, SECURITY_LEVEL)
    SSL_CTX_set_options(settings, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION
                        | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE)
    SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF)
    SSL_CTX_set_mode(settings, SSL_MODE_RELEASE_BUFFERS)
    SSL_CTX_set_max_cert_list(settings, MAX_CERTIFICATE_MESSAGE)
    SSL_CTX_set_verify(settings, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL)
    SSL_CTX_set_cert_verify_callback(settings, verify, NULL)
    if not (SSL_CTX_set_min_proto_version(settings, DTLS1_2_VERSION) == 1
            and SSL_CTX_set_max_proto_version(settings, DTLS1_2_VERSION) == 1
            and SSL_CTX_set_cipher_list(settings, CIPHERS) == 1
            and SSL_CTX_set1_groups_list(settings, GROUPS) == 1
            and SSL_CTX_set_tlsext_use_srtp(settings, SRTP_PROFILES) == 0
            and use_identity(settings, certificate_pem, certificate_size, key_pem, key_size)):
        SSL_CTX_free(settings)
        settings = NULL
    ERR_clear_error()
    return settings
