"""Serving the metrics to Prometheus."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Metric, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from streams.errors import UsageError


def serve_metrics(port: int) -> None:
    """Serve this process's metrics from a thread; with PROMETHEUS_MULTIPROC_DIR set, those of all that share it.

    Raises
    ------
    UsageError
        The port is taken.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    try:
        start_http_server(port, registry=_shared(Path(folder)) if folder else REGISTRY)
    except OSError as error:
        raise UsageError(f"metrics cannot be served at port {port}: {error.strerror}") from error


def _shared(folder: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Living(folder))
    return registry


class _Living(Collector):
    """What all processes count, and the gauges of those that live: nobody is told when one of them is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        for pid in {int(file.stem.rpartition("_")[2]) for file in self._folder.glob("gauge_live*_*.db")}:
            if not _lives(pid):
                with suppress(FileNotFoundError):  # another that serves the folder was faster
                    mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]
        metrics: Iterable[Metric] = self._all.collect()  # type: ignore[no-untyped-call]
        return metrics


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
