"""The part of OpenSSL's libssl and libcrypto (3.0 or newer) that DTLS needs."""
from libc.stdint cimport uint8_t

cdef extern from "<openssl/err.h>" nogil:
    void ERR_clear_error()
    unsigned long ERR_peek_error()
    const char *ERR_reason_error_string(unsigned long error)

cdef extern from "<openssl/crypto.h>" nogil:
    void OPENSSL_cleanse(void *data, size_t size)
    int CRYPTO_memcmp(const void *one, const void *other, size_t size)

cdef extern from "<openssl/bio.h>" nogil:
    ctypedef struct BIO:
        pass
    ctypedef struct BIO_METHOD:
        pass
    int BIO_TYPE_SOURCE_SINK
    int BIO_CTRL_FLUSH
    int BIO_CTRL_DGRAM_QUERY_MTU
    int BIO_CTRL_DGRAM_GET_FALLBACK_MTU
    int BIO_get_new_index()
    BIO_METHOD *BIO_meth_new(int type, const char *name)
    int BIO_meth_set_write(BIO_METHOD *method, int (*write)(BIO *, const char *, int) noexcept nogil)
    int BIO_meth_set_read(BIO_METHOD *method, int (*read)(BIO *, char *, int) noexcept nogil)
    int BIO_meth_set_ctrl(BIO_METHOD *method, long (*ctrl)(BIO *, int, long, void *) noexcept nogil)
    BIO *BIO_new(const BIO_METHOD *method)
    BIO *BIO_new_mem_buf(const void *data, int size)
    int BIO_free(BIO *bio)
    void BIO_set_init(BIO *bio, int init)
    void BIO_set_data(BIO *bio, void *data)
    void *BIO_get_data(BIO *bio)
    void BIO_clear_retry_flags(BIO *bio)
    void BIO_set_retry_read(BIO *bio)

cdef extern from "<openssl/x509.h>" nogil:
    ctypedef struct X509:
        pass
    ctypedef struct X509_STORE_CTX:
        pass
    ctypedef struct EVP_PKEY:
        pass
    ctypedef struct EVP_MD:
        pass
    int X509_V_ERR_CERT_REJECTED
    int X509_V_ERR_APPLICATION_VERIFICATION
    void X509_free(X509 *certificate)
    void EVP_PKEY_free(EVP_PKEY *key)
    const EVP_MD *EVP_sha256()
    const EVP_MD *EVP_sha384()
    const EVP_MD *EVP_sha512()
    int X509_digest(const X509 *certificate, const EVP_MD *algorithm, uint8_t *out, unsigned int *out_size)
    X509 *X509_STORE_CTX_get0_cert(X509_STORE_CTX *store)
    void *X509_STORE_CTX_get_ex_data(X509_STORE_CTX *store, int index)
    void X509_STORE_CTX_set_error(X509_STORE_CTX *store, int error)

cdef extern from "<openssl/pem.h>" nogil:
    X509 *PEM_read_bio_X509(BIO *bio, X509 **out, void *password_callback, void *password)
    EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, void *password_callback, void *password)

# IANA's numbers: those of mediaplane.secure.srtp.SrtpProfile.
cdef extern from "<openssl/srtp.h>" nogil:
    unsigned long SRTP_AES128_CM_SHA1_80
    unsigned long SRTP_AEAD_AES_128_GCM
    unsigned long SRTP_AEAD_AES_256_GCM

cdef extern from "<openssl/ssl.h>" nogil:
    ctypedef struct SSL:
        pass
    ctypedef struct SSL_CTX:
        pass
    ctypedef struct SSL_METHOD:
        pass
    ctypedef struct SRTP_PROTECTION_PROFILE:
        unsigned long id
    int DTLS1_2_VERSION
    int SSL_VERIFY_PEER
    int SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    int SSL_SESS_CACHE_OFF
    int SSL_ERROR_WANT_READ
    int SSL_ERROR_WANT_WRITE
    int SSL_ERROR_ZERO_RETURN
    long SSL_MODE_RELEASE_BUFFERS
    unsigned long long SSL_OP_CIPHER_SERVER_PREFERENCE
    unsigned long long SSL_OP_NO_COMPRESSION
    unsigned long long SSL_OP_NO_QUERY_MTU
    unsigned long long SSL_OP_NO_RENEGOTIATION
    unsigned long long SSL_OP_NO_TICKET

    const SSL_METHOD *DTLS_method()
    SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
    void SSL_CTX_free(SSL_CTX *context)
    int SSL_CTX_set_min_proto_version(SSL_CTX *context, int version)
    int SSL_CTX_set_max_proto_version(SSL_CTX *context, int version)
    unsigned long long SSL_CTX_set_options(SSL_CTX *context, unsigned long long options)
    long SSL_CTX_set_mode(SSL_CTX *context, long mode)
    long SSL_CTX_set_session_cache_mode(SSL_CTX *context, int mode)
    void SSL_CTX_set_security_level(SSL_CTX *context, int level)
    void SSL_CTX_set_max_cert_list(SSL_CTX *context, long size)
    int SSL_CTX_set_cipher_list(SSL_CTX *context, const char *ciphers)
    int SSL_CTX_set1_groups_list(SSL_CTX *context, const char *groups)
    int SSL_CTX_set_tlsext_use_srtp(SSL_CTX *context, const char *profiles)      # 0 is success
    void SSL_CTX_set_verify(SSL_CTX *context, int mode, void *callback)
    void SSL_CTX_set_cert_verify_callback(SSL_CTX *context, int (*verify)(X509_STORE_CTX *, void *) noexcept nogil,
                                          void *argument)
    int SSL_CTX_use_certificate(SSL_CTX *context, X509 *certificate)
    int SSL_CTX_use_PrivateKey(SSL_CTX *context, EVP_PKEY *key)
    int SSL_CTX_check_private_key(const SSL_CTX *context)

    SSL *SSL_new(SSL_CTX *context)
    void SSL_free(SSL *ssl)
    int SSL_get_ex_data_X509_STORE_CTX_idx()
    int SSL_set_ex_data(SSL *ssl, int index, void *data)
    void *SSL_get_ex_data(const SSL *ssl, int index)
    BIO *SSL_get_rbio(const SSL *ssl)
    void SSL_set_bio(SSL *ssl, BIO *read, BIO *write)
    void SSL_set_accept_state(SSL *ssl)
    void SSL_set_connect_state(SSL *ssl)
    int SSL_set_tlsext_use_srtp(SSL *ssl, const char *profiles)                  # 0 is success
    long SSL_set_mtu(SSL *ssl, long mtu)
    long SSL_set_max_send_fragment(SSL *ssl, long size)
    void DTLS_set_timer_cb(SSL *ssl, unsigned int (*callback)(SSL *, unsigned int) noexcept nogil)
    int SSL_do_handshake(SSL *ssl)
    int SSL_read(SSL *ssl, void *out, int capacity)
    int SSL_peek(SSL *ssl, void *out, int capacity)
    int SSL_write(SSL *ssl, const void *data, int size)
    int SSL_shutdown(SSL *ssl)
    int SSL_get_error(const SSL *ssl, int result)
    int SSL_free_buffers(SSL *ssl)
    const SRTP_PROTECTION_PROFILE *SSL_get_selected_srtp_profile(SSL *ssl)
    int SSL_export_keying_material(SSL *ssl, uint8_t *out, size_t size, const char *label, size_t label_size,
                                   const uint8_t *context, size_t context_size, int use_context)
