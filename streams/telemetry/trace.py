"""One trace from a post to its takedown: W3C trace context in Kafka's headers, a span for each stage.

Who writes a post begins its trace whether or not anything is exported there: two random numbers, and any stage may be
traced later, alone, under the ids that dead letters show too. A process that exports nothing passes on the context it
was given. No span says what a record is about: topic, partition and offset lead to it, for whoever may read there.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streams.errors import UsageError
from streams.settings import Settings

type Headers = Mapping[str, bytes]
type Attribute = str | int

_EXPORT_S = 3.0
"""Longest wait for the collector, in a thread of its own and a few times more when the process ends."""
_MOST_WAITING, _BATCH, _BATCH_MS = 8192, 4096, 1000
_TELL_S = 60.0
"""How often it is told that the collector does not answer."""
_W3C = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("jikimi")


def export_traces(settings: Settings, service: str) -> None:
    """Send this process's spans to the collector that the settings name, if they name one.

    Spans that the collector does not take in time are dropped; nothing ever waits for it.

    Parameters
    ----------
    service
        What the process is, such as "worker decode".

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
        raise UsageError("JIKIMI_TRACE_ENDPOINT needs an exporter: pip install 'jikimi[otlp]'") from error
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - only where spans are made
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415 - likewise

    # By the trace's id alone: every process decides alike, whatever the writer of the post was told.
    provider = TracerProvider(
        sampler=TraceIdRatioBased(settings.trace_ratio), resource=Resource.create({SERVICE_NAME: f"jikimi {service}"})
    )
    exporter = OTLPSpanExporter(endpoint=settings.trace_endpoint, timeout=_EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, _MOST_WAITING, _BATCH_MS, _BATCH))
    for speaker in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal"):
        logging.getLogger(speaker).addFilter(_Seldom())
    trace.set_tracer_provider(provider)


@contextmanager
def span(operation: str, topic: str, headers: Headers, **attributes: Attribute) -> Iterator[Span]:
    """Work within a span that continues the trace of a record.

    Parameters
    ----------
    operation
        What is done: a stage's name.
    topic
        Where the record was read, logical name.
    headers
        The record's.
    attributes
        Further ones, with _ for the dots of their names.
    """
    carrier = {name: headers[name].decode("ascii", "replace") for name in _W3C.fields if name in headers}
    with _tracer.start_as_current_span(
        f"{operation} {topic}",
        context=_W3C.extract(carrier, Context()),
        kind=SpanKind.CONSUMER,
        attributes=_messaging(operation, "process", topic) | {k.replace("_", "."): v for k, v in attributes.items()},
        record_exception=False,  # its words may tell of the post
        set_status_on_exception=False,  # likewise
    ) as given:
        yield given


def failed(given: Span, reason: str) -> None:
    """Mark a span as ended by an error."""
    given.set_attribute("error.type", reason)
    given.set_status(Status(StatusCode.ERROR))


def current_headers() -> dict[str, bytes]:
    """Return the headers that let a record continue the current trace; none outside of any."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return {name: value.encode() for name, value in carrier.items()}


def first_headers(topic: str) -> dict[str, bytes]:
    """Return the headers of a record that the world outside caused: a trace begins, unless one is going on."""
    if headers := current_headers():
        return headers
    with _tracer.start_span(
        f"send {topic}", kind=SpanKind.PRODUCER, attributes=_messaging("send", "send", topic)
    ) as given:
        begun = given if given.get_span_context().is_valid else _unrecorded()
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(begun, Context()))
    return {name: value.encode() for name, value in carrier.items()}


def _unrecorded() -> Span:
    ids, sampled = RandomIdGenerator(), TraceFlags(TraceFlags.SAMPLED)
    trace_id, span_id = ids.generate_trace_id(), ids.generate_span_id()
    return NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=sampled))


def _messaging(operation: str, kind: str, topic: str) -> dict[str, Attribute]:
    """Return what OpenTelemetry's semantic conventions for messaging ask for."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": topic,
    }


class _Seldom(logging.Filter):
    """Lets one line through a minute: a collector that is away is told of with every batch."""

    _next_s = 0.0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - logging's signature
        if time.monotonic() < self._next_s:
            return False
        self._next_s = time.monotonic() + _TELL_S
        return True
