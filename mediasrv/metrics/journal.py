"""Metrics of the journal and of the bans kept beside it: their statistics by name, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Statistics = Callable[[], Mapping[str, float]]

# Of those that are not here, such as newer ones, the name says more than a sentence could.
HELP: Mapping[str, str] = {
    "journal_records_written": "Records written into the database.",
    "journal_transactions": "Transactions that wrote them.",
    "journal_records_lost": "Records that could be kept nowhere.",
    "journal_spool_damaged_lines": "Lines of the spool that could not be read.",
    "journal_queue_records": "Records in memory that wait to be written.",
    "journal_spool_bytes": "Bytes on disk that wait for the database.",
    "journal_database_lag_seconds": "How long the oldest record has been waiting.",
    "journal_database_failing": "1 while the database takes no records.",
    "journal_database_slow": "1 while the database owes a transaction for longer than it should.",
    "journal_spool_failing": "1 while the disk takes no records.",
    "journal_losing": "1 while records are lost: neither takes them, and memory is full.",
    "journal_position": "Position of the last record.",
    "journal_erased_records": "Records erased because their time was over.",
    "journal_erased_fields": "Personal fields erased because their time was over.",
    "journal_retention_failing": "1 while what is due cannot be erased.",
    "webhook_delivered": "Deliveries that receivers took.",
    "webhook_failures": "Attempts that they did not.",
    "webhook_dead": "Deliveries that were given up.",
    "webhook_failing": "Webhooks whose receiver is down.",
    "webhook_pending": "Deliveries that are to be made.",
    "webhook_dead_letters": "Deliveries that were given up and are still kept.",
    "ban_store_failing": "1 while bans cannot be written down.",
    "ban_store_waiting": "Bans that are yet to be written down or removed.",
}
# What goes up and down; everything else only grows.
_GAUGE_ENDINGS = (
    "_failing", "_slow", "_losing", "_bytes", "_seconds", "_position", "_queue_records", "_waiting", "_pending",
    "_dead_letters",
)  # fmt: skip


class JournalCollector(Collector):
    """`statistics` is None before the journal is open."""

    def __init__(self) -> None:
        self.statistics: Statistics | None = None

    def collect(self) -> Iterator[Metric]:
        if self.statistics is None:
            return
        for name, value in self.statistics().items():
            family = GaugeMetricFamily if name.endswith(_GAUGE_ENDINGS) else CounterMetricFamily
            yield family(f"mediasrv_{name}", HELP.get(name, name.replace("_", " ").capitalize() + "."), value=value)
