"""Parsing of an RTP header and rewriting it with other extension ids, in a loop without Python."""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from mediaplane.status cimport OK, check
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, rtp_header_t, rtp_parse_header, rtp_write_fixed_header
from mediaplane.wire.rtp_extensions cimport (
    extension_element_t, extension_writer_t, extensions_begin, extensions_end, extensions_parse, extensions_put,
)


cdef class RtpRewriteBench:
    """`kind_by_id`: extension id -> ExtensionKind of what comes in; `id_by_kind`: the reverse of what goes out."""

    cdef uint8_t packet[2048]
    cdef uint32_t size
    cdef uint8_t kind_by_id[256]
    cdef uint8_t id_by_kind[32]
    cdef uint8_t out[2048]

    def __init__(self, bytes packet, kind_by_id, id_by_kind):
        if len(packet) > <Py_ssize_t>sizeof(self.packet):
            raise ValueError("the packet is too large")
        memcpy(self.packet, <const char *>packet, len(packet))
        self.size = len(packet)
        for identifier, kind in kind_by_id.items():
            self.kind_by_id[<uint8_t>identifier] = kind
        for kind, identifier in id_by_kind.items():
            self.id_by_kind[<uint8_t>kind & 31] = identifier

    def parse(self, int rounds):
        """Header and extension elements of the packet, `rounds` times. Returns the elements found."""
        cdef extension_element_t elements[16]
        cdef rtp_header_t header
        cdef int found = 0
        cdef int i
        with nogil:
            for i in range(rounds):
                self.packet[3] = <uint8_t>i          # so that no round can be left out
                if rtp_parse_header(self.packet, self.size, &header) != OK:
                    found = -1
                    break
                found = extensions_parse(self.packet, &header, self.kind_by_id, elements)
        return check(found)

    def rewrite(self, int rounds):
        """The same, and a new header with the elements under other ids. Returns the last header."""
        cdef extension_element_t elements[16]
        cdef extension_writer_t writer
        cdef rtp_header_t header
        cdef int size = 0
        cdef int i, j, found
        cdef uint8_t id
        with nogil:
            for i in range(rounds):
                self.packet[3] = <uint8_t>i
                if rtp_parse_header(self.packet, self.size, &header) != OK:
                    break
                found = extensions_parse(self.packet, &header, self.kind_by_id, elements)
                extensions_begin(&writer, self.out + RTP_FIXED_HEADER_SIZE, 1024, False)
                for j in range(found):
                    id = self.id_by_kind[elements[j].kind]
                    if id:
                        extensions_put(&writer, id, self.packet + elements[j].offset, elements[j].size)
                size = extensions_end(&writer)
                rtp_write_fixed_header(self.out, 96, header.marker, header.seq16 + 7, header.timestamp + 7, 1, 0,
                                       size != 0)
        return (<const char *>self.out)[:RTP_FIXED_HEADER_SIZE + size]
