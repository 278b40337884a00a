"""HTTP server of the metrics for Prometheus."""

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
        The port is in use.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    try:
        start_http_server(port, registry=_shared(Path(folder)) if folder else REGISTRY)
    except OSError as error:
        raise UsageError(f"metrics cannot be served at port {port}: {error.strerror}") from error


def _shared(folder: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_AliveCollector(folder))
    return registry


class _AliveCollector(Collector):
    """Counters of all processes, and gauges of those alive: no event reports a killed process, so pids are checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        for pid in {int(file.stem.rpartition("_")[2]) for file in self._folder.glob("gauge_live*_*.db")}:
            if not _is_alive(pid):
                with suppress(FileNotFoundError):  # another server of the same folder was faster
                    mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]
        metrics: Iterable[Metric] = self._all.collect()  # type: ignore[no-untyped-call]
        return metrics


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
