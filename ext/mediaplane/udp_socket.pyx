"""The kernel's side of the packet path: one system call for many datagrams, one send for a run of equal ones."""
from libc.errno cimport EAGAIN, ECONNREFUSED, EINTR, EIO, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mediaplane.address cimport FAMILY_IPV4, FAMILY_IPV6, transport_tuple_t
from mediaplane.counters cimport (
    COUNT_BYTES_SENT, COUNT_DATAGRAMS_SENT, COUNT_DROP_OVERSIZED, COUNT_DROP_SEND_BLOCKED, COUNT_DROP_SEND_ERROR,
    COUNT_SEND_CALLS, COUNT_SEND_RUNS,
)
from mediaplane.event_loop cimport mp_clock_us
from mediaplane.model cimport DATAGRAM_CAPACITY
from mediaplane.status cimport OK

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <arpa/inet.h>
    #include <netinet/in.h>
    #include <netinet/udp.h>
    #include <poll.h>
    #include <sys/socket.h>
    #include <time.h>
    #include <unistd.h>
    #ifndef UDP_SEGMENT
    #define UDP_SEGMENT 103
    #endif
    #ifndef UDP_GRO
    #define UDP_GRO 104
    #endif
    #ifndef SOL_UDP
    #define SOL_UDP 17
    #endif

    /* Room for IP_PKTINFO or IPV6_PKTINFO, UDP_SEGMENT or UDP_GRO, and SO_TIMESTAMPNS, aligned as these must be. */
    typedef union {
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +
                   CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr align;
    } mp_control;

    typedef union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } mp_sockaddr;

    /* Append one control message; `used` counts the bytes so far. */
    static void *mp_put_control(mp_control *control, size_t *used, int level, int type, size_t size) {
        struct cmsghdr *item = (struct cmsghdr *)(control->bytes + *used);
        item->cmsg_level = level;
        item->cmsg_type = type;
        item->cmsg_len = CMSG_LEN(size);
        *used += CMSG_SPACE(size);
        return CMSG_DATA(item);
    }

    /* The local address a datagram came to, 0 when the kernel did not say. */
    static int mp_local_address(struct msghdr *message, uint8_t *out) {
        struct cmsghdr *item;
        for (item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
            if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
                memcpy(out, &((struct in_pktinfo *)CMSG_DATA(item))->ipi_addr, 4);
                return 4;
            }
            if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
                memcpy(out, &((struct in6_pktinfo *)CMSG_DATA(item))->ipi6_addr, 16);
                return 16;
            }
        }
        return 0;
    }

    /* The size of the datagrams that a message was put together from, 0: it is one. */
    static uint32_t mp_segment_size(struct msghdr *message) {
        struct cmsghdr *item;
        int size;
        for (item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
            if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
                memcpy(&size, CMSG_DATA(item), sizeof(size));
                return size > 0 ? (uint32_t)size : 0;
            }
        }
        return 0;
    }

    /* When the kernel had a datagram, on the wall clock; 0 when it did not say. */
    static int64_t mp_wall_arrival_us(struct msghdr *message) {
        struct cmsghdr *item;
        struct timespec time;
        for (item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
            if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_TIMESTAMPNS) {
                memcpy(&time, CMSG_DATA(item), sizeof(time));
                return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
            }
        }
        return 0;
    }

    static int64_t mp_wall_clock_us(void) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    }
    """
    ctypedef union mp_control:
        char bytes[96]
    ctypedef unsigned short sa_family_t
    cdef struct in_addr:
        uint32_t s_addr
    cdef struct in6_addr:
        uint8_t s6_addr[16]
    cdef struct sockaddr:
        sa_family_t sa_family
    cdef struct sockaddr_in:
        sa_family_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        sa_family_t sin6_family
        uint16_t sin6_port
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    ctypedef union mp_sockaddr:
        sockaddr any
        sockaddr_in v4
        sockaddr_in6 v6
    cdef struct in_pktinfo:
        in_addr ipi_spec_dst
    cdef struct in6_pktinfo:
        in6_addr ipi6_addr
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
    cdef struct pollfd:
        int fd
        short events
        short revents
    int AF_INET, AF_INET6, SOCK_DGRAM, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, SOL_UDP, SO_RCVBUF, SO_SNDBUF
    int SO_RCVBUFFORCE, SO_SNDBUFFORCE, SO_TIMESTAMPNS, IPPROTO_IP, IPPROTO_IPV6, IP_PKTINFO, IPV6_PKTINFO
    int IPV6_RECVPKTINFO, IPV6_V6ONLY, UDP_SEGMENT, UDP_GRO, MSG_DONTWAIT, POLLOUT
    int c_socket "socket"(int domain, int kind, int protocol) nogil
    int c_bind "bind"(int fd, const sockaddr *address, unsigned int size) nogil
    int getsockname(int fd, sockaddr *address, unsigned int *size) nogil
    int setsockopt(int fd, int level, int option, const void *value, unsigned int size) nogil
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout) nogil
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) nogil
    int poll(pollfd *fds, unsigned long count, int timeout_ms) nogil
    int c_close "close"(int fd) nogil
    uint16_t htons(uint16_t value) nogil
    uint16_t ntohs(uint16_t value) nogil
    void *mp_put_control(mp_control *control, size_t *used, int level, int type, size_t size) nogil
    int mp_local_address(msghdr *message, uint8_t *out) nogil
    uint32_t mp_segment_size(msghdr *message) nogil
    int64_t mp_wall_arrival_us(msghdr *message) nogil
    int64_t mp_wall_clock_us() nogil

cdef enum:
    SOCKET_BUFFER_BYTES = 8 << 20    # a burst to a few hundred receivers; the kernel may give less
    SEND_MESSAGES = 64
    MESSAGE_BYTES = 65536
    MESSAGE_STRIDE = 65536 + 192     # so that the messages do not meet in the same lines of the cache
    BLOCKED_WAIT_MS = 2
    LONGEST_STAY_US = 500000         # in the receive buffer; a time before that is of a clock that was set

cdef struct receive_batch_t:
    uint32_t message_count
    uint32_t datagram_count
    uint8_t *bytes               # what no message has filled yet costs no memory
    mmsghdr messages[64]
    iovec pieces[64]
    mp_sockaddr sources[64]
    mp_control controls[64]
    datagram_t datagrams[8192]

cdef struct send_batch_t:
    mmsghdr messages[64]
    iovec pieces[64]
    mp_sockaddr destinations[64]
    mp_control controls[64]


cdef receive_batch_t *receive_batch_new() noexcept nogil:
    cdef receive_batch_t *batch = <receive_batch_t *>calloc(1, sizeof(receive_batch_t))
    if batch == NULL:
        return NULL
    batch.bytes = <uint8_t *>calloc(RECEIVE_MESSAGES, MESSAGE_STRIDE)
    if batch.bytes == NULL:
        free(batch)
        return NULL
    return batch


cdef void receive_batch_free(receive_batch_t *batch) noexcept nogil:
    if batch != NULL:
        free(batch.bytes)
    free(batch)


cdef send_batch_t *send_batch_new() noexcept nogil:
    return <send_batch_t *>calloc(1, sizeof(send_batch_t))


cdef void send_batch_free(send_batch_t *batch) noexcept nogil:
    free(batch)


# --- open ----------------------------------------------------------------------------------------------------------

cdef unsigned int _to_sockaddr(const uint8_t *address, uint8_t family, uint16_t port, uint32_t scope,
                               mp_sockaddr *out) noexcept nogil:
    memset(out, 0, sizeof(mp_sockaddr))
    if family == FAMILY_IPV4:
        out.v4.sin_family = AF_INET
        out.v4.sin_port = htons(port)
        memcpy(&out.v4.sin_addr, address, 4)
        return sizeof(sockaddr_in)
    out.v6.sin6_family = AF_INET6
    out.v6.sin6_port = htons(port)
    out.v6.sin6_scope_id = scope
    memcpy(&out.v6.sin6_addr, address, 16)
    return sizeof(sockaddr_in6)


cdef bint _is_wildcard(const uint8_t *address, uint8_t family) noexcept nogil:
    cdef int i
    for i in range(4 if family == FAMILY_IPV4 else 16):
        if address[i]:
            return False
    return True


cdef void _set(int fd, int level, int option, int value) noexcept nogil:
    setsockopt(fd, level, option, &value, sizeof(int))


cdef void _enlarge_buffers(int fd) noexcept nogil:
    # FORCE passes the system's limit where we may; without the right the plain option gives what is allowed.
    cdef int size = SOCKET_BUFFER_BYTES
    if setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(int)) != 0:
        _set(fd, SOL_SOCKET, SO_RCVBUF, size)
    if setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(int)) != 0:
        _set(fd, SOL_SOCKET, SO_SNDBUF, size)


cdef int udp_open(udp_socket_t *socket, const uint8_t *address, uint8_t family, uint16_t port,
                  uint8_t index) noexcept nogil:
    cdef mp_sockaddr bound
    cdef unsigned int size = _to_sockaddr(address, family, port, 0, &bound)
    cdef int none = 0
    socket.family = family
    socket.index = index
    socket.wildcard = _is_wildcard(address, family)
    socket.fd = c_socket(AF_INET if family == FAMILY_IPV4 else AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    if socket.fd < 0:
        return -errno
    if family == FAMILY_IPV6:
        _set(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
    if socket.wildcard:
        if family == FAMILY_IPV4:
            _set(socket.fd, IPPROTO_IP, IP_PKTINFO, 1)
        else:
            _set(socket.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    _enlarge_buffers(socket.fd)
    _set(socket.fd, SOL_UDP, UDP_GRO, 1)
    _set(socket.fd, SOL_SOCKET, SO_TIMESTAMPNS, 1)
    socket.segments = setsockopt(socket.fd, SOL_UDP, UDP_SEGMENT, &none, sizeof(int)) == 0
    if c_bind(socket.fd, &bound.any, size) != 0 or getsockname(socket.fd, &bound.any, &size) != 0:
        none = -errno
        udp_close(socket)
        return none
    socket.port = ntohs(bound.v4.sin_port if family == FAMILY_IPV4 else bound.v6.sin6_port)
    return OK


cdef void udp_close(udp_socket_t *socket) noexcept nogil:
    if socket.fd >= 0:
        c_close(socket.fd)
    socket.fd = -1


# --- receive -------------------------------------------------------------------------------------------------------

cdef void _source(const udp_socket_t *socket, receive_batch_t *batch, uint32_t i,
                  transport_tuple_t *out) noexcept nogil:
    memset(out, 0, sizeof(transport_tuple_t))
    out.family = socket.family
    out.socket = socket.index
    if socket.family == FAMILY_IPV4:
        memcpy(out.remote, &batch.sources[i].v4.sin_addr, 4)
        out.remote_port = ntohs(batch.sources[i].v4.sin_port)
    else:
        memcpy(out.remote, &batch.sources[i].v6.sin6_addr, 16)
        out.remote_port = ntohs(batch.sources[i].v6.sin6_port)
        out.scope = batch.sources[i].v6.sin6_scope_id
    if socket.wildcard:
        mp_local_address(&batch.messages[i].msg_hdr, out.local)


cdef void _arm(receive_batch_t *batch, uint32_t i) noexcept nogil:
    cdef msghdr *header = &batch.messages[i].msg_hdr
    batch.pieces[i].iov_base = batch.bytes + i * <size_t>MESSAGE_STRIDE
    batch.pieces[i].iov_len = MESSAGE_BYTES
    header.msg_name = &batch.sources[i]
    header.msg_namelen = sizeof(mp_sockaddr)
    header.msg_iov = &batch.pieces[i]
    header.msg_iovlen = 1
    header.msg_control = &batch.controls[i]
    header.msg_controllen = sizeof(mp_control)
    header.msg_flags = 0


cdef inline int64_t _arrival_us(msghdr *message, int64_t wall_us, int64_t now_us) noexcept nogil:
    """On the monotonic clock. A wall clock that was set between the two readings is not believed."""
    cdef int64_t arrived_us = mp_wall_arrival_us(message)
    cdef int64_t age_us = wall_us - arrived_us
    return now_us - age_us if arrived_us and 0 <= age_us <= LONGEST_STAY_US else now_us


cdef void _take_message(const udp_socket_t *socket, receive_batch_t *batch, uint32_t i, int64_t arrival_us,
                        counters_t *counters) noexcept nogil:
    """Find the datagrams of a message: they stay where they are, and came as one."""
    cdef transport_tuple_t source
    cdef uint8_t *data = <uint8_t *>batch.pieces[i].iov_base
    cdef uint32_t left = batch.messages[i].msg_len
    cdef uint32_t segment = mp_segment_size(&batch.messages[i].msg_hdr) or left
    cdef datagram_t *datagram
    _source(socket, batch, i, &source)
    while True:
        # An empty datagram is one too.
        if min(segment, left) > DATAGRAM_CAPACITY or batch.datagram_count == RECEIVE_DATAGRAMS:
            counters.values[<int>COUNT_DROP_OVERSIZED] += 1
        else:
            datagram = &batch.datagrams[batch.datagram_count]
            batch.datagram_count += 1
            datagram.data = data
            datagram.size = min(segment, left)
            datagram.arrival_us = arrival_us
            datagram.source = source
        if left <= segment:
            return
        data += segment
        left -= segment


cdef void receive_batch_clear(receive_batch_t *batch) noexcept nogil:
    batch.message_count = 0
    batch.datagram_count = 0


cdef datagram_t *receive_batch_datagrams(receive_batch_t *batch, uint32_t *count) noexcept nogil:
    count[0] = batch.datagram_count
    return batch.datagrams


cdef int udp_receive(udp_socket_t *socket, receive_batch_t *batch, counters_t *counters) noexcept nogil:
    cdef uint32_t first = batch.message_count
    cdef int64_t wall_us, now_us
    cdef uint32_t i
    cdef int received
    if first == RECEIVE_MESSAGES:
        return 0
    for i in range(first, RECEIVE_MESSAGES):
        _arm(batch, i)
    received = recvmmsg(socket.fd, &batch.messages[first], RECEIVE_MESSAGES - first, MSG_DONTWAIT, NULL)
    if received < 0:
        # An ICMP error of a peer that went away belongs to no one here.
        return 0 if errno in (EAGAIN, EINTR, ECONNREFUSED) else -errno
    batch.message_count += received
    wall_us = mp_wall_clock_us()
    now_us = mp_clock_us()
    for i in range(first, first + received):
        _take_message(socket, batch, i, _arrival_us(&batch.messages[i].msg_hdr, wall_us, now_us), counters)
    return received


# --- send ----------------------------------------------------------------------------------------------------------

cdef void _address_message(const udp_socket_t *socket, send_batch_t *batch, int i, const send_t *item,
                           uint8_t *data, uint32_t size, uint16_t segment_size) noexcept nogil:
    cdef msghdr *header = &batch.messages[i].msg_hdr
    cdef const transport_tuple_t *to = item.destination
    cdef size_t used = 0
    cdef void *value
    batch.pieces[i].iov_base = data
    batch.pieces[i].iov_len = size
    header.msg_name = &batch.destinations[i]
    header.msg_namelen = _to_sockaddr(to.remote, to.family, to.remote_port, to.scope, &batch.destinations[i])
    header.msg_iov = &batch.pieces[i]
    header.msg_iovlen = 1
    if socket.wildcard:
        # Answer from the address that the peer spoke to: a machine may have several.
        if to.family == FAMILY_IPV4:
            value = mp_put_control(&batch.controls[i], &used, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo))
            memset(value, 0, sizeof(in_pktinfo))
            memcpy(&(<in_pktinfo *>value).ipi_spec_dst, to.local, 4)
        else:
            value = mp_put_control(&batch.controls[i], &used, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo))
            memset(value, 0, sizeof(in6_pktinfo))
            memcpy(&(<in6_pktinfo *>value).ipi6_addr, to.local, 16)
    if segment_size:
        value = mp_put_control(&batch.controls[i], &used, SOL_UDP, UDP_SEGMENT, sizeof(uint16_t))
        memcpy(value, &segment_size, sizeof(uint16_t))
    header.msg_control = &batch.controls[i] if used else NULL
    header.msg_controllen = used
    header.msg_flags = 0


cdef bint _wait_writable(int fd) noexcept nogil:
    cdef pollfd waiting
    waiting.fd = fd
    waiting.events = POLLOUT
    waiting.revents = 0
    return poll(&waiting, 1, BLOCKED_WAIT_MS) > 0


cdef void _transmit(udp_socket_t *socket, send_batch_t *batch, uint32_t count, const uint16_t *segments,
                    counters_t *counters) noexcept nogil:
    """Give `count` messages to the kernel; whatever it refuses is dropped alone and counted."""
    cdef uint32_t done = 0
    cdef int sent, i
    cdef bint waited = False
    while done < count:
        sent = sendmmsg(socket.fd, &batch.messages[done], count - done, MSG_DONTWAIT)
        counters.values[<int>COUNT_SEND_CALLS] += 1
        if sent > 0:
            for i in range(sent):
                counters.values[<int>COUNT_DATAGRAMS_SENT] += segments[done + i]
                counters.values[<int>COUNT_BYTES_SENT] += batch.pieces[done + i].iov_len
            counters.values[<int>COUNT_SEND_RUNS] += sent
            done += sent
            continue
        if errno in (EINTR, ECONNREFUSED):
            continue
        if errno == EAGAIN:
            if not waited and _wait_writable(socket.fd):
                continue
            waited = True
            counters.values[<int>COUNT_DROP_SEND_BLOCKED] += segments[done]
        else:
            if errno == EIO:
                socket.segments = False     # a device that can't do checksums can't do segments either
            counters.values[<int>COUNT_DROP_SEND_ERROR] += segments[done]
        done += 1


cdef void udp_send(udp_socket_t *sockets, uint32_t socket_count, send_batch_t *batch, const send_t *sends,
                   uint32_t count, counters_t *counters) noexcept nogil:
    cdef uint16_t segments[64]
    cdef uint32_t index, i, offset, size
    cdef uint32_t filled = 0
    cdef udp_socket_t *socket
    cdef const send_t *item
    for index in range(socket_count):
        socket = &sockets[index]
        for i in range(count):
            item = &sends[i]
            if item.destination.socket != socket.index:
                continue
            offset = 0
            while offset < item.size:
                size = item.size
                if item.segment_size and not socket.segments:
                    size = min(<uint32_t>item.segment_size, item.size - offset)
                _address_message(socket, batch, filled, item, item.data + offset, size,
                                 item.segment_size if socket.segments else 0)
                segments[filled] = item.segments if size == item.size else 1
                filled += 1
                offset += size
                if filled == SEND_MESSAGES:
                    _transmit(socket, batch, filled, segments, counters)
                    filled = 0
        if filled:
            _transmit(socket, batch, filled, segments, counters)
            filled = 0
