"""Doctor on this machine and its broker: each check finds its problem, and changes nothing."""

import fcntl
import os
import resource
import socket
import time
from importlib.metadata import version
from pathlib import Path

import onnxruntime as ort
import pytest

from models.manifest import Kind
from models.session import CUDA
from streams.decode.sandbox.sandbox import Sandbox
from streams.doctor import broker, clock, decoder, machine, models, processor
from streams.doctor.broker_probe import Probe
from streams.doctor.finding import Finding
from streams.doctor.permissions import permissions
from streams.doctor.processor import placement_of, processors
from streams.doctor.rights import ROLES, Right, rights_of
from streams.doctor.schemas import schemas
from streams.kafka import topic_admin
from streams.live_models.selection import create_registry
from streams.settings import Settings, load_settings
from streams.topology import STAGES


def assert_finding(finding: Finding, health: str, *texts: str) -> None:
    assert finding.health == health, finding
    for text in texts:
        assert text in finding.message + finding.remedy


def test_the_term_key() -> None:
    assert_finding(machine.term_key(load_settings(term_key="short")), "wrong", "JIKIMI_TERM_KEY")
    good = machine.term_key(load_settings(term_key="sixteen letters or more"))
    assert good.health == "ok"
    assert "sixteen" not in good.message


def test_the_version_of_yt_dlp_or_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_finding(machine.pages(), "ok", f"yt-dlp {version('yt-dlp')}")
    monkeypatch.setattr(machine, "installed_version", str)
    assert_finding(machine.pages(), "ok", "pip install yt-dlp")


def test_the_archive_is_free_in_use_or_not_writable(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert machine.archive(load_settings(archive_dir=folder)).health == "ok"
    assert not folder.exists()
    (tmp_path / "archive.db").mkdir()
    lock = tmp_path / "archive.db" / "LOCK"
    lock.touch()
    used = load_settings(archive_dir=tmp_path)
    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert_finding(machine.archive(used), "warn", "in use", "JIKIMI_ARCHIVE_DIR")
    assert machine.archive(used).health == "ok"
    assert_finding(machine.archive(load_settings(archive_dir=lock / "archive")), "wrong", "cannot be written")


def test_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    monkeypatch.setenv("JIKIMI_MEDIA_TEMPORARY_FOLDER", str(tmp_path))
    monkeypatch.setenv("JIKIMI_MEDIA_DISK_BYTES", str(free + 2**40))
    assert_finding(machine.room_for_media(load_settings()), "warn", str(tmp_path), "JIKIMI_MEDIA_TEMPORARY_FOLDER")
    monkeypatch.setenv("JIKIMI_MEDIA_MAX_BYTES", "1000")
    monkeypatch.setenv("JIKIMI_MEDIA_DISK_BYTES", "1000")
    assert machine.room_for_media(load_settings()).health == "ok"


def test_the_metrics_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = load_settings(metrics_port=server.getsockname()[1])
        assert_finding(machine.metrics_port(taken), "warn", "JIKIMI_METRICS_PORT")
    assert machine.metrics_port(taken).health == "ok"
    assert machine.metrics_port(load_settings()).health == "ok"


def test_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, health in ((256, "warn"), (65_536, "ok"), (resource.RLIM_INFINITY, "ok")):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert machine.open_files().health == health


def test_the_kernels_clock_is_ok_or_has_a_remedy() -> None:
    found = clock.kernel_clock()
    assert found.health in {"ok", "warn"}
    assert bool(found.remedy) is (found.health == "warn")


def test_the_sandbox_is_started_and_its_layers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = decoder.sandbox(load_settings())
    assert found.health in {"ok", "warn"}  # a container may allow no user namespaces
    assert "undumpable" in found.message
    report = {"undumpable": "", "landlock": "TCP, signals", "namespaces": "Operation not permitted"}
    monkeypatch.setattr(Sandbox, "report", property(lambda _: report, lambda *_: None), raising=False)
    texts = "hold: undumpable; missing: landlock (TCP, signals); namespaces (Operation not", "Linux 6.12", "sysctl"
    assert_finding(decoder.sandbox(load_settings()), "warn", *texts)
    monkeypatch.setenv("JIKIMI_MEDIA_DECODER_MEMORY_BYTES", "1000000")
    assert_finding(decoder.sandbox(load_settings()), "wrong", "JIKIMI_MEDIA_DECODER_MEMORY_BYTES")


def test_a_model_that_is_not_the_pinned_one_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "use-multilingual-3.onnx").write_bytes(b"another")
    (found,) = models.models(load_settings(model_cache_dir=tmp_path), ["text"])
    assert_finding(found, "wrong", "sha256", "delete the file")


def test_a_model_not_exported_yet_is_not_exported_by_the_check(tmp_path: Path) -> None:
    (found,) = models.models(load_settings(model_cache_dir=tmp_path / "cache"), ["text"])
    assert_finding(found, "warn", "not in", "first worker")
    assert not (tmp_path / "cache").exists()


def test_an_unknown_model_is_wrong_and_a_good_one_loads() -> None:
    (found,) = models.models(load_settings(audio_model="nonsense"), ["audio"])
    assert_finding(found, "wrong", "nonsense")
    assert [found.health for found in models.models(load_settings(), ["audio", "fusion"])] == ["ok", "ok"]


def test_a_gpu_package_that_is_not_in_use_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [found.health for found in processors(load_settings(), ["text"])] == ["ok"]
    monkeypatch.setattr(processor, "_installed", lambda _: True)
    (found,) = processors(load_settings(), ["text"])
    assert_finding(found, "wrong", "onnxruntime overwrote it", "pip uninstall onnxruntime, then")
    monkeypatch.setattr(processor, "_installed", lambda package: package == "onnxruntime-gpu")
    (found,) = processors(load_settings(), ["text"])
    assert_finding(found, "wrong", "CUDA or cuDNN is missing")
    assert [found.health for found in processors(load_settings(provider="cpu"), ["text"])] == ["ok"]


@pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_models_that_must_run_on_cuda_do_not_run_on_the_cpu() -> None:
    settings = load_settings(provider="cuda")
    found = [*models.models(settings, ["audio"]), *processors(settings, ["audio"])]
    assert_finding(found[0], "wrong", "CUDAExecutionProvider cannot be used here")
    assert_finding(found[1], "wrong", "JIKIMI_PROVIDER is cuda", 'the extra "gpu"')


@pytest.mark.parametrize("kind", ["visual", "audio", "text"])
def test_a_profile_shows_where_operators_run(kind: Kind, tmp_path: Path) -> None:
    registry = create_registry(load_settings(provider="cpu"), tmp_path)
    found = placement_of(registry, kind, None)
    assert found.n_operators >= len(found.on_cpu) >= 5  # all of them: there is only the CPU
    assert registry.end_profiles() == []


def test_no_broker_and_no_registry_answer() -> None:
    settings = load_settings(bootstrap_servers="127.0.0.1:9")
    assert_finding(broker.connection(settings), "wrong", "127.0.0.1:9", "JIKIMI_BOOTSTRAP_SERVERS")
    (found,) = schemas(load_settings(schema_registry_url="http://127.0.0.1:9"))
    assert_finding(found, "wrong", "JIKIMI_SCHEMA_REGISTRY_URL")
    assert [found.health for found in schemas(load_settings())] == ["ok"]


def test_every_role_needs_its_own_rights() -> None:
    settings: Settings = load_settings(topic_prefix="p-")
    needs = {role: set(rights_of(role, settings)) for role in ROLES}
    assert Right("topic", "p-posts", "Read") in needs["decode"]
    assert Right("topic", "p-posts", "Write") in needs["feeds"]
    assert Right("transactional-id", "p-jikimi-feed-", "Write") in needs["feeds"]
    assert Right("group", "p-jikimi-fusion", "Read") in needs["fusion"]
    assert Right("transactional-id", "p-jikimi-redrive", "Write") in needs["desk"]
    assert all(
        Right("topic", f"p-{topic}", "Write") in needs["desk"] for topic in ("dead-letters", "frames", "removals")
    )
    assert all(Right("topic", "p-dead-letters", "Write") in needs[stage] for stage in STAGES)
    assert needs["search"] - needs["feeds"] == {Right("topic", "p-cases", "Read")}
    assert needs["reading"] - needs["feeds"] == {
        Right("topic", "p-takedowns", "Read"),
        Right("topic", "p-deliveries", "Write"),
    }
    assert needs["exchange"] < needs["desk"]
    assert Right("topic", "p-posts", "Write") not in set().union(*(needs[stage] for stage in STAGES))


@pytest.mark.parametrize(("ahead_s", "health"), [(3600, "wrong"), (-60, "ok")])
def test_a_record_from_the_future_is_wrong(monkeypatch: pytest.MonkeyPatch, ahead_s: float, health: str) -> None:
    monkeypatch.setattr(clock, "_newest", lambda _: iter([(time.time() + ahead_s, "posts"), (1.0, "scores")]))
    (found,) = clock.records_clock(load_settings())
    assert found.health == health


def test_the_embedded_broker_is_recognised(embedded: str, prefix: str) -> None:
    settings = load_settings(bootstrap_servers=embedded, topic_prefix=prefix)
    topic_admin.create(settings)
    assert broker.connection(settings).health == "ok"
    assert_finding(broker.features(Probe(settings)), "warn", "no transactions", "at least once")
    (found,) = permissions(settings, ["feeds"], Probe(settings))
    assert_finding(found, "warn", "does not report")
    assert [found.health for found in broker.topics(settings)] == ["ok"]
