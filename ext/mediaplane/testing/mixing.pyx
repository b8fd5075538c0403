"""All mixes in virtual time: tests call the ticks, and planes in virtual time are its workers."""
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from mediaplane.audio.mix_pipes cimport mixing_publish, mixing_receive
from mediaplane.audio.mixing cimport mixing_begin, mixing_drain, mixing_free, mixing_init, mixing_skip, mixing_tick
from mediaplane.status cimport check


cdef class VirtualMixing(MixingPort):
    """See VirtualPlane.attach()."""

    def __cinit__(self, *args, **kwargs):
        self.mixing = <mixing_t *>calloc(1, sizeof(mixing_t))
        if self.mixing == NULL:
            raise MemoryError

    def __init__(self, int64_t now_us=1_000_000, *, limit=64):
        check(mixing_init(self.mixing, limit))
        mixing_begin(self.mixing, now_us, (<unsigned long long>3_900_000_000) << 32)

    def __dealloc__(self):
        if self.mixing != NULL:
            mixing_free(self.mixing)
            free(self.mixing)

    def tick(self, int64_t now_us, *, bint skipped=False):
        """Commands, what workers have handed over, and 20 ms of every mix, or as if they were left out."""
        mixing_drain(self.mixing, &self.commands)
        mixing_receive(self.mixing, now_us)
        if skipped:
            mixing_skip(self.mixing, now_us)
        else:
            mixing_tick(self.mixing, now_us)
        mixing_publish(self.mixing)

    def shed(self, int level):
        self.mixing.overload.level = level

    def counters(self):
        return self.mixing.counters
