"""Rooms over real peer connections, with recorded offers: only the native worker is a stand-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peers import CANDIDATES, CERTIFICATE, offer
from recording_worker import RecordingWorker

from mediasrv.media.media_worker import MediaWorker
from mediasrv.rooms.ports import PeerConnection as PeerConnectionPort
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import Room, RoomLimits
from mediasrv.rtc.answer import LocalAddresses
from mediasrv.rtc.events import PeerEvent
from mediasrv.rtc.peer_connection import PeerConnection

from .fakes import Client, House, VirtualClock

SOURCES = {"0": {"source": "microphone"}, "1": {"source": "camera"}, "2": {"source": "screen"}}


class RealHouse(House):
    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.worker = RecordingWorker()
        self.media = MediaWorker(self.worker, 0, lambda *_: None)
        self.registry = RoomRegistry(self.negotiate, clock=self.clock)

    def negotiate(self, room: Room, observer: Callable[[PeerEvent], None]) -> PeerConnectionPort:
        return PeerConnection(
            self.media, addresses=LocalAddresses(CANDIDATES, CERTIFICATE.fingerprint), observer=observer
        )

    def report(self, *event: object) -> None:
        self.worker.report(*event)
        self.media.deliver_events()

    def gates(self) -> dict[int, bool]:
        """The last state of each producer's gate, by producer id."""
        return {command.arguments[0]: command.arguments[1] for command in self.worker.named("gate_producer")}


def joins(house: RealHouse, token: str, name: str, tracks: dict[str, Any]) -> tuple[Client, dict[str, Any]]:
    client = house.joined(token)
    answered = client.request("offer", {"sdp": offer(name), "tracks": tracks})
    client.told()
    return client, answered


def test_a_browser_publishes_and_another_receives() -> None:
    house = RealHouse()
    ada, published = joins(house, "ada", "chromium-send-simulcast", SOURCES)
    assert set(published["tracks"]) == {"0", "1", "2"}
    assert not set(published["refused"]) & {"0", "1", "2"}
    viewer, received = joins(house, "viewer", "chromium-recvonly", {})
    tracks = {track["id"]: track for each in viewer.joined["participants"] for track in each["tracks"]}
    assert [tracks[shown["track_id"]]["source"] for shown in received["slots"].values()] == ["microphone", "camera"]
    camera = tracks[published["tracks"]["1"]]
    assert (camera["codec"], camera["muted"]) == ("VP8", False)
    assert len(camera["encodings"]) == 3
    assert len(house.worker.named("connect_consumer")) == 2

    for rid in camera["encodings"]:
        viewer.request("choose_encoding", {"mid": "1", "rid": rid})
    assert [command.arguments[1] for command in house.worker.named("select_encoding")] == [0, 1, 2]

    ada.request("mute", {"track_id": camera["id"]})
    assert list(house.gates().values()).count(False) == 1
    assert viewer.told("feature_toggled")[0][1]["track_id"] == camera["id"]


def test_without_a_permission_there_is_no_producer_for_it() -> None:
    house = RealHouse()
    _, answered = joins(house, "ada:join,publish_audio", "chromium-send-simulcast", SOURCES)
    assert list(answered["tracks"]) == ["0"]
    assert "publish_video" in answered["refused"]["1"]
    assert "share_screen" in answered["refused"]["2"]
    assert [command.keywords["kind"] for command in house.worker.named("create_producer")] == ["audio"]


def test_renegotiation_keeps_tracks() -> None:
    house = RealHouse()
    ada, first = joins(house, "ada", "chromium-send-simulcast", SOURCES)
    again = ada.request("offer", {"sdp": offer("chromium-send-simulcast"), "tracks": SOURCES})
    assert again["tracks"] == first["tracks"]
    assert again["refused"] == first["refused"]
    assert ada.told() == []


async def test_a_transport_that_ends_takes_its_participant_along() -> None:
    house = RealHouse()
    ada, _ = joins(house, "ada", "chromium-send-simulcast", SOURCES)
    viewer, _ = joins(house, "viewer", "chromium-recvonly", {})
    transport_id = house.worker.named("create_transport")[0].arguments[0]
    house.report("transport_connected", transport_id, 7)
    assert ada.told("connected") == [("connected", {})]
    ada.drop()
    house.report("transport_closed", transport_id, "consent_expired")
    told = viewer.told()
    assert not [method for method, _ in told if method == "participant_left"]  # she may still come back
    house.clock.advance(RoomLimits().resume_s)
    assert viewer.told()[-1] == ("participant_left", {"participant_id": ada.id, "reason": "consent_expired"})
    slots = {
        mid: shown for method, params in told if method == "slots_changed" for mid, shown in params["slots"].items()
    }
    assert slots == {"0": None, "1": None}


def test_what_is_heard_is_told_in_dbov() -> None:
    house = RealHouse()
    ada, _ = joins(house, "ada", "chromium-send-simulcast", SOURCES)
    microphone = next(each for each in house.worker.named("create_producer") if each.keywords["kind"] == "audio")
    house.report("audio_level", microphone.arguments[1], 31, True)
    assert ada.told() == [("speaking", {"levels": {ada.id: -31}})]


def test_every_recorded_client_gets_its_tracks_or_slots() -> None:
    for name in ("aiortc-send", "ffmpeg-whip", "firefox", "gstreamer-send", "werift-send"):
        _, answered = joins(RealHouse(), "ada", name, {})
        assert answered["tracks"], name
    for name in ("aiortc-recv", "gstreamer-recv", "werift-recv"):
        _, answered = joins(RealHouse(), "ada", name, {})
        assert answered["slots"], name
