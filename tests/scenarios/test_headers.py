"""What a forwarded packet looks like: ids and payload types of the subscriber, nothing it did not negotiate."""

from __future__ import annotations

import pytest
from mediaplane.testing import wire

from scenarios import negotiated
from scenarios.call import Call, Participant, Slot
from scenarios.negotiated import AUDIO_LEVEL, COLOR_SPACE, DEPENDENCY, MID, OPUS_RECEIVED, ORIENTATION, VP8_RECEIVED
from scenarios.publication import Publication


def forwarding(kind: str = "video", **options: object) -> tuple[Call, Participant, Publication, Slot]:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_video(start=False) if kind == "video" else alice.publish_audio(start=False)
    return call, bob, source, bob.subscribe(source, **options)


def test_payload_type_ssrc_and_mid_are_the_subscribers() -> None:
    for kind, payload_type in (("audio", OPUS_RECEIVED), ("video", VP8_RECEIVED)):
        call, _, source, slot = forwarding(kind)
        source.start()
        call.network.run_for(0.5)
        for packet in slot.track.in_order:
            assert packet.header["payload_type"] == payload_type
            assert packet.header["ssrc"] == slot.track.ssrc
            assert packet.elements[MID] == slot.track.mid.encode()
            assert not packet.header["padded"]
        call.check_nothing_broke()


def test_header_extensions_come_under_the_subscribers_ids_and_others_are_stripped() -> None:
    call, _, source, slot = forwarding()
    source.elements = [(ORIENTATION, b"\x02"), (COLOR_SPACE, b"abcd"), (AUDIO_LEVEL, b"\x55")]
    source.send_frame()
    call.network.run_for(0.1)
    for packet in slot.track.in_order:
        assert packet.elements == {MID: slot.track.mid.encode(), ORIENTATION: b"\x02", AUDIO_LEVEL: b"\x55"}
        assert packet.header["extension_profile"] == 0xBEDE


def test_a_subscriber_without_extensions_gets_none() -> None:
    call, _, source, slot = forwarding(received_ids={})
    source.elements = [(ORIENTATION, b"\x02")]
    source.send_frame()
    call.network.run_for(0.1)
    assert {packet.header["header_size"] for packet in slot.track.in_order} == {12}


@pytest.mark.parametrize("takes_two_byte", [False, True])
def test_two_byte_extensions_go_only_to_who_takes_them(takes_two_byte: bool) -> None:
    received = {MID: 9, ORIENTATION: 11, DEPENDENCY: 12}
    call, _, source, slot = forwarding(two_byte=takes_two_byte, received_ids=received)
    source.elements = [(DEPENDENCY, bytes(range(40))), (ORIENTATION, b"\x02")]
    negotiated_ids = {identifier: kind for kind, identifier in received.items()}
    source.send_frame()
    source.elements = [(ORIENTATION, b"\x03")]
    source.send_frame()
    call.network.run_for(0.1)
    for packet in slot.track.in_order:
        elements = dict(wire.extensions_parse(packet.data, negotiated_ids))
        wide = takes_two_byte and packet.content.frame == 0
        assert elements[ORIENTATION] == (b"\x02" if packet.content.frame == 0 else b"\x03")
        assert elements.get(DEPENDENCY) == (bytes(range(40)) if wide else None)
        assert packet.header["extension_profile"] == (0x1000 if wide else 0xBEDE)


def test_ids_above_14_take_the_two_byte_form() -> None:
    call, _, source, slot = forwarding(two_byte=True, received_ids={MID: 9, ORIENTATION: 200})
    source.elements = [(ORIENTATION, b"\x02")]
    source.send_frame()
    call.network.run_for(0.1)
    for packet in slot.track.in_order:
        assert dict(wire.extensions_parse(packet.data, {9: MID, 200: ORIENTATION})) == {
            MID: slot.track.mid.encode(),
            ORIENTATION: b"\x02",
        }


@pytest.mark.parametrize("count", [1, 15])
def test_contributing_sources_are_kept(count: int) -> None:
    call, _, source, slot = forwarding("audio")
    source.csrcs = [0xC0000000 + number for number in range(count)]
    source.elements = [(AUDIO_LEVEL, b"\x81")]
    source.send_frame()
    call.network.run_for(0.1)
    [packet] = slot.track.in_order
    assert packet.header["csrc_count"] == count
    assert packet.data[12 : 12 + 4 * count] == b"".join(csrc.to_bytes(4, "big") for csrc in source.csrcs)
    assert packet.elements[AUDIO_LEVEL] == b"\x81"


@pytest.mark.parametrize("padding", [1, 4, 255])
def test_padding_is_taken_off(padding: int) -> None:
    call, _, source, slot = forwarding()
    source.padding = padding
    source.send_frame()
    call.network.run_for(0.1)
    assert [packet.payload for packet in slot.track.in_order] == [
        packet.payload for packet in source.encodings[0].sent.values()
    ]


def test_packets_of_padding_alone_leave_no_gap() -> None:
    call, _, source, slot = forwarding()
    [encoding] = source.encodings
    source.start()
    for _ in range(10):
        call.network.run_for(0.1)
        last = encoding.sent[max(encoding.sent)]
        source.write(last, encoding.ssrc, encoding.next_index, negotiated.VP8, b"", [], padding=200)
        encoding.next_index += 1
    call.network.run_for(0.2)
    assert call.counters["drop_padding"] == 10
    assert slot.track.gaps == []
    assert slot.track.nacks == 0
    slot.track.assert_frames_whole()


def test_a_payload_type_that_was_not_negotiated_is_dropped_and_leaves_no_gap() -> None:
    call, _, source, slot = forwarding()
    [encoding] = source.encodings
    source.start()
    for _ in range(5):
        call.network.run_for(0.1)
        last = encoding.sent[max(encoding.sent)]
        source.write(last, encoding.ssrc, encoding.next_index, 50, bytes(100), [])
        encoding.next_index += 1
    call.network.run_for(0.2)
    assert call.counters["drop_unknown_payload_type"] == 5
    assert slot.track.gaps == []
    assert slot.track.nacks == 0


def test_a_payload_type_that_the_subscriber_did_not_negotiate_leaves_no_gap() -> None:
    """As comfort noise between Opus packets."""
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_audio(start=False)
    slot = bob.receive("audio")
    call.plane.close_producer(source.producer_id)
    call.plane.create_producer(
        alice.transport_id,
        900,
        kind="audio",
        mid="x",
        codecs=[(111, "opus", 48_000, 0), (13, "CN", 8_000, 0)],
        encodings=[("", source.encodings[0].ssrc, 0)],
        nack=True,
        pli=False,
        fir=False,
        transport_cc=False,
    )
    call.plane.connect_consumer(slot.consumer_id, 900, [(111, OPUS_RECEIVED, 0)])
    source.start()
    [encoding] = source.encodings
    for _ in range(10):
        call.network.run_for(0.1)
        last = encoding.sent[max(encoding.sent)]
        source.write(last, encoding.ssrc, encoding.next_index, 13, bytes(20), [])
        encoding.next_index += 1
    call.network.run_for(0.1)
    assert len(slot.track.packets) > 45
    assert slot.track.gaps == []
    assert slot.track.nacks == 0


def test_a_packet_that_grows_beyond_a_datagram_is_counted() -> None:
    call, _, source, slot = forwarding(received_ids={MID: 9}, two_byte=True)
    [encoding] = source.encodings
    encoding.packets_per_frame = 1
    source.send_frame()
    encoding.payload_size = 2048 - 12 - 8 - 16 - 14
    source.send_frame()
    call.network.run_for(0.1)
    encoding.payload_size = 300
    source.send_frame()
    call.network.run_for(0.1)
    assert call.counters["drop_oversized"] + call.counters["drop_srtp_auth"] <= 1
    assert encoding.frame == 3
    assert {content.frame for content in slot.track.contents} >= {0, 2}


def test_a_slot_of_another_kind_is_refused() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio()
    slot = bob.receive("video")
    slot.connect(microphone)
    call.network.run_for(0.2)
    assert call.counters["commands_refused"] == 1
    assert slot.track.packets == {}
