"""A real Chromium takes the answers, first and later ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import CHROMIUM, WHY_NOT
from peers import NOBODY, Peer
from playwright.sync_api import Browser, Page, sync_playwright

from mediasrv.rtc.answer import Answer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
]

SETUP = """async () => {
    window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    window.media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 1280, height: 720}});
    window.describe = () => pc.getTransceivers().map(t => ({
        mid: t.mid, direction: t.currentDirection, sending: t.sender.getParameters().encodings.map(e => e.rid),
        sendCodecs: [...new Set(t.sender.getParameters().codecs.map(c => c.mimeType))],
        receiveCodecs: [...new Set(t.receiver.getParameters().codecs.map(c => c.mimeType))],
    }));
}"""
OFFER = "async () => { await pc.setLocalDescription(await pc.createOffer()); return pc.localDescription.sdp; }"
ANSWER = "async sdp => { await pc.setRemoteDescription({type: 'answer', sdp}); return describe(); }"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<title>peer</title>"))
    page.goto("http://localhost/")  # a secure context, so that there are devices
    page.evaluate(SETUP)
    yield page
    page.close()


def negotiate(page: Page, peer: Peer) -> tuple[Answer, dict[str, dict[str, Any]]]:
    """One round; what Chromium made of the answer, by mid."""
    answer = peer.connection.answer(page.evaluate(OFFER))
    transceivers = page.evaluate(ANSWER, answer.sdp)
    return answer, {transceiver["mid"]: transceiver for transceiver in transceivers}


def test_a_call_from_its_first_offer_to_reused_m_lines(page: Page) -> None:
    peer = Peer(candidates=NOBODY)
    page.evaluate("""() => {
        const [audio] = media.getAudioTracks(), [video] = media.getVideoTracks();
        pc.addTransceiver(audio, {direction: 'sendonly', streams: [media]});
        pc.addTransceiver(video, {direction: 'sendonly', streams: [media], sendEncodings: [
            {rid: 'q', scaleResolutionDownBy: 4}, {rid: 'h', scaleResolutionDownBy: 2}, {rid: 'f'}]});
        pc.addTransceiver('audio', {direction: 'recvonly'});
        pc.addTransceiver('video', {direction: 'recvonly'});
        pc.createDataChannel('chat');
    }""")
    answer, transceivers = negotiate(page, peer)
    assert [producer.rids for producer in answer.added] == [[], ["q", "h", "f"]]
    assert {mid: each["direction"] for mid, each in transceivers.items()} == {
        "0": "sendonly",
        "1": "sendonly",
        "2": "recvonly",
        "3": "recvonly",
    }
    assert transceivers["1"]["sending"] == ["q", "h", "f"]
    assert {"video/VP8", "video/VP9", "video/H264", "video/AV1", "video/rtx"} <= set(transceivers["1"]["sendCodecs"])
    assert {"video/VP8", "video/VP9", "video/H264", "video/AV1"} <= set(transceivers["3"]["receiveCodecs"])
    assert answer.refused == {}
    assert page.evaluate("pc.sctp.maxMessageSize") == 65_536

    # Muted by direction, more slots, one slot for good.
    page.evaluate("""() => {
        pc.getTransceivers()[0].direction = 'inactive';
        pc.getTransceivers()[3].stop();
        pc.addTransceiver('video', {direction: 'recvonly'});
    }""")
    answer, transceivers = negotiate(page, peer)
    assert [producer.mid for producer in answer.removed] == ["0"]
    assert [slot.mid for slot in answer.removed_slots] == ["3"]
    # The new transceiver waits for an m-line of its own or takes the stopped one's place.
    added = [slot.mid for slot in answer.added_slots]
    assert len(added) == 1
    assert transceivers[added[0]]["direction"] == "recvonly"
    assert transceivers["0"]["direction"] == "inactive"

    # The m-line that was given up carries another transceiver now.
    page.evaluate("() => pc.addTransceiver('video', {direction: 'recvonly'})")
    answer, transceivers = negotiate(page, peer)
    added = [slot.mid for slot in answer.added_slots]
    assert len(added) == 1
    assert transceivers[added[0]]["direction"] == "recvonly"

    # Back from mute, and ICE anew.
    page.evaluate("() => { pc.getTransceivers()[0].direction = 'sendonly'; pc.restartIce(); }")
    ufrag = peer.connection.local_ufrag
    answer, transceivers = negotiate(page, peer)
    assert [producer.mid for producer in answer.added] == ["0"]
    assert transceivers["0"]["direction"] == "sendonly"
    assert peer.connection.local_ufrag != ufrag
    assert len(peer.worker.named("restart_ice")) == 1
    assert len(peer.worker.named("create_transport")) == 1


def test_two_way_m_lines(page: Page) -> None:
    peer = Peer(candidates=NOBODY)
    page.evaluate("() => { for (const track of media.getTracks()) pc.addTrack(track, media); }")
    answer, transceivers = negotiate(page, peer)
    assert [producer.kind for producer in answer.added] == [slot.kind for slot in answer.added_slots]
    assert {each["direction"] for each in transceivers.values()} == {"sendrecv"}


def test_refused_tracks_are_inactive(page: Page) -> None:
    peer = Peer(candidates=NOBODY)
    page.evaluate("() => { for (const track of media.getTracks()) pc.addTransceiver(track, {direction: 'sendonly'}); }")
    offer = page.evaluate(OFFER)
    answer = peer.connection.answer(offer, authorise=lambda track: "no cameras here" if track.kind == "video" else None)
    transceivers = {each["mid"]: each for each in page.evaluate(ANSWER, answer.sdp)}
    refused = next(iter(answer.refused))
    assert answer.refused == {refused: "no cameras here"}
    assert transceivers[refused]["direction"] == "inactive"
