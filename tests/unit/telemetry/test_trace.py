"""Trace context through a process that exports nothing, and through one that does; no Kafka."""

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from streams.errors import UsageError
from streams.settings import load_settings
from streams.telemetry import trace

GIVEN = {"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": b"a=1"}


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def test_without_an_exporter_the_context_is_propagated_unchanged() -> None:
    with trace.span("decode", "posts", GIVEN):
        assert trace.current_headers() == GIVEN
        assert trace.first_headers("dead-letters") == GIVEN
    assert trace.current_headers() == {}


@pytest.mark.parametrize(
    "traceparent", [b"", b"\xff\xfe", b"00-0-0-01", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]
)
def test_a_malformed_context_is_ignored(traceparent: bytes) -> None:
    with trace.span("decode", "posts", {"traceparent": traceparent}):
        assert trace.current_headers() == {}


def test_a_post_has_its_own_trace_even_without_an_exporter() -> None:
    first, second = (trace.first_headers("posts")["traceparent"].decode().split("-") for _ in range(2))
    assert [len(part) for part in first] == [2, 32, 16, 2]
    assert (first[0], first[3]) == ("00", "01")
    assert first[1] != second[1]


def test_a_record_without_context_does_not_inherit_a_trace(exported: InMemorySpanExporter) -> None:
    with trace.span("decode", "posts", GIVEN), trace.span("decode", "posts", {}):
        pass
    inner, outer = exported.get_finished_spans()
    assert outer.parent is not None
    assert inner.parent is None


def test_a_span_continues_the_records_trace_and_its_outputs_continue_the_span(exported: InMemorySpanExporter) -> None:
    with trace.span("decode", "posts", GIVEN, messaging_kafka_offset=7):
        written = trace.current_headers()
    (span,) = exported.get_finished_spans()
    assert span.parent is not None
    assert span.context is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert written["traceparent"] == f"00-0af7651916cd43dd8448eb211c80319c-{span.context.span_id:016x}-01".encode()
    assert written["tracestate"] == b"a=1"
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "decode",
        "messaging.operation.type": "process",
        "messaging.destination.name": "posts",
        "messaging.kafka.offset": 7,
    }


def test_an_error_leaves_its_reason_in_the_span_but_not_its_message(exported: InMemorySpanExporter) -> None:
    def fail() -> None:
        with trace.span("decode", "posts", GIVEN) as span:
            trace.mark_failed(span, "media_decode")
            raise ValueError("secret words")

    with pytest.raises(ValueError, match="secret"):
        fail()
    (done,) = exported.get_finished_spans()
    assert done.status.status_code is StatusCode.ERROR
    assert (done.attributes or {})["error.type"] == "media_decode"
    assert "secret" not in done.to_json()


def test_a_missing_exporter_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(UsageError, match="pip install opentelemetry-exporter-otlp-proto-http"):
        trace.export_traces(load_settings(trace_endpoint="http://127.0.0.1:4318/v1/traces"), "worker decode")
    trace.export_traces(load_settings(), "worker decode")


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://a b"])
def test_a_malformed_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="JIKIMI_TRACE_ENDPOINT"):
        load_settings(trace_endpoint=endpoint)
