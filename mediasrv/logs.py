"""Structured logs on stderr: JSON lines, or a readable console form with `dev`.

Secrets, tokens, message texts and media never reach a log: callers don't pass them, and `drop_secrets` is the net
under that rule. stdout is for what the program prints as its result (the ready line, a token).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

# Compared without case. A key is dropped wherever it stands, also in nested maps and lists.
SECRET_KEYS = frozenset({
    "answer", "authorization", "cookie", "ice_pwd", "jwt", "keys", "offer", "password", "private_key", "sdp", "secret",
    "text", "token",
})  # fmt: skip


def set_level(level: str) -> None:
    """Log at `level` from now on."""
    logging.getLogger().setLevel(level.upper())


def drop_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that removes every field whose key could carry a secret."""
    return {key: _without_secrets(value) for key, value in event.items() if key.lower() not in SECRET_KEYS}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_secrets(v) for k, v in value.items() if str(k).lower() not in SECRET_KEYS}
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value


def configure(*, level: str, console: bool, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's loggers the same way, to `stream` (stderr by default)."""
    out = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.StackInfoRenderer(),
    ]
    if console:
        # No local variables in tracebacks: they hold tokens and SDP.
        plain = structlog.dev.plain_traceback
        rendering: list[Any] = [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    else:
        rendering = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, drop_secrets, *rendering],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
