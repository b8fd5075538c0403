"""Answers to connectivity checks: a lite agent is always controlled and never asks (RFC 8445 sections 2.5 and 7.3)."""
from libc.string cimport memcmp
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.wire.byte_order cimport load64
from mediaplane.wire.stun cimport (
    STUN_BINDING_REQUEST,
    stun_check_fingerprint,
    stun_check_integrity,
    stun_message_t,
    stun_write_error,
    stun_write_success,
)


cdef bint names_us(const stun_message_t *message) noexcept nogil:
    """Whether USERNAME has the shape of one of ours: eight characters, a colon, and the peer's fragment."""
    return (message.username != NULL and ICE_UFRAG_SIZE < message.username_size
            and message.username_size <= ICE_UFRAG_SIZE + 1 + ICE_MAX_UFRAG_SIZE
            and message.username[ICE_UFRAG_SIZE] == b":")


cdef uint64_t ice_ufrag_key(const uint8_t *ufrag) noexcept nogil:
    return load64(ufrag)


cdef uint64_t ice_username_key(const stun_message_t *message) noexcept nogil:
    return load64(message.username) if names_us(message) else 0


cdef IceOutcome ice_answer(const ice_credentials_t *credentials, const stun_message_t *message, const uint8_t *address,
                           uint8_t address_size, uint16_t port, uint8_t *out, uint32_t capacity,
                           uint32_t *out_size) noexcept nogil:
    cdef IceOutcome outcome = ICE_REFUSED
    cdef int written
    out_size[0] = 0
    if (message.message_type != STUN_BINDING_REQUEST
            or not names_us(message) or memcmp(message.username, credentials.local_ufrag, ICE_UFRAG_SIZE) != 0
            or stun_check_fingerprint(message) < 0
            or stun_check_integrity(message, credentials.local_pwd, ICE_PWD_SIZE) < 0):
        return ICE_IGNORED
    if message.unknown_required:
        written = stun_write_error(out, capacity, message.transaction_id, 420, b"Unknown Attribute",
                                   message.unknown_required, credentials.local_pwd, ICE_PWD_SIZE)
    elif message.has_ice_controlled:
        # We cannot switch roles, so the tie-breakers do not matter: the peer has to (section 7.3.1.1).
        written = stun_write_error(out, capacity, message.transaction_id, 487, b"Role Conflict", 0,
                                   credentials.local_pwd, ICE_PWD_SIZE)
    else:
        outcome = ICE_NOMINATED if message.use_candidate else ICE_VALID
        written = stun_write_success(out, capacity, message.transaction_id, address, address_size, port,
                                     credentials.local_pwd, ICE_PWD_SIZE)
    if written < 0:
        return ICE_IGNORED
    out_size[0] = <uint32_t>written
    return outcome
