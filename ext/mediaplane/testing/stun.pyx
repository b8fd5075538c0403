"""STUN and ICE-lite as Python sees them. Every input is copied into a heap block of exactly its size, so that
AddressSanitizer sees a read behind its end."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from mediaplane.secure cimport ice_lite
from mediaplane.status cimport Status, check
from mediaplane.wire cimport stun

OUTCOMES = {
    ice_lite.ICE_IGNORED: "ignored",
    ice_lite.ICE_REFUSED: "refused",
    ice_lite.ICE_VALID: "valid",
    ice_lite.ICE_NOMINATED: "nominated",
}


cdef class ExactBytes:
    """A heap copy without a byte to spare."""
    cdef uint8_t *data
    cdef uint32_t size

    def __cinit__(self, const uint8_t[::1] data not None):
        self.size = <uint32_t>data.shape[0]
        self.data = <uint8_t *>malloc(self.size if self.size else 1)
        if self.data == NULL:
            raise MemoryError
        if self.size:
            memcpy(self.data, &data[0], self.size)

    def __dealloc__(self):
        free(self.data)


def parse(data):
    """The fields of a message as a dict; raises MediaPlaneError when it is no STUN message."""
    cdef ExactBytes exact = ExactBytes(data)
    cdef stun.stun_message_t message
    with nogil:
        status = stun.stun_parse(exact.data, exact.size, &message)
    check(status)
    return {
        "type": message.message_type,
        "transaction_id": message.transaction_id[:12],
        "username": message.username[:message.username_size] if message.username != NULL else None,
        "priority": message.priority if message.has_priority else None,
        "use_candidate": bool(message.use_candidate),
        "ice_controlling": message.tie_breaker if message.has_ice_controlling else None,
        "ice_controlled": message.tie_breaker if message.has_ice_controlled else None,
        "error_code": message.error_code,
        "unknown_required": message.unknown_required,
        "integrity_offset": message.integrity_offset,
        "fingerprint_offset": message.fingerprint_offset,
    }


cdef object verdict(int status):
    """True, False, or None when the attribute is not there."""
    if status == Status.NOT_FOUND:
        return None
    if status == Status.AUTH_FAILED:
        return False
    check(status)
    return True


def check_integrity(data, key):
    cdef ExactBytes exact = ExactBytes(data)
    cdef ExactBytes secret = ExactBytes(key)
    cdef stun.stun_message_t message
    check(stun.stun_parse(exact.data, exact.size, &message))
    with nogil:
        status = stun.stun_check_integrity(&message, secret.data, secret.size)
    return verdict(status)


def check_fingerprint(data):
    cdef ExactBytes exact = ExactBytes(data)
    cdef stun.stun_message_t message
    check(stun.stun_parse(exact.data, exact.size, &message))
    return verdict(stun.stun_check_fingerprint(&message))


cdef bytes written(ExactBytes out, int size):
    check(size)
    return out.data[:size]


def write_success(const uint8_t[::1] transaction_id, const uint8_t[::1] address, port, key, capacity=256):
    cdef ExactBytes out = ExactBytes(bytes(capacity))
    cdef ExactBytes secret = ExactBytes(key)
    return written(out, stun.stun_write_success(out.data, out.size, &transaction_id[0], &address[0],
                                                <uint8_t>address.shape[0], port, secret.data, secret.size))


def write_error(const uint8_t[::1] transaction_id, code, reason, unknown_attribute, key, capacity=256):
    cdef ExactBytes out = ExactBytes(bytes(capacity))
    cdef ExactBytes secret = ExactBytes(key)
    return written(out, stun.stun_write_error(out.data, out.size, &transaction_id[0], code, reason,
                                              unknown_attribute, secret.data, secret.size))


def write_request(const uint8_t[::1] transaction_id, username, priority, controlling, tie_breaker, use_candidate, key,
                  capacity=1024):
    cdef ExactBytes out = ExactBytes(bytes(capacity))
    cdef ExactBytes secret = ExactBytes(key)
    cdef ExactBytes name = ExactBytes(username)
    return written(out, stun.stun_write_request(out.data, out.size, &transaction_id[0], name.data,
                                                <stun.uint16_t>name.size, priority, controlling, tie_breaker,
                                                use_candidate, secret.data, secret.size))


def ice_username_key(data):
    cdef ExactBytes exact = ExactBytes(data)
    cdef stun.stun_message_t message
    check(stun.stun_parse(exact.data, exact.size, &message))
    return ice_lite.ice_username_key(&message)


def ice_ufrag_key(const uint8_t[::1] ufrag):
    if ufrag.shape[0] != ice_lite.ICE_UFRAG_SIZE:
        raise ValueError("our ufrags have 8 bytes")
    return ice_lite.ice_ufrag_key(&ufrag[0])


def ice_answer(data, bytes local_ufrag, bytes local_pwd, const uint8_t[::1] address, port, capacity=256):
    """(outcome, reply) of a lite agent with these credentials to a datagram from (address, port)."""
    cdef ExactBytes exact = ExactBytes(data)
    cdef ExactBytes out = ExactBytes(bytes(capacity))
    cdef ice_lite.ice_credentials_t credentials
    cdef stun.stun_message_t message
    cdef uint32_t size = 0
    if len(local_ufrag) != sizeof(credentials.local_ufrag) or len(local_pwd) != sizeof(credentials.local_pwd):
        raise ValueError("our ufrags have 8 bytes and our passwords 24")
    memcpy(credentials.local_ufrag, <const uint8_t *>local_ufrag, sizeof(credentials.local_ufrag))
    memcpy(credentials.local_pwd, <const uint8_t *>local_pwd, sizeof(credentials.local_pwd))
    check(stun.stun_parse(exact.data, exact.size, &message))
    outcome = ice_lite.ice_answer(&credentials, &message, &address[0], <uint8_t>address.shape[0], port, out.data,
                                  out.size, &size)
    return OUTCOMES[outcome], out.data[:size]
