"""What a webhook's receiver gets, and how it can tell that it comes from this server."""

from __future__ import annotations

import hmac

import msgspec

from mediasrv.journal.records import Record

SIGNATURE_HEADER = "Mediasrv-Signature"
ATTEMPT_HEADER = "Mediasrv-Attempt"


def body(record: Record, position: int) -> bytes:
    """The record as JSON, with its position: the same one is the same delivery, however often it comes."""
    return msgspec.json.encode({"position": position, **msgspec.structs.asdict(record)})


def signature(secret: str, timestamp_s: int, body: bytes) -> str:
    """The header's value: `t=SECONDS,v1=HEX`, an HMAC-SHA-256 over `SECONDS.BODY`."""
    mac = hmac.new(secret.encode(), f"{timestamp_s}.".encode() + body, "sha256").hexdigest()
    return f"t={timestamp_s},v1={mac}"
