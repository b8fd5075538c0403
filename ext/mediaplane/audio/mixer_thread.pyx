"""Ticks on time, and what becomes of those that are not: see mixer_thread.pxd."""
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from mediaplane.audio.audio_mixer cimport MIXER_TICK_US
from mediaplane.audio.mix_pipes cimport mixing_publish, mixing_receive
from mediaplane.audio.mixing cimport mixing_begin, mixing_drain, mixing_free, mixing_init, mixing_skip, mixing_tick
from mediaplane.audio.overload cimport overload_round, overload_tick
from mediaplane.event_loop cimport (
    c_write, mp_clock_us, mp_cpu_us, mp_flag_load, mp_flag_store, mp_ntp_now, mp_sleep_exactly, mp_sleep_until,
    mp_start_thread, pthread_join,
)
from mediaplane.status cimport OK

import os

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

cdef enum:
    CAUGHT_UP = 10               # ticks that are made up for at once; what is older would come too late anyway
    LIMIT = 16384                # mixes, and sources of all


cdef void _wake(mixer_thread_t *mixer, uint64_t workers) noexcept nogil:
    cdef uint64_t one = 1
    while workers:
        c_write(mixer.mixing.links[count_trailing_zeros(workers)].outgoing.wake_fd, &one, sizeof(one))
        workers &= workers - 1


cdef int64_t _note_work(mixer_thread_t *mixer) noexcept nogil:
    """After each tick, also of several in a row, so that what is too much is shed before any has to be left out."""
    cdef int64_t cpu_us = mp_cpu_us()
    cdef int64_t busy_us = cpu_us - mixer.noted_cpu_us
    overload_tick(&mixer.mixing.overload, busy_us, MIXER_TICK_US)
    mixer.noted_cpu_us = cpu_us
    return busy_us


cdef int64_t _run_due(mixer_thread_t *mixer, int64_t due_us) noexcept nogil:
    """All ticks that are due, the first of which at `due_us`. Returns when the next one is."""
    cdef int64_t behind = max(0, (mp_clock_us() - due_us) // MIXER_TICK_US)
    cdef int64_t skipped = max(0, behind - CAUGHT_UP)
    cdef int64_t busy_us = 0
    cdef int64_t _
    mixer.mixing.counters.late += behind
    mixing_drain(&mixer.mixing, mixer.commands)
    # What has come by now came before the last of the ticks that are due.
    mixing_receive(&mixer.mixing, due_us + behind * MIXER_TICK_US)
    for _ in range(skipped):
        mixing_skip(&mixer.mixing, due_us)
        due_us += MIXER_TICK_US
    for _ in range(behind - skipped + 1):
        mixing_tick(&mixer.mixing, due_us)
        due_us += MIXER_TICK_US
        busy_us = _note_work(mixer)
    mixer.mixing.counters.shed = overload_round(&mixer.mixing.overload, busy_us, MIXER_TICK_US, behind > 0)
    _wake(mixer, mixing_publish(&mixer.mixing))
    return due_us


cdef void _measure(mixer_thread_t *mixer, int64_t busy_us) noexcept nogil:
    mixer.mixing.counters.busy_us += busy_us
    mixer.mixing.counters.longest_us = max(mixer.mixing.counters.longest_us, <uint64_t>busy_us)


cdef void *_run(void *argument) noexcept nogil:
    cdef mixer_thread_t *mixer = <mixer_thread_t *>argument
    cdef int64_t due_us = mp_clock_us()
    cdef int64_t before_us
    mp_sleep_exactly()
    mixing_begin(&mixer.mixing, due_us, mp_ntp_now())
    mixer.noted_cpu_us = mp_cpu_us()
    while not mp_flag_load(&mixer.stopping):
        mp_sleep_until(due_us)
        before_us = mp_cpu_us()
        due_us = _run_due(mixer, due_us)
        _measure(mixer, mp_cpu_us() - before_us)
    return NULL


cdef class MixerThread(MixingPort):
    """The mixing thread of a server; workers are attached before they start, see Worker.attach()."""

    def __cinit__(self, *args, **kwargs):
        self.mixer = <mixer_thread_t *>calloc(1, sizeof(mixer_thread_t))
        if self.mixer == NULL or mixing_init(&self.mixer.mixing, LIMIT) != OK:
            raise MemoryError("no memory for a mixing thread")
        self.mixer.commands = &self.commands

    def __dealloc__(self):
        if self.mixer == NULL:
            return
        if self.running:
            self._join()
        mixing_free(&self.mixer.mixing)
        free(self.mixer)

    cdef int _join(self) except -1:
        mp_flag_store(&self.mixer.stopping, 1)
        with nogil:
            pthread_join(self.thread, NULL)
        self.running = False
        return 0

    def start(self):
        """Start the thread. It starts once."""
        cdef int status
        if self.running or self.mixer.stopping:
            raise RuntimeError("the mixing thread was started before")
        status = mp_start_thread(&self.thread, _run, self.mixer, b"mediasrv-mixer")
        if status != 0:
            raise OSError(status, f"cannot start the mixing thread: {os.strerror(status)}")
        self.running = True

    def stop(self):
        """End the thread and wait for it. Idempotent."""
        if self.running:
            self._join()

    def counters(self):
        """What it counted since its start, and `shed`, what it sheds at the moment."""
        return self.mixer.mixing.counters
