"""SRTP for tests and benchmarks: packets as `bytes`, every buffer ending at an inaccessible page."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE, mmap, mprotect, munmap

from mediaplane.secure.srtp cimport (
    SRTP_BACKEND_AUTO,
    SRTP_BACKEND_IPSEC_MB,
    SRTP_BACKEND_LIBCRYPTO,
    srtcp_protect,
    srtcp_unprotect,
    srtp_engine_backend,
    srtp_engine_free,
    srtp_engine_new,
    srtp_engine_t,
    srtp_estimate_index,
    srtp_key_size,
    srtp_overhead,
    srtp_protect_batch,
    srtp_protect_job_t,
    srtp_replay_check,
    srtp_replay_commit,
    srtp_replay_t,
    srtp_salt_size,
    srtp_session_free,
    srtp_session_from_keys,
    srtp_session_keys_t,
    srtp_session_new,
    srtp_session_overhead,
    srtp_session_t,
    srtp_unprotect_batch,
    srtp_unprotect_job_t,
)
from mediaplane.secure.srtp_keys cimport srtp_derive
from mediaplane.status cimport OK, check
from mediaplane.wire.byte_order cimport load16, load32

from mediaplane.secure.srtp import available_backends

cdef enum:
    PAGE_SIZE = 4096

cdef dict BACKENDS = {
    "auto": SRTP_BACKEND_AUTO,
    "libcrypto": SRTP_BACKEND_LIBCRYPTO,
    "ipsec-mb": SRTP_BACKEND_IPSEC_MB,
}


cdef class _Buffer:
    """`size` bytes whose end is the end of readable memory: reading or writing one byte more ends the process."""
    cdef uint8_t *mapping
    cdef size_t mapped
    cdef uint8_t *data
    cdef uint32_t size

    def __cinit__(self, uint32_t size):
        self.mapped = (size + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE
        self.size = size
        self.mapping = <uint8_t *>mmap(NULL, self.mapped + PAGE_SIZE, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if <void *>self.mapping == MAP_FAILED:
            self.mapping = NULL
            raise MemoryError
        if mprotect(self.mapping + self.mapped, PAGE_SIZE, PROT_NONE) != 0:
            raise MemoryError
        self.data = self.mapping + self.mapped - size

    def __dealloc__(self):
        if self.mapping is not NULL:
            munmap(self.mapping, self.mapped + PAGE_SIZE)


cdef _Buffer buffer_of(bytes content, uint32_t room=0):
    cdef _Buffer buffer = _Buffer(<uint32_t>len(content) + room)
    memcpy(buffer.data, <const uint8_t *>content, len(content))
    return buffer


cdef class SrtpEngine:
    cdef srtp_engine_t *engine

    def __cinit__(self, str backend="auto"):
        available_backends()
        self.engine = srtp_engine_new(BACKENDS[backend])
        if self.engine is NULL:
            raise LookupError(f"SRTP back end {backend!r} is not available here; there are: {available_backends()}")

    def __dealloc__(self):
        srtp_engine_free(self.engine)

    @property
    def backend(self):
        return "ipsec-mb" if srtp_engine_backend(self.engine) == SRTP_BACKEND_IPSEC_MB else "libcrypto"

    def protect_batch(self, jobs, bint in_place=False):
        cdef uint32_t count = len(jobs), i
        cdef srtp_protect_job_t *native = <srtp_protect_job_t *>calloc(max(count, 1), sizeof(srtp_protect_job_t))
        cdef srtp_protect_job_t *job
        cdef SrtpSession session
        cdef _Buffer out, source
        cdef bytes header, payload
        cdef list kept = [], sealed = []
        if native is NULL:
            raise MemoryError
        try:
            for i, (session, header, payload, index) in enumerate(jobs):
                job = &native[i]
                overhead = srtp_session_overhead(session.session)
                if in_place:
                    out = source = buffer_of(header + payload, overhead)
                    job.payload = out.data + len(header)
                else:
                    out = buffer_of(header, len(payload) + overhead)
                    source = buffer_of(payload)
                    job.payload = source.data
                kept.append((out, source))
                job.session = session.session
                job.out = out.data
                job.header_size = len(header)
                job.payload_size = len(payload)
                job.ssrc = load32(out.data + 8)
                job.index = index
                job.status = 1
            with nogil:
                srtp_protect_batch(self.engine, native, count)
            for i, (out, source) in enumerate(kept):
                check(native[i].status)
                sealed.append(out.data[:out.size])
            return sealed
        finally:
            free(native)

    def unprotect_batch(self, jobs):
        cdef uint32_t count = len(jobs), i
        cdef srtp_unprotect_job_t *native = <srtp_unprotect_job_t *>calloc(max(count, 1), sizeof(srtp_unprotect_job_t))
        cdef srtp_unprotect_job_t *job
        cdef SrtpSession session
        cdef ReplayWindow window
        cdef _Buffer buffer
        cdef bytes packet
        cdef list kept = [], opened = []
        if native is NULL:
            raise MemoryError
        try:
            for i, (session, window, packet, header_size) in enumerate(jobs):
                job = &native[i]
                buffer = buffer_of(packet)
                kept.append(buffer)
                job.session = session.session
                job.replay = &window.replay
                job.data = buffer.data
                job.size = buffer.size
                job.header_size = header_size
                job.seq16 = load16(buffer.data + 2) if buffer.size >= 4 else 0
                job.status = 1
            with nogil:
                srtp_unprotect_batch(self.engine, native, count)
            for i in range(count):
                buffer = kept[i]
                plain = buffer.data[:native[i].plain_size] if native[i].status == OK else None
                opened.append((native[i].status, plain, native[i].index))
            return opened
        finally:
            free(native)

    def protect_rtcp(self, SrtpSession session not None, bytes packet not None, uint32_t index, room=None):
        cdef _Buffer buffer
        if room is None:
            room = srtp_session_overhead(session.session) + 4
        buffer = buffer_of(packet, room)
        size = check(srtcp_protect(self.engine, session.session, buffer.data, len(packet), buffer.size, index))
        return buffer.data[:size]

    def unprotect_rtcp(self, SrtpSession session not None, ReplayWindow window not None, bytes packet not None):
        cdef _Buffer buffer = buffer_of(packet)
        size = check(srtcp_unprotect(self.engine, session.session, &window.replay, buffer.data, buffer.size))
        return buffer.data[:size]


cdef class SrtpSession:
    cdef srtp_session_t *session
    cdef SrtpEngine engine

    def __cinit__(self, SrtpEngine engine not None, int profile, bytes key not None, bytes salt not None,
                  bint derived=False):
        cdef srtp_session_keys_t keys
        self.engine = engine
        if len(key) != check(srtp_key_size(profile)) or len(salt) != srtp_salt_size(profile):
            raise ValueError(f"profile {profile}: wrong size of key or salt")
        if derived:
            memset(&keys, 0, sizeof(keys))
            memcpy(keys.cipher_key, <const uint8_t *>key, len(key))
            memcpy(keys.salt, <const uint8_t *>salt, len(salt))
            self.session = srtp_session_from_keys(engine.engine, profile, &keys, &keys)
        else:
            self.session = srtp_session_new(engine.engine, profile, key, salt)
        if self.session is NULL:
            raise MemoryError

    def __dealloc__(self):
        srtp_session_free(self.session)

    @property
    def overhead(self):
        return srtp_session_overhead(self.session)


cdef class ReplayWindow:
    cdef srtp_replay_t replay

    @property
    def highest_index(self):
        return self.replay.highest_index if self.replay.started else None

    def estimate(self, uint16_t seq16):
        return srtp_estimate_index(&self.replay, seq16)

    def accepts(self, uint64_t index):
        return srtp_replay_check(&self.replay, index) == OK

    def commit(self, uint64_t index):
        srtp_replay_commit(&self.replay, index)


cdef class _Bench:
    """A batch of equal packets, one session each, that is sealed or opened over and over without Python."""
    cdef SrtpEngine engine
    cdef list sessions
    cdef srtp_protect_job_t *protect
    cdef srtp_unprotect_job_t *unprotect
    cdef srtp_replay_t *replays
    cdef uint8_t *arena          # the payload, the packets, and the sealed packets that are copied to be opened
    cdef uint8_t *sealed
    cdef uint32_t batch, size, stride

    def __cinit__(self, SrtpEngine engine not None, list sessions not None, int header_size, int payload_size):
        cdef uint32_t i
        cdef uint8_t *slot
        cdef SrtpSession session = sessions[0]
        self.engine = engine
        self.sessions = sessions
        self.batch = len(sessions)
        self.size = header_size + payload_size + srtp_session_overhead(session.session)
        self.stride = (self.size + 63) // 64 * 64
        self.protect = <srtp_protect_job_t *>calloc(self.batch, sizeof(srtp_protect_job_t))
        self.unprotect = <srtp_unprotect_job_t *>calloc(self.batch, sizeof(srtp_unprotect_job_t))
        self.replays = <srtp_replay_t *>calloc(self.batch, sizeof(srtp_replay_t))
        self.arena = <uint8_t *>calloc(2 * self.batch + 1, self.stride)
        if self.protect is NULL or self.unprotect is NULL or self.replays is NULL or self.arena is NULL:
            raise MemoryError
        self.sealed = self.arena + (self.batch + 1) * self.stride
        for i, session in enumerate(sessions):
            slot = self.arena + (i + 1) * self.stride
            self.protect[i].session = self.unprotect[i].session = session.session
            self.protect[i].out = self.unprotect[i].data = slot
            self.protect[i].payload = self.arena
            self.protect[i].header_size = self.unprotect[i].header_size = header_size
            self.protect[i].payload_size = payload_size
            self.unprotect[i].replay = &self.replays[i]
            self.unprotect[i].size = self.size
        srtp_protect_batch(self.engine.engine, self.protect, self.batch)
        for i in range(self.batch):
            check(self.protect[i].status)
            memcpy(self.sealed + i * self.stride, self.protect[i].out, self.size)

    def __dealloc__(self):
        free(self.protect)
        free(self.unprotect)
        free(self.replays)
        free(self.arena)


cdef class ProtectBench(_Bench):
    def run(self, uint32_t rounds):
        cdef uint32_t _round, i
        cdef int status = OK
        with nogil:
            for _round in range(rounds):
                for i in range(self.batch):
                    self.protect[i].index += 1
                srtp_protect_batch(self.engine.engine, self.protect, self.batch)
                for i in range(self.batch):
                    status |= self.protect[i].status
        check(status)


cdef class UnprotectBench(_Bench):
    def run(self, uint32_t rounds):
        cdef uint32_t _round, i
        cdef int status = OK
        with nogil:
            for _round in range(rounds):
                memset(self.replays, 0, self.batch * sizeof(srtp_replay_t))
                for i in range(self.batch):
                    memcpy(self.unprotect[i].data, self.sealed + i * self.stride, self.size)
                srtp_unprotect_batch(self.engine.engine, self.unprotect, self.batch)
                for i in range(self.batch):
                    status |= self.unprotect[i].status
        check(status)


def derive(bytes master_key not None, bytes master_salt not None, uint8_t label, uint32_t size):
    cdef _Buffer out = _Buffer(size)
    check(srtp_derive(master_key, len(master_key), master_salt, len(master_salt), label, out.data, size))
    return out.data[:size]


def overhead(int profile):
    return check(srtp_overhead(profile))
