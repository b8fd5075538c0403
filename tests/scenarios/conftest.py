"""Asserts of the kit explain themselves as those of the tests do; examples are few, so that the suite stays fast."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite(
    "scenarios.call",
    "scenarios.network",
    "scenarios.payloads",
    "scenarios.peer",
    "scenarios.publication",
    "scenarios.track",
)
settings.register_profile(
    "scenarios", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
