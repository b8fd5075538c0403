"""Random orders and packets: every transport ends once, every packet opens, nothing breaks. See tests/fuzz for more."""

from __future__ import annotations

from fuzz.commands import Control
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(settings.get_profile("scenarios"), max_examples=25)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
def test_any_order_of_orders(seed: int, steps: int) -> None:
    control = Control(seed)
    for _ in range(steps):
        control.step()
    control.check()
