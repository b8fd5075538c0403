"""STUN (RFC 8489) as far as ICE uses it (RFC 8445): binding requests in, responses out."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    STUN_BINDING_REQUEST = 0x0001
    STUN_BINDING_INDICATION = 0x0011
    STUN_BINDING_SUCCESS = 0x0101
    STUN_BINDING_ERROR = 0x0111
    STUN_HEADER_SIZE = 20

cdef struct stun_message_t:
    const uint8_t *data
    uint32_t size
    uint16_t message_type
    const uint8_t *transaction_id       # 12 bytes
    const uint8_t *username             # NULL: none; not terminated
    uint16_t username_size
    uint16_t integrity_offset           # of the MESSAGE-INTEGRITY attribute's header; 0: none
    uint16_t fingerprint_offset         # likewise
    uint32_t priority
    uint8_t has_priority
    uint8_t use_candidate
    uint8_t has_ice_controlling
    uint8_t has_ice_controlled
    uint64_t tie_breaker
    uint16_t error_code                 # of an error response, 0: none
    uint16_t unknown_required           # the first comprehension-required attribute that is not known; 0: none

# Magic cookie, lengths, order of attributes; what stands behind MESSAGE-INTEGRITY (but FINGERPRINT) is ignored.
cdef int stun_parse(const uint8_t *data, uint32_t size, stun_message_t *message) noexcept nogil
# OK, NOT_FOUND (no such attribute) or AUTH_FAILED. Short-term credentials: `key` is the password. Constant time.
cdef int stun_check_integrity(const stun_message_t *message, const uint8_t *key, uint32_t key_size) noexcept nogil
cdef int stun_check_fingerprint(const stun_message_t *message) noexcept nogil

# Writers return the bytes written, NO_SPACE or LIBRARY_ERROR; integrity and fingerprint are appended.
# `address`: 4 or 16 bytes in network order.
cdef int stun_write_success(uint8_t *out, uint32_t capacity, const uint8_t *transaction_id, const uint8_t *address,
                            uint8_t address_size, uint16_t port, const uint8_t *key, uint32_t key_size) noexcept nogil
# `unknown_attribute`: listed in UNKNOWN-ATTRIBUTES when `code` is 420.
cdef int stun_write_error(uint8_t *out, uint32_t capacity, const uint8_t *transaction_id, uint16_t code,
                          const char *reason, uint16_t unknown_attribute, const uint8_t *key,
                          uint32_t key_size) noexcept nogil
# A client's check, for tests and the load generator.
cdef int stun_write_request(uint8_t *out, uint32_t capacity, const uint8_t *transaction_id, const uint8_t *username,
                            uint16_t username_size, uint32_t priority, bint controlling, uint64_t tie_breaker,
                            bint use_candidate, const uint8_t *key, uint32_t key_size) noexcept nogil
