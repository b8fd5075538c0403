"""What keeps a load test from running, in words for the person who started it."""

from __future__ import annotations


class LoadTestError(Exception):
    """The load could not be made or measured; the text says why and what to do."""


class ScenarioError(LoadTestError):
    """A load that makes no sense, or that a synthetic peer cannot carry."""


class RefusedError(LoadTestError):
    """The server did not take an offer or a token; the text has its status and its reason."""


class NotConnectedError(LoadTestError):
    """Peers that the server took did not connect, or lost their connection."""
