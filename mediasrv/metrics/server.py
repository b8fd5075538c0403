"""All metrics of a server: what is counted as it happens, and what is read when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from mediasrv import tracing
from mediasrv.media.media_worker import MediaWorker
from mediasrv.metrics.control import ControlCollector
from mediasrv.metrics.journal import JournalCollector
from mediasrv.metrics.media import MediaCollector
from mediasrv.metrics.mixing import MixerCollector
from mediasrv.metrics.rooms import RoomMetrics
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.observation import OK, Observation
from mediasrv.version import VERSION

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series each that says when another one began: twice the series for nothing

LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
REQUEST_BUCKETS_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
UNKNOWN = "unknown"
HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"})
"""Others share one label: clients choose the words, and must not make series of them."""


class ServerMetrics:
    def __init__(
        self,
        rooms: RoomRegistry,
        workers: Sequence[MediaWorker],
        mixer_counters: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.rooms = RoomMetrics(self.registry, rooms)
        self.journal = JournalCollector()
        self._info = Info("mediasrv_build", "What is running.", registry=self.registry)
        self._lag = Histogram(
            "mediasrv_event_loop_lag_seconds",
            "How late the control plane's event loop was, every 100 ms.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        self._requests = Counter(
            "mediasrv_rpc_requests",
            "Requests of the control protocol, by method and what came of them: ok, or an error's code.",
            ("method", "outcome"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "mediasrv_rpc_request_seconds",
            "How long they took, from the request's arrival to the reply.",
            ("method",),
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._by_method: dict[str, tuple[Histogram, Counter]] = {}
        self._http = Counter(
            "mediasrv_http_requests",
            "HTTP requests, by route and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.control = ControlCollector()
        self.registry.register(self.control)
        self.registry.register(MediaCollector(workers))
        self.registry.register(MixerCollector(mixer_counters))
        self.registry.register(self.journal)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def started(self, srtp_backend: str) -> None:
        self._info.info({"version": VERSION, "srtp_backend": srtp_backend})

    def loop_lag(self, lag_s: float) -> None:
        self._lag.observe(lag_s)

    @contextmanager
    def request(self, method: str) -> Iterator[Observation]:
        """A request of the control protocol, from beginning to end: counted, timed and traced."""
        method = method if method in METHODS else UNKNOWN
        observation = Observation()
        began = time.perf_counter()
        with tracing.span(f"rpc {method}", {"rpc.system": "msgpack-rpc", "rpc.method": method}) as span:
            yield observation
            span.outcome(observation.outcome)
        if observation.is_whole:
            seconds, answered = self._of_method(method)
            seconds.observe(time.perf_counter() - began)
            (answered if observation.outcome == OK else self._requests.labels(method, observation.outcome)).inc()

    def _of_method(self, method: str) -> tuple[Histogram, Counter]:
        """How long requests take, and those that are answered; looked up once, since finding them takes longer than
        counting."""
        found = self._by_method.get(method)
        if found is None:
            found = self._request_seconds.labels(method), self._requests.labels(method, OK)
            self._by_method[method] = found
        return found

    def http_request(self, route: str, method: str, status: int) -> None:
        """`route` is the pattern of the path, never the path."""
        self._http.labels(route, method if method in HTTP_METHODS else "other", status).inc()

    def expose(self, accept: str) -> tuple[bytes, str]:
        """All of them in the format that an Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
