"""Outgoing copies: what a consumer forwards, with which numbers, and how it answers NACKs."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from mediaplane.model cimport consumer_t, ingress_t, plane_t, producer_t, transport_t

cdef int consumer_open(plane_t *plane, transport_t *transport, consumer_t *consumer) noexcept nogil
# A receive slot gets another source; `producer` NULL: none. `payload_types`: 128 payload types, `rtx_types`: likewise.
cdef int consumer_connect(plane_t *plane, consumer_t *consumer, producer_t *producer, const uint8_t *payload_types,
                          const uint8_t *rtx_types, int64_t now_us) noexcept nogil
cdef void consumer_disconnect(consumer_t *consumer) noexcept nogil
cdef void consumer_gate(plane_t *plane, consumer_t *consumer, bint open, int64_t now_us) noexcept nogil
cdef void consumer_prefer(plane_t *plane, consumer_t *consumer, uint8_t encoding, int64_t now_us) noexcept nogil
# Chooses the encoding anew: the one asked for, else the highest that is active.
cdef void consumer_choose(consumer_t *consumer) noexcept nogil
# The same, and asks for a keyframe if one is needed for it.
cdef void consumer_retarget(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil
# A mix has changed whom it leaves out of what.
cdef void consumer_follow_mix(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil
# The source has new numbers and a new clock: what was sent of the old one is never sent again.
cdef void consumer_begin_anew(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil
# What follows is a new beginning for the receiver: video waits for a keyframe.
cdef void consumer_resync(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil
cdef void consumer_transport_connected(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil

# Puts one packet of the batch into the egress. OK (also when the consumer does not want it), or NO_SPACE: try again
# after a flush; nothing has changed then.
cdef int consumer_forward(plane_t *plane, consumer_t *consumer, const ingress_t *packet, int64_t now_us) noexcept nogil
# Sends an outgoing packet again, by RTX where it was negotiated. NOT_FOUND if it is not cached (any more).
cdef int consumer_resend(plane_t *plane, consumer_t *consumer, uint16_t out_seq16, int64_t now_us) noexcept nogil

cdef void consumer_detach(plane_t *plane, consumer_t *consumer) noexcept nogil
cdef void consumer_free(consumer_t *consumer) noexcept nogil
