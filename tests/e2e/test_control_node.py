"""A control client in another language, written from the protocol's documentation, against a real server."""

from __future__ import annotations

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from server_process import KEY, SECRET, ServerProcess

from mediasrv import tokens

FOLDER = Path(__file__).parent / "node"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (FOLDER / "node_modules").is_dir(),
    reason="node and its packages are not here: run `.ci/deps test`",
)


async def run_node(*arguments: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec("node", *arguments, cwd=FOLDER, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


async def test_a_client_in_node_creates_a_room_moderates_and_tails_the_journal(tmp_path: Path) -> None:
    server = await ServerProcess.start("--control", "tcp:127.0.0.1:0", "--control", f"unix:{tmp_path / 'control.sock'}")
    try:
        admin = tokens.mint(KEY, SECRET, identity="node", room=None, grants={}, ttl_s=600, admin=True)
        people = [server.token(name, "node") for name in ("Ada", "Bob", "Eve")]
        said = await run_node("moderate.js", str(await server.control_port()), admin, *people)
        found = {line["what"]: line["value"] for line in said}
        assert found["refused"] == "not_authenticated"
        assert found["name"] == "admin:node"
        assert found["full"] == "server_busy"
        assert found["muzzled"] == "send_message"
        assert found["sent"] == 1
        assert found["closing"] == "removed"
        assert found["left"] == ["naïve ☃", ["bob"]]
        assert found["again"] is True
        history = [[seq, event] for seq, event in found["events"] if seq is not None]
        assert [event for _, event in history] == [
            "room_opened",
            "participant_joined",
            "participant_joined",
            "permission_changed",
            "message_sent",
            "participant_left",
            "participant_left",
            "room_closed",
        ]
        assert found["journal"] == history == [[record["seq"], record["event"]] for record in server.records("node")]
        assert "secret" not in json.dumps(said)
        assert found["workers"] == 1
    finally:
        assert await server.stop() == 0
    assert server.faults == []
    assert not (tmp_path / "control.sock").exists()


async def test_over_a_unix_socket_this_user_needs_no_token(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = await ServerProcess.start("--control", f"unix:{path}")
    try:
        script = f"""
        import {{ ControlClient }} from "./client.js";
        const client = await ControlClient.connect({{ path: {str(path)!r} }});
        console.log(JSON.stringify(await client.call("list_rooms")));
        client.close();
        """
        assert await run_node("--input-type=module", "--eval", script) == [{"rooms": []}]
    finally:
        assert await server.stop() == 0
