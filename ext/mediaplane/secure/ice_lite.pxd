"""The answering half of ICE (RFC 8445, a lite agent; consent: RFC 7675): one request in, one reply out."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.wire.stun cimport stun_message_t

cdef enum:
    ICE_UFRAG_SIZE = 8           # ours are always this long, so that a ufrag is a 64-bit key
    ICE_MAX_UFRAG_SIZE = 256
    ICE_PWD_SIZE = 24            # ours

cdef struct ice_credentials_t:
    uint8_t local_ufrag[8]
    uint8_t local_pwd[24]

# What a request did.
cdef enum IceOutcome:
    ICE_IGNORED = 0              # nothing to send: not authentic, or not a request
    ICE_REFUSED = 1              # an authentic request with a mistake; `out` has the error response
    ICE_VALID = 2                # `out` has the success response: consent is renewed, the tuple is valid
    ICE_NOMINATED = 3            # the same, with USE-CANDIDATE

# The local ufrag that a request's USERNAME ("local:remote") names, as the key of a table; 0: none or another length.
cdef uint64_t ice_username_key(const stun_message_t *message) noexcept nogil
cdef uint64_t ice_ufrag_key(const uint8_t *ufrag) noexcept nogil

# Answers a request that carries our ufrag. `out_size` is 0 unless there is something to send.
# Checked in this order: USERNAME, FINGERPRINT, MESSAGE-INTEGRITY; then unknown attributes (420) and roles (a peer that
# is ICE-CONTROLLED too gets 487). Never an answer to what is not authenticated. `address`: the source of the request.
cdef IceOutcome ice_answer(const ice_credentials_t *credentials, const stun_message_t *message, const uint8_t *address,
                           uint8_t address_size, uint16_t port, uint8_t *out, uint32_t capacity,
                           uint32_t *out_size) noexcept nogil
