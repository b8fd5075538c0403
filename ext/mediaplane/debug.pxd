"""Invariants: compiled in by MEDIASRV_DEBUG=1, gone otherwise."""

cdef extern from *:
    """
    #ifdef MEDIASRV_DEBUG
    #include <stdio.h>
    #include <stdlib.h>
    #define mp_invariant(condition, what)                                                        \\
        do {                                                                                     \\
            if (!(condition)) {                                                                  \\
                fprintf(stderr, "mediaplane: invariant broken: %s (%s:%d)\\n", what, __FILE__, __LINE__); \\
                abort();                                                                         \\
            }                                                                                    \\
        } while (0)
    #else
    #define mp_invariant(condition, what) do { (void)sizeof(condition); (void)(what); } while (0)
    #endif
    """
    void invariant "mp_invariant"(bint condition, const char *what) noexcept nogil
