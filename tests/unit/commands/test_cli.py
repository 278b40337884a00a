"""The command line as a person meets it: mistakes are one line on standard error, and exit code 2."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from models.manifest import MANIFEST
from streams import cli
from tests.support.commands import parse

type Run = Callable[..., tuple[int, str, str]]
DEAF = "127.0.0.1:9"
"""Nothing listens there."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JIKIMI_BOOTSTRAP_SERVERS", DEAF)
    monkeypatch.setenv("JIKIMI_START_GRACE_S", "1")
    monkeypatch.setenv("JIKIMI_ARCHIVE_DIR", str(tmp_path / "archive"))

    def run_command(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(f"JIKIMI_{name}", value)
        monkeypatch.setattr(sys, "argv", ["jikimi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    yield run_command
    structlog.reset_defaults()  # the command's log would go on writing to this test's standard error


def assert_refused(result: tuple[int, str, str], *words: str) -> None:
    code, out, err = result
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("jikimi: ")
    for word in words:
        assert word in err


@pytest.mark.parametrize("command", [(), ("--help",), ("case",), ("case", "add", "--help"), ("worker", "--help")])
def test_help_is_no_mistake(run: Run, command: tuple[str, ...]) -> None:
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert "Usage" in out


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (("nonsense",), "nonsense"),
        (("case", "nonsense"), "nonsense"),
        (("topics", "create", "--nonsense"), "--nonsense"),
        (("topics", "create", "--replication", "many"), "replication"),
        (("topics", "create", "--partitions", "posts"), "say it as posts=32"),
        (("topics", "create", "--partitions", "posts=0"), "say it as posts=32"),
        (("case", "add"), "--name"),
        (("case", "show"), "case_id"),
        (("case", "list", "more"), "more"),
        (("worker",), "stages"),
        (("worker", "nonsense"), "nonsense"),
        (("worker", "fusion", "all"), "'all'"),
        (("feed", "folder", "nowhere"), "nowhere"),
        (("feed", "jsonl", "nowhere"), "nowhere"),
        (("feed", "jsonl", "."), "."),
    ],
)
def test_a_mistake_is_one_line(run: Run, command: tuple[str, ...], word: str) -> None:
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert word.lower() in err.lower()


def test_a_wrong_setting_is_one_line(run: Run) -> None:
    assert_refused(run("case", "list", WINDOW="none"), "JIKIMI_WINDOW")


def test_the_text_stage_without_its_key_is_refused(run: Run) -> None:
    assert_refused(run("worker", "text", TERM_KEY=""), "JIKIMI_TERM_KEY")


def test_a_model_that_is_not_in_the_manifest_is_refused(run: Run) -> None:
    assert_refused(run("worker", "visual", VISUAL_MODEL="nonsense"), "nonsense")


def test_a_model_cache_that_cannot_be_written_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.text.export.export", lambda: b"the graph", raising=True)
    a_file = tmp_path / "file"
    a_file.write_bytes(b"")
    refused = run("worker", "text", TERM_KEY="0123456789abcdef", MODEL_CACHE_DIR=str(a_file / "cache"))
    assert_refused(refused, "JIKIMI_MODEL_CACHE_DIR", str(a_file))


def test_a_model_file_that_was_changed_is_refused(run: Run, tmp_path: Path) -> None:
    text = next(name for name in MANIFEST.read_text().split('"') if name.startswith("use-"))
    version = MANIFEST.read_text().split(f'"{text}"', 1)[1].split('version = "', 1)[1].split('"', 1)[0]
    (tmp_path / f"{text}-{version}.onnx").write_bytes(b"another graph")
    refused = run("worker", "text", TERM_KEY="0123456789abcdef", MODEL_CACHE_DIR=str(tmp_path))
    assert_refused(refused, "sha256")


def test_a_metrics_port_that_is_taken_is_refused(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        assert_refused(run("worker", "takedown", METRICS_PORT=str(taken.getsockname()[1])), "port")


def test_a_case_with_nothing_to_look_for_is_refused(run: Run) -> None:
    assert_refused(run("case", "add", "--name", "x"), "--reference", "--term", "--phrase")


def test_a_case_with_a_file_that_is_not_there_is_refused_before_any_model_is_loaded(run: Run) -> None:
    refused = run("case", "add", "--name", "x", "--reference", "nowhere.mp4", VISUAL_MODEL="nonsense")
    assert_refused(refused, "nowhere.mp4")


def test_a_case_with_a_folder_for_a_file_is_refused(run: Run, tmp_path: Path) -> None:
    assert_refused(run("case", "add", "--name", "x", "--reference", str(tmp_path)), str(tmp_path))


def test_a_case_with_terms_and_no_key_is_refused(run: Run) -> None:
    assert_refused(run("case", "add", "--name", "x", "--term", "a name", TERM_KEY=""), "JIKIMI_TERM_KEY")


def test_a_case_with_a_term_too_short_is_refused(run: Run) -> None:
    assert_refused(run("case", "add", "--name", "x", "--term", "a", TERM_KEY="0123456789abcdef"), "term 'a'")


@pytest.mark.parametrize(
    "command",
    [
        ("case", "list"),
        ("case", "show", "case-x"),
        ("case", "withdraw", "case-x"),
        ("feed", "jsonl", "posts.jsonl"),
        ("worker", "takedown"),
    ],
)
def test_a_broker_that_does_not_answer_is_one_line_within_the_grace(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "posts.jsonl").write_text("")
    began_s = time.monotonic()
    assert_refused(run(*command), DEAF)
    assert time.monotonic() - began_s < 15  # the grace of 1 s, and a slow machine to import everything


def test_a_registry_that_does_not_answer_is_one_line(run: Run) -> None:
    assert_refused(run("worker", "fusion", SCHEMA_REGISTRY_URL="nonsense"), "JIKIMI_SCHEMA_REGISTRY_URL")


@pytest.mark.parametrize(
    "told",
    [
        "replay compare ID",
        "replay compare ID --against OTHER --labels",
        "replay clean ID",
        "shadow run ID",
        "promote ID",
        "case describe CASE_ID --reference FILE --with visual=NAME@VERSION",
        "case show CASE_ID",
        "dead-letters list",
    ],
)
def test_what_the_program_tells_people_to_run_is_a_whole_command(told: str) -> None:
    parse(told.split())
