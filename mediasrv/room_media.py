"""What rooms have of the media plane: peer connections, who speaks among them, and mixes."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary

from mediasrv.media.placement import Placement
from mediasrv.media.worker_pool import WorkerPool
from mediasrv.rooms.ports import PeerObserver
from mediasrv.rooms.room import Room
from mediasrv.rtc.active_speakers import ActiveSpeakers
from mediasrv.rtc.answer import LocalAddresses
from mediasrv.rtc.events import Closed, PeerEvent
from mediasrv.rtc.mix import AudioMix, MixSettings
from mediasrv.rtc.peer_connection import PeerConnection
from mediasrv.rtc.sdp_attributes import Candidate, Fingerprint


class RoomMedia:
    """`fingerprint` is of the server's certificate."""

    def __init__(self, pool: WorkerPool, placement: Placement, fingerprint: Fingerprint) -> None:
        self._pool = pool
        self._placement = placement
        self._fingerprint = fingerprint
        self._ips: Sequence[str] = ()
        self._addresses: dict[int, LocalAddresses] = {}  # by the worker's port
        self._speakers: WeakValueDictionary[str, ActiveSpeakers] = WeakValueDictionary()

    @property
    def ips(self) -> Sequence[str]:
        """The server's addresses, the most preferred first."""
        return self._ips

    @ips.setter
    def ips(self, ips: Sequence[str]) -> None:
        """Those of peer connections that are made from now on."""
        self._ips = ips
        self._addresses.clear()

    def connect(self, room: Room, observer: PeerObserver) -> PeerConnection:
        """A peer connection on a worker of the room."""
        seat = self._placement.take(room)

        def observe(event: PeerEvent) -> None:
            if isinstance(event, Closed):
                seat.leave()
            observer(event)

        return PeerConnection(
            seat.worker,
            addresses=self._addresses_at(seat.worker.port),
            observer=observe,
            policy=lambda: room.settings.media,
            speakers=self._speakers_of(room),
        )

    def open_mix(self, settings: MixSettings) -> AudioMix:
        mixer = self._pool.mixer
        if mixer is None:
            raise RuntimeError("a room wants a mix before the media workers run")
        return AudioMix(mixer, settings)

    def _addresses_at(self, port: int) -> LocalAddresses:
        found = self._addresses.get(port)
        if found is None:
            candidates = [Candidate.host(ip, port, index) for index, ip in enumerate(self._ips)]
            found = self._addresses[port] = LocalAddresses(candidates, self._fingerprint)
        return found

    def _speakers_of(self, room: Room) -> ActiveSpeakers:
        """Those of all its peer connections, as long as there are any."""
        speakers = self._speakers.get(room.id)
        if speakers is None:
            speakers = self._speakers[room.id] = ActiveSpeakers(room.order.hear)
        return speakers
