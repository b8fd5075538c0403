"""DTLS sessions as Python sees them: sans-IO, with a clock that the test turns. Every datagram is copied into a heap
block of exactly its size, so that AddressSanitizer sees a read behind its end."""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from mediaplane.secure cimport dtls
from mediaplane.status cimport check
from mediaplane.status import Status

cdef extern from *:
    """
    #include <malloc.h>
    #if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    static size_t heap_in_use(void) { struct mallinfo2 info = mallinfo2(); return info.uordblks + info.hblkhd; }
    #else
    static size_t heap_in_use(void) { return 0; }
    #endif
    """
    size_t heap_in_use() nogil

STATES = ("new", "handshaking", "connected", "closed", "failed")
FAILURES = (None, "handshake", "fingerprint", "no_srtp_profile", "timeout")
HASHES = {"sha-256": dtls.FINGERPRINT_SHA256, "sha-384": dtls.FINGERPRINT_SHA384, "sha-512": dtls.FINGERPRINT_SHA512}
KEY_SIZES = {0x0001: (16, 14), 0x0007: (16, 12), 0x0008: (32, 12)}


def heap_bytes():
    """Bytes of malloc in use in this process; 0 where the C library does not tell."""
    return heap_in_use()


cdef class DtlsContext:
    cdef dtls.dtls_context_t *context

    def __cinit__(self, const uint8_t[::1] certificate not None, const uint8_t[::1] private_key not None):
        self.context = dtls.dtls_context_new(&certificate[0], <uint32_t>certificate.shape[0], &private_key[0],
                                             <uint32_t>private_key.shape[0])
        if self.context == NULL:
            raise ValueError("the certificate and the private key are not a usable pair in PEM")

    def __dealloc__(self):
        dtls.dtls_context_free(self.context)


cdef class DtlsSession:
    cdef dtls.dtls_session_t *session

    def __cinit__(self, DtlsContext context not None, str role, fingerprints, int mtu=1200):
        cdef dtls.dtls_fingerprint_t announced[dtls.DTLS_MAX_FINGERPRINTS]
        if len(fingerprints) > dtls.DTLS_MAX_FINGERPRINTS:
            raise ValueError("too many fingerprints")
        for i, (algorithm, digest) in enumerate(fingerprints):
            announced[i].hash = HASHES[algorithm]
            if <size_t>len(digest) > sizeof(announced[i].digest):
                raise ValueError("a digest has at most 64 bytes")
            memcpy(announced[i].digest, <const uint8_t *>digest, len(digest))
        self.session = dtls.dtls_session_new(
            context.context, dtls.DTLS_CLIENT if role == "client" else dtls.DTLS_SERVER, mtu, announced,
            <uint8_t>len(fingerprints))
        if self.session == NULL:
            raise ValueError("no session with these arguments")

    def __dealloc__(self):
        dtls.dtls_session_free(self.session)

    @property
    def state(self):
        return STATES[dtls.dtls_state(self.session)]

    @property
    def failure(self):
        return FAILURES[dtls.dtls_failure(self.session)]

    @property
    def failure_text(self):
        return (<bytes>dtls.dtls_failure_text(self.session)).decode()

    @property
    def next_deadline(self):
        """Microseconds; None: no deadline."""
        deadline = dtls.dtls_next_deadline(self.session)
        return None if deadline == (<int64_t>0x7FFFFFFFFFFFFFFF) else deadline

    @property
    def dropped(self):
        return dtls.dtls_dropped(self.session)

    def start(self, int64_t now_us):
        check(dtls.dtls_start(self.session, now_us))

    def receive(self, const uint8_t[::1] datagram not None, int64_t now_us):
        """The status; every negative one is only reported, as the plane would count it."""
        cdef uint32_t size = <uint32_t>datagram.shape[0]
        cdef uint8_t *exact = <uint8_t *>malloc(size if size else 1)
        cdef int status
        if exact == NULL:
            raise MemoryError
        if size:
            memcpy(exact, &datagram[0], size)
        with nogil:
            status = dtls.dtls_receive(self.session, exact, size, now_us)
        free(exact)
        return Status(status)

    def timeout(self, int64_t now_us):
        cdef int status
        with nogil:
            status = dtls.dtls_timeout(self.session, now_us)
        return Status(status)

    def datagrams(self):
        """All datagrams that wait to be sent."""
        cdef uint8_t out[65536]
        found = []
        while size := check(dtls.dtls_next_datagram(self.session, out, sizeof(out))):
            found.append(out[:size])
        return found

    def messages(self):
        """All application data that arrived."""
        cdef uint8_t out[65536]
        found = []
        while size := check(dtls.dtls_next_message(self.session, out, sizeof(out))):
            found.append(out[:size])
        return found

    def next_datagram(self, uint32_t capacity):
        cdef uint8_t out[65536]
        return out[:check(dtls.dtls_next_datagram(self.session, out, min(capacity, <uint32_t>sizeof(out))))]

    def send(self, bytes data):
        check(dtls.dtls_send(self.session, data, <uint32_t>len(data)))

    def close(self):
        check(dtls.dtls_close(self.session))

    def shrink(self):
        dtls.dtls_shrink(self.session)

    def export_keys(self):
        """(profile, local key + salt, remote key + salt)"""
        cdef dtls.dtls_keys_t keys
        check(dtls.dtls_export_keys(self.session, &keys))
        key, salt = KEY_SIZES[keys.profile]
        return (keys.profile, keys.local_key[:key] + keys.local_salt[:salt],
                keys.remote_key[:key] + keys.remote_salt[:salt])
