"""What goes between mixes and workers through their pipes: wishes, states and packets, both ways."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from mediaplane.audio.mixing cimport mix_source_t, mix_t, mixing_t
from mediaplane.pipes.records cimport PipeRecordKind

# To a microphone's worker: PIPE_WISH, its packets are wanted, or PIPE_END. The second says again what is due.
cdef void mix_wish(mixing_t *mixing, const mix_source_t *source, PipeRecordKind kind) noexcept nogil
cdef void mix_renew_wishes(mixing_t *mixing, mix_t *mix) noexcept nogil

# Takes what workers have written.
cdef void mixing_receive(mixing_t *mixing, int64_t now_us) noexcept nogil

# Before the packets of a tick: tells workers for whom of the talkers they are.
cdef void mix_note_talkers(mixing_t *mixing, mix_t *mix) noexcept nogil
# The workers that want an output, a bit each.
cdef uint64_t mix_listening(const mixing_t *mixing, const mix_t *mix, uint32_t index) noexcept nogil
# An output's packet of this tick to a worker.
cdef void mix_send(mixing_t *mixing, mix_t *mix, uint32_t index, uint32_t worker) noexcept nogil
# Workers see what was written: returns those that have to be woken, a bit each.
cdef uint64_t mixing_publish(mixing_t *mixing) noexcept nogil
