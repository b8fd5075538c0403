"""Pages of other origins may use WHIP and WHEP, and read the errors too."""

from __future__ import annotations

import pytest
from http_harness import offer


@pytest.mark.parametrize("protocol", ["whip", "whep"])
async def test_a_preflight_request_needs_no_token(harness, protocol):
    headers = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    response = await harness.client.options(f"/{protocol}/blue", headers=headers)
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert {"Authorization", "Content-Type", "If-Match"} <= set(
        response.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert response.headers["Accept-Post"] == "application/sdp"


async def test_a_session_allows_patch_and_delete(harness):
    url = await harness.publish()
    response = await harness.client.options(url, headers={"Access-Control-Request-Method": "PATCH"})
    assert response.status == 200
    assert {"PATCH", "DELETE"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
    assert response.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"


async def test_every_response_can_be_read_by_the_page(harness):
    responses = [
        await harness.post("/whip/blue", offer(("audio", "sendonly"))),
        await harness.post("/whip/blue", "nonsense"),
        await harness.post("/whip/blue", "", {}),
        await harness.client.put("/whip/blue"),
        await harness.client.get("/whip/blue/a/b/c"),
    ]
    assert [response.status for response in responses] == [201, 400, 401, 405, 404]
    for response in responses:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert {"Location", "ETag", "Link"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))


async def test_the_rest_of_the_server_is_for_its_own_pages(harness):
    for path in ("/", "/healthz", "/dev/token"):
        response = await harness.client.options(path, headers={"Access-Control-Request-Method": "POST"})
        assert "Access-Control-Allow-Origin" not in response.headers
