"""A server with a folder of pages, and a client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from http_harness import Harness


@pytest.fixture
def web_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "parts").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>call</title>")
    (folder / "call.js").write_text("export {}")
    (folder / "parts" / "style.css").write_text("p {}")
    return folder


@pytest.fixture
async def harness(web_folder: Path) -> AsyncIterator[Harness]:
    harness = Harness(web_folder)
    async with TestClient(TestServer(harness.server.app)) as client:
        harness.client = client
        yield harness
