"""What the jitter buffer of a microphone in a mix has counted, for another thread: written by the mixing thread once a
second, read at any time, and neither waits for the other.
"""
from libc.stdint cimport uint64_t

from mediaplane.audio.jitter_buffer cimport jitter_statistics_t

cdef struct source_report_t:
    int references               # the mix and the reader
    uint64_t writes              # odd while it is being written; 0: nothing has been
    uint64_t decoded             # whether the mix heard the microphone then
    jitter_statistics_t statistics

# NULL: no memory. It has one reference.
cdef source_report_t *source_report_new() noexcept nogil
cdef void source_report_keep(source_report_t *report) noexcept nogil
cdef void source_report_release(source_report_t *report) noexcept nogil         # NULL is allowed
cdef void source_report_write(source_report_t *report, const jitter_statistics_t *statistics,
                              bint decoded) noexcept nogil
# Whether the microphone was heard when this was written. False, too, before anything is.
cdef bint source_report_read(source_report_t *report, jitter_statistics_t *statistics) noexcept nogil
