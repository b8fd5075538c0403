"""ICE restarts, by a later offer and by a fragment over WHIP."""

from __future__ import annotations

import pytest
from offer_builder import Line, description
from peers import Peer, media_of, offer

from mediasrv.rtc.errors import NegotiationError, SdpError
from mediasrv.rtc.ice import IceCredentials, IceFragment
from mediasrv.rtc.sdp_attributes import Candidate


def test_changed_credentials_in_an_offer() -> None:
    peer = Peer()
    first = media_of(peer.connection.answer(description(Line())).sdp)["0"]
    peer.worker.take()
    second = media_of(peer.connection.answer(description(Line(), ufrag="efgh", pwd="other-password-of-24-chs")).sdp)[
        "0"
    ]
    [restart] = peer.worker.take()
    assert restart.name == "restart_ice"
    assert second.ice_ufrag != first.ice_ufrag
    assert restart.keywords == {"ice_ufrag": second.ice_ufrag.encode(), "ice_pwd": second.ice_pwd.encode()}
    assert peer.connection.remote_ufrag == "efgh"


FRAGMENT = """a=ice-options:trickle ice2\r
a=group:BUNDLE 0 1\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:0\r
a=ice-ufrag:ysXw\r
a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r
a=end-of-candidates\r
"""


def test_a_fragment_is_read() -> None:
    fragment = IceFragment.parse(FRAGMENT)
    assert fragment.credentials == IceCredentials("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k")
    assert (fragment.mid, fragment.bundle, fragment.end_of_candidates) == ("0", ("0", "1"), True)
    assert [candidate.port for candidate in fragment.candidates] == [61764]


@pytest.mark.parametrize("text", ["", "a=ice-ufrag:x\r\n", "a=ice-ufrag:\r\na=ice-pwd:\r\n", "hello", "a=candidate:1"])
def test_fragments_that_are_none(text: str) -> None:
    with pytest.raises(SdpError):
        IceFragment.parse(text)


def test_a_fragment_restarts_ice() -> None:
    peer = Peer()
    peer.connection.answer(offer("ffmpeg-whip"))
    before = peer.connection.local_ufrag
    peer.worker.take()
    reply = peer.connection.restart_ice(IceFragment.parse(FRAGMENT))
    [restart] = peer.worker.take()
    assert restart.name == "restart_ice"
    assert restart.keywords["ice_ufrag"].decode() == reply.credentials.ufrag == peer.connection.local_ufrag != before
    assert str(reply) == (
        "a=ice-lite\r\n"
        "a=group:BUNDLE 0 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
        "a=mid:0\r\n"
        f"a=ice-ufrag:{reply.credentials.ufrag}\r\n"
        f"a=ice-pwd:{reply.credentials.pwd}\r\n"
        f"a=candidate:{Candidate.host('192.0.2.1', 7882)}\r\n"
        f"a=candidate:{Candidate.host('2001:db8::1', 7882, 1)}\r\n"
        "a=end-of-candidates\r\n"
    )
    assert IceFragment.parse(str(reply)) == reply


def test_a_trickled_candidate_restarts_nothing() -> None:
    peer = Peer()
    peer.connection.answer(offer("ffmpeg-whip"))
    first = peer.connection.restart_ice(IceFragment.parse(FRAGMENT))
    peer.worker.take()
    assert peer.connection.restart_ice(IceFragment.parse(FRAGMENT)) == first
    assert peer.worker.commands == []


def test_there_must_be_something_to_restart() -> None:
    peer = Peer()
    with pytest.raises(NegotiationError, match="no transport"):
        peer.connection.restart_ice(IceFragment.parse(FRAGMENT))


def test_passwords_are_not_printed() -> None:
    credentials = IceCredentials.generate()
    assert credentials.pwd not in repr(credentials)
