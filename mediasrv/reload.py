"""Changed settings, taken over by a running server as far as that can be done; the rest waits for a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import structlog

from mediasrv import logs
from mediasrv.http.client_address import ClientAddresses
from mediasrv.journal.durable import DurableJournal
from mediasrv.journal.journal import Journal
from mediasrv.journal.settings import parse_retention
from mediasrv.media.placement import Placement
from mediasrv.room_defaults import room_defaults
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import RoomLimits
from mediasrv.settings import FIELDS, Settings
from mediasrv.store.database import DATABASE_ERRORS, words
from mediasrv.tls import TlsContext, TlsError, TlsFiles
from mediasrv.tokens import TokenVerifier

log = structlog.get_logger("mediasrv")

NEEDS_RESTART = frozenset({
    "control", "control_plaintext", "data_dir", "database", "dev", "http", "max_linger_us", "otel_endpoint",
    "rtc_bind", "rtc_port", "srtp_backend", "workers",
})  # fmt: skip


class Change(NamedTuple):
    """Names of settings that are different now: those that can be taken over, and those that wait for a restart."""

    taken: tuple[str, ...]
    waiting: tuple[str, ...]


def changes(before: Settings, after: Settings, tls_prefixes: Mapping[str, object] | None = None) -> Change:
    changed = [name for name in FIELDS if getattr(before, name) != getattr(after, name)]
    waiting = {name for name in changed if name in NEEDS_RESTART}
    for prefix in tls_prefixes or ():
        cert = f"{prefix}_cert"
        if bool(getattr(before, cert)) != bool(getattr(after, cert)):  # TLS begins, or ends
            waiting |= {cert, f"{prefix}_key"}.intersection(changed)
    return Change(tuple(name for name in changed if name not in waiting), tuple(sorted(waiting)))


@dataclass
class RunningParts:
    """What of a running server has settings that may change. `tls` is by the prefix of its settings."""

    verifier: TokenVerifier
    clients: ClientAddresses
    rooms: RoomRegistry
    placement: Placement
    tls: Mapping[str, TlsContext | None]
    journal: DurableJournal | None = None
    journal_observer: Journal | None = None

    async def take_over(self, before: Settings, after: Settings) -> Settings:
        """Take over what can be. Returns the settings that hold now, and logs what does not."""
        change = changes(before, after, self.tls)
        taken: dict[str, Any] = {name: getattr(after, name) for name in change.taken}
        for prefix, context in self.tls.items():
            self._reload_certificate(prefix, context, after, taken)
        if "webhooks" in taken and self.journal is not None:
            try:
                await self.journal.set_webhooks(after.webhooks)
            except DATABASE_ERRORS as error:
                del taken["webhooks"]
                log.error("the webhooks stay as they were: the database takes no changes", error=words(error))
        now = msgspec.structs.replace(before, **taken)
        logs.set_level(now.log_level)
        self.verifier.set_keys(now.keys)
        self.verifier.leeway_s = now.token_leeway_s
        self.clients.set_trusted(now.trusted_proxies)
        self.rooms.open_rooms = now.open_rooms
        self.rooms.defaults = room_defaults(now)
        self.rooms.set_limits(RoomLimits(resume_s=now.resume_s))
        self.placement.room_spread = now.room_spread
        if self.journal is not None:
            self.journal.retention.retention = parse_retention(now.journal_retention)
        if self.journal_observer is not None:
            self.journal_observer.addresses = now.journal_addresses
        log.info("reloaded", changed=sorted(taken))
        if change.waiting:
            log.warning("these settings change only with a restart", settings=list(change.waiting))
        return now

    @staticmethod
    def _reload_certificate(prefix: str, context: TlsContext | None, after: Settings, taken: dict[str, Any]) -> None:
        """Also if the files are called what they were: they may have other contents."""
        files = TlsFiles.of(prefix, after)
        if context is None or files is None:
            return
        try:
            context.reload(files)
        except TlsError as error:
            for name in (f"{prefix}_cert", f"{prefix}_key"):
                taken.pop(name, None)
            log.error("the certificate stays as it was", error=str(error))
