"""A client in test code: connectivity checks, DTLS, SRTP, RTCP. What it publishes and receives has files of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import stun, wire
from mediaplane.testing.srtp import ReplayWindow, SrtpEngine, SrtpSession

from scenarios.association import KEY_AND_SALT_SIZE, Association
from scenarios.network import Address, Network, Timer

CHECK_RETRY_US = 100_000
CONSENT_INTERVAL_US = 2_500_000
ENGINE = SrtpEngine("libcrypto")


@dataclass(frozen=True)
class Credentials:
    """Of the server, as signaling told them to the peer."""

    ufrag: bytes
    pwd: bytes


@dataclass(frozen=True)
class Packet:
    """An RTP packet that came, decrypted."""

    data: bytes
    header: wire.RtpHeader
    payload: bytes
    index: int
    arrived_us: int


@dataclass
class Sealing:
    """Both directions of SRTP."""

    send: SrtpSession
    receive: SrtpSession
    rtcp_index: int = 0
    windows: dict[int, ReplayWindow] = field(default_factory=dict)
    rtcp_windows: dict[int, ReplayWindow] = field(default_factory=dict)


def sealing_of(keys: tuple[int, bytes, bytes]) -> Sealing:
    profile, ours, theirs = keys
    size = KEY_AND_SALT_SIZE[profile][0]
    return Sealing(
        SrtpSession(ENGINE, profile, ours[:size], ours[size:]),
        SrtpSession(ENGINE, profile, theirs[:size], theirs[size:]),
    )


class Peer:
    """The other end of one peer connection. It nominates after the handshake, as browsers do."""

    def __init__(
        self, network: Network, address: Address, credentials: Credentials, association: Association, *, ufrag: bytes
    ) -> None:
        self.network = network
        self.address = address
        self.credentials = credentials
        self.association = association
        self.ufrag = ufrag
        self.nominates = True
        self.checking = True
        self.valid: set[Address] = set()
        self.errors: list[int] = []
        self.sealing: Sealing | None = None
        self.messages: list[bytes] = []
        self.refused: list[str] = []
        """Why SRTP or SRTCP of the server could not be opened; a test expects it to stay empty."""
        self.replayed = 0
        """Packets that came twice, and were opened once."""
        self.early = 0
        """Media that overtook the end of the handshake."""
        self.tracks: dict[int, Callable[[Packet], None]] = {}
        """Who takes the packets of an SSRC."""
        self.strangers: list[Packet] = []
        self.rtcp_listeners: list[Callable[[list[wire.RtcpPacket], bytes], None]] = []
        self.on_connected: Callable[[], None] = lambda: None
        self._number = 0
        self._asked: dict[bytes, tuple[Address, bytes]] = {}
        self._dtls_timer: Timer | None = None
        network.attach(address, self)

    # --- ICE ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Check until the server answers, then shake hands, then keep consent."""
        self._check_again()

    @property
    def connected(self) -> bool:
        return self.sealing is not None

    def _check_again(self) -> None:
        if not self.checking:
            return
        self.check(nominate=self.nominates and self.connected)
        lively = self.connected and self.address in self.valid
        self.network.after(CONSENT_INTERVAL_US if lively else CHECK_RETRY_US, self._check_again)

    def check(self, *, nominate: bool = False, pwd: bytes | None = None, controlling: bool = True) -> None:
        """Send one check, with another password if it shall be forged."""
        self._number += 1
        transaction = self._number.to_bytes(4, "big") + self.ufrag.ljust(8, b"-")[:8]
        self._asked[transaction] = (self.address, self.credentials.pwd)
        request = stun.write_request(
            transaction,
            self.credentials.ufrag + b":" + self.ufrag,
            0x6E0001FF,
            controlling,
            7,
            nominate,
            pwd or self.credentials.pwd,
        )
        self.network.send(request, self.address)

    def move(self, address: Address) -> None:
        """To another address, as after a change of the network; checks have to make it known."""
        self.network.detach(self.address)
        self.network.attach(address, self)
        self.address = address

    def leave(self) -> None:
        """Fall silent without a word."""
        self.checking = False
        self.network.detach(self.address)

    def _stun(self, data: bytes, to: Address) -> None:
        message = stun.parse(data)
        address, pwd = self._asked[message["transaction_id"]]
        assert address == to, "an answer goes to where the check came from"
        assert stun.check_integrity(data, pwd) is True
        assert stun.check_fingerprint(data) is True
        if message["error_code"]:
            self.errors.append(message["error_code"])
            return
        self.valid.add(address)
        self.association.start(self.network.now_us)
        self._dtls_progress()

    # --- DTLS --------------------------------------------------------------------------------------------------------

    def _dtls_progress(self) -> None:
        for datagram in self.association.datagrams():
            self.network.send(datagram, self.address)
        self.messages += self.association.messages()
        if self._dtls_timer is not None:
            self._dtls_timer.cancel()
            self._dtls_timer = None
        deadline_us = self.association.deadline()
        if deadline_us is not None:
            self._dtls_timer = self.network.at(deadline_us, self._dtls_timeout)
        if self.sealing is None and self.association.connected():
            self.sealing = sealing_of(self.association.keys())
            if self.nominates and self.checking:
                self.check(nominate=True)
            self.on_connected()

    def _dtls_timeout(self) -> None:
        self._dtls_timer = None
        self.association.timeout(self.network.now_us)
        self._dtls_progress()

    def send_message(self, message: bytes) -> None:
        self.association.send(message)
        self._dtls_progress()

    def close(self) -> None:
        """Say goodbye by close_notify."""
        self.association.close()
        self._dtls_progress()
        self.checking = False

    # --- SRTP --------------------------------------------------------------------------------------------------------

    def send_rtp(self, header: bytes, payload: bytes, index: int) -> bytes:
        """Seal and send; `index`: the sequence number in 64 bits. Returns the sealed datagram."""
        assert self.sealing is not None, "not connected"
        datagram = ENGINE.protect_batch([(self.sealing.send, header, payload, index)])[0]
        self.network.send(datagram, self.address)
        return datagram

    def send_rtcp(self, compound: bytes) -> bytes:
        assert self.sealing is not None, "not connected"
        datagram = ENGINE.protect_rtcp(self.sealing.send, compound, self.sealing.rtcp_index)
        self.sealing.rtcp_index += 1
        self.network.send(datagram, self.address)
        return datagram

    def _rtp(self, data: bytes) -> None:
        assert self.sealing is not None
        header = wire.rtp_parse_header(data)
        window = self.sealing.windows.setdefault(header["ssrc"], ReplayWindow())
        [(status, plain, index)] = ENGINE.unprotect_batch([(self.sealing.receive, window, data, header["header_size"])])
        if status == Status.REPLAYED:
            self.replayed += 1
            return
        if plain is None:
            self.refused.append(f"RTP {header['ssrc']:#x} {header['seq16']}: status {status}")
            return
        packet = Packet(plain, header, wire.rtp_payload(plain), index, self.network.now_us)
        self.tracks.get(header["ssrc"], self.strangers.append)(packet)

    def _rtcp(self, data: bytes) -> None:
        assert self.sealing is not None
        window = self.sealing.rtcp_windows.setdefault(int.from_bytes(data[4:8], "big"), ReplayWindow())
        try:
            plain = ENGINE.unprotect_rtcp(self.sealing.receive, window, data)
        except MediaPlaneError as error:
            if error.status == Status.REPLAYED:
                self.replayed += 1
            else:
                self.refused.append(f"RTCP: {error}")
            return
        packets = wire.rtcp_parse(plain)
        for listener in self.rtcp_listeners:
            listener(packets, plain)

    def datagram(self, data: bytes, to: Address) -> None:
        kind = wire.classify_datagram(data)
        if kind == "stun":
            self._stun(data, to)
        elif kind == "dtls":
            self.association.receive(data, self.network.now_us)
            self._dtls_progress()
        elif self.sealing is None:
            self.early += 1
        elif kind == "rtp":
            self._rtp(data)
        else:
            assert kind == "rtcp", f"the server sent something that is no protocol: {data[:8].hex()}"
            self._rtcp(data)
