"""The thread that mixes: a tick every 20 ms by the monotonic clock. It takes no lock and never the GIL."""
from libc.stdint cimport int64_t

from mediaplane.audio.mixing cimport mixing_t
from mediaplane.audio.mixing_port cimport MixingPort
from mediaplane.event_loop cimport pthread_t
from mediaplane.rings cimport ring_t

cdef struct mixer_thread_t:
    mixing_t mixing
    ring_t *commands
    int64_t noted_cpu_us         # of the thread, after its last tick
    int stopping


cdef class MixerThread(MixingPort):
    cdef mixer_thread_t *mixer
    cdef pthread_t thread
    cdef bint running
    cdef int _join(self) except -1
