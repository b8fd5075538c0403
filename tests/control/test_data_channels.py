"""The m-line of data channels: how it is answered, and the association that comes of it."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport
from offer_builder import FINGERPRINT, Line, description
from peers import Peer, media_of, offer

from mediasrv.rtc.events import ChannelOpened
from mediasrv.rtc.sdp import SessionDescription

AUDIO = Line("audio")


def channels(
    *attributes: str, port: int = 9, protocol: str = "UDP/DTLS/SCTP", format_: str = "webrtc-datachannel"
) -> str:
    """The m-line with mid 1, behind one of audio."""
    lines = [
        f"m=application {port} {protocol} {format_}",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:remote-password-of-24-ch",
        f"a=fingerprint:{FINGERPRINT}",
        "a=setup:actpass",
        *(f"a={attribute}" for attribute in attributes),
    ]
    audio = str(description(AUDIO)).replace("a=group:BUNDLE 0", "a=group:BUNDLE 0 1" if port else "a=group:BUNDLE 0")
    return audio + "".join(f"{line}\r\n" for line in lines)


PORT = "sctp-port:5000"


def test_chromiums_data_channels_are_answered() -> None:
    peer = Peer()
    answer = peer.connection.answer(offer("chromium-send-simulcast"))
    assert answer.refused == {}
    media = media_of(answer.sdp)["3"]
    assert (media.kind, media.protocol, media.formats) == ("application", "UDP/DTLS/SCTP", ("webrtc-datachannel",))
    assert media.port == 7882
    assert media.value("sctp-port") == "5000"
    assert media.value("max-message-size") == "65536"
    assert media.setup == "passive"
    assert not media.has("rtcp-mux")
    assert media.mid in (SessionDescription.parse(answer.sdp).bundle or ())
    [transport] = peer.worker.named("create_transport")
    assert transport.keywords["data_channel"] is True
    assert [producer.mid for producer in answer.added] == ["0", "1", "2"]


def test_data_channels_alone_make_a_transport() -> None:
    text = channels(PORT)
    alone = text[: text.index("m=audio")] + text[text.index("m=application") :]
    alone = alone.replace("BUNDLE 0 1", "BUNDLE 1")
    peer = Peer()
    answer = peer.connection.answer(alone)
    media = media_of(answer.sdp)["1"]
    assert media.port == 7882
    assert [each.address for each in media.candidates] == ["192.0.2.1", "2001:db8::1"]
    assert peer.worker.names() == ["create_transport"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (channels(), "'a=sctp-port' is missing"),
        (channels("sctp-port:0"), "'a=sctp-port' is missing or no port"),
        (channels("sctp-port:70000"), "'a=sctp-port' is missing or no port"),
        (channels("sctp-port:x"), "'a=sctp-port' is missing"),
        (
            channels("sctpmap:5000 webrtc-datachannel 1024", protocol="DTLS/SCTP", format_="5000"),
            "DTLS/SCTP 5000 is not",
        ),
        (channels(PORT, protocol="TCP/DTLS/SCTP"), "TCP/DTLS/SCTP webrtc-datachannel is not"),
    ],
)
def test_what_is_no_m_line_of_data_channels_is_refused_alone(text: str, words: str) -> None:
    peer = Peer()
    answer = peer.connection.answer(text)
    [(mid, sentence)] = answer.refused.items()
    assert mid == "1"
    assert words in sentence
    assert media_of(answer.sdp)["1"].port == 0
    assert [producer.mid for producer in answer.added] == ["0"]
    [transport] = peer.worker.named("create_transport")
    assert transport.keywords["data_channel"] is False


def test_there_is_one_m_line_for_all_channels() -> None:
    second = channels(PORT)[channels(PORT).index("m=application") :].replace("a=mid:1", "a=mid:2")
    answer = Peer().connection.answer(channels(PORT).replace("BUNDLE 0 1", "BUNDLE 0 1 2") + second)
    assert answer.refused == {"2": "there is one m-line for all data channels"}


def test_an_m_line_that_comes_later_and_goes_again_is_told_to_the_worker() -> None:
    peer = Peer()
    peer.connection.answer(description(AUDIO))
    peer.connection.answer(channels(PORT))
    peer.connection.answer(channels(PORT))
    peer.connection.answer(channels(PORT, port=0))
    assert [update.keywords["data_channel"] for update in peer.worker.named("update_transport")] == [True, False]


class Browser:
    """The other end of a peer connection's DTLS: an association of aiortc's that talks to the recording worker."""

    state = "connected"
    _role = "client"

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.association = RTCSctpTransport(self)  # type: ignore[arg-type]
        [transport] = peer.worker.named("create_transport")
        self.transport_id = transport.arguments[0]
        self._taken = 0

    def _register_data_receiver(self, receiver: object) -> None: ...
    def _unregister_data_receiver(self, receiver: object) -> None: ...
    async def _send_data(self, data: bytes) -> None:
        self.peer.report("dtls_data", self.transport_id, data)

    async def connect(self) -> None:
        self.peer.report("transport_connected", self.transport_id, 7)
        await self.association.start(RTCSctpCapabilities(maxMessageSize=65_536), 5000)

    async def exchange(self) -> None:
        """Hand over what the server has sent, until both are silent."""
        silent = 0
        while silent < 5:
            sent = self.peer.worker.named("send_dtls")
            silent = silent + 1 if len(sent) == self._taken else 0
            for command in sent[self._taken :]:
                self._taken += 1
                await self.association._handle_data(command.arguments[1])
            await asyncio.sleep(0.01)

    def open(self, label: str) -> RTCDataChannel:
        return RTCDataChannel(self.association, RTCDataChannelParameters(label=label))


async def test_channels_open_once_the_transport_is_up() -> None:
    peer = Peer()
    peer.connection.answer(channels(PORT))
    browser = Browser(peer)
    peer.report("dtls_data", browser.transport_id, b"nobody takes this yet")
    await browser.connect()
    theirs = browser.open("messages")
    await browser.exchange()
    [event] = [event for event in peer.events if isinstance(event, ChannelOpened)]
    frames: list[object] = []
    event.channel.on_frame = frames.append
    theirs.on("message", frames.append)
    theirs.send("to the server")
    assert event.channel.send(b"to the browser")
    await browser.exchange()
    assert sorted(frames, key=str) == [b"to the browser", "to the server"]
    closed: list[bool] = []
    event.channel.on_closed = lambda: closed.append(True)
    peer.report("transport_closed", browser.transport_id, "consent_expired")
    assert closed == [True]
    assert not event.channel.send("too late")
    await browser.association.stop()


async def test_a_renegotiation_leaves_the_association_alone_and_its_end_closes_it() -> None:
    peer = Peer()
    peer.connection.answer(channels(PORT))
    browser = Browser(peer)
    await browser.connect()
    browser.open("messages")
    await browser.exchange()
    [event] = [event for event in peer.events if isinstance(event, ChannelOpened)]
    peer.connection.answer(channels(PORT))
    assert event.channel.is_open
    peer.connection.answer(channels(PORT, port=0))
    assert not event.channel.is_open
    await browser.exchange()
    assert browser.association.state == "closed"
