"""A peer connection: the client offers, the server answers, over one transport of one worker."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType

from mediasrv import tracing
from mediasrv.media import events as media_events
from mediasrv.media.handles import TransportHandle
from mediasrv.media.media_worker import MediaWorker
from mediasrv.rtc.active_speakers import ActiveSpeakers
from mediasrv.rtc.answer import Answer, LocalAddresses, LocalDescription, bundled_mids, tagged_section, write_answer
from mediasrv.rtc.data_channel import SctpParameters
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.events import ChannelOpened, Closed, Connected, PeerEvent, TupleChanged
from mediasrv.rtc.ice import IceCredentials, IceFragment
from mediasrv.rtc.negotiation import (
    Authorise,
    LocalStreams,
    NegotiatedTransport,
    OfferedTrack,
    Plan,
    check_continuity,
    negotiate,
)
from mediasrv.rtc.offer import Offer, SectionOutline
from mediasrv.rtc.policy import ANYTHING, MediaPolicy
from mediasrv.rtc.producer import Producer
from mediasrv.rtc.receive_slot import ReceiveSlot
from mediasrv.rtc.sctp import SctpAssociation
from mediasrv.rtc.statistics import PeerStatistics, peer_statistics


def _permit(track: OfferedTrack) -> str | None:
    return None


class PeerConnection:
    """One participant's media. `observer` gets its events, from the event loop; `Closed` is the last one.

    `addresses` are the server's, on this worker's port. `policy` gives the rules that hold when an offer comes;
    `speakers` are those among whom it is told who speaks.
    """

    def __init__(
        self,
        worker: MediaWorker,
        *,
        addresses: LocalAddresses,
        observer: Callable[[PeerEvent], None],
        policy: Callable[[], MediaPolicy] = lambda: ANYTHING,
        speakers: ActiveSpeakers | None = None,
    ) -> None:
        self.session_id = secrets.token_urlsafe(18)
        self.connected = False
        self.closed = False
        self._worker = worker
        self._observer = observer
        self._policy = policy
        self._speakers = speakers
        self._local = LocalDescription(secrets.randbits(62), addresses)
        self._streams = LocalStreams()
        self._offered: tuple[SectionOutline, ...] | None = None
        self._answers = 0
        self._transport: TransportHandle | None = None
        self._negotiated: NegotiatedTransport | None = None
        self._extensions: Mapping[str, int] = {}
        self._fragment = IceFragment(IceCredentials("", ""))
        self._producers: dict[str, Producer] = {}
        self._slots: dict[str, ReceiveSlot] = {}
        self._sctp: SctpParameters | None = None
        self._association: SctpAssociation | None = None

    @property
    def producers(self) -> Mapping[str, Producer]:
        """What the peer sends, by mid."""
        return MappingProxyType(self._producers)

    @property
    def slots(self) -> Mapping[str, ReceiveSlot]:
        """Where the peer receives, by mid, in m-line order."""
        return MappingProxyType(self._slots)

    @property
    def remote_ufrag(self) -> str:
        """Of the current ICE generation; empty before the first answer."""
        return self._negotiated.remote.ufrag if self._negotiated is not None else ""

    @property
    def local_ufrag(self) -> str:
        """Of the current ICE generation; empty before the first answer."""
        return self._negotiated.local.ufrag if self._negotiated is not None else ""

    def answer(self, offer: str, *, authorise: Authorise = _permit) -> Answer:
        """Answer the first offer, which creates the transport, or a later one, which renegotiates.

        A later offer with changed ICE credentials restarts ICE. `authorise` is asked about every track that the peer
        begins to send, and returns None or the sentence why not; such an m-line is answered without our receiving it.
        Raises `NegotiationError`, of which `SdpError` is one; then nothing has changed.
        """
        if self.closed:
            raise NegotiationError("closed", "the peer connection is closed: make a new one")
        policy = self._policy()
        with tracing.span("negotiate", {"mediasrv.renegotiation": self._offered is not None}) as span:
            parsed = Offer.parse(offer, policy)
            if self._offered is not None:
                check_continuity(self._offered, parsed)
            plan = negotiate(
                parsed,
                before=self._negotiated,
                producers=self._producers,
                slots=self._slots,
                streams=self._streams,
                authorise=authorise,
                on_producer_closed=self._forget_producer,
            )
            span.set("mediasrv.m_lines", len(plan.sections))
            sdp = write_answer(plan, self._local, self._answers + 1, policy)
            return self._carry_out(plan, sdp, policy)

    def restart_ice(self, remote: IceFragment) -> IceFragment:
        """Take the remote's new credentials and give ours, for WHIP and WHEP (RFC 9725 §4.3.3).

        The same credentials as before change nothing: that is a trickled candidate, which an ICE-lite agent needs not.
        Raises `NegotiationError` if there is no transport.
        """
        if self._negotiated is None or self._transport is None or self.closed:
            raise NegotiationError("closed", "there is no transport whose ICE could be restarted")
        before = self._negotiated
        if remote.credentials != before.remote:
            self._negotiated = NegotiatedTransport(
                remote.credentials, IceCredentials.generate(), before.fingerprints, before.dtls_role
            )
            self._restart_transport()
        template = self._fragment
        return IceFragment(
            self._negotiated.local,
            candidates=self._local.addresses.candidates,
            end_of_candidates=True,
            mid=template.mid,
            media=template.media,
            bundle=template.bundle,
            ice_lite=True,
        )

    def apply_policy(self) -> None:
        """The policy says something else: have the media plane hold those who send already to the new bit rate of
        tracks. The peer is told with its next answer; other codecs are for that, too."""
        if not self.closed:
            self._limit_bitrates(self._policy())

    async def statistics(self) -> PeerStatistics | None:
        """What has been counted of it; None if there is no transport, or none any more."""
        if self._transport is None:
            return None
        try:
            counted = await self._transport.request_stats()
        except ConnectionError:
            return None
        return peer_statistics(counted, self._producers.values(), self._slots.values())

    def close(self) -> None:
        """End it: the peer gets a close_notify, `Closed` follows. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self._transport is None:
            self._observer(Closed("closed"))
            return
        self._end_association()
        self._transport.close()
        self._close_tracks()

    def _carry_out(self, plan: Plan, sdp: str, policy: MediaPolicy) -> Answer:
        """From here on nothing fails."""
        self._connect_transport(plan)
        producers = {section.producer.mid: section.producer for section in plan.sections if section.producer}
        slots = {section.slot.mid: section.slot for section in plan.sections if section.slot}
        answer = Answer(
            sdp,
            added=[new for mid, new in producers.items() if self._producers.get(mid) is not new],
            removed=[old for mid, old in self._producers.items() if producers.get(mid) is not old],
            added_slots=[new for mid, new in slots.items() if self._slots.get(mid) is not new],
            removed_slots=[old for mid, old in self._slots.items() if slots.get(mid) is not old],
            refused=plan.refused,
        )
        # The old ones go first: a new one may have their SSRCs.
        for producer in answer.removed:
            producer.close()
        for slot in answer.removed_slots:
            slot.close()
        self._producers, self._slots = producers, slots
        if self._transport is not None:
            for producer in answer.added:
                self._start(producer, self._transport)
            for slot in answer.added_slots:
                slot.start(self._transport, self._observer)
        self._limit_bitrates(policy)
        self._offered = plan.offer.outline
        self._answers += 1
        self._negotiate_channels(plan.sctp)
        return answer

    def _limit_bitrates(self, policy: MediaPolicy) -> None:
        for producer in self._producers.values():
            producer.limit_bitrate(policy.track_bitrate_bps)

    def _start(self, producer: Producer, transport: TransportHandle) -> None:
        speakers = self._speakers
        producer.start(transport, self._observer, speakers.group if speakers is not None else None)
        if speakers is not None:
            speakers.add(producer)

    def _connect_transport(self, plan: Plan) -> None:
        before, self._negotiated = self._negotiated, plan.transport
        if plan.transport is None:
            return
        if self._transport is None:
            self._transport = self._worker.create_transport(
                ice_ufrag=plan.transport.local.ufrag.encode(),
                ice_pwd=plan.transport.local.pwd.encode(),
                dtls_role=plan.transport.dtls_role,
                fingerprints=[(item.algorithm, item.digest) for item in plan.transport.fingerprints],
                extensions=plan.extensions,
                data_channel=plan.sctp is not None,
                on_event=self._on_transport_event,
            )
        else:
            if before != plan.transport:
                self._restart_transport()
            if self._extensions != plan.extensions or (self._sctp is None) != (plan.sctp is None):
                self._transport.update(extensions=plan.extensions, data_channel=plan.sctp is not None)
        self._extensions = dict(plan.extensions)
        tagged = tagged_section(plan)
        if tagged is not None:
            facts = tagged.offered.facts
            self._fragment = IceFragment(
                plan.transport.local,
                mid=tagged.offered.written_mid or "",
                media=f"{facts.kind} 9 {facts.protocol} {facts.formats[0]}",
                bundle=tuple(bundled_mids(plan)),
            )

    def _restart_transport(self) -> None:
        if self._transport is not None and self._negotiated is not None:
            local = self._negotiated.local
            self._transport.restart_ice(ice_ufrag=local.ufrag.encode(), ice_pwd=local.pwd.encode())

    def _on_transport_event(self, event: media_events.TransportEvent) -> None:
        match event:
            case media_events.TransportConnected():
                self.connected = True
                self._observer(Connected())
                self._associate()
            case media_events.DtlsData(data=data):
                if self._association is not None:
                    self._association.receive(data)
            case media_events.TransportTuple(remote_ip=remote_ip, remote_port=remote_port):
                self._observer(TupleChanged(remote_ip, remote_port))
            case media_events.TransportClosed(reason=reason):
                self.closed, self.connected = True, False
                self._end_association()
                self._close_tracks()
                self._observer(Closed(reason))

    # --- data channels -----------------------------------------------------------------------------------------

    def _negotiate_channels(self, sctp: SctpParameters | None) -> None:
        """The m-line of data channels came, stayed or went. One that comes back makes another association."""
        before, self._sctp = self._sctp, sctp
        if sctp is None or (before is not None and before.port != sctp.port):
            self._end_association()
        self._associate()

    def _associate(self) -> None:
        if self._sctp is None or self._association is not None or not self.connected or self._negotiated is None:
            return
        if self._transport is None:
            return
        self._association = SctpAssociation(
            self._sctp,
            is_dtls_server=self._negotiated.dtls_role == "server",
            send=self._transport.send_dtls,
            on_channel=lambda channel: self._observer(ChannelOpened(channel)),
        )
        self._association.start()

    def _end_association(self) -> None:
        if self._association is not None:
            self._association.close()
            self._association = None

    def _close_tracks(self) -> None:
        for producer in list(self._producers.values()):
            producer.close()
        for slot in self._slots.values():
            slot.close()
        self._slots = {}

    def _forget_producer(self, producer: Producer) -> None:
        if self._producers.get(producer.mid) is producer:
            del self._producers[producer.mid]
