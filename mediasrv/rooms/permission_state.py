"""The permissions of one participant as they change: by its token, the room, moderators, itself, and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mediasrv.rooms.clock import Clock, Timer
from mediasrv.rooms.events import Cause
from mediasrv.rooms.grants import Granted, Term
from mediasrv.rooms.permissions import ALL, Permission, Permissions

LONGEST_TIMER_S = 86_400.0  # event loops have bounds; a later end is looked at again
SOONEST_TIMER_S = 0.001  # the clock may not be there yet when the timer is

Changed = Callable[[Permissions, str, Cause], None]
"""Gets the permissions that held before, who changed them, and why."""


class PermissionState:
    """`now` are the permissions that hold. `changed` is called after each change of a layer."""

    __slots__ = ("_changed", "_clock", "_granted", "_timer", "now")

    def __init__(self, clock: Clock, granted: Granted, *, changed: Changed, consented: Permission = ALL) -> None:
        self._clock = clock
        self._granted = granted
        self._changed = changed
        self._timer: Timer | None = None
        self.now = Permissions(granted.flags(clock.time()), consented)
        self._wait()

    def grant(self, flags: Permission, *, by: str, until: float | None = None) -> None:
        """A moderator grants `flags`, until a time (seconds since the Unix epoch) or for good."""
        self._change(self._granted.moderated(flags, Term(until=until)), by, "grant")

    def revoke(self, flags: Permission, *, by: str, until: float | None = None) -> None:
        """A moderator takes `flags` back."""
        self._change(self._granted.moderated(flags, Term(holds=False, until=until)), by, "grant")

    def set_granted(self, flags: Permission, *, by: str) -> None:
        """A moderator grants `flags`, and no others."""
        self._change(self._granted.moderated(flags, Term()).moderated(ALL & ~flags, Term(holds=False)), by, "grant")

    def set_defaults(self, defaults: Permission, ends: Mapping[Permission, float], *, by: str) -> None:
        """The room grants these flags, some until their `ends`, to whom neither token nor moderator says otherwise."""
        self._change(self._granted.with_defaults(defaults, ends), by, "grant")

    def consent(self, consented: Permission, *, by: str) -> None:
        """The person allows these flags of themself, and no others."""
        self._set(Permissions(self.now.granted, consented), by, "consent")

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _change(self, granted: Granted, by: str, cause: Cause) -> None:
        self._granted = granted
        self._wait()
        self._set(Permissions(granted.flags(self._clock.time()), self.now.consented), by, cause)

    def _set(self, permissions: Permissions, by: str, cause: Cause) -> None:
        before = self.now
        if permissions != before:
            self.now = permissions
            self._changed(before, by, cause)

    def _wait(self) -> None:
        self.close()
        now = self._clock.time()
        end = self._granted.next_change(now)
        if end is not None:
            delay_s = min(max(end - now, SOONEST_TIMER_S), LONGEST_TIMER_S)
            self._timer = self._clock.call_later(delay_s, self._run_out)

    def _run_out(self) -> None:
        self._timer = None
        self._change(self._granted, "server", "expiry")
