"""Calls of libopus: see opus.pxd."""

from mediaplane.status cimport LIBRARY_ERROR, MALFORMED, NO_MEMORY, NO_SPACE, OK, UNSUPPORTED

cdef extern from "opus.h" nogil:
    enum:
        OPUS_OK
        OPUS_BAD_ARG
        OPUS_BUFFER_TOO_SMALL
        OPUS_INVALID_PACKET
        OPUS_ALLOC_FAIL
        OPUS_APPLICATION_VOIP
        OPUS_APPLICATION_AUDIO
        OPUS_RESET_STATE
        OPUS_SET_BITRATE_REQUEST
        OPUS_SET_COMPLEXITY_REQUEST
        OPUS_SET_DTX_REQUEST
        OPUS_SET_INBAND_FEC_REQUEST
        OPUS_SET_PACKET_LOSS_PERC_REQUEST
    void opus_decoder_destroy(OpusDecoder *decoder)
    void opus_encoder_destroy(OpusEncoder *encoder)
    OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error)
    int opus_encoder_ctl(OpusEncoder *encoder, int request, ...)
    int32_t opus_encode(OpusEncoder *encoder, const int16_t *pcm, int samples, uint8_t *data, int32_t capacity)
    OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error)
    int opus_decoder_ctl(OpusDecoder *decoder, int request, ...)
    int opus_decode(OpusDecoder *decoder, const uint8_t *data, int32_t size, int16_t *pcm, int samples, int fec)
    int opus_packet_parse(const uint8_t *data, int32_t size, uint8_t *toc, const uint8_t **frames,
                          int16_t *sizes, int *payload_offset)
    int opus_packet_get_samples_per_frame(const uint8_t *data, int32_t rate)

cdef enum:
    STEREO = 0x04                # in the TOC byte


cdef inline int status_of(int error) noexcept nogil:
    if error >= 0:
        return error
    if error == OPUS_INVALID_PACKET:
        return MALFORMED
    if error == OPUS_BUFFER_TOO_SMALL:
        return NO_SPACE
    if error == OPUS_BAD_ARG:
        return UNSUPPORTED
    if error == OPUS_ALLOC_FAIL:
        return NO_MEMORY
    return LIBRARY_ERROR


cdef inline int application_of(const opus_settings_t *settings) noexcept nogil:
    return OPUS_APPLICATION_AUDIO if settings.content == OPUS_MUSIC else OPUS_APPLICATION_VOIP


cdef int opus_encoder_new(OpusEncoder **encoder, int channels, const opus_settings_t *settings) noexcept nogil:
    cdef int error = OPUS_OK
    encoder[0] = opus_encoder_create(OPUS_CLOCK_RATE, channels, application_of(settings), &error)
    if encoder[0] == NULL:
        return status_of(error) if error < 0 else NO_MEMORY
    error = opus_encoder_set(encoder[0], settings)
    if error != OK:
        opus_encoder_destroy(encoder[0])
        encoder[0] = NULL
    return error


cdef void opus_encoder_free(OpusEncoder *encoder) noexcept nogil:
    if encoder != NULL:
        opus_encoder_destroy(encoder)


cdef int opus_encoder_set(OpusEncoder *encoder, const opus_settings_t *settings) noexcept nogil:
    cdef int error
    # Voice or music is fixed from the beginning.
    error = opus_encoder_ctl(encoder, OPUS_SET_BITRATE_REQUEST, <int32_t>settings.bitrate_bps)
    if error == OPUS_OK:
        error = opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY_REQUEST, <int32_t>settings.complexity)
    if error == OPUS_OK:
        error = opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC_REQUEST, <int32_t>settings.fec)
    if error == OPUS_OK:
        error = opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC_REQUEST, <int32_t>settings.expected_loss)
    if error == OPUS_OK:
        error = opus_encoder_ctl(encoder, OPUS_SET_DTX_REQUEST, <int32_t>settings.dtx)
    return status_of(error)


cdef void opus_encoder_reset(OpusEncoder *encoder) noexcept nogil:
    opus_encoder_ctl(encoder, OPUS_RESET_STATE)


cdef int opus_encode_packet(OpusEncoder *encoder, const int16_t *pcm, int samples, uint8_t *out,
                            int capacity) noexcept nogil:
    return status_of(opus_encode(encoder, pcm, samples, out, capacity))


cdef int opus_decoder_new(OpusDecoder **decoder, int channels) noexcept nogil:
    cdef int error = OPUS_OK
    decoder[0] = opus_decoder_create(OPUS_CLOCK_RATE, channels, &error)
    if decoder[0] == NULL:
        return status_of(error) if error < 0 else NO_MEMORY
    return OK


cdef void opus_decoder_free(OpusDecoder *decoder) noexcept nogil:
    if decoder != NULL:
        opus_decoder_destroy(decoder)


cdef void opus_decoder_reset(OpusDecoder *decoder) noexcept nogil:
    opus_decoder_ctl(decoder, OPUS_RESET_STATE)


cdef int opus_decode_packet(OpusDecoder *decoder, const uint8_t *data, uint32_t size, int16_t *pcm,
                            int capacity) noexcept nogil:
    if size == 0:
        return MALFORMED         # to libopus it would mean: conceal
    return status_of(opus_decode(decoder, data, <int32_t>size, pcm, capacity, 0))


cdef int opus_decode_fec(OpusDecoder *decoder, const uint8_t *data, uint32_t size, int16_t *pcm,
                         int samples) noexcept nogil:
    if size == 0:
        return MALFORMED
    return status_of(opus_decode(decoder, data, <int32_t>size, pcm, samples, 1))


cdef int opus_conceal(OpusDecoder *decoder, int16_t *pcm, int samples) noexcept nogil:
    return status_of(opus_decode(decoder, NULL, 0, pcm, samples, 0))


cdef int opus_packet_samples(const uint8_t *data, uint32_t size) noexcept nogil:
    cdef uint8_t toc
    cdef const uint8_t *frames[48]
    cdef int16_t sizes[48]
    cdef int count, samples
    if size == 0 or size > 0xffff:
        return MALFORMED
    count = opus_packet_parse(data, <int32_t>size, &toc, frames, sizes, NULL)
    if count <= 0:
        return MALFORMED
    samples = count * opus_packet_get_samples_per_frame(data, OPUS_CLOCK_RATE)
    return samples if samples <= OPUS_MAX_SAMPLES else MALFORMED


cdef bint opus_packet_has_fec(const uint8_t *data, uint32_t size) noexcept nogil:
    cdef uint8_t toc
    cdef const uint8_t *frames[48]
    cdef int16_t sizes[48]
    cdef int silk_frames
    if size == 0 or size > 0xffff or not opus_packet_is_silk(data):
        return False
    if opus_packet_parse(data, <int32_t>size, &toc, frames, sizes, NULL) <= 0 or sizes[0] == 0:
        return False
    # The SILK layer begins with one VAD bit for each 20 ms and one that announces LBRR frames; then a second channel's.
    # Each has probability 1/2, so the range coder leaves them standing as they are.
    silk_frames = max(1, opus_packet_get_samples_per_frame(data, OPUS_CLOCK_RATE) // 960)
    if (frames[0][0] >> (7 - silk_frames)) & 1:
        return True
    return data[0] & STEREO != 0 and (frames[0][0] >> (6 - 2 * silk_frames)) & 1 != 0
