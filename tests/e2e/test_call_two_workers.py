"""A room that is spread over two workers: browsers notice nothing of it."""

from __future__ import annotations

import pytest
from person import Person
from real_server import Enter
from server_process import ServerProcess
from test_call_simulcast import WIDTHS, all_encodings_are_sent, choose
from waiting import until

pytestmark = pytest.mark.browser


async def test_people_on_two_workers_see_and_hear_each_other(enter: Enter) -> None:
    server = await ServerProcess.start("--workers", "2", "--room-spread", "1")
    try:
        ada, grace = await enter("Ada", on=server), await enter("Grace", on=server, devices=False)
        await grace.hears("Ada")
        await until(lambda: media_ports(ada, grace), lambda ports: len(ports) == 2)
        await all_encodings_are_sent(ada)
        for rid in ("f", "q", "h"):
            await choose(grace, "Ada", rid)
            seen = await grace.sees("Ada", width=WIDTHS[rid])
        assert seen["packetsLost"] == 0
    finally:
        await server.stop()
    assert server.faults == []


async def media_ports(*people: Person) -> set[int]:
    """The UDP ports of the server that their media flows to; statistics name one a moment after it connected."""
    statistics = [entry for person in people for entry in await person.page.evaluate("mediasrv.getStats()")]
    return {entry["port"] for entry in statistics if entry["type"] == "remote-candidate"}
