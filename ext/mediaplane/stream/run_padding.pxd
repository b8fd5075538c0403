"""RTP padding that makes neighbours equal, so that they go to the kernel as one run.

Encoders cut a frame into packets that differ by a byte or a header extension, and a run of UDP segments ends at the
first packet that is longer than those before it. A few bytes of padding (RFC 3550 section 5.1) cost less than another
send to every consumer.
"""
from mediaplane.model cimport encoding_t, plane_t

cdef enum:
    MAX_RUN_PADDING = 24         # bytes; what the cache leaves free behind a packet of video

# Pads the packets that `encoding` has in the batch, once for all its consumers: in the cache, so that a packet that is
# sent again is the same. Sizes are those that the first consumer gets; others get them too if they negotiated the same.
cdef void equalise_sizes(plane_t *plane, encoding_t *encoding) noexcept nogil
