"""Logs: one JSON object a line, and nothing secret in it."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from mediasrv import logs


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object(stream):
    logs.configure(level="info", console=False, stream=stream)
    structlog.get_logger("rooms").info("joined", room="blue", count=2)
    line = json.loads(stream.getvalue())
    assert line["event"] == "joined"
    assert (line["room"], line["count"], line["level"], line["logger"]) == ("blue", 2, "info", "rooms")
    assert line["timestamp"].endswith("Z")


def test_the_standard_library_logs_the_same_way(stream):
    logs.configure(level="info", console=False, stream=stream)
    logging.getLogger("aiohttp.server").warning("odd %s", "request", extra={"token": "SECRET"})
    line = json.loads(stream.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("odd request", "aiohttp.server", "warning")
    assert "SECRET" not in stream.getvalue()


@pytest.mark.parametrize("console", [False, True])
@pytest.mark.parametrize("key", ["token", "sdp", "text", "password", "Authorization", "secret"])
def test_what_could_be_secret_is_dropped_at_any_depth(stream, console, key):
    logs.configure(level="info", console=console, stream=stream)
    nested = {"kept": 1, key: "SECRET", "deep": [{key: "SECRET", "also_kept": 2}]}
    structlog.get_logger().info("something", **{key: "SECRET"}, detail=nested)
    assert "SECRET" not in stream.getvalue()
    assert "also_kept" in stream.getvalue()


@pytest.mark.parametrize("console", [False, True])
def test_a_traceback_shows_no_local_variables(stream, console):
    logs.configure(level="info", console=console, stream=stream)

    def fail():
        held = "SECRET" + " TOKEN"
        raise ValueError(len(held))

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: 12" in stream.getvalue()
    assert "SECRET TOKEN" not in stream.getvalue()


def test_the_level_filters(stream):
    logs.configure(level="warning", console=False, stream=stream)
    structlog.get_logger().info("chatter")
    structlog.get_logger().warning("trouble")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["trouble"]
