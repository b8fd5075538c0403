"""All 512 sets of permissions: whatever is refused, what is left works."""

from itertools import product

from mediasrv.rooms.permissions import Permission, flag_names

from .fakes import House, ReplyError
from .test_permissions import DEEDS

OTHERS = [flag for flag in Permission if flag != Permission.JOIN]


def test_each_flag_allows_its_own_deed_in_every_company() -> None:
    for holds in product([False, True], repeat=len(OTHERS)):
        granted = Permission.JOIN
        for flag, held in zip(OTHERS, holds, strict=True):
            granted |= flag if held else Permission(0)
        house = House()
        house.joined("ada:join,publish_audio").offer("0 audio send")
        client = house.joined("grace:" + ",".join(flag_names(granted)))
        assert {flag for flag, deed in DEEDS.items() if deed(client)} == {flag for flag in DEEDS if flag & granted}
        try:
            client.request("list_guests")
        except ReplyError as error:
            may_moderate = error.code != "permission_denied"
        else:
            may_moderate = True
        assert may_moderate is bool(granted & Permission.MODERATE)


def test_nobody_without_join_comes_in_whatever_else_they_have() -> None:
    house = House()
    for holds in product([False, True], repeat=len(OTHERS)):
        names = [name for flag, held in zip(OTHERS, holds, strict=True) if held for name in flag_names(flag)]
        client = house.client()
        refused = None
        try:
            client.request("join", {"token": "grace:" + (",".join(names) or "record")})
        except ReplyError as error:
            refused = error.code
        assert refused == "permission_denied"
        client.drop()
    assert house.events == []
