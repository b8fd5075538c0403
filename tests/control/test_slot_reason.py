"""Why a slot shows what it shows: one word for each state of slot and track."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mediasrv.signaling.slot_reason import REASONS, reason_of


@dataclass
class Slot:
    rid: str | None = "f"
    target_rid: str | None = "f"
    asked_rid: str | None = None
    paused: bool = False
    allowed: bool = True


ALL = ("q", "h", "f")
CASES = [
    ("empty", Slot(), {"shows_track": False}),
    ("not_permitted", Slot(allowed=False), {}),
    ("paused", Slot(paused=True), {}),
    ("muted", Slot(), {"enabled": False}),
    ("silent", Slot(rid=None), {"active": ()}),
    ("switching", Slot(rid=None), {}),
    ("switching", Slot(rid="q", target_rid="f"), {}),
    ("only", Slot(rid="", target_rid=""), {"active": ("",)}),
    ("only", Slot(rid="q", target_rid="q"), {"active": ("q",)}),
    ("asked", Slot(rid="h", target_rid="h", asked_rid="h"), {}),
    ("below_asked", Slot(rid="q", target_rid="q", asked_rid="h"), {"active": ("q",)}),
    ("highest", Slot(), {}),
]


@pytest.mark.parametrize(("reason", "slot", "track"), CASES)
def test_each_state_has_its_word(reason, slot, track):
    assert reason_of(slot, **({"shows_track": True, "enabled": True, "active": ALL} | track)) == reason


def test_every_word_has_a_case():
    assert {reason for reason, _, _ in CASES} == REASONS.keys()
