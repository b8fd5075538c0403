"""The Python side of a mixing thread's command ring: arguments in, fixed-size records out."""
from libc.stdint cimport uint32_t, uint64_t

from mediaplane.audio.mixing cimport mixing_command_t
from mediaplane.audio.source_report cimport source_report_t
from mediaplane.audio.tap cimport tap_t
from mediaplane.rings cimport ring_t


cdef class MixingPort:
    cdef ring_t commands
    cdef dict channels           # of the mixes that are open, by id
    cdef dict reports            # of each, its sources' SourceReport by their key
    cdef int _push(self, int kind, uint32_t mix, uint64_t key, void *data) except -1


cdef class SourceReport:
    cdef source_report_t *report


cdef class Tap:
    cdef tap_t *tap
    cdef uint32_t mix
    cdef MixingPort port
    cdef uint32_t taken          # ticks that the last view showed
    cdef Py_ssize_t[2] shape
    cdef Py_ssize_t[2] strides
    cdef readonly int channels
