"""The server as the page sees it: its files over HTTP, and `/rpc` played by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Page, WebSocketRoute

WEB = Path(__file__).parents[2] / "mediasrv" / "web"
FAKE_PEER = Path(__file__).with_name("fake_peer.js")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob: mediastream:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
EVERY_FLAG = ["join", "publish_audio", "publish_video", "share_screen", "subscribe", "send_message"]


class StaticSite:
    """The page's files on a free port, with the headers that a strict server sends."""

    def __init__(self) -> None:
        self.url = ""
        self.gives_tokens = True
        self.token_requests: list[dict[str, str]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._file)
        app.router.add_get("/devices-forbidden/", self._file)
        app.router.add_get("/devices-forbidden/{name}", self._file)
        app.router.add_post("/dev/token", self._token)
        app.router.add_post("/devices-forbidden/dev/token", self._token)
        app.router.add_get("/{name}", self._file)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        assert self._runner
        await self._runner.cleanup()

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = WEB / request.match_info.get("name", "index.html")
        if not path.is_file():
            raise web.HTTPNotFound
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
        if request.path.startswith("/devices-forbidden/"):
            headers["Permissions-Policy"] = "camera=(), microphone=(), display-capture=()"
        return web.FileResponse(path, headers=headers)

    async def _token(self, request: web.Request) -> web.Response:
        if not self.gives_tokens:
            raise web.HTTPNotFound
        self.token_requests.append(await request.json())
        return web.json_response({"token": f"dev-token-{len(self.token_requests)}"})


class FakeServer:
    """One room. `add()` brings people in; everything the page asks is in `requests`.

    `refuse[method]` is the error that the method is answered with; `refused_sources` are those an offer may not send.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.room = "standup"
        self.permissions = list(EVERY_FLAG)
        self.people: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, dict[str, Any]] = {}
        self.refused_sources: dict[str, str] = {}
        self.sessions = 0
        self.accepts = True
        self._socket: WebSocketRoute | None = None
        self._queue: asyncio.Queue[tuple[WebSocketRoute, str]] = asyncio.Queue()
        self._arrived = asyncio.Condition()
        self._worker: asyncio.Task[None] | None = None
        self._slots: dict[str, dict[str, Any] | None] = {}
        self._kinds: dict[str, str] = {}
        self._last_id = 0

    async def attach(self) -> None:
        await self.page.add_init_script(path=FAKE_PEER)
        await self.page.route_web_socket(lambda url: url.endswith("/rpc"), self._opened)
        self._worker = asyncio.create_task(self._work())

    def stop(self) -> None:
        if self._worker:
            self._worker.cancel()

    @property
    def me(self) -> str:
        return f"p_me{self.sessions}"

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.requests if name == method]

    async def wait_for(self, method: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first request of that method (also one that came already) whose params match."""
        async with asyncio.timeout(8), self._arrived:
            while True:
                for params in self.asked(method):
                    if matches(params):
                        return params
                await self._arrived.wait()

    async def wait_for_sessions(self, count: int) -> None:
        async with asyncio.timeout(8), self._arrived:
            await self._arrived.wait_for(lambda: self.sessions >= count)

    def person(
        self, name: str, *, microphone: bool = True, camera: bool = True, screen: bool = False
    ) -> dict[str, Any]:
        self._last_id += 1
        person: dict[str, Any] = {
            "id": f"p_{self._last_id}", "identity": name.lower(), "name": name,
            "joined_at": "2026-01-01T10:00:00Z", "tracks": [],
        }  # fmt: skip
        for source, on in (("microphone", microphone), ("camera", camera), ("screen", screen)):
            if on:
                person["tracks"].append(self._track(person["id"], source))
        self.people[person["id"]] = person
        return person

    def _track(self, participant_id: str, source: str) -> dict[str, Any]:
        self._last_id += 1
        return {
            "id": f"t_{self._last_id}", "participant_id": participant_id, "source": source, "muted": False,
            "kind": "audio" if source == "microphone" else "video",
            "codec": "opus" if source == "microphone" else "VP8",
            "encodings": ["q", "h", "f"] if source == "camera" else [],
        }  # fmt: skip

    async def add(self, name: str, **sources: bool) -> dict[str, Any]:
        """Somebody joins while the page is in the room, and is put into receive slots."""
        person = self.person(name, **sources)
        self.notify("participant_joined", {"participant": person})
        await self._fill_slots()
        return person

    async def share_screen(self, person: dict[str, Any]) -> dict[str, Any]:
        track = self._track(person["id"], "screen")
        person["tracks"].append(track)
        self.notify("track_published", {"track": track})
        await self._fill_slots()
        return track

    async def remove(self, person: dict[str, Any], reason: str = "left") -> None:
        del self.people[person["id"]]
        emptied = {mid: None for mid, shown in self._slots.items() if shown and shown["participant_id"] == person["id"]}
        self._slots.update(emptied)
        self.notify("slots_changed", {"slots": emptied})
        self.notify("participant_left", {"participant_id": person["id"], "reason": reason})

    def notify(self, method: str, params: dict[str, Any]) -> None:
        assert self._socket
        self._socket.send(json.dumps([2, method, params]))

    async def drop(self) -> None:
        """The connection breaks off, without a word."""
        assert self._socket
        await self._socket.close(code=1011)

    async def _opened(self, socket: WebSocketRoute) -> None:
        if not self.accepts:
            await socket.close(code=1013)
            return
        self._socket = socket
        socket.on_message(lambda data: self._queue.put_nowait((socket, str(data))))

    async def _work(self) -> None:
        while True:
            socket, data = await self._queue.get()
            kind, request_id, method, params = json.loads(data)
            assert kind == 0
            error, result = None, None
            if method in self.refuse:
                error = self.refuse[method]
            else:
                result = await getattr(self, f"_on_{method}", self._on_anything)(params)
            socket.send(json.dumps([1, request_id, error, result]))
            async with self._arrived:
                self.requests.append((method, params))
                self._arrived.notify_all()

    async def _on_anything(self, params: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def _on_join(self, params: dict[str, Any]) -> dict[str, Any]:
        self.sessions += 1
        self._slots = {}
        return {
            "participant_id": self.me, "room": self.room, "permissions": self.permissions, "message_size": 4000,
            "participants": [
                *self.people.values(),
                {"id": self.me, "identity": "me", "name": params["name"], "joined_at": "", "tracks": []},
            ],
        }  # fmt: skip

    async def _on_offer(self, params: dict[str, Any]) -> dict[str, Any]:
        fresh = not self._slots
        sections = params["sdp"].split("\r\nm=")[1:]
        for section in sections:
            mid = section.split("a=mid:")[1].split("\r\n")[0]
            if "a=recvonly" in section:
                self._kinds[mid] = section.split(" ")[0]
                self._slots.setdefault(mid, None)
        self._assign()
        refused = {
            mid: self.refused_sources[track["source"]]
            for mid, track in params["tracks"].items() if track["source"] in self.refused_sources
        }  # fmt: skip
        sdp = await self.page.evaluate(
            "([sdp, slots, shown, fresh]) => fakePeer.answer(sdp, slots, shown, fresh)",
            [params["sdp"], list(self._slots), self._shown(), fresh],
        )
        tracks = {mid: f"t_mine_{track['source']}" for mid, track in params["tracks"].items() if mid not in refused}
        return {"sdp": sdp, "tracks": tracks, "slots": self._slots, "refused": refused}

    async def _on_publish(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"track_id": f"t_mine_{params['source']}"}

    async def _on_set_slots(self, params: dict[str, Any]) -> dict[str, Any]:
        """The mix, or none of it; of other policies it knows nothing."""
        if params["policy"] == "mix":
            self.mix(True)
        elif params["kind"] == "audio" and not params["or_mix"]:
            self.mix(False)
        return {"slots": self._slots}

    def mix(self, mixed: bool) -> None:
        """Whether the audio slots have the mix of the room, or single tracks again."""
        mids = [mid for mid, kind in self._kinds.items() if kind == "audio"]
        self._slots.update(dict.fromkeys(mids))
        if mixed and mids:
            self._slots[mids[0]] = {"participant_id": None, "track_id": "mix"}
        if mids:
            self._assign()
            self.notify("slots_changed", {"slots": {mid: self._slots[mid] for mid in mids}})

    async def _on_send_message(self, params: dict[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        return {"message_id": f"m_{self._last_id}", "recipients": params.get("to") or list(self.people)}

    def _wanting(self) -> list[dict[str, Any]]:
        shown = {slot["track_id"] for slot in self._slots.values() if slot}
        return [track for person in self.people.values() for track in person["tracks"] if track["id"] not in shown]

    def _assign(self) -> dict[str, dict[str, Any]]:
        assigned = {}
        for track in self._wanting():
            for mid, slot in self._slots.items():
                if slot is None and self._kinds[mid] == track["kind"]:
                    assigned[mid] = {"participant_id": track["participant_id"], "track_id": track["id"]}
                    self._slots[mid] = assigned[mid]
                    break
        return assigned

    async def _fill_slots(self) -> None:
        assigned = self._assign()
        if assigned:
            await self.page.evaluate("(shown) => fakePeer.fill(shown)", self._shown())
            self.notify("slots_changed", {"slots": assigned})
        lacking = [track["kind"] for track in self._wanting()]
        if lacking:
            self.notify("slots_needed", {"audio": lacking.count("audio"), "video": lacking.count("video")})

    def _shown(self) -> dict[str, dict[str, Any]]:
        """What each video slot's far end sends; audio slots stay silent."""
        tracks = {track["id"]: track for person in self.people.values() for track in person["tracks"]}
        shown = {}
        for mid, slot in self._slots.items():
            if slot and self._kinds[mid] == "video":
                track = tracks[slot["track_id"]]
                shown[mid] = {"id": track["id"], "source": track["source"], "index": int(track["id"][2:])}
        return shown
