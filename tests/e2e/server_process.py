"""`mediasrv serve` as a process of its own, and what it writes down."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mediasrv import tokens

KEY = "tests"
SECRET = "a-secret-that-only-the-tests-know"
JOINING = ("join", "publish_audio", "publish_video", "share_screen", "subscribe", "send_message")
READY = re.compile(r"mediasrv is ready: (?P<url>\S+) ")

Record = dict[str, Any]


class ServerProcess:
    """A running server. Without `dev` its log is JSON, so that `journal` can be read; tokens are then needed.

    `url` ends in a slash. `journal` has the records of all rooms, oldest first. `faults` are the lines that a healthy
    server never logs.
    """

    def __init__(self, process: Process, url: str, own_data: TemporaryDirectory[str] | None = None) -> None:
        self.url = url
        self.journal: list[Record] = []
        self.faults: list[str] = []
        self._control: list[str] = []
        self._own_data = own_data  # goes with the last that knows of it
        self._process = process
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read_log())

    @classmethod
    async def start(
        cls, *options: str, http: str = "127.0.0.1:0", dev: bool = False, data_dir: Path | None = None
    ) -> ServerProcess:
        """Returns when the server has said that it is ready. `data_dir`: not a folder that goes with it."""
        own_data = TemporaryDirectory(prefix="mediasrv-") if data_dir is None else None
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASRV_")}
        if not dev:
            environment["MEDIASRV_KEYS"] = f"{KEY}:{SECRET}"
        environment["MEDIASRV_DRAIN_S"] = "0"
        environment["MEDIASRV_DATA_DIR"] = own_data.name if own_data else str(data_dir)
        where = [] if "--rtc-bind" in options else ["--rtc-bind", "127.0.0.1", "--rtc-ip", "127.0.0.1"]
        command = ["-m", "mediasrv", "serve", "--http", http, "--rtc-port", "0", "--workers", "1"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, *(["--dev"] if dev else where), *options,
            stdout=PIPE, stderr=PIPE, env=environment, limit=1 << 20,
        )  # fmt: skip
        assert process.stdout
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        ready = READY.match(line)
        if ready is None:
            assert process.stderr
            raise AssertionError(f"the server did not start: {line}{(await process.stderr.read()).decode()}")
        return cls(process, ready["url"], own_data)

    async def control_port(self) -> int:
        """That of the first address `tcp:` that it was started with."""
        await self._until(lambda: bool(self._control), 10, lambda: "the server listens on no control address")
        return next(int(address.rpartition(":")[2]) for address in self._control if address.startswith("tcp:"))

    @property
    def address(self) -> str:
        """Host and port of its HTTP side."""
        return self.url.removeprefix("http://").rstrip("/")

    def token(
        self, identity: str, room: str, *grants: str, join: bool = True, ttl_s: float = 3600, secret: str = SECRET
    ) -> str:
        """A token for what people do in a call, or for `grants` alone; `join=False`: without that flag."""
        flags = dict.fromkeys(grants or JOINING, True) | {"join": join}
        return tokens.mint(KEY, secret, identity=identity.lower(), name=identity, room=room, grants=flags, ttl_s=ttl_s)

    def records(self, room: str, event: str | None = None, **fields: object) -> list[Record]:
        """What the journal says of a room so far."""
        return [
            record for record in self.journal
            if record["room"] == room and event in (None, record["event"])
            and all(record.get(name) == value for name, value in fields.items())
        ]  # fmt: skip

    async def recorded(self, room: str, event: str, *, timeout_s: float = 20, **fields: object) -> Record:
        """The last such record of the journal, which may still have to come."""
        await self._until(
            lambda: bool(self.records(room, event, **fields)), timeout_s,
            lambda: f"no {event} {fields} in {self.records(room)}",
        )  # fmt: skip
        return self.records(room, event, **fields)[-1]

    async def stop(self) -> int:
        """Ask it to stop, as an operator does. Returns its exit code."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(20):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            raise AssertionError("the server did not stop within 20 seconds") from None
        await self._reading
        return await self._process.wait()

    async def kill(self) -> None:
        """`kill -9`: it gets to do nothing any more."""
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read_log(self) -> None:
        assert self._process.stderr
        async for line in self._process.stderr:
            self._take(line.decode())
            async with self._news:
                self._news.notify_all()

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            # The console form of --dev; anything else is a traceback, or a library that prints.
            if "[error" in line or "Traceback" in line:
                self.faults.append(line)
            return
        if entry.get("logger") == "journal":
            self.journal.append(entry)
        elif entry.get("event") == "control":
            self._control = entry["addresses"]
        elif entry.get("level") in ("error", "critical"):
            self.faults.append(line)

    async def _until(self, holds: Callable[[], bool], timeout_s: float, complaint: Callable[[], str]) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            raise AssertionError(complaint()) from None


def check_journal(journal: list[Record]) -> None:
    """What must hold of every journal of a server that has stopped."""
    rooms: dict[str, list[Record]] = {}
    for record in journal:
        rooms.setdefault(record["room_id"], []).append(record)
    for records in rooms.values():
        assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
        assert [records[0]["event"], records[-1]["event"]] == ["room_opened", "room_closed"]
        joined = Counter(record["participant"] for record in records if record["event"] == "participant_joined")
        left = Counter(record["participant"] for record in records if record["event"] == "participant_left")
        assert joined == left
        assert set(joined.values()) <= {1}  # nobody, where a room was opened for its bans
        check_toggles([record for record in records if record["event"] == "feature_toggled"])


def check_toggles(toggles: list[Record]) -> None:
    """On and off alternate for every track, on first and off last."""
    tracks: dict[str, list[bool]] = {}
    for record in toggles:
        tracks.setdefault(record["track"], []).append(record["enabled"])
    for states in tracks.values():
        assert states == [True, False] * (len(states) // 2), tracks
