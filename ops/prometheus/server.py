"""A real Prometheus on loopback, for tests: it scrapes, evaluates rules and serves queries."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from ops.prometheus.binary import find
from streams.kafka.process import terminate
from streams.kafka.serving import free_port

_START_TIMEOUT_S = 300.0

Series = dict[str, Any]
"""One series as returned by the API: `metric` and `values`, or `value`."""


class Prometheus:
    """A Prometheus, alive within its `with` block.

    Parameters
    ----------
    folder
        Folder of its settings, data and log.
    targets
        host:port of each process to scrape, by its name.
    rules
        Texts of rule files, by their names.
    interval_s
        Interval between scrapes, and between evaluations of rules.
    """

    def __init__(
        self, folder: Path, targets: Mapping[str, str], rules: Mapping[str, str], *, interval_s: int = 2
    ) -> None:
        self._folder = folder
        self._targets = targets
        self._rules = rules
        self._interval = f"{interval_s}s"
        self._port = free_port()
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30)
        self._process: subprocess.Popen[bytes] | None = None

    def query_range(self, expr: str, start: float, end: float, step_s: float) -> list[Series]:
        """Return the series of an expression over a time range, seconds since the epoch.

        Raises
        ------
        ValueError
            If Prometheus refuses the expression; the message is its own.
        """
        return self._query("query_range", query=expr, start=str(start), end=str(end), step=str(step_s))

    def query(self, expr: str) -> list[Series]:
        """Return the series of an expression now.

        Raises
        ------
        ValueError
            If Prometheus refuses the expression; the message is its own.
        """
        return self._query("query", query=expr)

    def firing(self) -> list[dict[str, str]]:
        """Return the labels of the alerts that are firing."""
        alerts = self._get("alerts")["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def __enter__(self) -> Self:
        listen = [f"--web.listen-address=127.0.0.1:{self._port}", f"--storage.tsdb.path={self._folder / 'data'}"]
        command = [str(find("prometheus")), f"--config.file={self._write()}", *listen]
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603  # our own
        self._wait_until_ready(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        if self._process is not None:
            terminate(self._process)

    def _write(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, text in self._rules.items():
            (self._folder / name).write_text(text, "utf-8")
        targets = [
            {"targets": [address], "labels": {"process": name, "namespace": "proof"}}
            for name, address in self._targets.items()
        ]
        settings = {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), self._interval),
            "rule_files": list(self._rules),
            "scrape_configs": [{"job_name": "jikimi", "static_configs": targets}],
        }
        path = self._folder / "prometheus.yaml"
        path.write_text(yaml.safe_dump(settings), "utf-8")
        return path

    def _query(self, kind: str, **parameters: str) -> list[Series]:
        found: list[Series] = self._get(kind, **parameters)["result"]
        return found

    def _get(self, kind: str, **parameters: str) -> dict[str, Any]:
        response = self._client.get(f"/api/v1/{kind}", params=parameters).json()
        if response["status"] != "success":
            raise ValueError(f"{response['error']}: {parameters}")
        data: dict[str, Any] = response["data"]
        return data

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self._client.get("/-/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        terminate(process)
        log = (self._folder / "prometheus.log").read_text()
        raise RuntimeError(f"Prometheus did not start; the end of its log:\n{log[-1500:]}")
