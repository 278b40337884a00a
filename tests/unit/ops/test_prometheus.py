"""Prometheus is found or its absence is reported in one line; a real one scrapes, refuses and fires."""

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from ops.java import UnavailableError
from ops.prometheus import binary, rules
from ops.prometheus.alerts import freshness
from ops.prometheus.server import Prometheus
from tests.support.deadline import DEADLINE_S


def test_a_program_on_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "promtool"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binary.find("promtool") == program


def test_without_apt_the_error_is_one_line_with_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binary, "_FOLDER", tmp_path / "none")
    with pytest.raises(UnavailableError, match=r"no apt-get .* install Prometheus") as caught:
        binary.find("promtool")
    assert "\n" not in str(caught.value)


def test_a_failed_download_gives_its_reason_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("apt-get", "dpkg"):
        (tmp_path / tool).write_text("#!/bin/sh\necho no network >&2\nexit 100\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(binary, "VAR", tmp_path / "var")
    monkeypatch.setattr(binary, "_FOLDER", tmp_path / "var" / "prometheus")
    with pytest.raises(UnavailableError, match="no network"):
        binary.find("no-such-promtool")
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["prometheus.lock"]


def test_a_real_server_scrapes_and_its_alert_names_the_stage(promtool: str, tmp_path: Path) -> None:
    assert Path(promtool).exists()
    registry = CollectorRegistry()
    age = Gauge("jikimi_oldest_record_age_seconds", "Age.", ["stage"], registry=registry)
    Gauge("jikimi_monitor_looked_timestamp_seconds", "Looked.", registry=registry).set_to_current_time()
    age.labels("match").set(500)
    age.labels("text").set(1)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    text = rules.text("freshness", [rules.faster(rule, 40) for rule in freshness()])
    try:
        target = {"monitor": f"127.0.0.1:{server.server_port}"}
        with Prometheus(tmp_path, target, {"freshness.yaml": text}, interval_s=1) as prometheus:
            assert _stages_behind(prometheus) == ["match"]
            now = time.time()
            (series,) = prometheus.query_range('jikimi_oldest_record_age_seconds{stage="text"}', now - 1, now, 1)
            assert series["values"][-1][1] == "1"
            with pytest.raises(ValueError, match="parse error"):
                prometheus.query("sum by (")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _stages_behind(prometheus: Prometheus) -> list[str]:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := [alert for alert in prometheus.firing() if alert["alertname"] == "JikimiStageBehind"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return [alert["stage"] for alert in found]
