"""What is wrong with what the database keeps, in words: read from the statistics, so that they say the same."""

from __future__ import annotations

from collections.abc import Mapping

Statistics = Mapping[str, float]


def fault(now: Statistics) -> str:
    """Why records are lost, or will be when memory is full; empty if they are not."""
    waiting = f"{now.get('journal_queue_records', 0):.0f} wait in memory"
    if now.get("journal_losing"):
        return f"records are lost: neither the database nor the disk takes them, and memory is full ({waiting})"
    if now.get("journal_spool_failing") and now.get("journal_database_failing"):
        return f"neither the database nor the disk takes records: {waiting}"
    return ""


def warnings(now: Statistics) -> Mapping[str, str]:
    """What somebody should look at, by the part it is of. Nothing is lost by it yet, and calls work."""
    waiting = f"{now.get('journal_spool_bytes', 0) / 1e6:.1f} MB wait on the disk"
    found: dict[str, str] = {}
    if now.get("journal_database_failing"):
        found["journal"] = f"the database takes no records: {waiting}"
    elif now.get("journal_database_slow"):
        found["journal"] = f"the database is {now.get('journal_database_lag_seconds', 0):.0f} s behind: {waiting}"
    elif now.get("journal_spool_failing"):
        found["journal"] = "the disk takes no records: those that the database has not taken wait in memory alone"
    if now.get("journal_retention_failing"):
        found["retention"] = "what is due cannot be erased"
    pending, dead = now.get("webhook_pending", 0), now.get("webhook_dead_letters", 0)
    if now.get("webhook_failing"):
        found["webhooks"] = f"{now['webhook_failing']:.0f} receivers are down: {pending:.0f} deliveries wait"
    if dead:
        given_up = f"{dead:.0f} deliveries were given up: `mediasrv journal dead-letters` shows them"
        found["webhooks"] = "; ".join(filter(None, (found.get("webhooks"), given_up)))
    if now.get("ban_store_failing"):
        found["bans"] = f"{now.get('ban_store_waiting', 0):.0f} changes of bans cannot be written down"
    return found
