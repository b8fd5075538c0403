"""A call whose signaling connection breaks off: it is resumed, and media goes on as if nothing had been."""

from __future__ import annotations

import pytest
from person import Person
from playwright.async_api import Page, WebSocketRoute, expect
from real_server import Enter
from server_process import JOINING, ServerProcess
from waiting import until

pytestmark = pytest.mark.browser


class Line:
    """The WebSockets of a page, on their way to the real server; a test cuts them."""

    def __init__(self) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.is_up = True
        self.breaks_at_answers = 0

    async def lay(self, page: Page) -> None:
        await page.route_web_socket(lambda url: url.endswith("/rpc"), self._opened)

    async def _opened(self, socket: WebSocketRoute) -> None:
        if not self.is_up:
            await socket.close(code=1013)
            return
        self.sockets.append(socket)
        server = socket.connect_to_server()

        async def from_server(frame: str | bytes) -> None:
            if self.breaks_at_answers > 0 and '"sdp"' in str(frame):
                self.breaks_at_answers -= 1
                await socket.close(code=1011)
            else:
                socket.send(frame)

        server.on_message(from_server)

    async def cut(self) -> None:
        await self.sockets[-1].close(code=1011)


async def enter_over(line: Line, enter: Enter, name: str) -> Person:
    person = await enter(name, joined=False)
    await line.lay(person.page)
    await person.page.reload()
    await person.join_with_devices()
    return person


async def test_a_lost_connection_is_resumed_and_the_call_goes_on(
    enter: Enter, server: ServerProcess, room: str
) -> None:
    line = Line()
    grace, ada = await enter("Grace"), await enter_over(line, enter, "Ada")
    await grace.sees("Ada")
    await ada.sees("Grace")
    first = await ada.participant_id()
    received = await grace.received("Ada", "camera")

    line.is_up = False
    await line.cut()
    await expect(ada.page.get_by_text("Connection lost, coming back…")).to_be_visible()
    await server.recorded(room, "signaling_lost", participant=first)
    await grace.sees("Ada")  # media knows nothing of it
    await ada.button("Microphone").click()
    line.is_up = True
    await server.recorded(room, "signaling_resumed", participant=first)
    await expect(ada.page.get_by_text("Connection lost, coming back…")).to_be_hidden()

    # What was done meanwhile is told now; the rest is as it was.
    await server.recorded(room, "feature_toggled", participant=first, feature="microphone", enabled=False)
    await expect(grace.page.get_by_role("group", name="Ada: microphone off, camera on")).to_be_visible()
    await grace.sees("Ada")
    await ada.sees("Grace")
    await ada.hears("Grace")
    assert await ada.participant_id() == first
    now = await grace.received("Ada", "camera")
    assert (now["ssrc"], now["mid"], now["trackIdentifier"]) == (
        received["ssrc"],
        received["mid"],
        received["trackIdentifier"],
    )
    await ada.button("Microphone").click()
    await grace.hears("Ada")
    assert server.records(room, "participant_left") == []
    assert len(server.records(room, "participant_joined")) == 2


async def test_a_message_of_the_meantime_comes_afterwards(enter: Enter, server: ServerProcess, room: str) -> None:
    line = Line()
    grace, ada = await enter("Grace", devices=False), await enter_over(line, enter, "Ada")
    line.is_up = False
    await line.cut()
    await server.recorded(room, "signaling_lost")
    sent = await grace.request("send_message", {"text": "are you still there?"})
    assert sent["pending"] == [await ada.participant_id()]
    line.is_up = True
    await server.recorded(room, "signaling_resumed")
    await ada.button("Messages (1 unread)").click()
    await expect(ada.page.get_by_text("are you still there?", exact=True)).to_be_visible()


async def test_lost_several_times_in_a_row(enter: Enter, server: ServerProcess, room: str) -> None:
    line = Line()
    grace, ada = await enter("Grace", devices=False), await enter_over(line, enter, "Ada")
    first = await ada.participant_id()

    async def epochs() -> list[int]:
        return [record["epoch"] for record in server.records(room, "signaling_resumed", participant=first)]

    for count in (1, 2, 3):
        await line.cut()
        await until(epochs, lambda seen, count=count: len(seen) == count)
        await ada.in_room()
    assert await epochs() == sorted(await epochs())
    await grace.sees("Ada")
    assert server.records(room, "participant_left") == []


@pytest.mark.parametrize("times", [1, 3])
async def test_answers_that_are_lost_with_the_connection(
    enter: Enter, server: ServerProcess, room: str, times: int
) -> None:
    """The server has carried the offer out, and the page does not know."""
    line = Line()
    grace = await enter("Grace")
    line.breaks_at_answers = times
    ada = await enter_over(line, enter, "Ada")
    await grace.sees("Ada")
    await grace.hears("Ada")
    await ada.sees("Grace")
    await ada.hears("Grace")
    assert line.breaks_at_answers == 0
    assert server.records(room, "participant_left") == []


async def test_who_was_removed_while_away_hears_so(enter: Enter, server: ServerProcess, room: str) -> None:
    line = Line()
    host = await enter("Host", devices=False, grants=(*JOINING, "moderate"))
    ada = await enter_over(line, enter, "Ada")
    first = await ada.participant_id()
    line.is_up = False
    await line.cut()
    await server.recorded(room, "signaling_lost")
    await host.request("ban", {"participant_id": first, "for_s": 60})
    await server.recorded(room, "participant_left", participant=first, reason="banned")
    line.is_up = True
    await expect(ada.page.get_by_role("heading", name="You could not come back")).to_be_visible()
    await expect(ada.page.get_by_text("A moderator has banned you")).to_be_visible()
