"""The granted layer: a moderator's word before the token's, the token's before the room's, each until its end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.rooms.grants import Granted, Term, terms_of
from mediasrv.rooms.permissions import ALL, Permission

FLAG = Permission.SHARE_SCREEN
FOREVER, NEVER, UNTIL_5, NOT_UNTIL_5 = Term(), Term(False), Term(until=5), Term(False, until=5)


@pytest.mark.parametrize(
    ("moderator", "token", "room", "at_4", "at_6"),
    [
        (None, None, False, False, False),
        (None, None, True, True, True),
        (None, NEVER, True, False, False),
        (None, FOREVER, False, True, True),
        (None, UNTIL_5, False, True, False),
        (None, UNTIL_5, True, True, False),  # a token's grant that ran out is a refusal
        (NEVER, FOREVER, True, False, False),
        (FOREVER, NEVER, False, True, True),
        (UNTIL_5, NEVER, False, True, False),
        (UNTIL_5, FOREVER, False, True, True),  # a moderator's that ran out leaves what the token says
        (NOT_UNTIL_5, None, True, False, True),
    ],
)
def test_who_has_the_last_word(moderator: Term | None, token: Term | None, room: bool, at_4: bool, at_6: bool) -> None:
    granted = Granted(
        token={FLAG: token} if token else {},
        defaults=FLAG if room else Permission(0),
        moderator={FLAG: moderator} if moderator else {},
    )
    assert [bool(granted.flags(now)) for now in (4, 6)] == [at_4, at_6]


@pytest.mark.parametrize(
    ("moderator", "token", "at_4", "at_6"),
    [
        (None, None, True, False),
        (None, FOREVER, True, True),
        (None, NEVER, False, False),
        (FOREVER, None, True, True),
        (NOT_UNTIL_5, None, False, False),
    ],
)
def test_what_a_room_grants_until_a_time(moderator: Term | None, token: Term | None, at_4: bool, at_6: bool) -> None:
    granted = Granted(
        token={FLAG: token} if token else {},
        defaults=ALL,
        moderator={FLAG: moderator} if moderator else {},
        default_ends={FLAG: 5},
    )
    assert [bool(granted.flags(now) & FLAG) for now in (4, 6)] == [at_4, at_6]
    assert granted.flags(6) | FLAG == ALL


terms = st.builds(Term, st.booleans(), st.none() | st.integers(1, 9))
layers = st.dictionaries(st.sampled_from(list(Permission)), terms)
ends = st.dictionaries(st.sampled_from(list(Permission)), st.integers(1, 9))


@given(token=layers, moderator=layers, defaults=st.integers(0, int(ALL)), flag=st.sampled_from(list(Permission)))
def test_a_word_on_one_flag_changes_no_other(token: Any, moderator: Any, defaults: int, flag: Permission) -> None:
    granted = Granted(token, Permission(defaults), moderator)
    for now in (0, 5, 10):
        for term in (FOREVER, NEVER, UNTIL_5):
            assert (granted.flags(now) ^ granted.moderated(flag, term).flags(now)) & ~flag == Permission(0)


@given(token=layers, moderator=layers, defaults=st.integers(0, int(ALL)), ends=ends)
def test_nothing_changes_before_the_time_that_is_told(token: Any, moderator: Any, defaults: int, ends: Any) -> None:
    granted = Granted(token, Permission(defaults), moderator, ends)
    now = 0.0
    while (end := granted.next_change(now)) is not None:
        assert granted.flags(now) == granted.flags((now + end) / 2) == granted.flags(end - 1e-9)
        now = end
    assert granted.flags(now) == granted.flags(1e12)


def test_a_tokens_grants_as_terms() -> None:
    terms = terms_of({"join": True, "record": False, "subscribe": 1000})
    assert terms == {Permission.JOIN: Term(), Permission.RECORD: Term(False), Permission.SUBSCRIBE: Term(until=1000)}
