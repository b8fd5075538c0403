"""Python views on the parts that the plane is made of: tables, rings and deadlines."""
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from mediaplane.address cimport transport_tuple_t, tuple_from_python
from mediaplane.deadlines cimport (
    REASON_COUNT, Reason, deadline_add, deadline_due, deadline_heap_free, deadline_heap_init, deadline_heap_t,
    deadline_init, deadline_next, deadline_remove, deadline_set, deadline_t, reason_text,
)
from mediaplane.linger cimport (
    linger_init, linger_learn, linger_measure, linger_next, linger_t, linger_wait_t,
)
from mediaplane.rings cimport ring_depth, ring_free, ring_init, ring_pop, ring_push, ring_t
from mediaplane.status cimport OK, check
from mediaplane.tables cimport (
    id_table_find, id_table_free, id_table_init, id_table_put, id_table_remove, id_table_t, tuple_table_find,
    tuple_table_free, tuple_table_init, tuple_table_put, tuple_table_remove, tuple_table_t,
)


cdef class IdTable:
    """64-bit keys to values above 0."""

    cdef id_table_t table

    def __cinit__(self, uint32_t limit):
        check(id_table_init(&self.table, limit))

    def __dealloc__(self):
        id_table_free(&self.table)

    def put(self, uint64_t key, size_t value):
        check(id_table_put(&self.table, key, <void *>value))

    def find(self, uint64_t key):
        return <size_t>id_table_find(&self.table, key) or None

    def remove(self, uint64_t key):
        id_table_remove(&self.table, key)

    def __len__(self):
        return self.table.count


cdef class TupleTable:
    """5-tuples, by (ip, port), to values above 0."""

    cdef tuple_table_t table

    def __cinit__(self, uint32_t limit):
        check(tuple_table_init(&self.table, limit))

    def __dealloc__(self):
        tuple_table_free(&self.table)

    def put(self, address, size_t value):
        cdef transport_tuple_t key
        tuple_from_python(address, &key)
        check(tuple_table_put(&self.table, &key, <void *>value))

    def find(self, address):
        cdef transport_tuple_t key
        tuple_from_python(address, &key)
        return <size_t>tuple_table_find(&self.table, &key) or None

    def remove(self, address):
        cdef transport_tuple_t key
        tuple_from_python(address, &key)
        tuple_table_remove(&self.table, &key)

    def __len__(self):
        return self.table.count


cdef class Ring:
    """A ring of 64-bit numbers."""

    cdef ring_t ring

    def __cinit__(self, uint32_t capacity):
        check(ring_init(&self.ring, capacity, sizeof(uint64_t)))

    def __dealloc__(self):
        ring_free(&self.ring)

    def push(self, uint64_t number):
        return ring_push(&self.ring, &number) == OK

    def pop(self):
        cdef uint64_t number = 0
        return number if ring_pop(&self.ring, &number) else None

    def transfer(self, uint64_t count):
        """Push the numbers below `count` from this thread without the GIL, waiting for room."""
        cdef uint64_t number = 0
        with nogil:
            while number < count:
                if ring_push(&self.ring, &number) == OK:
                    number += 1

    def collect(self, uint64_t count):
        """Pop `count` numbers in this thread without the GIL. Returns how many were not the one that was expected."""
        cdef uint64_t number = 0
        cdef uint64_t expected = 0
        cdef uint64_t wrong = 0
        with nogil:
            while expected < count:
                if ring_pop(&self.ring, &number):
                    wrong += number != expected
                    expected += 1
        return wrong

    @property
    def refused(self):
        return self.ring.refused

    def __len__(self):
        return ring_depth(&self.ring)


cdef class DeadlineHeap:
    """Deadlines of owners that are numbers from 0 on."""

    cdef deadline_heap_t heap
    cdef deadline_t *deadlines
    cdef uint32_t owners

    def __cinit__(self, uint32_t owners, uint32_t limit):
        cdef uint32_t owner
        self.owners = owners
        self.deadlines = <deadline_t *>calloc(owners, sizeof(deadline_t))
        if self.deadlines == NULL:
            raise MemoryError
        for owner in range(owners):
            deadline_init(&self.deadlines[owner], NULL)
        check(deadline_heap_init(&self.heap, limit))

    def __dealloc__(self):
        deadline_heap_free(&self.heap)
        free(self.deadlines)

    def add(self, uint32_t owner):
        check(deadline_add(&self.heap, &self.deadlines[owner]))

    def remove(self, uint32_t owner):
        deadline_remove(&self.heap, &self.deadlines[owner])

    def set(self, uint32_t owner, int reason, due_us):
        """`due_us` None: never."""
        deadline_set(&self.heap, &self.deadlines[owner], <Reason>reason, INT64_MAX if due_us is None else due_us)

    def due(self, int64_t now_us):
        """The owner whose deadline has passed, or None."""
        cdef deadline_t *item = deadline_due(&self.heap, now_us)
        return None if item == NULL else item - self.deadlines

    def next(self):
        """Not after the next deadline of anybody, None: there is none."""
        cdef int64_t next_us = deadline_next(&self.heap)
        return None if next_us == INT64_MAX else next_us


cdef class Linger:
    """The waits of a worker, in microseconds."""

    cdef linger_t linger

    def __cinit__(self, int64_t max_us):
        linger_init(&self.linger, max_us, 0)

    def measure(self, int64_t idle_us, int64_t now_us):
        linger_measure(&self.linger, idle_us, now_us)

    def next(self, int64_t slept_us):
        """(first part, second part, whether the second goes to the bound)"""
        cdef linger_wait_t wait = linger_next(&self.linger, slept_us)
        return wait.first_us, wait.second_us, bool(wait.is_far)

    def learn(self, wait, uint32_t packets):
        """What came in the second part of a wait that next() gave."""
        cdef linger_wait_t given
        given.first_us, given.second_us, given.is_far = wait
        linger_learn(&self.linger, &given, packets)


def reasons():
    """The name of every reason, by number."""
    return [(<bytes>reason_text(reason)).decode() for reason in range(REASON_COUNT)]
