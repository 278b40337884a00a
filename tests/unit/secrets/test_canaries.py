"""The search of the end-to-end run finds a secret wherever one is planted."""

import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.canaries import MARK, TERM, forms, in_files, in_processes, in_texts, planted, search

SECRET = f"{MARK}-of-somebody"


@pytest.mark.parametrize(
    "content",
    [
        SECRET.encode(),
        quote(SECRET).encode(),
        SECRET.encode().hex().encode(),
        *(base64.b64encode(before + SECRET.encode() + b"!") for before in (b"", b"u", b"us", b"\0u\0", b"user:")),
    ],
    ids=[f"form-{n}" for n in range(8)],  # the mark differs in each of xdist's processes
)
def test_every_form_is_found(content: bytes) -> None:
    assert list(search(b"before " + content + b" after", forms(MARK), "here"))


def test_a_term_is_found_in_lower_case_too() -> None:
    assert list(search(f"kim {TERM.lower()} was seen".encode(), forms(TERM), "here"))
    assert not list(search(b"nothing of the kind", forms(TERM), "here"))


def test_files_are_searched_but_for_those_left_out(tmp_path: Path) -> None:
    environment = planted(tmp_path / "secrets")
    assert len(list(in_files(tmp_path, forms(MARK)))) == sum(name.endswith("_FILE") for name in environment)
    assert not list(in_files(tmp_path, forms(MARK), but=tmp_path / "secrets"))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "archive.bin").write_bytes(b"\xff" + SECRET.encode())
    (tmp_path / "state" / f"{SECRET}.ready").touch()
    found = {Path(one.place).name for one in in_files(tmp_path, forms(MARK), but=tmp_path / "secrets")}
    assert found == {"archive.bin", f"{SECRET}.ready"}


def test_arguments_are_searched_and_the_environment_of_decoders() -> None:
    waiting = "import sys; print(flush=True); sys.stdin.read()"
    for arguments, environment in (([SECRET], {}), (["child_main"], {"KEY": SECRET})):
        command = [sys.executable, "-c", waiting, *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            process.stdout.readline()  # the kernel shows no arguments of a process that has only just begun
            found = [one.place.split()[-1] for one in in_processes(forms(MARK))]
            assert str(process.pid) in found
            process.communicate()
    assert str(process.pid) not in [one.place.split()[-1] for one in in_processes(forms(MARK))]


def test_texts_are_searched() -> None:
    texts: dict[str, object] = {"spans": [("name", {"url": SECRET})], "metrics": b"# HELP nothing"}
    assert [one.place for one in in_texts(texts, forms(MARK))] == ["spans"]
