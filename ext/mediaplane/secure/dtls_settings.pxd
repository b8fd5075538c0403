"""What every DTLS association of this server has in common, as an SSL_CTX."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.secure.libssl cimport SSL_CTX, X509_STORE_CTX

# `verify` decides on the peer's certificate. NULL: the PEM texts are no usable pair, or libssl lacks something.
cdef SSL_CTX *dtls_settings_new(const uint8_t *certificate_pem, uint32_t certificate_size, const uint8_t *key_pem,
                                uint32_t key_size,
                                int (*verify)(X509_STORE_CTX *, void *) noexcept nogil) noexcept nogil
