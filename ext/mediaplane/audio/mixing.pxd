"""All mixes of a mixing thread, between the pipes that lead from and to the workers. Sans-IO.

To workers a mix is a producer of another worker, MIXER_WORKER, with an encoding for each output of its mixer: what
consumers there wish comes as wishes, what they get goes as packets. To a microphone's worker the thread is another
worker that has a consumer of it. So fan-out, numbers, sender reports, repair and permissions are those of all others.

An order for a mix or source that has gone is counted and ignored.
"""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.audio.audio_mixer cimport audio_mixer_t, mixer_source_t
from mediaplane.audio.jitter_buffer cimport jitter_statistics_t
from mediaplane.audio.overload cimport overload_t
from mediaplane.audio.source_report cimport source_report_t
from mediaplane.audio.tap cimport tap_t
from mediaplane.model cimport plane_t
from mediaplane.pipes.pipe cimport pipe_t
from mediaplane.rings cimport ring_t
from mediaplane.tables cimport id_table_t

cdef enum:
    MIX_MAX_TALKERS = 15         # MAX_APART
    MIX_MAX_OUTPUTS = 16
    MIX_PAYLOAD_TYPE = 111       # of Opus
    MIXING_MAX_WORKERS = 63

cdef enum MixingCommandKind:
    MIXING_OPEN = 1              # data: mix_t
    MIXING_CLOSE = 2
    MIXING_SET = 3               # data: opus_settings_t
    MIXING_ADD_SOURCE = 4        # data: mix_source_t
    MIXING_REMOVE_SOURCE = 5     # key: of the source
    MIXING_ADD_TAP = 6           # data: tap_t, of which a reference goes along
    MIXING_REMOVE_TAP = 7        # data: likewise

cdef struct mixing_command_t:
    uint16_t kind
    uint32_t mix
    uint64_t key
    void *data

# A microphone in a mix.
cdef struct mix_source_t:
    uint64_t key                 # source_key() of its worker and producer
    mixer_source_t *source
    mix_t *mix
    uint32_t untold              # ticks since it was wished; its worker answers the first wish
    bint answered
    source_report_t *report
    jitter_statistics_t summed   # what of its statistics is in the counters
    mix_source_t *next

cdef struct mix_t:
    uint32_t id                  # of the producer that workers know
    audio_mixer_t *mixer
    mix_source_t *sources        # list
    tap_t *taps                  # list
    mix_t *next
    uint32_t ssrc
    uint32_t timestamp           # at the thread's tick 0
    int64_t[16] seq64            # of each output's next packet
    uint64_t[16] without         # as it was told last
    int64_t[16] since_tick       # when it got so
    uint64_t wished_by           # workers, a bit each
    uint16_t[64] wishes           # of each worker: outputs, a bit each
    int64_t[64] left_tick        # when one of its talkers last became one who hears the whole mix

cdef struct mixing_counters_t:
    uint64_t ticks
    uint64_t late                # ticks that began when the next one was due
    uint64_t skipped             # ticks left out because too many were due
    uint64_t busy_us             # CPU time
    uint64_t longest_us          # of a tick
    uint64_t packets_received
    uint64_t packets_sent
    uint64_t packets_refused     # a worker did not take them in time
    uint64_t packets_unknown     # of no source, or broken
    uint64_t commands
    uint64_t commands_stale
    uint64_t shed                # the present level, see overload.pxd
    # Of the jitter buffers of all sources, once a second, as jitter_statistics_t has them:
    uint64_t source_packets
    uint64_t source_late
    uint64_t source_red_recovered
    uint64_t source_fec_recovered
    uint64_t source_played
    uint64_t source_concealed
    uint64_t source_removed
    uint64_t source_added
    # Of those that are decoded at the moment: how many, and their means.
    uint64_t heard
    uint64_t heard_target_us
    uint64_t heard_delay_us

cdef struct mixing_link_t:
    pipe_t *incoming
    pipe_t *outgoing

cdef struct mixing_t:
    uint64_t workers             # those that pipes lead to, a bit each
    mixing_link_t[64] links
    mix_t *mixes                 # list
    id_table_t mix_by_id
    id_table_t source_by_key
    uint8_t[256] kind_by_id      # header extensions in pipes
    int64_t tick                 # number of the next one
    int64_t begun_us             # when tick 0 was due, on the monotonic clock and as NTP time
    uint64_t begun_ntp
    overload_t overload
    mixing_counters_t counters

cdef inline uint64_t source_key(uint32_t worker, uint32_t id) noexcept nogil:
    return (<uint64_t>worker + 1) << 32 | id

# OK or NO_MEMORY. At most `limit` mixes, and sources of all together.
cdef int mixing_init(mixing_t *mixing, uint32_t limit) noexcept nogil
cdef void mixing_free(mixing_t *mixing) noexcept nogil
# Tick 0 is due now.
cdef void mixing_begin(mixing_t *mixing, int64_t now_us, uint64_t now_ntp) noexcept nogil
# Lays pipes to a worker's plane and back. `wake_fd`: eventfd of the worker, -1: none. OK, NO_MEMORY, NO_SPACE or
# BAD_STATE.
cdef int mixing_attach(mixing_t *mixing, uint32_t worker, plane_t *plane, int wake_fd,
                       uint32_t capacity) noexcept nogil

cdef void mixing_carry_out(mixing_t *mixing, mixing_command_t *command) noexcept nogil
cdef uint32_t mixing_drain(mixing_t *mixing, ring_t *commands) noexcept nogil
# Frees what an order that was not carried out brought.
cdef void mixing_discard(mixing_command_t *command) noexcept nogil
cdef void mix_free(mix_t *mix) noexcept nogil
cdef void mix_source_free(mix_source_t *source) noexcept nogil

# A tick of every mix, due at `due_us`, or one that is left out.
cdef void mixing_tick(mixing_t *mixing, int64_t due_us) noexcept nogil
cdef void mixing_skip(mixing_t *mixing, int64_t due_us) noexcept nogil
