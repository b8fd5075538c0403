"""A mix of liars who come, go, flood and mute themselves, and of one honest talker whom none of that may concern."""

from __future__ import annotations

import random

from mediaplane.testing.mixer import AudioMixer

from bench.speech import FRAME
from fuzz.jitter import Liar, payloads

HONEST, MOST_SOURCES, LARGEST_PACKET = 1, 12, 1_276
TICK_US = 20_000


class Crowd:
    """Liars have numbers, timestamps, payloads and levels of their own making; ticks come late or are left out."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.talkers = self.chance.randrange(1, 4)
        self.mixer = AudioMixer(
            channels=self.chance.choice([1, 2]), talkers=self.talkers, complexity=0, music=True, dtx=False
        )
        self.mixer.want(range(self.talkers + 1))
        self.mixer.add(HONEST, HONEST)
        self.liars: dict[int, Liar] = {}
        self.last_id = HONEST
        self.now_us = self.chance.choice([10**6, 10**12])
        self.sent = 0

    def come_and_go(self) -> None:
        chance = self.chance
        match chance.randrange(6):
            case 0 | 1 if len(self.liars) < MOST_SOURCES:
                self.last_id += 1
                # Some are several sources of one owner.
                owner = chance.choice([self.last_id, self.last_id, 2])
                self.mixer.add(self.last_id, owner, red_payload_type=63)
                self.liars[self.last_id] = Liar(chance.getrandbits(32))
            case 2 if self.liars:
                gone = chance.choice(sorted(self.liars))
                self.mixer.remove(gone)
                del self.liars[gone]
            case 3 if self.liars:
                self.mixer.gate(chance.choice(sorted(self.liars)), chance.random() < 0.5)
            case 4:
                self.mixer.want([0, *chance.sample(range(1, self.talkers + 1), chance.randrange(self.talkers + 1))])
            case 5:
                self.mixer.shed(chance.randrange(5))

    def lie(self, source: int, liar: Liar) -> None:
        chance = self.chance
        for _ in range(chance.choice([0, 1, 1, 1, 3, 40])):
            move = chance.choice([1, 1, 1, 0, -1, 30, -600])
            liar.seq += move
            liar.ts += move * FRAME + chance.choice([0, 0, 0, 1, 48_000, 2**31])
            kind, data = (63, liar.red()) if chance.random() < 0.2 else (111, liar.payload())
            self.mixer.receive(
                source,
                data,
                liar.seq & 0xFFFF,
                liar.ts & 0xFFFFFFFF,
                self.now_us,
                level=chance.choice([None, 0, 10, 30, 127]),
                payload_type=chance.choice([kind, kind, kind, 5]),
                ssrc=chance.choice([1, 1, 1, 1, 2]),
            )

    def step(self) -> None:
        """A tick, or several that are due at once: what came meanwhile is all received before the first."""
        chance = self.chance
        self.come_and_go()
        due = chance.choice([1, 1, 1, 1, 1, 1, 10])
        for _ in range(due):
            # The honest one's audio is as loud as can be and never pauses.
            frame = payloads()[self.sent % 30]
            self.mixer.receive(HONEST, frame, self.sent & 0xFFFF, self.sent * FRAME, self.now_us, level=0)
            self.sent += 1
        for source, liar in sorted(self.liars.items()):
            self.lie(source, liar)
        left_out = chance.randrange(due) if due > 1 else 0
        for number in range(due):
            if number < left_out:
                self.mixer.skip(self.now_us)
            else:
                self.check(self.mixer.tick(self.now_us))
            self.now_us += TICK_US

    def check(self, packets: list[bytes]) -> None:
        assert packets[0], "whoever listens gets a packet in each tick"
        assert all(len(packet) <= LARGEST_PACKET for packet in packets)
        heard = self.mixer.heard
        assert len(heard) <= self.talkers
        assert set(heard.values()) <= {HONEST, *self.liars}
        owners = self.mixer.without[1:]
        assert all((owners[place] != 0) == (place in heard) for place in range(self.talkers))

    def end(self) -> None:
        """Of what the honest one sent nothing was lost, or taken for somebody else's."""
        jitter = self.mixer.jitter(HONEST)
        wrong = ("duplicates", "malformed", "unknown_payload_type", "implausible", "restarts", "evicted")
        assert {name: jitter[name] for name in wrong} == dict.fromkeys(wrong, 0)
        assert jitter["packets"] == self.sent


def crowd(seed: int) -> None:
    story = Crowd(seed)
    for _ in range(150):
        story.step()
    story.end()
