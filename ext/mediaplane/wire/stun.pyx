"""STUN messages (RFC 8489): parsing, MESSAGE-INTEGRITY, FINGERPRINT, and the responses of an ICE agent (RFC 8445)."""
from libc.string cimport memcpy, memset, strlen
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.status cimport Status
from mediaplane.wire.byte_order cimport load16, load32, load64, store16, store32, store64


cdef extern from "<openssl/evp.h>" nogil:
    ctypedef struct EVP_MAC:
        pass
    ctypedef struct EVP_MAC_CTX:
        pass
    EVP_MAC *EVP_MAC_fetch(void *library, const char *algorithm, const char *properties)
    EVP_MAC_CTX *EVP_MAC_CTX_new(EVP_MAC *mac)
    void EVP_MAC_CTX_free(EVP_MAC_CTX *context)
    int EVP_MAC_init(EVP_MAC_CTX *context, const uint8_t *key, size_t key_size, const OSSL_PARAM *params)
    int EVP_MAC_update(EVP_MAC_CTX *context, const uint8_t *data, size_t size)
    int EVP_MAC_final(EVP_MAC_CTX *context, uint8_t *out, size_t *out_size, size_t capacity)

cdef extern from "<openssl/params.h>" nogil:
    ctypedef struct OSSL_PARAM:
        pass
    OSSL_PARAM OSSL_PARAM_construct_utf8_string(const char *key, char *text, size_t size)
    OSSL_PARAM OSSL_PARAM_construct_end()

cdef extern from "<openssl/crypto.h>" nogil:
    int CRYPTO_memcmp(const void *one, const void *other, size_t size)

cdef extern from "<openssl/err.h>" nogil:
    void ERR_clear_error()

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned int pthread_key_t
    int pthread_key_create(pthread_key_t *key, void (*destructor)(void *) noexcept nogil)
    void *pthread_getspecific(pthread_key_t key)
    int pthread_setspecific(pthread_key_t key, const void *value)


cdef enum:
    MAGIC_COOKIE = 0x2112A442
    FINGERPRINT_XOR = 0x5354554E
    ATTRIBUTE_HEADER_SIZE = 4
    INTEGRITY_SIZE = 20
    INTEGRITY_TOTAL = 24             # with its header
    FINGERPRINT_TOTAL = 8
    MAX_MESSAGE_SIZE = 65535
    MAX_USERNAME_SIZE = 513          # RFC 5389's bound; RFC 8489 says 508
    MAX_REASON_SIZE = 127

    ATTRIBUTE_MAPPED_ADDRESS = 0x0001
    ATTRIBUTE_USERNAME = 0x0006
    ATTRIBUTE_INTEGRITY = 0x0008
    ATTRIBUTE_ERROR_CODE = 0x0009
    ATTRIBUTE_UNKNOWN_ATTRIBUTES = 0x000A
    ATTRIBUTE_REALM = 0x0014
    ATTRIBUTE_NONCE = 0x0015
    ATTRIBUTE_INTEGRITY_SHA256 = 0x001C
    ATTRIBUTE_XOR_MAPPED_ADDRESS = 0x0020
    ATTRIBUTE_PRIORITY = 0x0024
    ATTRIBUTE_USE_CANDIDATE = 0x0025
    ATTRIBUTE_COMPREHENSION_OPTIONAL = 0x8000
    ATTRIBUTE_FINGERPRINT = 0x8028
    ATTRIBUTE_ICE_CONTROLLED = 0x8029
    ATTRIBUTE_ICE_CONTROLLING = 0x802A


# HMAC-SHA1 is fetched once; a context is bound to it once per thread and only gets a new key for each message.
cdef EVP_MAC *hmac_algorithm = NULL
cdef pthread_key_t hmac_of_thread
cdef uint32_t[256] crc_table


cdef void free_hmac(void *context) noexcept nogil:
    EVP_MAC_CTX_free(<EVP_MAC_CTX *>context)


cdef int prepare_library() except -1:
    global hmac_algorithm
    cdef uint32_t byte, value
    cdef int _bit
    for byte in range(256):
        value = byte
        for _bit in range(8):
            value = (value >> 1) ^ (<uint32_t>0xEDB88320 if value & 1 else 0)
        crc_table[byte] = value
    hmac_algorithm = EVP_MAC_fetch(NULL, b"HMAC", NULL)
    if hmac_algorithm == NULL:
        raise ImportError("libcrypto has no HMAC: its default provider is not active (see openssl.cnf)")
    if pthread_key_create(&hmac_of_thread, free_hmac) != 0:
        raise ImportError("no thread-specific storage is left for STUN's HMAC contexts")
    return 0


prepare_library()


cdef EVP_MAC_CTX *thread_hmac() noexcept nogil:
    """The HMAC-SHA1 context of this thread; NULL when libcrypto has no memory or no SHA-1."""
    cdef EVP_MAC_CTX *context = <EVP_MAC_CTX *>pthread_getspecific(hmac_of_thread)
    cdef OSSL_PARAM params[2]
    if context != NULL:
        return context
    context = EVP_MAC_CTX_new(hmac_algorithm)
    if context == NULL:
        return NULL
    params[0] = OSSL_PARAM_construct_utf8_string(b"digest", b"SHA1", 0)
    params[1] = OSSL_PARAM_construct_end()
    if not EVP_MAC_init(context, b"\0", 1, params) or pthread_setspecific(hmac_of_thread, context) != 0:
        EVP_MAC_CTX_free(context)
        ERR_clear_error()
        return NULL
    return context


cdef int integrity_of(const uint8_t *message, uint32_t size, const uint8_t *key, uint32_t key_size,
                      uint8_t *out) noexcept nogil:
    """HMAC of the first `size` bytes; the length field as if MESSAGE-INTEGRITY ended the message (section 14.5)."""
    cdef EVP_MAC_CTX *context = thread_hmac()
    cdef uint8_t header[4]
    cdef size_t written = 0
    if context == NULL:
        return Status.LIBRARY_ERROR
    memcpy(header, message, 2)
    store16(header + 2, <uint16_t>(size + INTEGRITY_TOTAL - STUN_HEADER_SIZE))
    # libcrypto takes an empty key for "the key of the last message"; an empty key is one zero byte to HMAC anyway.
    if key_size == 0:
        key, key_size = b"\0", 1
    if not (EVP_MAC_init(context, key, key_size, NULL)
            and EVP_MAC_update(context, header, 4)
            and EVP_MAC_update(context, message + 4, size - 4)
            and EVP_MAC_final(context, out, &written, INTEGRITY_SIZE)) or written != INTEGRITY_SIZE:
        ERR_clear_error()
        return Status.LIBRARY_ERROR
    return Status.OK


cdef uint32_t fingerprint_of(const uint8_t *message, uint32_t size) noexcept nogil:
    cdef uint32_t crc = 0xFFFFFFFF
    cdef uint32_t i
    for i in range(size):
        crc = crc_table[(crc ^ message[i]) & 0xFF] ^ (crc >> 8)
    return crc ^ <uint32_t>0xFFFFFFFF ^ <uint32_t>FINGERPRINT_XOR


cdef bint is_understood(uint16_t attribute) noexcept nogil:
    """Whether an attribute below 0x8000 that has no field in stun_message_t may be present."""
    return (attribute == ATTRIBUTE_MAPPED_ADDRESS or attribute == ATTRIBUTE_XOR_MAPPED_ADDRESS
            or attribute == ATTRIBUTE_UNKNOWN_ATTRIBUTES or attribute == ATTRIBUTE_REALM
            or attribute == ATTRIBUTE_NONCE)


cdef int take_attribute(stun_message_t *message, uint16_t attribute, const uint8_t *value,
                        uint32_t size) noexcept nogil:
    """One attribute in front of the integrity attributes. Of a repeated one the first counts (RFC 8489 section 14)."""
    if attribute == ATTRIBUTE_USERNAME:
        if size > MAX_USERNAME_SIZE:
            return Status.MALFORMED
        if message.username == NULL:
            message.username = value
            message.username_size = <uint16_t>size
    elif attribute == ATTRIBUTE_PRIORITY:
        if size != 4:
            return Status.MALFORMED
        if not message.has_priority:
            message.priority = load32(value)
            message.has_priority = True
    elif attribute == ATTRIBUTE_USE_CANDIDATE:
        if size != 0:
            return Status.MALFORMED
        message.use_candidate = True
    elif attribute == ATTRIBUTE_ICE_CONTROLLING or attribute == ATTRIBUTE_ICE_CONTROLLED:
        if size != 8:
            return Status.MALFORMED
        if not (message.has_ice_controlling or message.has_ice_controlled):
            message.tie_breaker = load64(value)
        if attribute == ATTRIBUTE_ICE_CONTROLLING:
            message.has_ice_controlling = True
        else:
            message.has_ice_controlled = True
    elif attribute == ATTRIBUTE_ERROR_CODE:
        if size < 4 or not 3 <= (value[2] & 7) <= 6 or value[3] > 99:
            return Status.MALFORMED
        if message.error_code == 0:
            message.error_code = <uint16_t>((value[2] & 7) * 100 + value[3])
    elif attribute < ATTRIBUTE_COMPREHENSION_OPTIONAL and not is_understood(attribute):
        if message.unknown_required == 0:
            message.unknown_required = attribute
    return Status.OK


cdef int stun_parse(const uint8_t *data, uint32_t size, stun_message_t *message) noexcept nogil:
    cdef uint32_t offset = STUN_HEADER_SIZE
    cdef uint32_t value_size
    cdef uint16_t attribute
    cdef bint protected_part = True
    cdef int status
    memset(message, 0, sizeof(stun_message_t))
    if size < STUN_HEADER_SIZE:
        return Status.TRUNCATED
    if size > MAX_MESSAGE_SIZE or data[0] & 0xC0 or load32(data + 4) != MAGIC_COOKIE or size & 3:
        return Status.MALFORMED
    if <uint32_t>load16(data + 2) + STUN_HEADER_SIZE != size:
        return Status.TRUNCATED if <uint32_t>load16(data + 2) + STUN_HEADER_SIZE > size else Status.MALFORMED
    message.data = data
    message.size = size
    message.message_type = load16(data)
    message.transaction_id = data + 8
    while offset < size:
        if message.fingerprint_offset:
            return Status.MALFORMED          # FINGERPRINT must be the last attribute (section 14.7)
        # `size` and every step are multiples of four, so a whole attribute header is there.
        attribute = load16(data + offset)
        value_size = load16(data + offset + 2)
        if value_size > size - offset - ATTRIBUTE_HEADER_SIZE:
            return Status.TRUNCATED
        if attribute == ATTRIBUTE_FINGERPRINT:
            if value_size != 4:
                return Status.MALFORMED
            message.fingerprint_offset = <uint16_t>offset
        elif protected_part:
            if attribute == ATTRIBUTE_INTEGRITY:
                if value_size != INTEGRITY_SIZE:
                    return Status.MALFORMED
                message.integrity_offset = <uint16_t>offset
                protected_part = False
            elif attribute == ATTRIBUTE_INTEGRITY_SHA256:
                protected_part = False
            else:
                status = take_attribute(message, attribute, data + offset + ATTRIBUTE_HEADER_SIZE, value_size)
                if status < 0:
                    return status
        offset += ATTRIBUTE_HEADER_SIZE + ((value_size + 3) & ~<uint32_t>3)
    return Status.OK


cdef int stun_check_integrity(const stun_message_t *message, const uint8_t *key, uint32_t key_size) noexcept nogil:
    cdef uint8_t digest[INTEGRITY_SIZE]
    cdef int status
    if message.integrity_offset == 0:
        return Status.NOT_FOUND
    status = integrity_of(message.data, message.integrity_offset, key, key_size, digest)
    if status < 0:
        return status
    if CRYPTO_memcmp(digest, message.data + message.integrity_offset + ATTRIBUTE_HEADER_SIZE, INTEGRITY_SIZE) != 0:
        return Status.AUTH_FAILED
    return Status.OK


cdef int stun_check_fingerprint(const stun_message_t *message) noexcept nogil:
    cdef uint32_t offset = message.fingerprint_offset
    if offset == 0:
        return Status.NOT_FOUND
    # It is the last attribute, so the header's length is already the one that the CRC covers.
    if fingerprint_of(message.data, offset) != load32(message.data + offset + ATTRIBUTE_HEADER_SIZE):
        return Status.AUTH_FAILED
    return Status.OK


cdef void write_header(uint8_t *out, uint16_t message_type, const uint8_t *transaction_id) noexcept nogil:
    store16(out, message_type)
    store32(out + 4, MAGIC_COOKIE)
    memcpy(out + 8, transaction_id, 12)


cdef uint8_t *write_attribute(uint8_t *out, uint16_t attribute, const void *value, uint16_t size) noexcept nogil:
    """Header, value and zero padding; returns where the next attribute starts."""
    store16(out, attribute)
    store16(out + 2, size)
    if size:
        store32(out + ATTRIBUTE_HEADER_SIZE + ((size - 1) & ~3), 0)
        memcpy(out + ATTRIBUTE_HEADER_SIZE, value, size)
    return out + ATTRIBUTE_HEADER_SIZE + ((size + 3) & ~3)


cdef int seal(uint8_t *out, uint32_t size, const uint8_t *key, uint32_t key_size) noexcept nogil:
    """Appends MESSAGE-INTEGRITY and FINGERPRINT to the first `size` bytes; returns the final size."""
    cdef uint8_t word[4]
    cdef uint8_t digest[INTEGRITY_SIZE]
    cdef uint8_t *end = out + size
    cdef int status = integrity_of(out, size, key, key_size, digest)
    if status < 0:
        return status
    end = write_attribute(end, ATTRIBUTE_INTEGRITY, digest, INTEGRITY_SIZE)
    size += INTEGRITY_TOTAL + FINGERPRINT_TOTAL
    store16(out + 2, <uint16_t>(size - STUN_HEADER_SIZE))
    store32(word, fingerprint_of(out, size - FINGERPRINT_TOTAL))
    write_attribute(end, ATTRIBUTE_FINGERPRINT, word, 4)
    return <int>size


cdef int stun_write_success(uint8_t *out, uint32_t capacity, const uint8_t *transaction_id, const uint8_t *address,
                            uint8_t address_size, uint16_t port, const uint8_t *key, uint32_t key_size) noexcept nogil:
    cdef uint8_t value[20]
    cdef uint8_t *end
    cdef uint32_t i
    if address_size != 4 and address_size != 16:
        return Status.UNSUPPORTED
    if capacity < <uint32_t>(STUN_HEADER_SIZE + ATTRIBUTE_HEADER_SIZE + 4 + address_size + INTEGRITY_TOTAL
                             + FINGERPRINT_TOTAL):
        return Status.NO_SPACE
    write_header(out, STUN_BINDING_SUCCESS, transaction_id)
    # XOR-MAPPED-ADDRESS: the pad is the cookie and the transaction id, which stand in our header (section 14.2).
    value[0] = 0
    value[1] = 1 if address_size == 4 else 2
    store16(value + 2, port ^ <uint16_t>(MAGIC_COOKIE >> 16))
    for i in range(address_size):
        value[4 + i] = address[i] ^ out[4 + i]
    end = write_attribute(out + STUN_HEADER_SIZE, ATTRIBUTE_XOR_MAPPED_ADDRESS, value, 4 + address_size)
    return seal(out, <uint32_t>(end - out), key, key_size)


cdef int stun_write_error(uint8_t *out, uint32_t capacity, const uint8_t *transaction_id, uint16_t code,
                          const char *reason, uint16_t unknown_attribute, const uint8_t *key,
                          uint32_t key_size) noexcept nogil:
    cdef uint8_t value[4 + MAX_REASON_SIZE]
    cdef uint8_t *end
    cdef size_t reason_size = strlen(reason)
    if not 300 <= code <= 699 or reason_size > MAX_REASON_SIZE:
        return Status.UNSUPPORTED
    if capacity < (STUN_HEADER_SIZE + ATTRIBUTE_HEADER_SIZE + 4 + ((reason_size + 3) & ~<size_t>3)
                   + (ATTRIBUTE_HEADER_SIZE + 4 if code == 420 else 0) + INTEGRITY_TOTAL + FINGERPRINT_TOTAL):
        return Status.NO_SPACE
    write_header(out, STUN_BINDING_ERROR, transaction_id)
    store16(value, 0)
    value[2] = <uint8_t>(code // 100)
    value[3] = <uint8_t>(code % 100)
    memcpy(value + 4, reason, reason_size)
    end = write_attribute(out + STUN_HEADER_SIZE, ATTRIBUTE_ERROR_CODE, value, <uint16_t>(4 + reason_size))
    if code == 420:
        store16(value, unknown_attribute)
        end = write_attribute(end, ATTRIBUTE_UNKNOWN_ATTRIBUTES, value, 2)
    return seal(out, <uint32_t>(end - out), key, key_size)


cdef int stun_write_request(uint8_t *out, uint32_t capacity, const uint8_t *transaction_id, const uint8_t *username,
                            uint16_t username_size, uint32_t priority, bint controlling, uint64_t tie_breaker,
                            bint use_candidate, const uint8_t *key, uint32_t key_size) noexcept nogil:
    cdef uint8_t value[8]
    cdef uint8_t *end
    if username_size > MAX_USERNAME_SIZE:
        return Status.UNSUPPORTED
    if capacity < (STUN_HEADER_SIZE + ATTRIBUTE_HEADER_SIZE + ((<uint32_t>username_size + 3) & ~<uint32_t>3)
                   + ATTRIBUTE_HEADER_SIZE + 4 + ATTRIBUTE_HEADER_SIZE + 8
                   + (ATTRIBUTE_HEADER_SIZE if use_candidate else 0) + INTEGRITY_TOTAL + FINGERPRINT_TOTAL):
        return Status.NO_SPACE
    write_header(out, STUN_BINDING_REQUEST, transaction_id)
    end = write_attribute(out + STUN_HEADER_SIZE, ATTRIBUTE_USERNAME, username, username_size)
    store32(value, priority)
    end = write_attribute(end, ATTRIBUTE_PRIORITY, value, 4)
    store64(value, tie_breaker)
    end = write_attribute(end, ATTRIBUTE_ICE_CONTROLLING if controlling else ATTRIBUTE_ICE_CONTROLLED, value, 8)
    if use_candidate:
        end = write_attribute(end, ATTRIBUTE_USE_CANDIDATE, NULL, 0)
    return seal(out, <uint32_t>(end - out), key, key_size)
