"""Command line: a usage error is one line on standard error, and exit code 2."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from models.manifest import MANIFEST
from streams import cli
from tests.support.commands import parse
from tests.support.logs import restored_logging

type Run = Callable[..., tuple[int, str, str]]
CLOSED = "127.0.0.1:9"
"""Address on which nothing listens."""
TERM_KEY = "0123456789abcdef"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JIKIMI_BOOTSTRAP_SERVERS", CLOSED)
    monkeypatch.setenv("JIKIMI_START_GRACE_S", "1")
    monkeypatch.setenv("JIKIMI_DESK_FOLDER", str(tmp_path / "desk"))
    monkeypatch.setenv("JIKIMI_ARCHIVE_DIR", str(tmp_path / "archive"))

    def run_command(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(f"JIKIMI_{name}", value)
        monkeypatch.setattr(sys, "argv", ["jikimi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output = capfd.readouterr()
        return int(ended.value.code or 0), output.out, _without_others(output.err)

    with restored_logging():
        yield run_command


def _without_others(err: str) -> str:
    """Return standard error without the lines of Kafka clients that earlier tests in this process have left to it."""
    lines = err.splitlines(keepends=True)
    return "".join(line for line in lines if CLOSED in line or not re.match(r"%\d\|[\d.]+\|\w+\|rdkafka#", line))


def assert_refused(result: tuple[int, str, str], *texts: str) -> None:
    code, out, err = result
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("jikimi: ")
    for text in texts:
        assert text.lower() in err.lower()


@pytest.mark.parametrize("command", [(), ("--help",), ("case",), ("case", "add", "--help"), ("worker", "--help")])
def test_help_is_no_error(run: Run, command: tuple[str, ...]) -> None:
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert "Usage" in out


def commands(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of a command and of all commands below it."""
    yield names
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *names, name)


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(cli.app))), ids=" ".join)
def test_help_shows_no_types_of_python(run: Run, command: tuple[str, ...]) -> None:
    _, out, _ = run(*command, "--help")
    assert "Usage" in out
    assert not re.search(r"<(bool|str|int|float|list|path)", out, re.IGNORECASE)


@pytest.mark.parametrize(
    ("command", "settings", "text"),
    [
        ("nonsense", "", "nonsense"),
        ("case nonsense", "", "nonsense"),
        ("topics create --nonsense", "", "--nonsense"),
        ("topics create --replication many", "", "replication"),
        ("topics create --partitions posts", "", "such as posts=32"),
        ("topics create --partitions posts=0", "", "such as posts=32"),
        ("case add", "", "--name"),
        ("case show", "", "case_id"),
        ("case list more", "", "more"),
        ("case list", "WINDOW=none", "JIKIMI_WINDOW"),
        ("case add --name x", "", "--reference FILE, --term NAME or --phrase TEXT"),
        ("case add --name x --reference .", "", "."),
        ("case add --name x --term 'a name'", "TERM_KEY=", "JIKIMI_TERM_KEY"),
        ("case add --name ' ' --term 'a name'", "", "the name is empty"),
        ("case add --name x --kind nonsense", "", "kind"),
        ("case add --name x --reference https://example.org/v.mp4", "", "is a link: save the video itself first"),
        ("case add --name x --reference cli.toml nowhere.mp4", "", "cli.toml"),
        ("case add --name x --term a", f"TERM_KEY={TERM_KEY}", "term 'a'"),
        # A missing file is found before any model is loaded.
        ("case add --name x --reference nowhere.mp4", "VISUAL_MODEL=nonsense", "nowhere.mp4"),
        ("exchange export case-x a.mp4 --format ncmec --out OUT", "", "--member NUMBER"),
        ("exchange retract OUT --format threatexchange --out GONE", "", "--member NUMBER"),
        ("evaluate make-set --out SET --videos nowhere", "", "'nowhere' does not exist"),
        ("evaluate words --innocent nowhere", "", "'nowhere' does not exist"),
        ("worker", "", "stages"),
        ("worker nonsense", "", "nonsense"),
        ("worker fusion all", "", "'all'"),
        ("worker text", "TERM_KEY=", "JIKIMI_TERM_KEY"),
        ("worker visual", "VISUAL_MODEL=nonsense", "nonsense"),
        ("worker fusion", "SCHEMA_REGISTRY_URL=nonsense", "JIKIMI_SCHEMA_REGISTRY_URL"),
        ("feed folder nowhere", "", "nowhere"),
        ("feed jsonl nowhere", "", "nowhere"),
        ("feed jsonl .", "", "."),
    ],
)
def test_a_usage_error_is_one_line(run: Run, command: str, settings: str, text: str) -> None:
    assert_refused(run(*shlex.split(command), **dict(line.split("=") for line in settings.split())), text)


def test_a_wrong_call_names_the_help_of_its_command(run: Run) -> None:
    assert_refused(run("case", "show"), "see `jikimi case show --help`")


def test_a_feed_of_files_says_what_decode_needs_to_read_them(run: Run, tmp_path: Path) -> None:
    wanted = f"JIKIMI_MEDIA_FILE_ROOTS names the folder: {tmp_path}"
    assert wanted in run("feed", "folder", str(tmp_path))[2]
    assert wanted not in run("feed", "folder", str(tmp_path), MEDIA_FILE_ROOTS=str(tmp_path))[2]


def test_a_model_cache_in_a_file_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.text.export.export", lambda: b"the graph", raising=True)
    a_file = tmp_path / "file"
    a_file.write_bytes(b"")
    refused = run("worker", "text", TERM_KEY=TERM_KEY, MODEL_CACHE_DIR=str(a_file / "cache"))
    assert_refused(refused, "JIKIMI_MODEL_CACHE_DIR", str(a_file))


def test_a_changed_model_file_is_refused(run: Run, tmp_path: Path) -> None:
    text = next(name for name in MANIFEST.read_text().split('"') if name.startswith("use-"))
    version = MANIFEST.read_text().split(f'"{text}"', 1)[1].split('version = "', 1)[1].split('"', 1)[0]
    (tmp_path / f"{text}-{version}.onnx").write_bytes(b"another graph")
    assert_refused(run("worker", "text", TERM_KEY=TERM_KEY, MODEL_CACHE_DIR=str(tmp_path)), "sha256")


def test_a_metrics_port_in_use_is_refused(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        assert_refused(run("worker", "takedown", METRICS_PORT=str(taken.getsockname()[1])), "port")


@pytest.mark.parametrize(
    "command", ["case list", "case show case-x", "case withdraw case-x", "feed jsonl posts.jsonl", "worker takedown"]
)
def test_an_unreachable_broker_is_one_line(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "posts.jsonl").write_text("")
    assert_refused(run(*command.split()), CLOSED, "JIKIMI_BOOTSTRAP_SERVERS", "jikimi doctor")


@pytest.mark.parametrize("command", [
    "replay compare ID", "replay compare ID --against OTHER --labels", "replay clean ID", "shadow run ID", "promote ID",
    "case describe CASE_ID --reference FILE FILE --with visual=NAME@VERSION", "case show CASE_ID", "dead-letters list",
    "case extend CASE_ID --reference FILE FILE",
])  # fmt: skip
def test_every_command_in_messages_is_complete(command: str) -> None:
    parse(command.split())


def test_a_command_starts_without_numpy_and_the_sdk_of_traces_and_matrix_products_will_have_one_thread() -> None:
    program = """
import os, sys
from streams import cli
cli.app = lambda **_: print(os.environ["OPENBLAS_NUM_THREADS"], *{"numpy", "opentelemetry.sdk"} & sys.modules.keys())
cli.main()
"""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1"]
