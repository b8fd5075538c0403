"""A mixing thread's work without the thread."""
from mediaplane.audio.mixing cimport mixing_t
from mediaplane.audio.mixing_port cimport MixingPort


cdef class VirtualMixing(MixingPort):
    cdef mixing_t *mixing
