"""The Python side of the command ring: arguments in, fixed-size records out."""
from libc.stdint cimport uint32_t

from mediaplane.commands cimport command_t
from mediaplane.rings cimport ring_t


cdef class CommandPort:
    cdef ring_t commands
    cdef int push(self, command_t *command) except -1
    cdef int wake(self) except -1
    cdef int _simple(self, int kind, uint32_t id, uint32_t owner=*, long long value=*) except -1
    cdef int _with_data(self, int kind, uint32_t id, uint32_t owner, long long value, const void *data,
                        size_t size) except -1
    cdef int _hand_over(self, int kind, uint32_t id, uint32_t owner, void *data) except -1
