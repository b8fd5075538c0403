"""What a native thread needs of Linux: a monotonic clock, epoll, eventfd, and a start that leaves signals to Python."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <pthread.h>
    #include <signal.h>
    #include <sys/epoll.h>
    #include <sys/eventfd.h>
    #include <sys/prctl.h>
    #include <time.h>
    #include <unistd.h>

    static int64_t mp_clock_us(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    }

    static void mp_sleep_us(int64_t us) {
        struct timespec length = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &length, NULL);
    }

    /* Until a time of mp_clock_us(); what comes before does not shift it. */
    static void mp_sleep_until(int64_t us) {
        struct timespec end = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) continue;
    }

    /* CPU time of this thread. */
    static int64_t mp_cpu_us(void) {
        struct timespec used;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
    }

    /* The time of day as NTP has it: 32.32, since 1900. */
    static uint64_t mp_ntp_now(void) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return ((uint64_t)now.tv_sec + 2208988800u) << 32 | ((uint64_t)now.tv_nsec << 32) / 1000000000u;
    }

    /* Sleeps of this thread end when they were asked to, not up to 50 us later. */
    static void mp_sleep_exactly(void) {
        prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    }

    /* CPU time of a running thread; -1: it has ended. */
    static int64_t mp_thread_cpu_us(pthread_t thread) {
        struct timespec used;
        clockid_t clock;
        if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &used) != 0) return -1;
        return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
    }

    static int mp_watch(int epoll_fd, int fd, uint32_t tag) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = tag}};
        return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }

    /* Signals are Python's: a worker's thread takes none. */
    static int mp_start_thread(pthread_t *thread, void *(*run)(void *), void *argument, const char *name) {
        sigset_t all, before;
        int status;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        status = pthread_create(thread, NULL, run, argument);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (status == 0) pthread_setname_np(*thread, name);
        return status;
    }

    #define mp_flag_load(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
    #define mp_flag_store(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
    """
    ctypedef unsigned long pthread_t
    ctypedef struct epoll_data_t:
        uint32_t u32
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC
    int epoll_create1(int flags) nogil
    int epoll_wait(int epoll_fd, epoll_event *events, int limit, int timeout_ms) nogil
    int eventfd(unsigned int value, int flags) nogil
    ssize_t c_read "read"(int fd, void *data, size_t size) nogil
    ssize_t c_write "write"(int fd, const void *data, size_t size) nogil
    int c_close "close"(int fd) nogil
    int pthread_join(pthread_t thread, void **result) nogil
    int64_t mp_clock_us() nogil
    void mp_sleep_us(int64_t us) nogil
    void mp_sleep_until(int64_t us) nogil
    int64_t mp_cpu_us() nogil
    uint64_t mp_ntp_now() nogil
    void mp_sleep_exactly() nogil
    int64_t mp_thread_cpu_us(pthread_t thread) nogil
    int mp_watch(int epoll_fd, int fd, uint32_t tag) nogil
    int mp_start_thread(pthread_t *thread, void *(*run)(void *) noexcept nogil, void *argument, const char *name) nogil
    int mp_flag_load(int *address) nogil
    void mp_flag_store(int *address, int value) nogil
