"""Serving the metrics to Prometheus."""

from prometheus_client import start_http_server

from streams.errors import UsageError


def serve_metrics(port: int) -> None:
    """Serve this process's metrics from a thread of their own.

    Raises
    ------
    UsageError
        The port is taken.
    """
    try:
        start_http_server(port)
    except OSError as error:
        raise UsageError(f"metrics cannot be served at port {port}: {error.strerror}") from error
