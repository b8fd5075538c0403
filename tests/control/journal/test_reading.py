"""What programs read: a part, or everything from a position on and then what comes."""

from __future__ import annotations

import asyncio

import pytest

from .harness import JournalHarness


async def test_pages_by_position_and_by_room(any_harness: JournalHarness):
    harness = any_harness
    red, blue = harness.room("red", "r_1"), harness.room("blue", "r_2")
    journal = await harness.write([red.opened(), blue.opened(), red.joined("ada"), blue.joined("bob"), red.left("ada")])
    reader = journal.reader
    assert [each.position for each in await reader.read(limit=2)] == [1, 2]
    assert [each.position for each in await reader.read(after=2, limit=2)] == [3, 4]
    assert [each.position for each in await reader.read("red")] == [1, 3, 5]
    assert [each.position for each in await reader.read("red", after=3)] == [5]
    assert [each.position for each in await reader.last("red", 2)] == [3, 5]
    assert await reader.read("green") == []
    assert await reader.last_position() == 5


async def test_from_a_time_on(harness: JournalHarness):
    room = harness.room()
    await harness.write([room.opened()])
    harness.clock.now += 60
    journal = await harness.write([room.joined("ada")])
    at = int(harness.clock.now * 1000)
    assert [await journal.reader.position_at(at - 30_000), await journal.reader.position_at(at + 1)] == [1, 2]


@pytest.mark.parametrize("begin", [0, 2, None])
async def test_following_gives_each_record_once_and_in_order(any_harness: JournalHarness, begin):
    harness = any_harness
    room = harness.room()
    journal = await harness.write([room.opened(), room.joined("ada"), room.left("ada")])
    got: list[int] = []
    first = asyncio.Event()

    async def follow() -> None:
        async for record in journal.reader.follow(after=begin):
            got.append(record.position)
            first.set()

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.05) if begin is None else await first.wait()
    for number in range(50):
        await harness.write(harness.room("blue", f"r_b{number}").call("bob"))
    async with asyncio.timeout(10):
        while len(got) < 203 - (3 if begin is None else begin):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    journal.reader.close()
    await asyncio.wait_for(task, 5)
    assert got == list(range((3 if begin is None else begin) + 1, 204))


async def test_one_who_reads_slowly_misses_nothing_and_holds_nobody_up(harness: JournalHarness):
    journal = await harness.open()
    slow = journal.reader.follow(after=0)
    await harness.write(harness.room().call("ada"))
    assert (await anext(slow)).position == 1
    for number in range(20):
        await harness.write(harness.room("blue", f"r_{number}x").call("bob"))
    assert [(await anext(slow)).position for _ in range(83)] == list(range(2, 85))
    await slow.aclose()
