"""Whatever is chosen when, and whatever is lost: the line of packets that a consumer gets has no seam."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.call import Call
from scenarios.network import Conditions
from scenarios.test_simulcast import RIDS, assert_seamless

EXAMPLES = settings(settings.get_profile("scenarios"), max_examples=25)
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["select", "pause_encoding", "resume_encoding", "gate", "mute", "keyframe", "lose", "heal"]),
        st.integers(0, 2),
        st.integers(1, 12),
    ),
    min_size=3,
    max_size=12,
)


@EXAMPLES
@given(actions=ACTIONS, seed=st.integers(0, 1000))
def test_any_pattern_of_switches_pauses_and_losses(actions: list[tuple[str, int, int]], seed: int) -> None:
    call = Call(seed)
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(RIDS)
    slot = bob.subscribe(camera)
    call.network.run_for(0.3)
    gate = unmuted = True
    for action, argument, steps in actions:
        encoding = camera.encodings[argument]
        if action == "select":
            slot.select(argument)
        elif action == "pause_encoding":
            encoding.paused = True
        elif action == "resume_encoding":
            encoding.paused = False
            encoding.keyframe_wanted = True
        elif action == "gate":
            gate = not gate
            slot.gate(gate)
        elif action == "mute":
            unmuted = not unmuted
            call.plane.gate_producer(camera.producer_id, unmuted)
        elif action == "keyframe":
            slot.track.ask_keyframe()
        else:
            loss = 0.1 if action == "lose" else 0.0
            bad = Conditions(delay_us=15_000, jitter_us=20_000 if loss else 0, loss=loss, duplication=loss)
            call.network.up[alice.peer.address] = call.network.down[bob.peer.address] = bad
        call.network.run_for(steps / 20)
    call.network.up.clear()
    call.network.down.clear()
    slot.gate(True)
    call.plane.gate_producer(camera.producer_id, True)
    for encoding in camera.encodings:
        encoding.paused = False
        encoding.keyframe_wanted = True
    call.network.run_for(1.5)
    seen = len(slot.track.packets)
    call.network.run_for(0.5)
    assert len(slot.track.packets) > seen, "it goes on"
    call.check_nothing_broke()
    # What was withheld (muted, paused, given up before a keyframe) is left out; the rest must fit together.
    slot.track.assert_steady()
    if all(action not in ("lose", "mute", "gate") for action, _, _ in actions):
        assert_seamless(camera, slot)
