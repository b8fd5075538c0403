"""Garbage of every kind, made from datagrams that were valid, thrown at a plane that carries a call."""

from __future__ import annotations

import random

from mediaplane.testing import wire
from scenarios.call import Call, Participant, Slot
from scenarios.network import Address
from scenarios.publication import Publication

CORPUS_LIMIT = 400


class Attack:
    """A call of three that must not notice, a recorder of what they send, and an attacker at every address."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.call = Call(seed, batch_us=self.chance.choice([0, 2_000]))
        self.people: list[Participant] = [self.call.join() for _ in range(3)]
        self.corpus: list[bytes] = []
        self.checks: set[bytes] = set()
        self._record()
        self.call.connect()
        self.sources: list[Publication] = [
            self.people[0].publish_audio(),
            self.people[0].publish_video(["q", "h"], transport_cc=True),
        ]
        self.slots: list[Slot] = [self.people[1].subscribe(source) for source in self.sources]
        for slot in self.slots:
            slot.track.start_reports()
        self.call.network.run_for(0.5)
        self.genuine = [person.peer.address for person in self.people]

    def _record(self) -> None:
        send = self.call.network.send

        def recording(data: bytes, source: Address) -> None:
            if wire.classify_datagram(data) == "stun":
                self.checks.add(data)
            if len(self.corpus) < CORPUS_LIMIT:
                self.corpus.append(data)
            else:
                self.corpus[self.chance.randrange(CORPUS_LIMIT)] = data
            send(data, source)

        self.call.network.send = recording  # type: ignore[method-assign]
        self._send = send

    # --- garbage -----------------------------------------------------------------------------------------------------

    def datagram(self) -> bytes:
        """One piece of garbage, or a valid datagram at the wrong time."""
        chance = self.chance
        if chance.random() < 0.1:
            first = chance.choice([0, 1, 20, 22, 23, 63, 64, 128, 144, 191, 192, 255])
            return bytes([first]) + chance.randbytes(chance.randrange(0, 1500))
        data = bytearray(chance.choice(self.corpus))
        for _ in range(chance.randrange(3)):
            self._mutate(data)
        return bytes(data)

    def _mutate(self, data: bytearray) -> None:
        chance = self.chance
        kind = chance.randrange(7)
        if not data:
            return
        if kind == 0:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[chance.randrange(len(data)) :]
        elif kind == 2:
            data += chance.randbytes(chance.randrange(1, 60))
        elif kind == 3:
            data[chance.randrange(min(len(data), 16))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 4:
            start = chance.randrange(len(data))
            del data[start : start + chance.randrange(1, 9)]
        elif kind == 5:
            start = chance.randrange(len(data))
            data[start : start + 2] = chance.choice([b"\0\0", b"\xff\xff", b"\x05\xdc"])
        else:
            other = chance.choice(self.corpus)
            cut = chance.randrange(len(data))
            data[cut:] = other[chance.randrange(len(other) + 1) :]

    def throw(self, count: int, *, spoofed: bool) -> None:
        """`spoofed`: from the addresses of the peers themselves too; else from elsewhere."""
        for _ in range(count):
            if spoofed and self.chance.random() < 0.7:
                source = self.chance.choice(self.genuine)
            else:
                source = (f"203.0.113.{self.chance.randrange(1, 250)}", self.chance.randrange(1, 65536))
            data = self.datagram()[:2048]
            # ICE has no defence against a true check that is sent again from elsewhere.
            if data not in self.checks:
                self._send(data, source)

    def sealed_garbage(self) -> None:
        """What an authenticated peer may get wrong: everything behind the seal."""
        peer = self.people[2].peer
        compound = bytearray(self.chance.randbytes(self.chance.randrange(4, 300)))
        compound[0] = 0x80 | compound[0] & 0x3F
        compound[1] = self.chance.choice([200, 201, 202, 203, 204, 205, 206, 207])
        compound[2:4] = self.chance.choice([(len(compound) // 4 - 1) & 0xFFFF, self.chance.randrange(65536)]).to_bytes(
            2, "big"
        )
        while len(compound) < 8:
            compound.append(0)
        if self.chance.random() < 0.5:
            compound[8:12] = self.chance.choice(self.slots).track.ssrc.to_bytes(4, "big")
        peer.send_rtcp(bytes(compound))

    def sealed_media(self) -> None:
        """RTP of a true source with a payload, padding and extensions that lie."""
        source = self.chance.choice(self.sources)
        encoding = self.chance.choice(source.encodings)
        header = bytearray(12)
        header[0] = 0x80 | self.chance.choice([0, 0x10, 0x20, 0x30, 0x35, 0x02])
        header[1] = self.chance.choice([96, 97, 111, 0x80 | 96, 5])
        ssrc = self.chance.choice([encoding.ssrc, encoding.rtx_ssrc or 7])
        index = encoding.next_index + self.chance.randrange(0, 4)
        encoding.next_index = index + 1
        header[2:4] = (index & 0xFFFF).to_bytes(2, "big")
        header[8:12] = ssrc.to_bytes(4, "big")
        header += bytes(4 * (header[0] & 15))
        if header[0] & 0x10:
            words = self.chance.randrange(0, 6)
            profile = self.chance.choice([b"\xbe\xde", b"\x10\x00", b"\x12\x34"])
            header += profile + words.to_bytes(2, "big") + self.chance.randbytes(4 * words)
        payload = self.chance.randbytes(self.chance.choice([0, 1, 2, 3, 5, 40, 900]))
        source.peer.send_rtp(bytes(header), payload, index)

    # --- what has to hold --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Nobody was disturbed: everything that was published arrives, and nobody was thrown out."""
        for source in self.sources:
            source.stop()
        self.call.network.run_for(0.5)
        assert self.call.events_of("transport_closed") == []
        for slot in self.slots:
            assert slot.track.gaps == []
            slot.track.assert_steady()
        self.call.check_nothing_broke()
