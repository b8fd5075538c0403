"""Peer connections over a recording worker, and the offers of real clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recording_worker import RecordingWorker

from mediasrv.media.media_worker import MediaWorker
from mediasrv.rtc.answer import LocalAddresses
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.events import PeerEvent
from mediasrv.rtc.peer_connection import PeerConnection
from mediasrv.rtc.sdp import MediaDescription, SessionDescription
from mediasrv.rtc.sdp_attributes import Candidate

OFFERS = Path(__file__).parent / "offers"
OFFER_NAMES = sorted(path.stem for path in OFFERS.glob("*.sdp"))
CERTIFICATE = Certificate.generate()
CANDIDATES = (Candidate.host("192.0.2.1", 7882), Candidate.host("2001:db8::1", 7882, 1))
NOBODY = (Candidate.host("127.0.0.1", 9),)
"""For live clients, which send checks to the candidates they are told."""


def offer(name: str) -> str:
    """A recorded offer with the line endings it came with."""
    return (OFFERS / f"{name}.sdp").read_bytes().decode()


class Peer:
    """A peer connection, the worker that records its commands, and the events it told."""

    def __init__(
        self,
        worker: RecordingWorker | None = None,
        media: MediaWorker | None = None,
        candidates: Sequence[Candidate] = CANDIDATES,
    ) -> None:
        self.worker = worker or RecordingWorker()
        self.failures: list[str] = []
        self.media = media or MediaWorker(self.worker, 0, lambda _, reason: self.failures.append(reason))
        self.events: list[PeerEvent] = []
        self.connection = PeerConnection(
            self.media,
            addresses=LocalAddresses(candidates, CERTIFICATE.fingerprint),
            observer=self.events.append,
        )

    def neighbour(self) -> Peer:
        """Another peer on the same worker."""
        return Peer(self.worker, self.media)

    def report(self, *event: object) -> None:
        """Deliver an event of the worker, as the event loop would."""
        self.worker.report(*event)
        self.media.deliver_events()


def media_of(sdp: str) -> dict[str | None, MediaDescription]:
    """The m-lines of a description by mid."""
    return {media.mid: media for media in SessionDescription.parse(sdp).media}
