"""The units of mediaplane.video, as Python objects, for tests and benchmarks. Shapes are those of their .pxd."""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t

from mediaplane.status cimport OK, check
from mediaplane.testing.exact_buffer cimport ExactBuffer, exact_copy, exact_room
from mediaplane.video.depacketizer cimport (
    frame_writer_append, frame_writer_begin, frame_writer_end, payload_frame_start,
)
from mediaplane.video.frame_assembler cimport (
    ASSEMBLER_HOLE_US, ASSEMBLER_WINDOW, frame_assembler_deadline, frame_assembler_init, frame_assembler_insert,
    frame_assembler_missing, frame_assembler_next, frame_assembler_t, frame_assembler_take_keyframe_request,
    video_frame_t,
)
from mediaplane.video.frame_writer cimport frame_writer_t

WINDOW = ASSEMBLER_WINDOW
HOLE_US = ASSEMBLER_HOLE_US


cdef class FrameAssembler:
    cdef frame_assembler_t assembler

    def __cinit__(self, int64_t hole_us=ASSEMBLER_HOLE_US):
        frame_assembler_init(&self.assembler, hole_us)

    def insert(self, int64_t seq64, uint32_t timestamp, bint marker, int64_t now_us, *, uint8_t start=0,
               bint keyframe=False):
        return frame_assembler_insert(&self.assembler, seq64, timestamp, marker, start, keyframe, now_us) == OK

    def take(self, int64_t now_us):
        cdef video_frame_t frame
        frames = []
        while frame_assembler_next(&self.assembler, now_us, &frame):
            frames.append((frame.first_seq, frame.last_seq, frame.timestamp, bool(frame.keyframe),
                           bool(frame.decodable)))
        return frames

    def deadline(self):
        cdef int64_t deadline_us = frame_assembler_deadline(&self.assembler)
        return None if deadline_us == INT64_MAX else deadline_us

    def missing(self, int64_t now_us, int64_t rtt_us=0):
        cdef uint16_t seqs[256]
        cdef int count = frame_assembler_missing(&self.assembler, now_us, rtt_us, seqs, 256)
        return [seqs[i] for i in range(count)]

    def take_keyframe_request(self):
        return bool(frame_assembler_take_keyframe_request(&self.assembler))

    def counters(self):
        cdef frame_assembler_t *assembler = &self.assembler
        return {
            "frames": assembler.frames, "keyframe_requests": assembler.keyframe_requests,
            "given_up": assembler.given_up, "packets_discarded": assembler.packets_discarded,
            "duplicates": assembler.duplicates, "late": assembler.late, "jumps": assembler.jumps,
        }

    def run(self, uint32_t packets, uint32_t packets_per_frame):
        """Insert so many packets without a gap and take the frames; how many there were."""
        cdef video_frame_t frame
        cdef uint32_t i
        cdef uint32_t frames = 0
        with nogil:
            for i in range(packets):
                frame_assembler_insert(&self.assembler, i, i // packets_per_frame * 3000,
                                       (i + 1) % packets_per_frame == 0, 0, i == 0, i * 1000)
                while frame_assembler_next(&self.assembler, i * 1000, &frame):
                    frames += 1
        return frames


def depacketize(uint8_t codec, payloads, uint32_t capacity=1 << 20):
    cdef frame_writer_t writer
    cdef ExactBuffer out = exact_room(capacity)
    cdef ExactBuffer payload
    frame_writer_begin(&writer, codec, out.data, capacity)
    for each in payloads:
        payload = exact_copy(each)
        check(frame_writer_append(&writer, payload.data, payload.size))
    check(frame_writer_end(&writer))
    return out.head(writer.size)


def frame_start(uint8_t codec, bytes payload):
    cdef ExactBuffer copy = exact_copy(payload)
    return payload_frame_start(codec, copy.data, copy.size)
