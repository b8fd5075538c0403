"""`kill -9` in the middle of 100 joins: what the journal knows then has no gap, and one leave for each join."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from server_process import ServerProcess

ROOMS = 5
PEOPLE = 100
# What was answered so long before the kill is in the journal. docs/journal.md promises less of a machine at rest.
DURABLE_S = 0.5
ARRIVE_S = 2.0


@pytest.fixture
def native() -> None:
    pytest.importorskip("mediaplane.worker")


async def crowd(server: ServerProcess, kill_after: int, chance: random.Random) -> set[str]:
    """100 people join, every fourth leaves again at once; when `kill_after` have joined, the server is killed.

    Returns the ids of those whose join was answered long enough before that.
    """
    loop = asyncio.get_running_loop()
    answered: dict[str, float] = {}
    enough = asyncio.Event()

    async def person(number: int, http: aiohttp.ClientSession) -> None:
        await asyncio.sleep(chance.random() * ARRIVE_S)
        token = server.token(f"person-{number}", f"room-{number % ROOMS}")
        try:
            async with http.ws_connect(f"{server.url}rpc") as socket:
                await socket.send_str(json.dumps([0, 1, "join", {"token": token}]))
                while True:
                    message = await socket.receive_json()
                    if message[:2] == [1, 1]:
                        assert message[2] is None, message
                        answered[message[3]["participant_id"]] = loop.time()
                        if len(answered) >= kill_after:
                            enough.set()
                        if number % 4 == 0:
                            await socket.send_str(json.dumps([0, 2, "leave", {}]))
        except (aiohttp.ClientError, TypeError, ConnectionError):
            return  # the server is no more: a closed socket has nothing that could be decoded

    async with aiohttp.ClientSession() as http:
        people = [asyncio.create_task(person(number, http)) for number in range(PEOPLE)]
        async with asyncio.timeout(30):
            await enough.wait()
        killed_at = loop.time()
        await server.kill()
        await asyncio.wait(people, timeout=10)
        for each in people:
            each.cancel()
        assert not [each for each in people if each.done() and not each.cancelled() and each.exception()]
    return {who for who, at in answered.items() if at < killed_at - DURABLE_S}


async def journal(data_dir: Path, *arguments: str) -> tuple[int, str]:
    command = ["-m", "mediasrv", "journal", *arguments, "--data-dir", str(data_dir)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return await process.wait(), output.decode()


@pytest.mark.usefixtures("native")
async def test_no_gap_and_no_double_leave_however_often_it_is_killed(tmp_path: Path) -> None:
    chance = random.Random(1)
    durable: set[str] = set()
    for kill_after in (37, 99):
        server = await ServerProcess.start(data_dir=tmp_path)
        durable |= await crowd(server, kill_after, chance)
        # As it lies there after the kill, nothing repaired.
        code, output = await journal(tmp_path, "verify")
        assert code == 0, output
    last = await ServerProcess.start(data_dir=tmp_path)
    assert await last.stop() == 0

    code, output = await journal(tmp_path, "verify", "--json")
    checked = json.loads(output)
    assert code == 0, output
    assert (checked["findings"], checked["rooms_open"], checked["lost"]) == ([], 0, 0)

    _, output = await journal(tmp_path, "show", "--json")
    records = [json.loads(line) for line in output.splitlines()]
    joined = Counter(each["participant"] for each in records if each["event"] == "participant_joined")
    left = Counter(each["participant"] for each in records if each["event"] == "participant_left")
    assert joined == left
    assert set(joined.values()) == {1}
    assert joined.keys() >= durable
    assert len(durable) > 20
    reasons = Counter(each["fields"]["reason"] for each in records if each["event"] == "participant_left")
    assert reasons["server_crashed"] > 50
    assert reasons["left"] > 10
    rooms: dict[str, list[int]] = {}
    for each in records:
        rooms.setdefault(each["room_id"], []).append(each["seq"])
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in rooms.values())
    assert len(rooms) >= 2 * ROOMS  # at least, each time: rooms that were empty for a moment opened anew
