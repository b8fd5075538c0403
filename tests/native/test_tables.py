"""The hash tables against dictionaries: any order of putting, finding and removing, up to the bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.plane_parts import IdTable, TupleTable

LIMIT = 12
KEYS = st.one_of(st.integers(1, 40), st.integers(1, 2**64 - 1), st.integers(1, 20).map(lambda high: high << 32 | 7))
ADDRESSES = st.tuples(
    st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "::", "0.0.0.0"]), st.sampled_from([0, 1, 2, 65535])
)


def status_of(call: Callable[[], None]) -> Status:
    try:
        call()
    except MediaPlaneError as error:
        return error.status
    return Status.OK


@given(st.lists(st.tuples(st.sampled_from(["put", "remove"]), KEYS, st.integers(1, 99)), max_size=120))
def test_ids_are_found_until_they_are_removed(steps: list[tuple[str, int, int]]) -> None:
    table, model = IdTable(LIMIT), dict[int, int]()
    for action, key, value in steps:
        if action == "remove":
            table.remove(key)
            model.pop(key, None)
        elif len(model) == LIMIT:
            assert status_of(lambda key=key, value=value: table.put(key, value)) == Status.NO_SPACE  # type: ignore[misc]
        elif key in model:
            assert status_of(lambda key=key, value=value: table.put(key, value)) == Status.BAD_STATE  # type: ignore[misc]
        else:
            table.put(key, value)
            model[key] = value
        assert len(table) == len(model)
        assert {key: table.find(key) for key in model} == model
        assert key in model or table.find(key) is None


@given(st.lists(st.tuples(st.sampled_from(["put", "remove"]), ADDRESSES, st.integers(1, 99)), max_size=120))
def test_tuples_are_found_under_their_last_value(steps: list[tuple[str, tuple[str, int], int]]) -> None:
    table, model = TupleTable(LIMIT), dict[tuple[str, int], int]()
    for action, address, value in steps:
        if action == "remove":
            table.remove(address)
            model.pop(address, None)
        elif address not in model and len(model) == LIMIT:
            assert (
                status_of(lambda address=address, value=value: table.put(address, value))  # type: ignore[misc]
                == Status.NO_SPACE
            )
        else:
            table.put(address, value)
            model[address] = value
        assert len(table) == len(model)
        assert {address: table.find(address) for address in model} == model
        assert address in model or table.find(address) is None


@pytest.mark.parametrize("limit", [1, 7, 8, 9, 1000])
def test_a_table_takes_exactly_its_limit(limit: int) -> None:
    table = IdTable(limit)
    for key in range(1, limit + 1):
        table.put(key, key)
    assert status_of(lambda: table.put(limit + 1, 1)) == Status.NO_SPACE
    assert [table.find(key) for key in range(1, limit + 2)] == [*range(1, limit + 1), None]
