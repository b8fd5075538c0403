"""Orders to a mixing thread. Everything is checked and allocated here, so that the thread only has to link it in."""
from libc.stdint cimport int16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mediaplane.audio.audio_mixer cimport MIXER_TICK, audio_mixer_new, mixer_settings_t, mixer_source_new
from mediaplane.audio.jitter_buffer cimport JITTER_NO_PAYLOAD_TYPE, jitter_buffer_take, jitter_statistics_t
from mediaplane.audio.mixing cimport (
    MIX_MAX_TALKERS, MIXING_ADD_SOURCE, MIXING_ADD_TAP, MIXING_CLOSE, MIXING_MAX_WORKERS, MIXING_OPEN,
    MIXING_REMOVE_SOURCE, MIXING_REMOVE_TAP, MIXING_SET, mix_free, mix_source_free, mix_source_t, mix_t,
    mixing_command_t, mixing_discard, source_key,
)
from mediaplane.audio.opus cimport OPUS_MUSIC, OPUS_VOICE, opus_settings_t
from mediaplane.audio.source_report cimport (
    source_report_keep, source_report_new, source_report_read, source_report_release,
)
from mediaplane.audio.tap cimport tap_give_back, tap_keep, tap_new, tap_readable, tap_release
from mediaplane.rings cimport ring_free, ring_init, ring_pop, ring_push
from mediaplane.status cimport OK, UNSUPPORTED

import random


cdef int _fill_opus(opus_settings_t *out, bitrate_bps, complexity, music, fec, dtx, expected_loss) except -1:
    for name, value, least, most in (("bitrate_bps", bitrate_bps, 6_000, 510_000), ("complexity", complexity, 0, 10),
                                     ("expected_loss", expected_loss, 0, 100)):
        if not least <= value <= most:
            raise ValueError(f"{name} {value} is not between {least} and {most}")
    memset(out, 0, sizeof(opus_settings_t))
    out.bitrate_bps = bitrate_bps
    out.complexity = complexity
    out.content = OPUS_MUSIC if music else OPUS_VOICE
    out.fec = bool(fec)
    out.dtx = bool(dtx)
    out.expected_loss = expected_loss
    return 0


cdef class MixingPort:
    """Base of everything that takes orders for mixes. One Python thread at a time may use it."""

    def __cinit__(self, *args, **kwargs):
        if ring_init(&self.commands, 8192, sizeof(mixing_command_t)) != OK:
            raise MemoryError("no memory for the command ring")
        self.channels = {}
        self.reports = {}

    def __dealloc__(self):
        cdef mixing_command_t command
        if self.commands.records != NULL:
            while ring_pop(&self.commands, &command):
                mixing_discard(&command)
            ring_free(&self.commands)

    cdef int _push(self, int kind, uint32_t mix, uint64_t key, void *data) except -1:
        """The receiver takes `data` over; the caller keeps it when this raises."""
        cdef mixing_command_t command
        memset(&command, 0, sizeof(command))
        command.kind = kind
        command.mix = mix
        command.key = key
        command.data = data
        if ring_push(&self.commands, &command) != OK:
            raise BufferError("the mixing thread's command ring is full: it is overloaded or has stopped")
        return 0

    def open_mix(self, uint32_t mix_id, *, int channels=1, int talkers=3, bitrate_bps=32_000, complexity=5, music=False,
                 fec=False, dtx=False, expected_loss=0):
        """Begin a mix, which workers know as the producer `mix_id` of the worker 63, with talkers + 1 encodings.

        `channels` 1 or 2; `talkers` 1 to 15: so many are heard at once; the rest is for Opus. Raises ValueError,
        MemoryError, BufferError.
        """
        cdef mixer_settings_t settings
        cdef mix_t *mix
        cdef int status
        if not mix_id or not 1 <= channels <= 2 or not 1 <= talkers <= MIX_MAX_TALKERS:
            raise ValueError(f"a mix has an id above 0, 1 or 2 channels and 1 to {MIX_MAX_TALKERS} talkers, "
                             f"not {mix_id}, {channels} and {talkers}")
        settings.channels = channels
        settings.talkers = talkers
        _fill_opus(&settings.opus, bitrate_bps, complexity, music, fec, dtx, expected_loss)
        mix = <mix_t *>calloc(1, sizeof(mix_t))
        if mix == NULL:
            raise MemoryError("no memory for a mix")
        try:
            status = audio_mixer_new(&mix.mixer, &settings)
            if status != OK:
                raise ValueError("libopus refuses these settings") if status == UNSUPPORTED else MemoryError
            mix.id = mix_id
            mix.ssrc = random.getrandbits(32)
            mix.timestamp = random.getrandbits(32)
            self._push(MIXING_OPEN, mix_id, 0, mix)
        except BaseException:
            mix_free(mix)
            raise
        self.channels[mix_id] = channels
        self.reports[mix_id] = {}

    def close_mix(self, uint32_t mix_id):
        """End a mix and let go of its sources."""
        self.channels.pop(mix_id, None)
        self.reports.pop(mix_id, None)
        self._push(MIXING_CLOSE, mix_id, 0, NULL)

    def set_mix(self, uint32_t mix_id, *, bitrate_bps=32_000, complexity=5, fec=False, dtx=False, expected_loss=0):
        """Encode otherwise from the next tick on. Raises ValueError, BufferError."""
        cdef opus_settings_t opus
        cdef void *copy
        _fill_opus(&opus, bitrate_bps, complexity, False, fec, dtx, expected_loss)
        copy = calloc(1, sizeof(opus_settings_t))
        if copy == NULL:
            raise MemoryError
        memcpy(copy, &opus, sizeof(opus_settings_t))
        try:
            self._push(MIXING_SET, mix_id, 0, copy)
        except BaseException:
            free(copy)
            raise

    def add_source(self, uint32_t mix_id, *, int worker, uint32_t producer_id, uint32_t transport_id,
                   opus_payload_types, red_payload_types=()):
        """Have the mix take a microphone, the producer of a worker, which hands its packets over from now on.

        Consumers of `transport_id` hear the mix without it. `red_payload_types`: of RED around that Opus. Raises
        ValueError, MemoryError, BufferError.
        """
        cdef mix_source_t *source
        cdef SourceReport report = SourceReport.__new__(SourceReport)
        if not 0 <= worker < MIXING_MAX_WORKERS or not producer_id or not transport_id:
            raise ValueError(f"there is no producer {producer_id} of a transport {transport_id} on a worker {worker}")
        if mix_id not in self.channels:
            raise ValueError(f"there is no mix {mix_id}")
        if not opus_payload_types or not all(0 <= each < 128 for each in (*opus_payload_types, *red_payload_types)):
            raise ValueError(f"payload types are from 0 to 127, and one is of Opus: not {opus_payload_types} and "
                             f"{red_payload_types}")
        source = <mix_source_t *>calloc(1, sizeof(mix_source_t))
        if source == NULL:
            raise MemoryError("no memory for a source")
        try:
            source.key = source_key(worker, producer_id)
            source.report = source_report_new()
            if source.report == NULL:
                raise MemoryError("no memory for a source")
            source_report_keep(source.report)
            report.report = source.report
            if mixer_source_new(&source.source, self.channels[mix_id], source.key, source_key(worker, transport_id),
                                opus_payload_types[0], JITTER_NO_PAYLOAD_TYPE) != OK:
                raise MemoryError("no memory for a source")
            for each in opus_payload_types[1:]:
                jitter_buffer_take(source.source.buffer, each, False)
            for each in red_payload_types:
                jitter_buffer_take(source.source.buffer, each, True)
            source.source.open = False           # until its worker tells
            report_key = source.key          # the thread has the source from now on
            self._push(MIXING_ADD_SOURCE, mix_id, source.key, source)
        except BaseException:
            mix_source_free(source)
            raise
        self.reports[mix_id][report_key] = report

    def remove_source(self, uint32_t mix_id, *, int worker, uint32_t producer_id):
        """Let go of a microphone."""
        self._push(MIXING_REMOVE_SOURCE, mix_id, source_key(worker, producer_id), NULL)
        self.reports.get(mix_id, {}).pop(source_key(worker, producer_id), None)

    def source_statistics(self, uint32_t mix_id, *, int worker, uint32_t producer_id):
        """What the jitter buffer of a microphone has counted, a second ago at most: see jitter_statistics_t for names
        and units. None while it is not decoded, or not there. The thread is not asked.
        """
        cdef jitter_statistics_t statistics
        cdef SourceReport report = self.reports.get(mix_id, {}).get(source_key(worker, producer_id))
        if report is None or not source_report_read(report.report, &statistics):
            return None
        return statistics

    def open_tap(self, uint32_t mix_id, *, uint32_t output=0, uint32_t ticks=50):
        """PCM of an output for a reader here, off the hot path; it holds `ticks` of 20 ms. Raises ValueError."""
        if mix_id not in self.channels:
            raise ValueError(f"there is no mix {mix_id}")
        if not 1 <= ticks <= 3_000:
            raise ValueError(f"a tap holds 1 to 3000 ticks, not {ticks}")
        cdef Tap tap = Tap.__new__(Tap)
        tap.channels = self.channels[mix_id]
        tap.taken = 0
        tap.tap = tap_new(ticks, MIXER_TICK * tap.channels, output)
        if tap.tap == NULL:
            raise MemoryError("no memory for a tap")
        tap_keep(tap.tap)
        try:
            self._push(MIXING_ADD_TAP, mix_id, 0, tap.tap)
        except BaseException:
            tap_release(tap.tap)
            raise
        tap.mix = mix_id
        tap.port = self
        return tap


cdef class SourceReport:
    """The reader's end of what is reported of a source."""

    def __dealloc__(self):
        source_report_release(self.report)


cdef class Tap:
    """What a mix sounds like: `np.asarray(tap)` is what there is, int16, (frames, channels), without a copy.

    Each such view takes what lies in one piece; it holds until release(), which makes room for what comes.
    """

    def __dealloc__(self):
        tap_release(self.tap)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef uint64_t at = self.tap.head % self.tap.capacity
        self.taken = tap_readable(self.tap)
        self.shape[0] = self.taken * MIXER_TICK
        self.shape[1] = self.channels
        self.strides[0] = self.channels * sizeof(int16_t)
        self.strides[1] = sizeof(int16_t)
        buffer.buf = self.tap.pcm + at * self.tap.samples
        buffer.obj = self
        buffer.len = self.shape[0] * self.strides[0]
        buffer.itemsize = sizeof(int16_t)
        buffer.readonly = 1
        buffer.ndim = 2
        buffer.format = b"h"
        buffer.shape = self.shape
        buffer.strides = self.strides
        buffer.suboffsets = NULL
        buffer.internal = NULL

    def release(self):
        """What the last view showed may be overwritten now."""
        tap_give_back(self.tap, self.taken)
        self.taken = 0

    def close(self):
        """The mix writes no more. Idempotent."""
        if self.port is None:
            return
        tap_keep(self.tap)
        try:
            self.port._push(MIXING_REMOVE_TAP, self.mix, 0, self.tap)
        except BaseException:
            tap_release(self.tap)
            raise
        self.port = None

    @property
    def dropped(self):
        """Ticks that found no room."""
        return self.tap.dropped
