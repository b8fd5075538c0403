"""recvmmsg with receive segmentation (UDP_GRO) and sendmmsg on connected sockets."""
from libc.errno cimport EAGAIN, ECONNREFUSED, EINTR, errno
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <arpa/inet.h>
    #include <netinet/in.h>
    #include <netinet/udp.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <unistd.h>
    #ifndef UDP_GRO
    #define UDP_GRO 104
    #endif
    #ifndef SOL_UDP
    #define SOL_UDP 17
    #endif

    typedef union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } mp_gro_control;

    /* The segment size that the kernel tells with a run; 0: a single datagram. */
    static int mp_segment_size(struct msghdr *message) {
        struct cmsghdr *item;
        int size;
        for (item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
            if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
                memcpy(&size, CMSG_DATA(item), sizeof(size));
                return size;
            }
        }
        return 0;
    }

    static int mp_connect(int fd, const uint8_t *address, int address_size, uint16_t port) {
        union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } to;
        memset(&to, 0, sizeof(to));
        if (address_size == 4) {
            to.v4.sin_family = AF_INET;
            to.v4.sin_port = htons(port);
            memcpy(&to.v4.sin_addr, address, 4);
            return connect(fd, &to.any, sizeof(to.v4));
        }
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(port);
        memcpy(&to.v6.sin6_addr, address, 16);
        return connect(fd, &to.any, sizeof(to.v6));
    }
    """
    ctypedef union mp_gro_control:
        char bytes[24]
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    int AF_INET, AF_INET6, SOCK_DGRAM, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, SOL_UDP, SO_RCVBUF, SO_RCVBUFFORCE
    int UDP_GRO, MSG_DONTWAIT
    int c_socket "socket"(int domain, int kind, int protocol) nogil
    int c_close "close"(int fd) nogil
    int setsockopt(int fd, int level, int option, const void *value, unsigned int size) nogil
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout) nogil
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) nogil
    int mp_segment_size(msghdr *message) nogil
    int mp_connect(int fd, const uint8_t *address, int address_size, uint16_t port) nogil

cdef enum:
    RUN_MESSAGES = 16
    RUN_BYTES = 65536            # the largest run
    SINGLE_MESSAGES = 64
    SINGLE_BYTES = 2048
    RECEIVE_BUFFER = 2 << 20     # a keyframe must fit while the thread is at another peer

cdef struct incoming_t:
    uint32_t count
    uint32_t message_bytes
    mmsghdr messages[64]
    iovec pieces[64]
    mp_gro_control controls[64]
    uint8_t *bytes


cdef incoming_t *incoming_new(bint segments) noexcept nogil:
    cdef incoming_t *incoming = <incoming_t *>calloc(1, sizeof(incoming_t))
    if incoming == NULL:
        return NULL
    incoming.count = RUN_MESSAGES if segments else SINGLE_MESSAGES
    incoming.message_bytes = RUN_BYTES if segments else SINGLE_BYTES
    incoming.bytes = <uint8_t *>calloc(incoming.count, incoming.message_bytes)
    if incoming.bytes == NULL:
        free(incoming)
        return NULL
    return incoming


cdef void incoming_free(incoming_t *incoming) noexcept nogil:
    if incoming != NULL:
        free(incoming.bytes)
        free(incoming)


cdef int peer_socket_open(const uint8_t *address, uint8_t address_size, uint16_t port, bint segments) noexcept nogil:
    cdef int fd = c_socket(AF_INET if address_size == 4 else AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    cdef int value = RECEIVE_BUFFER
    cdef int failed
    if fd < 0:
        return -errno
    # FORCE passes the system's limit where we may; without the right the plain option gives what is allowed.
    if setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &value, sizeof(value)) != 0:
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value))
    value = 1
    if ((segments and setsockopt(fd, SOL_UDP, UDP_GRO, &value, sizeof(value)) != 0)
            or mp_connect(fd, address, address_size, port) != 0):
        failed = errno
        c_close(fd)
        return -failed
    return fd


cdef int peer_socket_receive(int fd, incoming_t *incoming) noexcept nogil:
    cdef msghdr *header
    cdef uint32_t i
    cdef int received
    for i in range(incoming.count):
        header = &incoming.messages[i].msg_hdr
        incoming.pieces[i].iov_base = incoming.bytes + i * incoming.message_bytes
        incoming.pieces[i].iov_len = incoming.message_bytes
        header.msg_iov = &incoming.pieces[i]
        header.msg_iovlen = 1
        header.msg_control = &incoming.controls[i]
        header.msg_controllen = sizeof(mp_gro_control)
        header.msg_flags = 0
    received = recvmmsg(fd, incoming.messages, incoming.count, MSG_DONTWAIT, NULL)
    if received < 0:
        # A server that is not there yet, or no more, is found out by the checks.
        return 0 if errno in (EAGAIN, EINTR, ECONNREFUSED) else -errno
    return received


cdef bint peer_socket_is_full(const incoming_t *incoming, int received) noexcept nogil:
    return received == <int>incoming.count


cdef uint8_t *peer_socket_message(incoming_t *incoming, int index, uint32_t *size,
                                  uint32_t *segment_size) noexcept nogil:
    size[0] = incoming.messages[index].msg_len
    segment_size[0] = mp_segment_size(&incoming.messages[index].msg_hdr)
    if segment_size[0] == 0:
        segment_size[0] = size[0]
    return incoming.bytes + index * incoming.message_bytes


cdef int peer_socket_send(int fd, const uint8_t *data, uint32_t stride, const uint32_t *sizes,
                          uint32_t count) noexcept nogil:
    cdef mmsghdr messages[64]
    cdef iovec pieces[64]
    cdef uint32_t i
    cdef int sent
    count = min(count, <uint32_t>64)
    memset(messages, 0, count * sizeof(mmsghdr))
    for i in range(count):
        pieces[i].iov_base = <void *>(data + i * stride)
        pieces[i].iov_len = sizes[i]
        messages[i].msg_hdr.msg_iov = &pieces[i]
        messages[i].msg_hdr.msg_iovlen = 1
    sent = sendmmsg(fd, messages, count, MSG_DONTWAIT)
    if sent < 0 and errno in (EINTR, ECONNREFUSED):
        sent = sendmmsg(fd, messages, count, MSG_DONTWAIT)
    return sent if sent >= 0 else -errno
