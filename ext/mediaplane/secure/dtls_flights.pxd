"""The datagrams of a DTLS session: libssl's way in and out, and the repetition of lost flights by the caller's clock.

libssl keeps its retransmission timer by the wall clock, while time is an argument here. So libssl's timer is only used
to obtain the retransmissions: at the start of a flight it is told a duration that has expired at once, and repeats the
flight (with new record numbers, else the peer's replay window would drop what it has seen) until it is told a duration
that never expires. The repetitions are kept, and sent when the caller's time says so. The last flight of a handshake
has no timer: libssl repeats it when the peer repeats its own (RFC 6347 section 4.2.4).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from mediaplane.secure.datagram_queue cimport datagram_queue_t
from mediaplane.secure.libssl cimport SSL

cdef struct dtls_flights_t:
    const uint8_t *incoming            # the datagram that libssl may read next; NULL: none
    uint32_t incoming_size
    uint16_t mtu
    uint8_t repeating                  # what libssl writes now is a repetition
    uint8_t repetition_count           # made of this flight
    uint32_t dropped                   # datagrams that found `outgoing` full
    int64_t now_us                     # to be set before libssl is called
    int64_t interval_us                # from the next repetition to the one behind it
    int64_t repeat_us                  # INT64_MAX: nothing is to be repeated
    datagram_queue_t outgoing
    datagram_queue_t repetitions       # each: an empty entry, then its datagrams

# Gives `ssl` the datagrams of `flights`, which must outlive it. OK or NO_MEMORY.
cdef int flights_attach(dtls_flights_t *flights, SSL *ssl, uint16_t mtu) noexcept nogil
cdef void flights_release(dtls_flights_t *flights) noexcept nogil
# To be called before libssl is: what it writes is new again, unless it says otherwise.
cdef void flights_begin(dtls_flights_t *flights) noexcept nogil
# Queues a repetition if one is due.
cdef void flights_timeout(dtls_flights_t *flights, int64_t now_us) noexcept nogil
# The handshake is over: nothing is repeated any more.
cdef void flights_stop(dtls_flights_t *flights) noexcept nogil
