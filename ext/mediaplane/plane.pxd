"""The sans-IO state machine of one worker: datagrams and commands in, datagrams and events out, time as an argument."""
from libc.stdint cimport int64_t, uint32_t

from mediaplane.model cimport datagram_t, plane_t, send_t
from mediaplane.rings cimport ring_t
from mediaplane.secure.dtls cimport dtls_context_t

# `max_transports` bounds every table. `dtls` and `events` are borrowed. OK, NO_MEMORY, UNSUPPORTED (no such back end).
cdef int plane_init(plane_t *plane, uint32_t max_transports, int srtp_backend, dtls_context_t *dtls,
                    ring_t *events) noexcept nogil
cdef void plane_free(plane_t *plane) noexcept nogil
# Closes every transport. False: the egress is full, flush and call again. Flush to send what they say last.
cdef bint plane_close_all(plane_t *plane) noexcept nogil

# The order of calls: any of receive, timeout and commands, then flush until it returns 0, then the next. `now_us` > 0
# and never goes back.
cdef void plane_receive(plane_t *plane, datagram_t *datagrams, uint32_t count, int64_t now_us) noexcept nogil
# Goes on with handshakes whose datagrams wait, at most `limit` datagrams; false: none waits any more.
cdef bint plane_handshakes(plane_t *plane, uint32_t limit, int64_t now_us) noexcept nogil
cdef bint plane_handshakes_wait(const plane_t *plane) noexcept nogil
# Does what is due. Some may be left when the egress fills up: the next deadline is then in the past.
cdef void plane_timeout(plane_t *plane, int64_t now_us) noexcept nogil
cdef int64_t plane_deadline(const plane_t *plane) noexcept nogil                # us; INT64_MAX: none
# What has to be sent now; the sends hold until the next call. 0: nothing is left.
cdef uint32_t plane_flush(plane_t *plane, send_t **sends, int64_t now_us) noexcept nogil
