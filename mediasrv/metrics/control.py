"""Metrics of the connections that carry the control protocol, and of what is told over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Counts = Callable[[], Mapping[str, int]]


class ControlCollector(Collector):
    """`connections` by what carries them, `counters` by name; both are set when there is something to read."""

    def __init__(self) -> None:
        self.connections: Counts = dict
        self.counters: Counts = dict

    def collect(self) -> Iterator[Metric]:
        open_now = GaugeMetricFamily(
            "mediasrv_control_open_connections",
            "Connections that carry the control protocol, by what carries them.",
            labels=["carrier"],
        )
        for carrier, number in self.connections().items():
            open_now.add_metric([carrier], number)
        yield open_now
        for name, value in self.counters().items():
            named = name if name.startswith("control_") else f"control_{name}"
            help = f"{named.replace('_', ' ').capitalize()}, since the start."
            yield CounterMetricFamily(f"mediasrv_{named}", help, value=value)
