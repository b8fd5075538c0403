"""Who looks at requests of the control protocol from outside: metrics and traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

OK = "ok"


@dataclass(slots=True)
class Observation:
    """`outcome` is "ok" or the code of the error. `is_whole`: the reply is given; else it comes later, by itself."""

    outcome: str = OK
    is_whole: bool = True


class Observe(Protocol):
    def __call__(self, method: str, /) -> AbstractContextManager[Observation]:
        """`method` is as the client wrote it. The block is what is done for the request."""


@contextmanager
def nobody(_method: str) -> Iterator[Observation]:
    yield Observation()
