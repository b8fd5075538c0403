"""A sequence lock of one writer, in which every word is atomic: see source_report.pxd."""
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from mediaplane.audio.jitter_buffer cimport jitter_statistics_t

cdef extern from *:
    """
    #define mp_report_load(address) __atomic_load_n(address, __ATOMIC_RELAXED)
    #define mp_report_load_first(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
    #define mp_report_store(address, value) __atomic_store_n(address, value, __ATOMIC_RELAXED)
    #define mp_report_store_last(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
    #define mp_report_read_before() __atomic_thread_fence(__ATOMIC_ACQUIRE)
    #define mp_report_written_after() __atomic_thread_fence(__ATOMIC_RELEASE)
    #define mp_report_keep(address) __atomic_add_fetch(address, 1, __ATOMIC_ACQ_REL)
    #define mp_report_drop(address) __atomic_sub_fetch(address, 1, __ATOMIC_ACQ_REL)
    """
    uint64_t load "mp_report_load"(const uint64_t *address) noexcept nogil
    uint64_t load_first "mp_report_load_first"(const uint64_t *address) noexcept nogil
    void store "mp_report_store"(uint64_t *address, uint64_t value) noexcept nogil
    void store_last "mp_report_store_last"(uint64_t *address, uint64_t value) noexcept nogil
    void read_before "mp_report_read_before"() noexcept nogil
    void written_after "mp_report_written_after"() noexcept nogil
    int keep_reference "mp_report_keep"(int *references) noexcept nogil
    int drop_reference "mp_report_drop"(int *references) noexcept nogil


cdef source_report_t *source_report_new() noexcept nogil:
    cdef source_report_t *report = <source_report_t *>calloc(1, sizeof(source_report_t))
    if report != NULL:
        report.references = 1
    return report


cdef void source_report_keep(source_report_t *report) noexcept nogil:
    keep_reference(&report.references)


cdef void source_report_release(source_report_t *report) noexcept nogil:
    if report != NULL and drop_reference(&report.references) == 0:
        free(report)


cdef void source_report_write(source_report_t *report, const jitter_statistics_t *statistics,
                              bint decoded) noexcept nogil:
    cdef const uint64_t *words = <const uint64_t *>statistics
    cdef uint64_t *to = <uint64_t *>&report.statistics
    cdef uint64_t writes = report.writes
    cdef size_t i
    store(&report.writes, writes + 1)
    written_after()
    store(&report.decoded, decoded)
    for i in range(sizeof(jitter_statistics_t) // sizeof(uint64_t)):
        store(&to[i], words[i])
    store_last(&report.writes, writes + 2)


cdef bint source_report_read(source_report_t *report, jitter_statistics_t *statistics) noexcept nogil:
    cdef uint64_t *words = <uint64_t *>statistics
    cdef uint64_t *kept = <uint64_t *>&report.statistics
    cdef uint64_t before, decoded
    cdef size_t i
    while True:                  # again only if it was written meanwhile, which takes nanoseconds once a second
        before = load_first(&report.writes)
        decoded = load(&report.decoded)
        for i in range(sizeof(jitter_statistics_t) // sizeof(uint64_t)):
            words[i] = load(&kept[i])
        read_before()
        if before & 1 == 0 and load(&report.writes) == before:
            return decoded != 0
