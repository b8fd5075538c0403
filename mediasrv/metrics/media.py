"""The media plane's counters, gauges and distributions as metrics, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mediasrv.media.media_worker import MediaWorker

WORKER = ["worker"]
DROP = "drop_"


class Named(NamedTuple):
    """A metric's name, without the prefix, and what it is; `kind` tells counters apart that share one."""

    name: str
    help: str
    kind: str = ""


# Of counters that are not here, such as newer ones, the name is made of the counter's.
COUNTERS: Mapping[str, Named] = {
    "bytes_received": Named("received_bytes", "Bytes of UDP payload received."),
    "bytes_sent": Named("sent_bytes", "Bytes of UDP payload sent."),
    "datagrams_received": Named("received_datagrams", "Datagrams received."),
    "datagrams_sent": Named("sent_datagrams", "Datagrams sent."),
    "send_runs": Named("sent_runs", "Messages given to the kernel, each a datagram or a run of them (UDP GSO)."),
    "send_calls": Named("send_calls", "System calls that sent them."),
    "rtp_received": Named("received_rtp_packets", "RTP packets of publishers that were authentic."),
    "rtp_forwarded": Named("forwarded_rtp_packets", "Copies of RTP packets for subscribers."),
    "rtcp_received": Named("received_rtcp_packets", "RTCP compounds received."),
    "rtcp_sent": Named("sent_rtcp_packets", "RTCP compounds sent."),
    "rtx_received": Named("received_retransmissions", "Packets that publishers sent again."),
    "rtx_sent": Named("sent_retransmissions", "Packets sent to subscribers again."),
    "nack_sent": Named("sent_nacks", "Sequence numbers that publishers were asked for again."),
    "nack_received": Named("received_nacks", "Sequence numbers that subscribers asked for again."),
    "nack_unanswered": Named("unanswered_nacks", "Of those: no longer cached, or asked for again too soon."),
    "pli_sent": Named("sent_keyframe_requests", "Requests for keyframes to publishers.", "pli"),
    "fir_sent": Named("sent_keyframe_requests", "Requests for keyframes to publishers.", "fir"),
    "pli_received": Named("received_keyframe_requests", "Requests for keyframes of subscribers.", "pli"),
    "fir_received": Named("received_keyframe_requests", "Requests for keyframes of subscribers.", "fir"),
    "encoding_switches": Named("encoding_switches", "Changes of the encoding that a subscriber gets."),
    "stun_requests": Named("stun_requests", "Authentic ICE checks answered."),
    "dtls_handshakes": Named("dtls_handshakes", "DTLS handshakes that succeeded."),
    "tuple_switches": Named("tuple_switches", "Changes of the address that a client is reached at."),
    "pipe_packets_sent": Named("piped_packets_sent", "Packets handed to other workers, counted for each."),
    "pipe_packets_received": Named("piped_packets_received", "Packets taken from other workers."),
    "commands": Named("commands", "Commands of the control plane carried out."),
    "commands_stale": Named("stale_commands", "Commands for something that had gone."),
    "commands_refused": Named("refused_commands", "Commands that a full table, or an id in use, made impossible."),
    "events_lost": Named("lost_events", "Events that did not fit into the event ring."),
    "loops": Named("loops", "Rounds of the worker's loop."),
}
GAUGES: Mapping[str, Named] = {
    "transports": Named("transports", "Peer connections."),
    "producers": Named("producers", "Sources that are received, with all their encodings."),
    "consumers": Named("consumers", "Receive slots, empty ones too."),
    "tuples": Named("tuples", "Addresses that have been authenticated."),
    "command_ring": Named("command_ring_records", "Commands that the worker has not taken yet."),
    "event_ring": Named("event_ring_records", "Events that the control plane has not taken yet."),
    "pipe_bytes": Named("pipe_bytes", "Bytes from other workers that wait to be taken."),
}
DISTRIBUTIONS: Mapping[str, Named] = {
    "forwarding": Named(
        "forwarding_seconds",
        "From seeing that a packet is there to giving the kernel a copy, per copy.",
    ),
    "connecting": Named("connect_seconds", "From a peer connection's creation to its keys: ICE and DTLS."),
    "handshake": Named("dtls_handshake_seconds", "From the first authentic ICE check to the keys."),
    "round_trip": Named("round_trip_seconds", "Round trips to subscribers, one for each of their reports."),
    "jitter": Named("publisher_jitter_seconds", "Jitter of what publishers send, about every second and encoding."),
    "loss_in": Named("publisher_loss_ratio", "Share of packets lost on the way here, about every second and encoding."),
    "loss_out": Named("subscriber_loss_ratio", "Share lost on the way to subscribers, one for each of their reports."),
}


class MediaCollector(Collector):
    """Metrics of each of `workers`, which may not have started yet."""

    def __init__(self, workers: Sequence[MediaWorker]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        running = [(str(worker.index), worker) for worker in self._workers]
        yield from self._counters(running)
        yield from self._gauges(running)
        for name, named in DISTRIBUTIONS.items():
            family = HistogramMetricFamily(f"mediasrv_media_{named.name}", named.help, labels=WORKER)
            for index, worker in running:
                _add_distribution(family, index, worker.native.distributions()[name])
            yield family

    def _counters(self, running: Iterable[tuple[str, MediaWorker]]) -> Iterator[Metric]:
        dropped = CounterMetricFamily(
            "mediasrv_media_dropped_packets",
            "Packets that went no further, by reason.",
            labels=[*WORKER, "reason"],
        )
        families: dict[str, CounterMetricFamily] = {}
        for index, worker in running:
            for name, value in worker.counters().items():
                if name.startswith(DROP):
                    dropped.add_metric([index, name.removeprefix(DROP)], value)
                    continue
                named = COUNTERS.get(name) or Named(name, f"Counter {name} of the media plane.")
                family = families.get(named.name)
                if family is None:
                    labels = [*WORKER, "kind"] if named.kind else WORKER
                    family = CounterMetricFamily(f"mediasrv_media_{named.name}", named.help, labels=labels)
                    families[named.name] = family
                family.add_metric([index, named.kind] if named.kind else [index], value)
        yield dropped
        yield from families.values()

    def _gauges(self, running: Iterable[tuple[str, MediaWorker]]) -> Iterator[Metric]:
        values = {index: worker.native.gauges() for index, worker in running}
        for name, named in GAUGES.items():
            gauge = GaugeMetricFamily(f"mediasrv_media_{named.name}", named.help, labels=WORKER)
            for index, found in values.items():
                gauge.add_metric([index], found[name])
            yield gauge
        cpu = CounterMetricFamily("mediasrv_media_cpu_seconds", "CPU time of the worker's thread.", labels=WORKER)
        deferred = GaugeMetricFamily(
            "mediasrv_media_deferred_commands", "Commands that wait for room in the command ring.", labels=WORKER
        )
        for index, worker in running:
            cpu.add_metric([index], values[index]["cpu_us"] / 1e6)
            deferred.add_metric([index], worker.deferred_commands)
        yield cpu
        yield deferred


def _add_distribution(
    family: HistogramMetricFamily, worker: str, distribution: tuple[float, Sequence[int], Sequence[int], int]
) -> None:
    unit, bounds, counts, total = distribution
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip((*bounds, None), counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound is None else f"{bound * unit:.6g}", below))
    family.add_metric([worker], buckets=buckets, sum_value=total * unit)
