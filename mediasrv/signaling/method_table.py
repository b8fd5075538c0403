"""All methods of the control protocol, by name. `docs/control-protocol.md` has them in this order."""

from __future__ import annotations

from collections.abc import Mapping

from mediasrv.signaling.method import Method
from mediasrv.signaling.methods import control, joining, media, messages, moderation, oneself, rooms, subscriptions

METHODS: Mapping[str, Method] = {
    method.name: method
    for theme in (joining, oneself, media, subscriptions, messages, moderation, rooms, control)
    for method in theme.METHODS
}
