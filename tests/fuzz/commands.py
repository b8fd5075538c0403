"""Random orders of the control plane, between and in the middle of random batches of packets."""

from __future__ import annotations

import random
from collections import Counter

from scenarios import negotiated
from scenarios.call import Call, Participant, Slot
from scenarios.network import Conditions
from scenarios.publication import Publication

MAX_PEOPLE = 6


class Control:
    """Somebody who gives every order there is, also about what is gone, and a network that loses and repeats."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.call = Call(
            seed,
            batch_us=self.chance.choice([0, 0, 5_000, 20_000]),
            max_transports=MAX_PEOPLE,
            event_capacity=self.chance.choice([64, 4096]),
        )
        self.call.network.conditions = Conditions(
            delay_us=self.chance.choice([1_000, 15_000]),
            jitter_us=self.chance.choice([0, 10_000]),
            loss=self.chance.choice([0.0, 0.0, 0.05]),
            duplication=self.chance.choice([0.0, 0.02]),
        )
        self.everyone: list[Participant] = []
        self.people: list[Participant] = []
        self.sources: list[Publication] = []
        self.slots: list[Slot] = []
        self.actions = [
            self.join,
            self.publish,
            self.publish,
            self.subscribe,
            self.subscribe,
            self.subscribe,
            self.connect_slot,
            self.select,
            self.gate_slot,
            self.gate_source,
            self.limit_source,
            self.close_slot,
            self.close_source,
            self.close_transport,
            self.leave,
            self.say_goodbye,
            self.restart_ice,
            self.update_extensions,
            self.ask,
            self.bye,
            self.change_ssrc,
            self.begin_source_anew,
            self.speak,
            self.refresh_speakers,
        ]

    def step(self) -> None:
        for _ in range(self.chance.choice([1, 1, 2, 5])):
            self.chance.choice(self.actions)()
        self.call.network.run_for(self.chance.choice([0.0, 0.001, 0.011, 0.05, 0.2]))

    # --- orders ------------------------------------------------------------------------------------------------------

    def join(self) -> None:
        if len(self.people) < MAX_PEOPLE:
            person = self.call.join(data_channel=self.chance.random() < 0.2)
            self.people.append(person)
            self.everyone.append(person)
            person.peer.on_connected = lambda: self._begin(person)

    def _begin(self, person: Participant) -> None:
        for source in self.sources:
            if source.peer is person.peer and not source.running:
                source.start()

    def publish(self) -> None:
        if not self.people:
            return
        person = self.chance.choice(self.people)
        options = {"nack": self.chance.random() < 0.8, "transport_cc": self.chance.random() < 0.5}
        if self.chance.random() < 0.4:
            source = person.publish_audio(start=False, speaker_group=self.chance.choice([0, 1, 1, 2, 3]), **options)
        else:
            rids = self.chance.choice([("",), ("q", "h"), ("q", "h", "f")])
            source = person.publish_video(rids, start=False, signaled=self.chance.random() < 0.5, **options)
        self.sources.append(source)
        if person.peer.connected:
            source.start()

    def subscribe(self) -> None:
        if self.people and self.sources:
            source = self.chance.choice(self.sources)
            slot = self.chance.choice(self.people).subscribe(source, rtx=self.chance.random() < 0.7)
            self.slots.append(slot)

    def connect_slot(self) -> None:
        if self.slots:
            self.chance.choice(self.slots).connect(self.chance.choice([None, *self.sources]))

    def select(self) -> None:
        if self.slots:
            self.chance.choice(self.slots).select(self.chance.choice([-1, 0, 1, 2, 3]))

    def gate_slot(self) -> None:
        if self.slots:
            self.chance.choice(self.slots).gate(self.chance.random() < 0.6)

    def gate_source(self) -> None:
        if self.sources:
            source = self.chance.choice(self.sources)
            self.call.plane.gate_producer(source.producer_id, self.chance.random() < 0.6)

    def limit_source(self) -> None:
        if self.sources:
            bound_bps = self.chance.choice([0, 1, 8_000, 200_000, 0xFFFF_FFFF])
            self.call.plane.limit_producer(self.chance.choice(self.sources).producer_id, bound_bps)

    def close_slot(self) -> None:
        if self.slots:
            self.chance.choice(self.slots).close()

    def close_source(self) -> None:
        if self.sources and self.chance.random() < 0.5:
            self.call.plane.close_producer(self.chance.choice(self.sources).producer_id)

    def close_transport(self) -> None:
        if self.everyone and self.chance.random() < 0.4:
            person = self.chance.choice(self.everyone)
            self.call.plane.close_transport(person.transport_id)
            self._forget(person)

    def leave(self) -> None:
        if self.people and self.chance.random() < 0.2:
            person = self.chance.choice(self.people)
            person.peer.leave()
            self._forget(person)

    def refresh_speakers(self) -> None:
        self.call.plane.refresh_speakers(self.chance.choice([1, 2, 3, 4]), self.chance.random() < 0.5)

    def say_goodbye(self) -> None:
        if self.people and self.chance.random() < 0.2:
            person = self.chance.choice(self.people)
            if person.peer.connected:
                person.peer.close()
                self._forget(person)

    def _forget(self, person: Participant) -> None:
        for source in self.sources:
            if source.peer is person.peer:
                source.stop()
        if person in self.people:
            self.people.remove(person)

    def restart_ice(self) -> None:
        if self.everyone:
            number = self.chance.randrange(10**7)
            self.call.plane.restart_ice(
                self.chance.choice(self.everyone).transport_id,
                ice_ufrag=f"r{number:07d}".encode(),
                ice_pwd=f"s{number:023d}".encode(),
            )

    def update_extensions(self) -> None:
        if self.everyone:
            extensions = negotiated.by_uri(negotiated.SENT_IDS)
            self.call.plane.update_transport(self.chance.choice(self.everyone).transport_id, extensions=extensions)

    # --- what peers do -----------------------------------------------------------------------------------------------

    def ask(self) -> None:
        if self.slots:
            slot = self.chance.choice(self.slots)
            if slot.owner.peer.connected:
                slot.track.ask_keyframe()
                slot.track.send_nack([max(0, slot.track.highest - self.chance.randrange(40)) for _ in range(3)])
                slot.track.report()

    def bye(self) -> None:
        live = [source for source in self.sources if source.running]
        if live:
            self.chance.choice(live).say_bye()

    def speak(self) -> None:
        sounds = [source for source in self.sources if source.kind == "audio"]
        if sounds:
            self.chance.choice(sounds).elements = [(negotiated.AUDIO_LEVEL, bytes([self.chance.randrange(256)]))]

    def change_ssrc(self) -> None:
        live = [source for source in self.sources if source.running]
        if live:
            encoding = self.chance.choice(self.chance.choice(live).encodings)
            encoding.ssrc += 1
            encoding.sent.clear()

    def begin_source_anew(self) -> None:
        """The same SSRCs in a new producer, as after a renegotiation."""
        live = [source for source in self.sources if source.running]
        if not live:
            return
        source = self.chance.choice(live)
        owner = next(person for person in self.everyone if person.peer is source.peer)
        self.call.plane.close_producer(source.producer_id)
        source.producer_id = next(self.call.ids)
        video = source.kind == "video"
        rate = negotiated.CLOCK_RATE[source.kind]
        codecs = [(negotiated.VP8, "VP8", rate, negotiated.VP8_RTX)] if video else [(negotiated.OPUS, "opus", rate, 0)]
        self.call.plane.create_producer(
            owner.transport_id,
            source.producer_id,
            kind=source.kind,
            mid=source.mid,
            codecs=codecs,
            encodings=[(encoding.rid, encoding.ssrc, encoding.rtx_ssrc) for encoding in source.encodings],
            nack=True,
            pli=True,
            fir=False,
            transport_cc=False,
            speaker_group=0 if video else self.chance.choice([0, 1, 2]),
        )

    # --- what has to hold --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Every transport ends exactly once, and nothing is left."""
        for source in self.sources:
            source.stop()
        closed: Counter[int] = Counter()
        for person in self.everyone:
            self.call.plane.close_transport(person.transport_id)
        for _ in range(30):
            self.call.network.run_for(0.01)
            closed.update(event[1] for event in self.call.plane.events() if event[0] == "transport_closed")
        closed.update(event[1] for event in self.call._events if event[0] == "transport_closed")
        assert closed == Counter(person.transport_id for person in self.everyone)
        assert self.call.plane.deadline() is None
        for person in self.everyone:
            assert person.peer.refused == []
