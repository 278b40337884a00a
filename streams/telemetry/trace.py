"""One trace from a post to its takedown: W3C trace context in Kafka's headers, a span for each stage.

The writer of a post begins its trace even if it exports nothing: this costs two random numbers, and any stage may be
traced later, alone, under the ids that dead letters carry too. A process that exports nothing propagates the context
unchanged. No span has a record's content: with topic, partition and offset, those with access can find the record.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streams.errors import UsageError
from streams.settings import Settings

type Headers = Mapping[str, bytes]
type Attribute = str | int

_EXPORT_S = 3.0
"""Export timeout: the longest wait for the collector, in its own thread, and a few times that at process exit."""
_MAX_QUEUE, _BATCH, _BATCH_MS = 8192, 4096, 1000
_WARN_INTERVAL_S = 60.0
"""Shortest interval between warnings that the collector does not answer."""
_W3C = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("jikimi")


def export_traces(settings: Settings, service: str) -> None:
    """Export this process's spans to the collector of the settings, if one is set.

    Spans that the collector does not accept in time are dropped; no record waits for it.

    Parameters
    ----------
    service
        Name of the process, such as "worker decode".

    Raises
    ------
    UsageError
        The extra `otlp` is not installed.
    """
    if settings.trace_endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "JIKIMI_TRACE_ENDPOINT needs an exporter: pip install opentelemetry-exporter-otlp-proto-http"
        ) from error
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - only where spans are made
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415 - likewise

    # By the trace id alone: every process samples the same traces, with any sampling flag from the writer of the post.
    provider = TracerProvider(
        sampler=TraceIdRatioBased(settings.trace_ratio), resource=Resource.create({SERVICE_NAME: f"jikimi {service}"})
    )
    exporter = OTLPSpanExporter(
        endpoint=settings.trace_endpoint, headers=settings.trace_header_values, timeout=_EXPORT_S
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, _MAX_QUEUE, _BATCH_MS, _BATCH))
    for logger in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal"):
        logging.getLogger(logger).addFilter(_RateLimit())
    trace.set_tracer_provider(provider)


@contextmanager
def span(operation: str, topic: str, headers: Headers, **attributes: Attribute) -> Iterator[Span]:
    """Run the block in a span that continues the trace of a record.

    Parameters
    ----------
    operation
        Name of the operation: the stage.
    topic
        Logical name of the record's topic.
    headers
        Headers of the record.
    attributes
        More attributes, with _ for the dots of their names.
    """
    carrier = {name: headers[name].decode("ascii", "replace") for name in _W3C.fields if name in headers}
    with _tracer.start_as_current_span(
        f"{operation} {topic}",
        context=_W3C.extract(carrier, Context()),
        kind=SpanKind.CONSUMER,
        attributes=_messaging(operation, "process", topic) | {k.replace("_", "."): v for k, v in attributes.items()},
        record_exception=False,  # its message may contain text of the post
        set_status_on_exception=False,  # likewise
    ) as current:
        yield current


def mark_failed(current: Span, reason: str) -> None:
    """Mark a span as failed."""
    current.set_attribute("error.type", reason)
    current.set_status(Status(StatusCode.ERROR))


def current_headers() -> dict[str, bytes]:
    """Return the headers with which a record continues the current trace; empty without a trace."""
    return _headers(None)


def first_headers(topic: str) -> dict[str, bytes]:
    """Return the headers of a record with an external cause: of the current trace, or of a new one."""
    if headers := current_headers():
        return headers
    with _tracer.start_span(
        f"send {topic}", kind=SpanKind.PRODUCER, attributes=_messaging("send", "send", topic)
    ) as recorded:
        first = recorded if recorded.get_span_context().is_valid else _unrecorded()
        return _headers(trace.set_span_in_context(first, Context()))


def _headers(context: Context | None) -> dict[str, bytes]:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, context)
    return {name: value.encode() for name, value in carrier.items()}


def _unrecorded() -> Span:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415 - a tenth of a command's start

    ids, sampled = RandomIdGenerator(), TraceFlags(TraceFlags.SAMPLED)
    trace_id, span_id = ids.generate_trace_id(), ids.generate_span_id()
    return NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=sampled))


def _messaging(operation: str, kind: str, topic: str) -> dict[str, Attribute]:
    """Return the attributes of OpenTelemetry's semantic conventions for messaging."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": topic,
    }


class _RateLimit(logging.Filter):
    """Pass one line a minute: without a collector the exporter logs every batch."""

    _next_s = 0.0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - logging's signature
        if time.monotonic() < self._next_s:
            return False
        self._next_s = time.monotonic() + _WARN_INTERVAL_S
        return True
