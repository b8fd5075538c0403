"""A call: one plane, its network, and participants whose signaling is done by function calls."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

from mediaplane.testing.plane import VirtualPlane

from scenarios.association import Association, NativeAssociation, OpenSslAssociation
from scenarios.identity import PEER, SERVER, Identity
from scenarios.negotiated import (
    CLOCK_RATE,
    OPUS,
    OPUS_RECEIVED,
    RECEIVED_IDS,
    SENT_IDS,
    VP8,
    VP8_RECEIVED,
    VP8_RTX,
    VP8_RTX_RECEIVED,
    by_uri,
)
from scenarios.network import Address, Network
from scenarios.peer import Credentials, Peer
from scenarios.publication import Encoding, Publication
from scenarios.track import Track

Event = tuple[Any, ...]


class Call:
    """Everything of one test. It ends with `check_nothing_broke()` where nothing is meant to."""

    def __init__(
        self,
        seed: int = 0,
        *,
        srtp_backend: str = "auto",
        batch_us: int = 0,
        max_transports: int = 64,
        event_capacity: int = 4096,
    ) -> None:
        random.seed(seed)  # the plane draws the SSRCs of its reports from it
        self.plane = VirtualPlane(
            certificate=SERVER.certificate,
            private_key=SERVER.private_key,
            srtp_backend=srtp_backend,
            max_transports=max_transports,
            event_capacity=event_capacity,
        )
        self.network = Network(self.plane, seed, batch_us)
        self.ids = itertools.count(1)
        self.participants: list[Participant] = []
        self._events: list[Event] = []

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        self._events += self.plane.events()
        return self._events

    def events_of(self, kind: str, identifier: int | None = None) -> list[Event]:
        return [event for event in self.events if event[0] == kind and (identifier is None or event[1] == identifier)]

    @property
    def counters(self) -> dict[str, int]:
        return self.plane.counters()

    def join(self, *, start: bool = True, **options: Any) -> Participant:
        participant = Participant(self, **options)
        self.participants.append(participant)
        if start:
            participant.peer.start()
        return participant

    def connect(self, *participants: Participant, limit_s: float = 10) -> None:
        """Let time pass until they are connected, on both sides."""
        everyone = participants or self.participants

        def connected() -> bool:
            return all(
                someone.peer.connected and self.events_of("transport_connected", someone.transport_id)
                for someone in everyone
            )

        assert self.network.run_until(connected, limit_s=limit_s), "no connection"

    def check_nothing_broke(self) -> None:
        """Nothing of the server failed to open, and nobody got what is not theirs."""
        for participant in self.participants:
            assert participant.peer.refused == []
            assert participant.peer.strangers == []


class Participant:
    """A transport of the plane and the peer at its other end. `role`: the server's in DTLS."""

    def __init__(
        self,
        call: Call,
        *,
        role: str = "server",
        identity: Identity = PEER,
        announced: Identity | None = None,
        profile: int | None = None,
        data_channel: bool = False,
        address: Address | None = None,
        sent_ids: dict[Any, int] = SENT_IDS,
    ) -> None:
        self.call = call
        self.transport_id = next(call.ids)
        self.credentials = Credentials(f"u{self.transport_id:07d}".encode(), f"p{self.transport_id:023d}".encode())
        call.plane.create_transport(
            self.transport_id,
            ice_ufrag=self.credentials.ufrag,
            ice_pwd=self.credentials.pwd,
            dtls_role=role,
            fingerprints=[(announced or identity).fingerprint],
            extensions=by_uri(sent_ids),
            data_channel=data_channel,
        )
        address = address or (f"198.51.100.{self.transport_id % 250 + 1}", 5000 + self.transport_id)
        association: Association
        if profile is None:
            association = NativeAssociation(identity, "client" if role == "server" else "server", SERVER.fingerprint)
        else:
            association = OpenSslAssociation(identity, profile)
        self.peer = Peer(call.network, address, self.credentials, association, ufrag=b"peer")
        self.transport_cc = [0xFFF0]
        self._streams = itertools.count(1)

    # --- publishing --------------------------------------------------------------------------------------------------

    def publish_audio(self, *, start: bool = True, **options: Any) -> Publication:
        return self._publish("audio", [""], start, **options)

    def publish_video(self, rids: Sequence[str] = ("",), *, start: bool = True, **options: Any) -> Publication:
        return self._publish("video", rids, start, **options)

    def _publish(
        self,
        kind: str,
        rids: Sequence[str],
        start: bool,
        *,
        signaled: bool | None = None,
        rtx: bool = True,
        nack: bool = True,
        pli: bool = True,
        fir: bool = True,
        transport_cc: bool = False,
        frames_per_second: int | None = None,
        speaker_group: int = 0,
        codecs: Sequence[tuple[int, str, int, int]] = (),
    ) -> Publication:
        """`signaled`: the SSRCs stand in the SDP; simulcast leaves them out unless told otherwise."""
        signaled = rids == ("",) or rids == [""] if signaled is None else signaled
        producer_id = next(self.call.ids)
        video = kind == "video"
        encodings = []
        for position, rid in enumerate(rids):
            number = next(self._streams)
            stream = self.transport_id * 100 + number
            encodings.append(
                Encoding(
                    stream=stream,
                    ssrc=0x10000000 + stream * 16,
                    rtx_ssrc=0x20000000 + stream * 16 if video and rtx else 0,
                    rid=rid,
                    signaled=signaled,
                    packets_per_frame=1 + position if len(rids) > 1 else 2,
                    payload_size=120 if kind == "audio" else 300,
                    next_index=1000 * number,
                    timestamp_base=stream * 0x01234567 & 0xFFFFFFFF,
                    picture_id=number * 5000 & 0x7FFF,
                    tl0=number * 60 & 0xFF,
                )
            )
        mid = str(producer_id)
        self.call.plane.create_producer(
            self.transport_id,
            producer_id,
            kind=kind,
            mid=mid,
            codecs=codecs or [(VP8, "VP8", CLOCK_RATE[kind], VP8_RTX if rtx else 0) if video else PLAIN_OPUS],
            encodings=[
                (encoding.rid, encoding.ssrc if signaled else 0, encoding.rtx_ssrc if signaled else 0)
                for encoding in encodings
            ],
            nack=nack,
            pli=pli,
            fir=fir,
            transport_cc=transport_cc,
            speaker_group=speaker_group,
        )
        publication = Publication(
            self.peer,
            kind,
            mid,
            producer_id,
            encodings,
            frames_per_second=frames_per_second or (20 if video else 50),
            rtx=rtx,
            transport_cc=self.transport_cc if transport_cc else None,
        )
        return publication.start() if start else publication

    # --- receiving ---------------------------------------------------------------------------------------------------

    def receive(self, kind: str, **options: Any) -> Slot:
        return Slot(self, kind, **options)

    def subscribe(self, publication: Publication, **options: Any) -> Slot:
        """A receive slot that is connected at once."""
        slot = Slot(self, publication.kind, **options)
        slot.connect(publication)
        return slot

    def close(self) -> None:
        self.call.plane.close_transport(self.transport_id)
        self.call.network.do_commands()


PLAIN_OPUS = (OPUS, "opus", 48_000, 0)


class Slot:
    """A receive slot of the plane and the track that the peer makes of it."""

    def __init__(
        self,
        owner: Participant,
        kind: str,
        *,
        rtx: bool = True,
        repairs: bool = True,
        two_byte: bool = False,
        received_ids: dict[Any, int] = RECEIVED_IDS,
    ) -> None:
        self.owner = owner
        self.plane = owner.call.plane
        self.kind = kind
        self.rtx = rtx and kind == "video"
        self.consumer_id = next(owner.call.ids)
        ssrc = 0x30000000 + self.consumer_id * 0x1357
        rtx_ssrc = 0x40000000 + self.consumer_id * 0x1357 if self.rtx else 0
        self.track = Track(owner.peer, kind, f"m{self.consumer_id}", ssrc, rtx_ssrc, repairs=repairs)
        self.plane.create_consumer(
            owner.transport_id,
            self.consumer_id,
            kind=kind,
            mid=self.track.mid,
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            cname="room",
            extensions=by_uri(received_ids),
            two_byte=two_byte,
        )

    def connect(self, publication: Publication | None) -> None:
        types = (
            [(OPUS, OPUS_RECEIVED, 0)]
            if self.kind == "audio"
            else [(VP8, VP8_RECEIVED, VP8_RTX_RECEIVED if self.rtx else 0)]
        )
        self.plane.connect_consumer(self.consumer_id, publication.producer_id if publication is not None else 0, types)
        self.owner.call.network.do_commands()

    def gate(self, open: bool) -> None:
        self.plane.gate_consumer(self.consumer_id, open)
        self.owner.call.network.do_commands()

    def select(self, encoding: int) -> None:
        self.plane.select_encoding(self.consumer_id, encoding)
        self.owner.call.network.do_commands()

    def close(self) -> None:
        self.plane.close_consumer(self.consumer_id)
        self.owner.call.network.do_commands()
