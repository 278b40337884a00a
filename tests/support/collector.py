"""An OpenTelemetry collector of a test's own: takes spans over HTTP and keeps them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


class Kept(NamedTuple):
    """One span."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    attributes: dict[str, str]
    failed: bool


class Collector(ThreadingHTTPServer):
    """Listens on loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = f"http://127.0.0.1:{self.server_port}/v1/traces"
        self.spans: list[Kept] = []
        self.bodies: list[bytes] = []
        """Requests as they came."""

    def of(self, trace_id: str) -> list[Kept]:
        """Return the spans of one trace."""
        return [span for span in list(self.spans) if span.trace_id == trace_id]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        request = ExportTraceServiceRequest.FromString(self.server.bodies[-1])
        for resource in request.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for scope in resource.scope_spans:
                self.server.spans += [_kept(service, span) for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        """Say nothing."""


def _kept(service: str, span: Span) -> Kept:
    return Kept(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        attributes={a.key: a.value.string_value or str(a.value.int_value) for a in span.attributes},
        failed=span.status.code == Status.STATUS_CODE_ERROR,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Give a collector that listens."""
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()
