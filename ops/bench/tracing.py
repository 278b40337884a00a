"""Cost of trace context for a record without an exporter: `python -m ops.bench.tracing`."""

import time

from streams.telemetry import trace

_N = 50_000
_HEADERS = {"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


def main() -> None:
    """Print the time for one record through a stage, and for the first headers of a post."""
    began_s = time.perf_counter()
    for _ in range(_N):
        with trace.span("decode", "posts", _HEADERS, messaging_kafka_offset=1):
            trace.current_headers()
    through_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    for _ in range(_N):
        trace.first_headers("posts")
    first_s = time.perf_counter() - began_s
    print(f"{through_s / _N * 1e6:.1f} us a record through a stage, {first_s / _N * 1e6:.1f} us for the first headers")  # noqa: T201


if __name__ == "__main__":
    main()
