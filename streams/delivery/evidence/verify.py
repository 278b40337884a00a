"""Verification of a pack, offline: signature, manifest, every file, and the hash chain of every takedown."""

import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from streams.audit.signing import fingerprint, is_signed
from streams.delivery.evidence import pack_file, verify_chains
from streams.delivery.evidence.pack_file import PackReader, open_pack
from streams.errors import UsageError

_CHUNK_BYTES = 1024 * 1024
_MANIFEST_BYTES = 256 * 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_NOT_LISTED = (pack_file.MANIFEST, pack_file.STATEMENT, pack_file.SIGNATURE)


class Verification(NamedTuple):
    """Result of a verification."""

    faults: list[str]
    """What is wrong, one line each; none for a pack that is as it was signed."""
    notes: list[str]
    """What could not be checked."""
    statement: dict[str, str]
    """What the signature is about, by name; empty where it cannot be read."""
    key: str
    """SHA-256 of the public key of the signature, hexadecimal; empty where there is none."""


def verify_pack(path: Path, key_file: Path | None = None) -> Verification:
    """Return what is wrong with a pack.

    Parameters
    ----------
    path
        Folder or zip file.
    key_file
        Public key that the signature must be of, PEM; the pack's own by default, which proves only that the pack is
        whole.

    Raises
    ------
    UsageError
        There is no pack at this path, or the key cannot be read.
    """
    pack = open_pack(path)
    pem, problem = _public_key(pack, key_file)
    faults = [problem] if problem else []
    statement, signature_faults = _statement(pack, pem)
    listed, manifest_faults = _manifest(pack, statement)
    faults += [*signature_faults, *manifest_faults, *_files(pack, listed)]
    notes: list[str] = []
    for line, is_fault in _chains(pack):
        (faults if is_fault else notes).append(line)
    return Verification(faults, notes, statement, fingerprint(pem) if pem and not problem else "")


def _public_key(pack: PackReader, key_file: Path | None) -> tuple[bytes, str]:
    """Return the key, and what is wrong with the pack's."""
    if key_file is not None:
        try:
            fingerprint(pem := key_file.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"{key_file} is not a public key: {error}") from error
        return pem, ""
    try:
        fingerprint(pem := pack.read(pack_file.PUBLIC_KEY))
    except _UNREADABLE as error:
        return b"", f"{pack_file.PUBLIC_KEY}: missing or unreadable: {_reason(error)}"
    except ValueError as error:
        return b"", f"{pack_file.PUBLIC_KEY}: no public key: {error}"
    return pem, ""


def _statement(pack: PackReader, pem: bytes) -> tuple[dict[str, str], list[str]]:
    """Return the signed statement and what is wrong with it."""
    try:
        statement, signature = pack.read(pack_file.STATEMENT), pack.read(pack_file.SIGNATURE)
    except _UNREADABLE as error:
        return {}, [f"{pack_file.STATEMENT}, {pack_file.SIGNATURE}: missing or unreadable: {_reason(error)}"]
    first, *lines = statement.decode(errors="replace").splitlines() or [""]
    if first != pack_file.FORMAT:
        return {}, [f"{pack_file.STATEMENT}: made by another version: {first[:80]!r} and not {pack_file.FORMAT!r}"]
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    if not is_signed(statement, signature, pem):
        return fields, [f"{pack_file.SIGNATURE}: wrong: {pack_file.STATEMENT} is not signed with this key"]
    return fields, []


def _manifest(pack: PackReader, statement: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the listed digests by path, and what is wrong with the manifest."""
    try:
        content = pack.read(pack_file.MANIFEST, _MANIFEST_BYTES)
    except _UNREADABLE as error:
        return {}, [f"{pack_file.MANIFEST}: missing or unreadable: {_reason(error)}"]
    faults = []
    if sha256(content).hexdigest() != statement.get("manifest-sha256"):
        faults.append(f"{pack_file.MANIFEST}: changed since it was signed")
    lines = [_LINE.fullmatch(line) for line in content.decode(errors="replace").splitlines()]
    if None in lines:
        faults.append(f"{pack_file.MANIFEST}: a line is not a SHA-256 and a path")
    return {line[2]: line[1] for line in lines if line}, faults


def _files(pack: PackReader, listed: dict[str, str]) -> Iterator[str]:
    present = Counter(pack.names())
    for path in sorted(present.keys() - listed.keys() - set(_NOT_LISTED)):
        yield f"{path}: added, the manifest does not list it"
    for path in sorted(path for path, count in present.items() if count > 1):
        yield f"{path}: added, it is there twice"
    for path, digest in sorted(listed.items()):
        if path not in present:
            yield f"{path}: missing"
            continue
        try:
            if _digest(pack, path) != digest:
                yield f"{path}: changed"
        except _UNREADABLE as error:
            yield f"{path}: unreadable: {_reason(error)}"


def _digest(pack: PackReader, path: str) -> str:
    digest = sha256()
    with pack.open(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _chains(pack: PackReader) -> Iterator[tuple[str, bool]]:
    """Yield what is wrong with the chains, or could not be checked, and which of the two it is."""
    try:
        with pack.open(pack_file.CHAINS) as chains, pack.open(pack_file.EVENTS) as events:
            yield from verify_chains.verify_chains(chains, events)
    except _UNREADABLE as error:
        yield f"{pack_file.CHAINS}, {pack_file.EVENTS}: missing or unreadable: {_reason(error)}", True


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return " ".join(str(error).split()) or type(error).__name__
