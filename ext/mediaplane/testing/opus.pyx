"""Opus encoder and decoder of mediaplane.audio.opus as Python objects. PCM is bytes: 16 bits, native, interleaved."""
from libc.stdint cimport int16_t, uint32_t

from mediaplane.audio.opus cimport (
    OPUS_MAX_PACKET_SIZE, OPUS_MAX_SAMPLES, OPUS_MUSIC, OPUS_VOICE, OpusDecoder, OpusEncoder, opus_conceal,
    opus_decode_fec, opus_decode_packet, opus_decoder_free, opus_decoder_new, opus_decoder_reset, opus_encode_packet,
    opus_encoder_free, opus_encoder_new, opus_encoder_set, opus_packet_has_fec, opus_packet_is_dtx,
    opus_packet_samples, opus_settings_t,
)
from mediaplane.status cimport check
from mediaplane.testing.exact_buffer cimport ExactBuffer, exact_copy, exact_room


def packet_samples(bytes packet):
    cdef ExactBuffer data = exact_copy(packet)
    return check(opus_packet_samples(data.data, data.size))


def packet_has_fec(bytes packet):
    cdef ExactBuffer data = exact_copy(packet)
    return bool(opus_packet_has_fec(data.data, data.size))


def packet_is_dtx(bytes packet):
    return bool(opus_packet_is_dtx(<uint32_t>len(packet)))


cdef opus_settings_t settings_of(bitrate_bps, complexity, music, fec, dtx, expected_loss):
    cdef opus_settings_t settings
    settings.bitrate_bps = bitrate_bps
    settings.complexity = complexity
    settings.content = OPUS_MUSIC if music else OPUS_VOICE
    settings.fec = fec
    settings.dtx = dtx
    settings.expected_loss = expected_loss
    return settings


cdef class Encoder:
    cdef OpusEncoder *encoder
    cdef int channels

    def __init__(self, int channels=1, *, bitrate_bps=32_000, complexity=5, music=False, fec=False, dtx=False,
                 expected_loss=0):
        cdef opus_settings_t settings = settings_of(bitrate_bps, complexity, music, fec, dtx, expected_loss)
        check(opus_encoder_new(&self.encoder, channels, &settings))
        self.channels = channels

    def __dealloc__(self):
        opus_encoder_free(self.encoder)

    def set(self, *, bitrate_bps, complexity, fec, dtx, expected_loss):
        cdef opus_settings_t settings = settings_of(bitrate_bps, complexity, False, fec, dtx, expected_loss)
        check(opus_encoder_set(self.encoder, &settings))

    def encode(self, bytes pcm, int capacity=OPUS_MAX_PACKET_SIZE):
        cdef ExactBuffer data = exact_copy(pcm)
        cdef ExactBuffer out = exact_room(capacity)
        cdef int samples = <int>(len(pcm) // (2 * self.channels))
        cdef int size
        with nogil:
            size = opus_encode_packet(self.encoder, <const int16_t *>data.data, samples, out.data, capacity)
        return out.head(check(size))


cdef class Decoder:
    cdef OpusDecoder *decoder
    cdef int channels

    def __init__(self, int channels=1):
        check(opus_decoder_new(&self.decoder, channels))
        self.channels = channels

    def __dealloc__(self):
        opus_decoder_free(self.decoder)

    def reset(self):
        opus_decoder_reset(self.decoder)

    cdef bytes pcm(self, ExactBuffer room, int samples):
        return room.head(check(samples) * 2 * self.channels)

    def decode(self, bytes packet, int capacity=OPUS_MAX_SAMPLES):
        cdef ExactBuffer data = exact_copy(packet)
        cdef ExactBuffer room = exact_room(capacity * 2 * self.channels)
        return self.pcm(room, opus_decode_packet(self.decoder, data.data, data.size, <int16_t *>room.data, capacity))

    def decode_fec(self, bytes packet, int samples):
        cdef ExactBuffer data = exact_copy(packet)
        cdef ExactBuffer room = exact_room(samples * 2 * self.channels)
        return self.pcm(room, opus_decode_fec(self.decoder, data.data, data.size, <int16_t *>room.data, samples))

    def conceal(self, int samples):
        cdef ExactBuffer room = exact_room(samples * 2 * self.channels)
        return self.pcm(room, opus_conceal(self.decoder, <int16_t *>room.data, samples))
