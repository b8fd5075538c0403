"""Opus (RFC 6716) by libopus: declarations, and the few calls that this server needs of it.

Everything runs at 48 kHz, the RTP clock of Opus (RFC 7587). PCM is 16 bits, interleaved; a *sample* is one of each
channel. Encoders and decoders are allocated when they are created; no other call allocates.
"""
from libc.stdint cimport int16_t, int32_t, uint8_t, uint32_t

# As opus.h declares them, so that only opus.pyx needs that file.
cdef extern from *:
    """
    typedef struct OpusDecoder OpusDecoder;
    typedef struct OpusEncoder OpusEncoder;
    """
    ctypedef struct OpusDecoder
    ctypedef struct OpusEncoder

cdef enum:
    OPUS_CLOCK_RATE = 48000
    OPUS_MAX_SAMPLES = 5760      # of one packet: 120 ms
    OPUS_MAX_PACKET_SIZE = 1500  # what encoders here may write; one frame has at most 1,275 bytes
    OPUS_CONCEAL_STEP = 120      # 2.5 ms: concealment comes in multiples of this
    OPUS_SILK_STEP = 480         # and where the last packet had a SILK layer, of 10 ms, or else it leaves steps behind

cdef enum opus_content_t:
    OPUS_VOICE = 0
    OPUS_MUSIC = 1

cdef struct opus_settings_t:
    int32_t bitrate_bps          # 500 .. 512,000
    uint8_t complexity           # 0 .. 10
    uint8_t content              # opus_content_t
    uint8_t fec                  # in-band FEC: each packet repeats the one before, coarser
    uint8_t dtx                  # silence is not sent: one packet in 400 ms
    uint8_t expected_loss        # %, 0 .. 100: how much FEC is worth

# Of `channels` 1 or 2. OK, UNSUPPORTED (a setting that libopus refuses), NO_MEMORY; the object only with OK.
cdef int opus_encoder_new(OpusEncoder **encoder, int channels, const opus_settings_t *settings) noexcept nogil
cdef void opus_encoder_free(OpusEncoder *encoder) noexcept nogil     # NULL is allowed
# Other settings from the next packet on; OK or UNSUPPORTED (those before the refused one hold).
cdef int opus_encoder_set(OpusEncoder *encoder, const opus_settings_t *settings) noexcept nogil
# As if nothing had been encoded; the settings stay.
cdef void opus_encoder_reset(OpusEncoder *encoder) noexcept nogil
# One packet of `samples` (120, 240, 480, 960, 1920 or 2880) into `out`. Returns its bytes; 2 or fewer need not be
# sent (DTX). UNSUPPORTED, NO_SPACE or LIBRARY_ERROR.
cdef int opus_encode_packet(OpusEncoder *encoder, const int16_t *pcm, int samples, uint8_t *out,
                            int capacity) noexcept nogil

cdef int opus_decoder_new(OpusDecoder **decoder, int channels) noexcept nogil
cdef void opus_decoder_free(OpusDecoder *decoder) noexcept nogil     # NULL is allowed
# As if nothing had been decoded.
cdef void opus_decoder_reset(OpusDecoder *decoder) noexcept nogil
# Decodes a packet into `pcm` of `capacity` samples. Returns samples; MALFORMED, NO_SPACE or LIBRARY_ERROR.
cdef int opus_decode_packet(OpusDecoder *decoder, const uint8_t *data, uint32_t size, int16_t *pcm,
                            int capacity) noexcept nogil
# The `samples` before the packet from its in-band FEC. `samples`: a multiple of OPUS_CONCEAL_STEP.
cdef int opus_decode_fec(OpusDecoder *decoder, const uint8_t *data, uint32_t size, int16_t *pcm,
                         int samples) noexcept nogil
# Goes on without a packet: concealment, or comfort noise after a DTX packet. `samples` as for FEC.
cdef int opus_conceal(OpusDecoder *decoder, int16_t *pcm, int samples) noexcept nogil

# Samples in a packet, 120 .. 5760; MALFORMED if its framing (RFC 6716 section 3) is broken.
cdef int opus_packet_samples(const uint8_t *data, uint32_t size) noexcept nogil
# Whether a well-formed packet carries in-band FEC for its predecessor (RFC 6716 section 4.2.4).
cdef bint opus_packet_has_fec(const uint8_t *data, uint32_t size) noexcept nogil


# Whether a well-formed packet has a SILK layer: speech, alone or below CELT (RFC 6716 section 3.1).
cdef inline bint opus_packet_is_silk(const uint8_t *data) noexcept nogil:
    return not data[0] & 0x80


# One byte of configuration and at most one of framing: what encoders send before they fall silent (RFC 7587 section
# 3.1.3).
cdef inline bint opus_packet_is_dtx(uint32_t size) noexcept nogil:
    return size <= 2
