"""DTLS associations: libssl driven by the datagrams and the time that the caller passes."""
from libc.limits cimport INT_MAX
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mediaplane.debug cimport invariant
from mediaplane.secure.datagram_queue cimport (
    datagram_queue_t,
    queue_is_empty,
    queue_pop,
    queue_push,
    queue_release,
)
from mediaplane.secure.dtls_flights cimport (
    dtls_flights_t,
    flights_attach,
    flights_begin,
    flights_release,
    flights_stop,
    flights_timeout,
)
from mediaplane.secure.dtls_records cimport DTLS_RECORD_HEADER_SIZE, dtls_has_stunted_record
from mediaplane.secure.dtls_settings cimport dtls_settings_new
from mediaplane.secure.libssl cimport *
from mediaplane.status cimport Status


cdef enum:
    MAX_RECORD_PLAINTEXT = 16384
    SEND_FRAGMENT = 2048               # sizes libssl's write buffer; more than DTLS_MAX_MESSAGE_SIZE
    HANDSHAKE_LIMIT_US = 30_000_000
    MESSAGES_CAPACITY = 32768          # more than the messages of one datagram

cdef const char *EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"      # RFC 5764 section 4.2
cdef size_t EXPORTER_LABEL_SIZE = 19


cdef struct dtls_context_t:
    SSL_CTX *settings

cdef struct dtls_session_t:
    SSL *ssl
    uint8_t role
    uint8_t state
    uint8_t failure
    uint8_t fingerprint_count
    uint8_t peer_accepted              # the peer's certificate is one that signaling announced
    uint8_t shrunk
    dtls_fingerprint_t fingerprints[DTLS_MAX_FINGERPRINTS]
    const char *failure_text
    uint32_t lost_messages             # that found `messages` full
    int64_t give_up_us
    dtls_flights_t flights
    datagram_queue_t messages


cdef bint is_announced(const dtls_session_t *session, const X509 *certificate) noexcept nogil:
    """Whether any fingerprint is the hash of this certificate's DER form (RFC 8122 section 5)."""
    cdef uint8_t digest[64]
    cdef unsigned int size
    cdef const EVP_MD *algorithm
    cdef uint8_t i
    for i in range(session.fingerprint_count):
        if session.fingerprints[i].hash == FINGERPRINT_SHA256:
            algorithm = EVP_sha256()
        elif session.fingerprints[i].hash == FINGERPRINT_SHA384:
            algorithm = EVP_sha384()
        else:
            algorithm = EVP_sha512()
        if X509_digest(certificate, algorithm, digest, &size) \
                and CRYPTO_memcmp(digest, session.fingerprints[i].digest, size) == 0:
            return True
    return False


cdef int verify_peer(X509_STORE_CTX *store, void *argument) noexcept nogil:
    """In place of a chain's verification: WebRTC's certificates are self-signed. The handshake proves the key."""
    cdef SSL *ssl = <SSL *>X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
    cdef dtls_session_t *session = <dtls_session_t *>SSL_get_ex_data(ssl, 0)
    cdef X509 *certificate = X509_STORE_CTX_get0_cert(store)
    if SSL_get_selected_srtp_profile(ssl) == NULL:
        session.failure = DTLS_FAILURE_NO_SRTP_PROFILE
        session.failure_text = b"the peer has no SRTP protection profile in common with us"
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)     # alert: handshake_failure
        return 0
    if certificate == NULL or not is_announced(session, certificate):
        session.failure = DTLS_FAILURE_FINGERPRINT
        session.failure_text = b"the peer's certificate is not the one that its session description announced"
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)                # alert: bad_certificate
        return 0
    session.peer_accepted = True
    return 1


cdef dtls_context_t *dtls_context_new(const uint8_t *certificate_pem, uint32_t certificate_size,
                                      const uint8_t *key_pem, uint32_t key_size) noexcept nogil:
    cdef dtls_context_t *context = <dtls_context_t *>calloc(1, sizeof(dtls_context_t))
    if context == NULL:
        return NULL
    context.settings = dtls_settings_new(certificate_pem, certificate_size, key_pem, key_size, verify_peer)
    if context.settings == NULL:
        free(context)
        return NULL
    return context


cdef void dtls_context_free(dtls_context_t *context) noexcept nogil:
    if context != NULL:
        SSL_CTX_free(context.settings)          # sessions hold references of their own
        free(context)


cdef dtls_session_t *dtls_session_new(dtls_context_t *context, int role, uint16_t mtu,
                                      const dtls_fingerprint_t *fingerprints,
                                      uint8_t fingerprint_count) noexcept nogil:
    cdef dtls_session_t *session
    cdef uint8_t i
    if fingerprint_count == 0 or fingerprint_count > DTLS_MAX_FINGERPRINTS:
        return NULL
    for i in range(fingerprint_count):
        if fingerprints[i].hash > FINGERPRINT_SHA512:
            return NULL
    session = <dtls_session_t *>calloc(1, sizeof(dtls_session_t))
    if session == NULL:
        return NULL
    ERR_clear_error()
    session.role = <uint8_t>role
    memcpy(session.fingerprints, fingerprints, fingerprint_count * sizeof(dtls_fingerprint_t))
    session.fingerprint_count = fingerprint_count
    session.failure_text = b""
    session.give_up_us = session.flights.repeat_us = INT64_MAX
    session.messages.capacity = MESSAGES_CAPACITY
    session.ssl = SSL_new(context.settings)
    if (session.ssl == NULL or SSL_set_ex_data(session.ssl, 0, session) != 1
            or flights_attach(&session.flights, session.ssl, mtu) < 0):
        dtls_session_free(session)
        ERR_clear_error()
        return NULL
    SSL_set_max_send_fragment(session.ssl, SEND_FRAGMENT)
    if role == DTLS_CLIENT:
        SSL_set_connect_state(session.ssl)
    else:
        SSL_set_accept_state(session.ssl)
    return session


cdef void dtls_session_free(dtls_session_t *session) noexcept nogil:
    if session != NULL:
        SSL_free(session.ssl)                   # and its BIO
        flights_release(&session.flights)
        queue_release(&session.messages)
        free(session)


cdef int dtls_use_profile(dtls_session_t *session, int profile) noexcept nogil:
    cdef const char *name
    if session.state != DTLS_NEW:
        return Status.BAD_STATE
    if <unsigned long>profile == SRTP_AEAD_AES_128_GCM:
        name = b"SRTP_AEAD_AES_128_GCM"
    elif <unsigned long>profile == SRTP_AEAD_AES_256_GCM:
        name = b"SRTP_AEAD_AES_256_GCM"
    elif <unsigned long>profile == SRTP_AES128_CM_SHA1_80:
        name = b"SRTP_AES128_CM_SHA1_80"
    else:
        return Status.UNSUPPORTED
    ERR_clear_error()
    if SSL_set_tlsext_use_srtp(session.ssl, name) != 0:
        ERR_clear_error()
        return Status.LIBRARY_ERROR
    return Status.OK


cdef void end_handshake(dtls_session_t *session, int state) noexcept nogil:
    session.state = <uint8_t>state
    session.give_up_us = INT64_MAX
    flights_stop(&session.flights)


cdef int fail(dtls_session_t *session, int failure, const char *text) noexcept nogil:
    """Ends the association; the first reason counts."""
    if session.failure == DTLS_FAILURE_NONE:
        session.failure = <uint8_t>failure
        session.failure_text = text
    end_handshake(session, DTLS_FAILED)
    ERR_clear_error()
    return Status.AUTH_FAILED if session.failure == DTLS_FAILURE_FINGERPRINT else Status.LIBRARY_ERROR


cdef int fail_by_library(dtls_session_t *session) noexcept nogil:
    # The reason is a constant text of libssl. What it attaches to an error may come from the peer, and is not read.
    cdef const char *reason = ERR_reason_error_string(ERR_peek_error())
    if reason == NULL:
        reason = b"libssl gave no reason"
    return fail(session, DTLS_FAILURE_HANDSHAKE, reason)


cdef void give_back(dtls_session_t *session) noexcept nogil:
    if session.shrunk and session.state == DTLS_CONNECTED:
        SSL_free_buffers(session.ssl)
        if queue_is_empty(&session.flights.outgoing):
            queue_release(&session.flights.outgoing)
        if queue_is_empty(&session.messages):
            queue_release(&session.messages)


cdef bint has_write_buffer(dtls_session_t *session) noexcept nogil:
    """SSL_write() of OpenSSL 3.0 takes it for granted that a DTLS session has its buffers; a read makes them anew."""
    cdef uint8_t byte
    if not session.shrunk:
        return True
    return SSL_get_error(session.ssl, SSL_peek(session.ssl, &byte, 1)) == SSL_ERROR_WANT_READ


cdef int go_on_with_handshake(dtls_session_t *session) noexcept nogil:
    cdef int result = SSL_do_handshake(session.ssl)
    cdef int error
    if result != 1:
        error = SSL_get_error(session.ssl, result)
        if error == SSL_ERROR_WANT_READ or error == SSL_ERROR_WANT_WRITE:
            return Status.OK
        return fail_by_library(session)
    if not session.peer_accepted:
        return fail(session, DTLS_FAILURE_FINGERPRINT, b"the handshake ended without a verified certificate")
    end_handshake(session, DTLS_CONNECTED)
    return Status.OK


cdef int read_messages(dtls_session_t *session) noexcept nogil:
    cdef uint8_t plaintext[MAX_RECORD_PLAINTEXT]
    cdef int size, error
    while True:
        ERR_clear_error()
        size = SSL_read(session.ssl, plaintext, MAX_RECORD_PLAINTEXT)
        if size > 0:
            if queue_push(&session.messages, plaintext, <uint32_t>size) < 0:
                session.lost_messages += 1
            continue
        error = SSL_get_error(session.ssl, size)
        if error == SSL_ERROR_WANT_READ or error == SSL_ERROR_WANT_WRITE:
            return Status.OK
        if error == SSL_ERROR_ZERO_RETURN:
            SSL_shutdown(session.ssl)           # answers close_notify
            end_handshake(session, DTLS_CLOSED)
            return Status.OK
        return fail_by_library(session)


cdef int drive(dtls_session_t *session) noexcept nogil:
    """Lets libssl do what it can with the datagram that came, if one did."""
    cdef int status = Status.OK
    ERR_clear_error()
    flights_begin(&session.flights)
    if session.state == DTLS_HANDSHAKING:
        status = go_on_with_handshake(session)
    if session.state == DTLS_CONNECTED:
        status = read_messages(session)
    session.flights.incoming = NULL
    give_back(session)
    return status


cdef int dtls_start(dtls_session_t *session, int64_t now_us) noexcept nogil:
    if session.state != DTLS_NEW:
        return Status.BAD_STATE
    session.flights.now_us = now_us
    session.give_up_us = now_us + HANDSHAKE_LIMIT_US
    session.state = DTLS_HANDSHAKING
    return drive(session) if session.role == DTLS_CLIENT else <int>Status.OK


cdef int dtls_receive(dtls_session_t *session, const uint8_t *data, uint32_t size, int64_t now_us) noexcept nogil:
    if size < DTLS_RECORD_HEADER_SIZE or size > INT_MAX:
        return Status.MALFORMED
    # OpenSSL 3.0.19 takes such a record for a failure of its own and gives the whole association up.
    if dtls_has_stunted_record(data, size):
        return Status.MALFORMED
    if session.state == DTLS_NEW and session.role == DTLS_SERVER:
        dtls_start(session, now_us)
    if session.state != DTLS_HANDSHAKING and session.state != DTLS_CONNECTED:
        return Status.BAD_STATE
    session.flights.now_us = now_us
    session.flights.incoming = data
    session.flights.incoming_size = size
    return drive(session)


cdef int dtls_timeout(dtls_session_t *session, int64_t now_us) noexcept nogil:
    if session.state != DTLS_HANDSHAKING:
        return Status.OK
    session.flights.now_us = now_us
    if now_us >= session.give_up_us:
        return fail(session, DTLS_FAILURE_TIMEOUT, b"no complete handshake within 30 s")
    flights_timeout(&session.flights, now_us)
    return Status.OK


cdef int64_t dtls_next_deadline(const dtls_session_t *session) noexcept nogil:
    return min(session.flights.repeat_us, session.give_up_us)


cdef int dtls_next_datagram(dtls_session_t *session, uint8_t *out, uint32_t capacity) noexcept nogil:
    cdef int size = queue_pop(&session.flights.outgoing, out, capacity)
    if session.shrunk and queue_is_empty(&session.flights.outgoing):
        queue_release(&session.flights.outgoing)
    return size


cdef int dtls_next_message(dtls_session_t *session, uint8_t *out, uint32_t capacity) noexcept nogil:
    cdef int size = queue_pop(&session.messages, out, capacity)
    if session.shrunk and queue_is_empty(&session.messages):
        queue_release(&session.messages)
    return size


cdef int dtls_send(dtls_session_t *session, const uint8_t *data, uint32_t size) noexcept nogil:
    cdef int status = Status.OK
    if session.state != DTLS_CONNECTED:
        return Status.BAD_STATE
    if size == 0:
        return Status.MALFORMED
    if size > DTLS_MAX_MESSAGE_SIZE:
        return Status.NO_SPACE
    ERR_clear_error()
    flights_begin(&session.flights)
    if not has_write_buffer(session) or SSL_write(session.ssl, data, <int>size) != <int>size:
        status = fail_by_library(session)
    give_back(session)
    return status


cdef int dtls_close(dtls_session_t *session) noexcept nogil:
    if session.state == DTLS_FAILED or session.state == DTLS_CLOSED:
        return Status.OK
    ERR_clear_error()
    flights_begin(&session.flights)
    if session.state == DTLS_CONNECTED and has_write_buffer(session):
        SSL_shutdown(session.ssl)               # its result only tells whether the peer has closed too
    end_handshake(session, DTLS_CLOSED)
    ERR_clear_error()
    return Status.OK


cdef int dtls_state(const dtls_session_t *session) noexcept nogil:
    return session.state


cdef int dtls_failure(const dtls_session_t *session) noexcept nogil:
    return session.failure


cdef uint32_t dtls_dropped(const dtls_session_t *session) noexcept nogil:
    return session.flights.dropped + session.lost_messages


cdef const char *dtls_failure_text(const dtls_session_t *session) noexcept nogil:
    return session.failure_text


cdef int dtls_export_keys(dtls_session_t *session, dtls_keys_t *keys) noexcept nogil:
    cdef uint8_t material[2 * (32 + 14)]
    cdef const SRTP_PROTECTION_PROFILE *profile
    cdef size_t key_size, salt_size
    cdef size_t local, remote
    if session.state != DTLS_CONNECTED:
        return Status.BAD_STATE
    profile = SSL_get_selected_srtp_profile(session.ssl)
    if profile == NULL:
        return Status.NOT_FOUND
    if profile.id == SRTP_AEAD_AES_128_GCM:
        key_size, salt_size = 16, 12
    elif profile.id == SRTP_AEAD_AES_256_GCM:
        key_size, salt_size = 32, 12
    elif profile.id == SRTP_AES128_CM_SHA1_80:
        key_size, salt_size = 16, 14
    else:
        return Status.UNSUPPORTED
    invariant(session.peer_accepted, "keys are only for a peer whose certificate was announced")
    ERR_clear_error()
    if SSL_export_keying_material(session.ssl, material, 2 * (key_size + salt_size), EXPORTER_LABEL,
                                  EXPORTER_LABEL_SIZE, NULL, 0, 0) != 1:
        ERR_clear_error()
        return Status.LIBRARY_ERROR
    # client key, server key, client salt, server salt
    local = 0 if session.role == DTLS_CLIENT else 1
    remote = 1 - local
    memset(keys, 0, sizeof(dtls_keys_t))
    keys.profile = <int>profile.id
    memcpy(keys.local_key, material + local * key_size, key_size)
    memcpy(keys.remote_key, material + remote * key_size, key_size)
    memcpy(keys.local_salt, material + 2 * key_size + local * salt_size, salt_size)
    memcpy(keys.remote_salt, material + 2 * key_size + remote * salt_size, salt_size)
    OPENSSL_cleanse(material, sizeof(material))
    return Status.OK


cdef void dtls_shrink(dtls_session_t *session) noexcept nogil:
    session.shrunk = True
    give_back(session)
