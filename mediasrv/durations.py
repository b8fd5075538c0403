"""Lengths of time in words."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """A length of time as people say it: "1 second", "3 minutes", "2 days"."""
    units = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
    unit = next((name for name, length_s in units.items() if seconds >= length_s), "second")
    count = max(1, int(seconds // units[unit]))
    return f"{count} {unit}{'' if count == 1 else 's'}"
