"""A BIO of datagrams, and libssl's timer callback."""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from mediaplane.secure.datagram_queue cimport (
    datagram_queue_t,
    queue_clear,
    queue_drop,
    queue_front,
    queue_is_empty,
    queue_join,
    queue_push,
    queue_release,
)
from mediaplane.secure.libssl cimport *
from mediaplane.status cimport Status


cdef enum:
    RECORD_ALERT = 21
    MIN_MTU = 256

    FIRST_INTERVAL_US = 100_000
    MAX_INTERVAL_US = 3_000_000
    MAX_REPETITIONS = 11               # of a flight; libssl gives up behind 12
    EXPIRED_US = 1                     # libssl takes less than 15 ms for "now"

    OUTGOING_CAPACITY = 16384
    REPETITIONS_CAPACITY = 32768

cdef unsigned int NEVER_US = 3_600_000_000


cdef void send_datagram(dtls_flights_t *flights, const void *data, uint32_t size) noexcept nogil:
    """Queues it, or drops and counts it: to DTLS and SCTP it is lost on its way then."""
    if queue_push(&flights.outgoing, data, size) < 0:
        flights.dropped += 1


cdef int write_datagram(BIO *bio, const char *data, int size) noexcept nogil:
    cdef dtls_flights_t *flights = <dtls_flights_t *>BIO_get_data(bio)
    BIO_clear_retry_flags(bio)
    if size <= 0:
        return size
    if flights.repeating and <uint8_t>data[0] != RECORD_ALERT:
        queue_join(&flights.repetitions, data, <uint32_t>size, flights.mtu)
    else:
        send_datagram(flights, data, <uint32_t>size)
    return size


cdef int read_datagram(BIO *bio, char *out, int capacity) noexcept nogil:
    cdef dtls_flights_t *flights = <dtls_flights_t *>BIO_get_data(bio)
    cdef uint32_t size = flights.incoming_size
    BIO_clear_retry_flags(bio)
    if flights.incoming == NULL or capacity <= 0:
        BIO_set_retry_read(bio)
        return -1
    if size > <uint32_t>capacity:
        size = <uint32_t>capacity
    memcpy(out, flights.incoming, size)
    flights.incoming = NULL
    return <int>size


cdef long control_datagrams(BIO *bio, int command, long argument, void *pointer) noexcept nogil:
    cdef dtls_flights_t *flights = <dtls_flights_t *>BIO_get_data(bio)
    if command == BIO_CTRL_FLUSH:
        return 1
    if command == BIO_CTRL_DGRAM_QUERY_MTU or command == BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return flights.mtu
    return 0


cdef BIO_METHOD *datagram_method = NULL


cdef int prepare_library() except -1:
    global datagram_method
    datagram_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, b"datagrams of a DTLS session")
    if datagram_method == NULL:
        raise MemoryError
    BIO_meth_set_write(datagram_method, write_datagram)
    BIO_meth_set_read(datagram_method, read_datagram)
    BIO_meth_set_ctrl(datagram_method, control_datagrams)
    return 0


prepare_library()


cdef unsigned int choose_duration(SSL *ssl, unsigned int duration_us) noexcept nogil:
    """libssl's timer callback: 0 stands for the start of a flight, else the flight is repeated after this call."""
    cdef dtls_flights_t *flights = <dtls_flights_t *>BIO_get_data(SSL_get_rbio(ssl))
    if duration_us == 0:
        queue_clear(&flights.repetitions)
        flights.repetition_count = 0
        flights.repeating = False
        flights.interval_us = FIRST_INTERVAL_US
        flights.repeat_us = flights.now_us + FIRST_INTERVAL_US
        return EXPIRED_US
    flights.repeating = flights.repetition_count < MAX_REPETITIONS
    if flights.repeating:
        flights.repetition_count += 1
        queue_push(&flights.repetitions, NULL, 0)
    return EXPIRED_US if flights.repetition_count < MAX_REPETITIONS else NEVER_US


cdef int flights_attach(dtls_flights_t *flights, SSL *ssl, uint16_t mtu) noexcept nogil:
    cdef BIO *bio = BIO_new(datagram_method)
    if bio == NULL:
        return Status.NO_MEMORY
    flights.mtu = mtu if mtu > MIN_MTU else MIN_MTU
    flights.repeat_us = INT64_MAX
    flights.outgoing.capacity = OUTGOING_CAPACITY
    flights.repetitions.capacity = REPETITIONS_CAPACITY
    BIO_set_data(bio, flights)
    BIO_set_init(bio, 1)
    SSL_set_bio(ssl, bio, bio)
    SSL_set_mtu(ssl, flights.mtu)
    DTLS_set_timer_cb(ssl, choose_duration)
    return Status.OK


cdef void flights_release(dtls_flights_t *flights) noexcept nogil:
    queue_release(&flights.outgoing)
    queue_release(&flights.repetitions)


cdef void flights_begin(dtls_flights_t *flights) noexcept nogil:
    flights.repeating = False


cdef void flights_timeout(dtls_flights_t *flights, int64_t now_us) noexcept nogil:
    cdef datagram_queue_t *repetitions = &flights.repetitions
    cdef const uint8_t *data
    cdef uint32_t size
    if now_us < flights.repeat_us:
        return
    if not queue_is_empty(repetitions):
        queue_drop(repetitions)                 # the empty entry in front
    while not queue_is_empty(repetitions):
        size = queue_front(repetitions, &data)
        if size == 0:
            break
        send_datagram(flights, data, size)
        queue_drop(repetitions)
    flights.interval_us = min(2 * flights.interval_us, <int64_t>MAX_INTERVAL_US)
    flights.repeat_us = INT64_MAX if queue_is_empty(repetitions) else now_us + flights.interval_us


cdef void flights_stop(dtls_flights_t *flights) noexcept nogil:
    flights.repeat_us = INT64_MAX
    queue_release(&flights.repetitions)
