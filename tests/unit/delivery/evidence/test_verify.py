"""Verification of packs: every kind of tampering is found and named."""

import base64
import json
import os
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from shutil import copytree, which

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.audit.signing import public_pem
from streams.delivery.evidence import pack as pack_module
from streams.delivery.evidence import pack_file
from streams.delivery.evidence.pack import manifest
from streams.delivery.evidence.pack_file import FolderReader, PackWriter
from streams.delivery.evidence.verify import verify_pack
from streams.errors import UsageError
from tests.unit.delivery.evidence.conftest import KEY

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


@pytest.fixture
def copy(pack: Path, tmp_path: Path) -> Path:
    return copytree(pack, tmp_path / "copy")


def faults(pack: Path, key: Path | None = None) -> list[str]:
    return verify_pack(pack, key).faults


def events(pack: Path) -> list[str]:
    return (pack / pack_file.EVENTS).read_text().splitlines()


def signed_again(pack: Path, lines: list[str], key: Ed25519PrivateKey = KEY) -> Path:
    """Write other events into a pack and sign it again, as only the holder of a key can: the chain alone is left."""
    (pack / pack_file.EVENTS).write_text("".join(f"{line}\n" for line in lines))
    (pack / pack_file.PUBLIC_KEY).write_bytes(public_pem(key))
    reader = FolderReader(pack)
    signed = {pack_file.MANIFEST, pack_file.STATEMENT, pack_file.SIGNATURE}
    out = pack.with_name("signed-again")
    with PackWriter(out) as writer:
        for path in sorted(set(reader.names()) - signed):
            writer.write(path, [(pack / path).read_bytes()])
        writer.write(pack_file.MANIFEST, [manifest(writer.digests)])
        pack_module.sign(writer, {"case": "case-7f3a"}, key)
    return out


def test_a_pack_as_it_was_signed_has_no_fault(pack: Path) -> None:
    found = verify_pack(pack)
    assert (found.faults, found.notes) == ([], [])
    assert found.statement["takedowns"] == "3"


def test_a_zip_is_verified_like_a_folder(pack: Path, tmp_path: Path) -> None:
    file = tmp_path / "pack.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in FolderReader(pack).names():
            archive.write(pack / name, name)
    assert faults(file) == []
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("pages/more.html", "x")
    assert faults(file) == ["pages/more.html: added, the manifest does not list it"]


def test_a_changed_file_is_named(copy: Path) -> None:
    file = copy / "index.en.html"
    file.write_text(file.read_text().replace("removed", "present"))
    assert faults(copy) == ["index.en.html: changed"]


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "evidence.ko.pdf").unlink()
    assert faults(copy) == ["evidence.ko.pdf: missing"]


def test_an_added_file_is_named(copy: Path) -> None:
    (copy / "data" / "more.json").write_text("{}")
    (copy / "link").symlink_to("/etc/passwd")
    assert faults(copy) == [
        "data/more.json: added, the manifest does not list it",
        "link: added, the manifest does not list it",
    ]


def test_a_file_replaced_by_a_link_is_not_followed(copy: Path) -> None:
    (copy / "README.txt").rename(copy.with_name("README.txt"))
    (copy / "README.txt").symlink_to(copy.with_name("README.txt"))
    assert faults(copy) == ["README.txt: unreadable: not a plain file of the pack"]


def test_a_changed_event_is_named(copy: Path) -> None:
    lines = events(copy)
    lines[1] = lines[1].replace("officer-3", "officer-4")
    (found,) = faults(signed_again(copy, lines))
    assert found == "takedown takedown-1, event 2 (approved), line 2 of data/events.jsonl: changed"


def test_events_in_another_order_are_named(copy: Path) -> None:
    lines = events(copy)
    lines[1], lines[2] = lines[2], lines[1]
    found = faults(signed_again(copy, lines))
    assert [line.rpartition(": ")[2] for line in found] == [
        "out of order", "does not follow the event before it", "out of order", "does not follow the event before it",
    ]  # fmt: skip
    assert all("takedown-1" in line for line in found)


def test_a_missing_event_is_named(copy: Path) -> None:
    lines = events(copy)
    del lines[5]
    assert faults(signed_again(copy, lines)) == ["takedown takedown-2: event 2 missing"]


def test_an_added_event_is_named(copy: Path) -> None:
    lines = events(copy)
    assert faults(signed_again(copy, [*lines[:4], lines[3], *lines[4:]])) == ["takedown takedown-1: 1 events added"]


def test_a_missing_takedown_is_named(copy: Path) -> None:
    found = faults(signed_again(copy, events(copy)[4:]))
    assert found[0] == "takedown takedown-1: its events are missing, or out of order with other takedowns"


def test_a_chain_whose_hashes_were_made_anew_does_not_follow(copy: Path) -> None:
    """Whoever changes an event and its hash must change all later events."""
    lines = events(copy)
    lines[0] = lines[0].replace("bsky.app", "bsky.net")
    chains = [json.loads(line) for line in (copy / pack_file.CHAINS).read_text().splitlines()]
    chains[0]["events"][0]["hash"] = sha256(lines[0].encode()).hexdigest()
    (copy / pack_file.CHAINS).write_text("".join(f"{json.dumps(chain)}\n" for chain in chains))
    (found,) = faults(signed_again(copy, lines))
    assert found.endswith("event 2 (approved), line 2 of data/events.jsonl: does not follow the event before it")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (pack_file.CHAINS, b'{"takedown_id": "takedown-1", "events": [{"hash": "no hex", "check": "unchecked"}]}'),
        (pack_file.EVENTS, b'{"takedown_id": "\xff", "state": "issued", "previous": ""}'),
        (pack_file.EVENTS, b'{"takedown_id": "takedown-1", "more": ' + b"[" * 100_000),
    ],
    ids=["hash", "utf-8", "nested"],
)
def test_data_that_were_made_to_break_the_verification_are_named(copy: Path, file: str, line: bytes) -> None:
    """Of one takedown with one event, so that its chain is looked at."""
    first = json.loads((copy / pack_file.CHAINS).read_text().splitlines()[0])
    (copy / pack_file.EVENTS).write_text(f"{events(copy)[0]}\n")
    (copy / pack_file.CHAINS).write_text(json.dumps(first | {"events": first["events"][:1]}) + "\n")
    (copy / file).write_bytes(line + b"\n")
    assert faults(copy)[-1].startswith("data/events.jsonl, data/chains.jsonl: a line is neither an event nor a chain: ")


def test_a_key_of_an_unknown_kind_is_named(copy: Path) -> None:
    der = bytes.fromhex("3015300e06072a8648ce3d020106032a03040303000401")  # of a curve that nobody has
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
    (copy / pack_file.PUBLIC_KEY).write_bytes(pem)
    assert any(line.startswith("public-key.pem: no public key: ") for line in faults(copy))


def test_a_wrong_signature_is_named(copy: Path) -> None:
    (copy / pack_file.SIGNATURE).write_bytes(b"\0" * 64)
    assert faults(copy) == ["signed.sig: wrong: signed.txt is not signed with this key"]


def test_a_changed_statement_is_named(copy: Path) -> None:
    file = copy / pack_file.STATEMENT
    file.write_text(file.read_text().replace("signed-at: 20", "signed-at: 19"))
    assert faults(copy) == ["signed.sig: wrong: signed.txt is not signed with this key"]


def test_a_changed_manifest_is_named(copy: Path) -> None:
    file = copy / pack_file.MANIFEST
    file.write_text(file.read_text().replace("README.txt", "README.md"))
    assert faults(copy) == [
        "manifest.sha256: changed since it was signed",
        "README.txt: added, the manifest does not list it",
        "README.md: missing",
    ]


def test_a_pack_of_another_key_is_found_with_the_centres_key(copy: Path, tmp_path: Path) -> None:
    forged = signed_again(copy, events(copy), OTHER_KEY)
    (tmp_path / "centre.pem").write_bytes(public_pem(KEY))
    assert faults(forged) == []
    assert faults(forged, tmp_path / "centre.pem") == ["signed.sig: wrong: signed.txt is not signed with this key"]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\n", b'{"takedown_id": 1}\n', b"[" * 100_000])
@pytest.mark.parametrize("path", [pack_file.EVENTS, pack_file.CHAINS, pack_file.MANIFEST, pack_file.STATEMENT])
def test_a_file_of_garbage_is_a_fault_and_no_crash(copy: Path, path: str, content: bytes) -> None:
    (copy / path).write_bytes(content)
    assert any(path in fault for fault in faults(copy))


def test_what_is_no_pack_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"nothing")
    for path in (tmp_path / "no.zip", tmp_path / "missing"):
        with pytest.raises(UsageError, match="is not an evidence pack"):
            verify_pack(path)


def jikimi(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command without settings, in an environment in which no broker and no name can be reached."""
    environment = {"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "COLUMNS": "300"}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_verifies_without_kafka_and_settings(copy: Path) -> None:
    done = jikimi("evidence", "verify", str(copy))
    assert (done.returncode, done.stderr) == (0, "")
    assert "as it was signed: case case-7f3a, takedowns 3" in done.stdout
    (copy / "README.txt").unlink()
    done = jikimi("evidence", "verify", str(copy))
    assert (done.returncode, done.stdout) == (1, "wrong: README.txt: missing\n")


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl")
def test_the_readmes_commands_verify_a_pack(copy: Path) -> None:
    readme = (copy / "README.txt").read_text()
    signature = readme.split("signature:  ")[1].splitlines()[0]
    assert _run(copy, signature) == "Signature Verified Successfully\n"
    files = _run(copy, "sha256sum -c --quiet manifest.sha256")
    assert files == ""
    chain = readme[readme.index("python3 - ") :]
    assert _run(copy, chain) == "all events read\n"
    lines = events(copy)
    (copy / pack_file.EVENTS).write_text("\n".join([lines[0].replace("bsky", "sky"), *lines[1:]]) + "\n")
    assert _run(copy, chain) == "WRONG: takedown-1 event 1\nall events read\n"


def _run(folder: Path, command: str) -> str:
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout
