"""The page, its headers, the health checks and the development token."""

from __future__ import annotations

import json

import pytest
from http_harness import KEYS

from mediasrv.rooms.permissions import Permission
from mediasrv.tokens import TokenVerifier


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/call.js", "text/javascript"),
        ("/parts/style.css", "text/css"),
    ],
)
async def test_files_come_with_their_type_and_the_security_headers(harness, path, content_type):
    response = await harness.client.get(path)
    assert response.status == 200
    assert response.content_type == content_type
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Permissions-Policy"].startswith("camera=(self), microphone=(self), display-capture=(self)")
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_an_unchanged_file_is_not_sent_again_and_a_changed_one_is(harness, web_folder):
    first = await harness.client.get("/call.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await harness.client.get("/call.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    (web_folder / "call.js").write_text("export const changed = true")
    changed = await harness.client.get("/call.js", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200


@pytest.mark.parametrize("path", ["/absent.js", "/../conftest.py", "/%2e%2e/%2e%2e/etc/passwd", "/parts", "/parts/"])
async def test_what_is_not_in_the_folder_is_not_found(harness, path):
    response = await harness.client.get(path)
    assert response.status == 404
    assert response.content_type == "application/problem+json"


async def test_health_and_readiness(harness):
    assert (await harness.client.get("/healthz")).status == 200
    assert (await harness.client.get("/readyz")).status == 200
    harness.wrong = {"database": "no answer within 2 s"}
    assert (await harness.client.get("/healthz")).status == 200
    response = await harness.client.get("/readyz")
    assert (response.status, response.content_type) == (503, "application/problem+json")
    assert await response.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "database: no answer within 2 s",
        "code": "not_ready",
        "checks": {"server": "ok", "database": "no answer within 2 s"},
        "warnings": {},
    }


async def test_what_keeps_nobody_from_calling_is_said_by_a_server_that_is_ready(harness):
    harness.warnings = {"webhooks": "3 deliveries were given up"}
    response = await harness.client.get("/readyz")
    assert response.status == 200
    checks = {"server": "ok", "database": "ok"}
    assert await response.json() == {"status": "ready", "checks": checks, "warnings": harness.warnings}


async def test_the_page_gets_a_token_for_development(harness):
    responses = [await harness.client.post("/dev/token", json={"room": "blue", "name": "Ada"}) for _ in range(2)]
    grants = [TokenVerifier(KEYS).verify((await response.json())["token"]) for response in responses]
    assert all((grant.room, grant.name) == ("blue", "Ada") for grant in grants)
    assert grants[0].identity != grants[1].identity
    assert Permission.MODERATE in grants[0].permissions


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{}", "application/json", 400),
        ('{"room": "a/b"}', "application/json", 400),
        ("nonsense", "application/json", 400),
        (json.dumps({"room": "blue"}), "text/plain", 415),  # what a foreign page could send without asking
    ],
)
async def test_a_wrong_wish_for_a_token_is_explained(harness, body, content_type, status):
    response = await harness.client.post("/dev/token", data=body.encode(), headers={"Content-Type": content_type})
    assert response.status == status
    assert response.content_type == "application/problem+json"
