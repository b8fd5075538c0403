"""OpenTelemetry traces of signaling: off unless a collector is configured, and then without anybody's data.

`span` may be called anywhere; without `start` it does nothing, and the library is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

OK = "ok"
EXPORT_TIMEOUT_S = 5

_tracer: Tracer | None = None
_provider: TracerProvider | None = None


class TracingError(Exception):
    """Traces cannot be made; the text says what to do."""


class Span:
    """One step of what is traced. Attributes say what kind of thing it was, never whose."""

    def __init__(self, span: OtelSpan | None) -> None:
        self._span = span

    def set(self, name: str, value: str | int | float | bool) -> None:
        if self._span is not None:
            self._span.set_attribute(name, value)

    def outcome(self, outcome: str) -> None:
        """How it ended: "ok", or the code of an error."""
        if self._span is not None:
            self._span.set_attribute("mediasrv.outcome", outcome)
            if outcome != OK:
                from opentelemetry.trace import StatusCode

                self._span.set_status(StatusCode.ERROR, outcome)


_NOTHING = Span(None)


_NO_SPAN = nullcontext(_NOTHING)


def span(name: str, attributes: Mapping[str, Any] | None = None) -> AbstractContextManager[Span]:
    """A step that lasts as long as the block, part of the one that is going on."""
    return _NO_SPAN if _tracer is None else _traced(_tracer, name, attributes)


@contextmanager
def _traced(tracer: Tracer, name: str, attributes: Mapping[str, Any] | None) -> Iterator[Span]:
    # Exceptions are not recorded: their texts may have something of somebody in them.
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as started:
        try:
            yield Span(started)
        except Exception as error:
            Span(started).outcome(getattr(error, "code", None) or type(error).__name__)
            raise


def start(endpoint: str, version: str, processor: SpanProcessor | None = None) -> None:
    """Send traces to the OTLP/HTTP collector at `endpoint`, or give them to `processor`. Raises `TracingError`."""
    global _tracer, _provider
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingError(
            f"otel_endpoint is set, but OpenTelemetry is not installed ({error.name} is missing): "
            "`pip install 'mediasrv[otel]'`, or leave otel_endpoint empty"
        ) from None
    resource = Resource.create({"service.name": "mediasrv", "service.version": version})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    # A thread of its own sends them, so that a collector which is slow or down holds nothing up.
    _provider.add_span_processor(
        processor or BatchSpanProcessor(OTLPSpanExporter(traces_url(endpoint), timeout=EXPORT_TIMEOUT_S))
    )
    _tracer = _provider.get_tracer("mediasrv", version)


def stop() -> None:
    """Send what is left and be off again."""
    global _tracer, _provider
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        provider.shutdown()


def traces_url(endpoint: str) -> str:
    """An endpoint without a path is that of a collector, which takes traces at `/v1/traces`."""
    scheme, _, rest = endpoint.partition("://")
    host, _, path = rest.partition("/")
    return endpoint if path else f"{scheme}://{host}/v1/traces"
