"""Later offers: what goes on, what ends, what begins."""

from __future__ import annotations

import re

import pytest
from offer_builder import FINGERPRINT, Line, description
from peers import Peer, media_of

from mediasrv.rtc.errors import NegotiationError

AUDIO, VIDEO, SLOT = Line("audio"), Line("video"), Line("video", "recvonly")


def test_adding_a_track_leaves_the_others_alone() -> None:
    peer = Peer()
    [audio] = peer.connection.answer(description(AUDIO)).added
    peer.worker.take()
    answer = peer.connection.answer(description(AUDIO, VIDEO))
    assert [producer.mid for producer in answer.added] == ["1"]
    assert not answer.removed
    assert list(peer.connection.producers) == ["0", "1"]
    assert peer.connection.producers["0"] is audio
    assert peer.worker.names() == ["create_producer", "gate_producer"]


def test_mute_by_direction_and_back() -> None:
    peer = Peer()
    [before] = peer.connection.answer(description(VIDEO)).added
    answer = peer.connection.answer(description(Line("video", "inactive")))
    assert answer.removed == [before]
    assert before.closed
    assert peer.connection.producers == {}
    assert media_of(answer.sdp)["0"].has("inactive")
    answer = peer.connection.answer(description(VIDEO))
    [after] = answer.added
    assert after is not before
    assert peer.worker.names()[3:] == ["close_producer", "create_producer", "gate_producer"]


def test_a_track_that_ends_empties_the_slots_that_showed_it() -> None:
    sender = Peer()
    [producer] = sender.connection.answer(description(VIDEO)).added
    receiver = sender.neighbour()
    [slot] = receiver.connection.answer(description(SLOT)).added_slots
    slot.connect(producer)
    sender.connection.answer(description(Line("video", "recvonly")))
    assert slot.producer is None
    assert not slot.closed


def test_more_receive_slots_keep_m_line_order() -> None:
    peer = Peer()
    first = peer.connection.answer(description(SLOT))
    second = peer.connection.answer(description(SLOT, AUDIO, SLOT, SLOT))
    assert list(peer.connection.slots) == ["0", "2", "3"]
    assert [slot.mid for slot in second.added_slots] == ["2", "3"]
    assert media_of(second.sdp)["0"].ssrcs == media_of(first.sdp)["0"].ssrcs
    ssrcs = [ssrc for media in media_of(second.sdp).values() for ssrc in media.ssrcs]
    assert len(set(ssrcs)) == len(ssrcs) == 6


def test_removing_a_slot_and_reusing_its_m_line_for_another_mid_and_kind() -> None:
    peer = Peer()
    [slot] = peer.connection.answer(description(SLOT, AUDIO)).added_slots
    answer = peer.connection.answer(description(Line("video", "recvonly", port=0), AUDIO))
    assert answer.removed_slots == [slot]
    assert slot.closed
    assert media_of(answer.sdp)["0"].port == 0
    answer = peer.connection.answer(description(Line("audio", "recvonly", mid="new"), AUDIO))
    assert [(slot.mid, slot.kind) for slot in answer.added_slots] == [("new", "audio")]
    assert list(media_of(answer.sdp)) == ["new", "1"]


def test_a_mid_that_changes_in_place_is_another_track() -> None:
    peer = Peer()
    [before] = peer.connection.answer(description(Line(mid="a"))).added
    answer = peer.connection.answer(description(Line(mid="b")))
    assert (answer.removed, [producer.mid for producer in answer.added]) == ([before], ["b"])


def test_the_transport_lives_on_when_every_m_line_is_given_up() -> None:
    peer = Peer()
    peer.connection.answer(description(VIDEO))
    ufrag = peer.connection.local_ufrag
    peer.connection.answer(description(Line("video", port=0)))
    answer = peer.connection.answer(description(VIDEO))
    assert media_of(answer.sdp)["0"].ice_ufrag == ufrag
    assert len(peer.worker.named("create_transport")) == 1


def test_changed_payload_types_make_a_new_producer() -> None:
    peer = Peer()
    [before] = peer.connection.answer(description(VIDEO)).added
    peer.worker.take()
    answer = peer.connection.answer(description(Line(formats=["rtpmap:100 VP8/90000"])))
    assert answer.removed == [before]
    assert answer.added[0].mid == before.mid
    # The SSRC may be the same, so the old one goes first.
    assert peer.worker.names() == ["close_producer", "create_producer", "gate_producer"]


def test_another_order_of_preference_does_not() -> None:
    peer = Peer()
    vp8, vp9 = "rtpmap:96 VP8/90000", "rtpmap:98 VP9/90000"
    peer.connection.answer(description(Line(formats=[vp8, vp9])))
    answer = peer.connection.answer(description(Line(formats=[vp9, vp8])))
    assert (answer.added, answer.removed) == ([], [])


def test_extension_ids_of_new_m_lines_reach_the_transport() -> None:
    peer = Peer()
    peer.connection.answer(description(Line("audio", attributes=["extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid"])))
    peer.worker.take()
    peer.connection.answer(description(Line("audio", attributes=[]), VIDEO))
    [update] = peer.worker.named("update_transport")
    assert update.keywords["extensions"] == {
        "urn:ietf:params:rtp-hdrext:sdes:mid": 1,
        "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": 2,
    }


def test_only_tracks_that_begin_are_authorised() -> None:
    peer = Peer()
    asked: list[str] = []

    def authorise(track: object) -> None:
        asked.append(track.mid)  # type: ignore[attr-defined]

    peer.connection.answer(description(AUDIO, VIDEO), authorise=authorise)
    peer.connection.answer(description(AUDIO, Line("video", "inactive"), VIDEO), authorise=authorise)
    peer.connection.answer(description(AUDIO, VIDEO, VIDEO), authorise=authorise)
    assert asked == ["0", "1", "2", "1"]


def test_a_closed_producer_comes_back_with_the_next_offer_that_sends() -> None:
    peer = Peer()
    [before] = peer.connection.answer(description(VIDEO)).added
    before.close()
    assert peer.connection.producers == {}
    answer = peer.connection.answer(description(VIDEO))
    assert answer.removed == []
    assert [producer.mid for producer in answer.added] == ["0"]


def test_the_version_of_the_answer_counts() -> None:
    peer = Peer()
    origins = [
        re.search(r"o=- (\d+) (\d+) ", peer.connection.answer(description(*[VIDEO] * count)).sdp) for count in (1, 2)
    ]
    assert all(origins)
    (session, first), (same, second) = (origin.groups() for origin in origins if origin)
    assert (session, int(second)) == (same, int(first) + 1)


@pytest.mark.parametrize(
    ("offer", "code", "words"),
    [
        (description(AUDIO), "m_lines_missing", "has 1 m-lines and the one before had 2"),
        (description(VIDEO, AUDIO), "m_line_kind_changed", "m-line 0 was audio and is now video"),
        (
            description(Line("audio", mid="1"), Line(mid="0")),
            "m_line_moved",
            "mid '1' was m-line 1 and is now m-line 0",
        ),
        (
            description(AUDIO, VIDEO, fingerprint=FINGERPRINT.replace("5A", "5B")),
            "fingerprint_changed",
            "new peer connection",
        ),
        (description(AUDIO, VIDEO, setup="passive"), "dtls_role_changed", "new peer connection"),
        (description(AUDIO, VIDEO, bundle=False), "bundle_required", "BUNDLE"),
        ("v=0\r\nnonsense", "bad_sdp", "SDP line 2"),
    ],
)
def test_a_bad_offer_leaves_everything_as_it_was(offer: str, code: str, words: str) -> None:
    peer = Peer()
    added = peer.connection.answer(description(AUDIO, VIDEO)).added
    peer.worker.take()
    with pytest.raises(NegotiationError, match=words) as caught:
        peer.connection.answer(offer)
    assert caught.value.code == code
    assert peer.worker.commands == []
    assert list(peer.connection.producers.values()) == added
    assert not any(producer.closed for producer in added)
    # And the next good one is answered as if nothing had been.
    assert peer.connection.answer(description(AUDIO, VIDEO)).added == []


def test_an_error_of_the_authoriser_changes_nothing() -> None:
    peer = Peer()

    def authorise(_: object) -> None:
        raise LookupError("no such room")

    with pytest.raises(LookupError):
        peer.connection.answer(description(VIDEO), authorise=authorise)
    assert peer.worker.commands == []
    assert len(peer.connection.answer(description(VIDEO)).added) == 1
