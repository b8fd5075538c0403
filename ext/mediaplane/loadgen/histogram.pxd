"""Counts of microseconds in buckets of about 3 %: 64 exact ones, then 32 for each power of two, as HDR histograms."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from *:
    int count_leading_zeros "__builtin_clz"(unsigned int value) noexcept nogil

cdef enum:
    HISTOGRAM_EXACT = 64
    HISTOGRAM_PER_OCTAVE = 32
    HISTOGRAM_BUCKETS = 64 + 20 * 32     # to 2^26 us, 67 s; longer ones count as that

cdef struct histogram_t:
    uint64_t counts[704]


cdef inline void histogram_add(histogram_t *histogram, int64_t value_us) noexcept nogil:
    cdef uint32_t value, shift, bucket
    value = 0 if value_us < 0 else <uint32_t>min(value_us, (<int64_t>1 << 26) - 1)
    bucket = value
    if value >= HISTOGRAM_EXACT:
        shift = 26 - count_leading_zeros(value)      # leaves 6 bits, the first of them set
        bucket = HISTOGRAM_EXACT + (shift - 1) * HISTOGRAM_PER_OCTAVE + (value >> shift) - HISTOGRAM_PER_OCTAVE
    histogram.counts[bucket] += 1


# The largest value that a bucket counts.
cdef inline int64_t histogram_upper_us(uint32_t bucket) noexcept nogil:
    cdef uint32_t shift
    if bucket < HISTOGRAM_EXACT:
        return bucket
    shift = (bucket - HISTOGRAM_EXACT) // HISTOGRAM_PER_OCTAVE + 1
    return ((<int64_t>((bucket - HISTOGRAM_EXACT) % HISTOGRAM_PER_OCTAVE + HISTOGRAM_PER_OCTAVE + 1)) << shift) - 1
