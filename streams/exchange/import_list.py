"""`jikimi exchange import`: a list of others read whole, then written in one transaction."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from schemas.messages import Case, CaseKind, ListPart, Policy
from streams.cases.entries import TOPIC as CASES
from streams.cases.entries import case_key, read_cases
from streams.cases.policy import policy_version
from streams.errors import UsageError
from streams.exchange.formats import FORMATS, Format
from streams.exchange.formats.changes import MOST_BYTES, MOST_SIGNALS, Change, ListError, Skipped, check_number
from streams.exchange.lists import TOPIC, entries_of, parts_of, read_parts
from streams.exchange.tmk_beside import add_tmk_files
from streams.exchange.tmk_store import TmkStore
from streams.kafka.transactions import TransactionWriter
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.sealing.case_key import new_case_key
from streams.sealing.keyring import Keyring
from streams.settings import Settings

WRITER = "exchange"
"""Name of the transactional writer: of two imports the later one fences the earlier."""
MOST_STORED = 512 * 1024 * 1024
"""Bytes of all lists on the broker from which none grows: about six million hashes, which every worker holds."""
PREFIX = "list-"
"""Start of the case id of every list."""
_TRANSACTION_S = 120.0
_LATER = timedelta(microseconds=1)


class NewList(NamedTuple):
    """List as a person imports it."""

    name: str
    files: Sequence[Path]
    format: Format
    kind: CaseKind = "shared_without_consent"
    minor: bool = False
    tmk: Path | None = None
    """Folder of TMK+PDQF files, ID.tmk by the ids of entries."""
    whole: bool = False
    """Whether the files are all of the list, and what they lack is gone; otherwise they are changes."""
    opened_by: str = ""


class Imported(NamedTuple):
    """Counts of an import."""

    case_id: str
    signals: int
    """In the list now."""
    changed: int
    """Entries that are new, different or gone."""
    skipped: Skipped
    """Signals that are not searched for."""
    tmk: int
    """TMK+PDQF on this machine now."""


def list_id(name: str) -> str:
    """Return the case id of a list."""
    return f"{PREFIX}{name}"


def read_changes(
    files: Iterable[Path], form: Format, skipped: Skipped, store: TmkStore | None = None
) -> dict[str, Change]:
    """Return the changes in files, the last of each entry.

    Parameters
    ----------
    store
        Keeps the TMK+PDQF of entries; without one they are left out.

    Raises
    ------
    UsageError
        A file cannot be read, is too large or has more signals than a list may have.
    ListError
        A line is broken; the message has its number and the file.
    """
    found: dict[str, Change] = {}
    n_signals = 0
    for file in files:
        try:
            for line, change in FORMATS[form].read(_content(file), skipped):
                n_signals += len(change.signals)
                check_number(n_signals, line)
                if change.tmk and store is not None:
                    store.add(change.origin, change.tmk)
                found[change.origin] = change._replace(tmk=b"")
        except ListError as error:
            raise UsageError(f"{file}, {error}") from error
    return found


def _content(file: Path) -> bytes:
    try:
        if (size := file.stat().st_size) > MOST_BYTES:
            raise UsageError(f"{file} has {size} bytes, and a list at most {MOST_BYTES}: import it in parts")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def import_list(settings: Settings, new: NewList) -> Imported:
    """Read files, and write what has changed of the list, all of it or nothing.

    Raises
    ------
    UsageError
        As `read_changes`, the list would have too many signals, all lists have, or the broker does not answer.
    """
    store = TmkStore(settings, list_id(new.name))
    with store.receiving():
        return _import(settings, new, store)


def _import(settings: Settings, new: NewList, store: TmkStore) -> Imported:
    skipped, case_id = Skipped(), list_id(new.name)
    changes = read_changes(new.files, new.format, skipped, store)
    wait_for_broker(settings)
    with usage_errors(settings):
        writer = TransactionWriter(settings, WRITER, transaction_s=_TRANSACTION_S)
        writer.start()  # before reading, so that no earlier import can write what is not read
        old = asyncio.run(read_parts(settings, case_id))
        before = entries_of(old.parts.values())
        add_tmk_files(store, new.tmk, {**({} if new.whole else before), **changes})
        after = {origin: each for origin, each in {**({} if new.whole else before), **changes}.items() if each.signals}
        n_before, n_signals = (sum(len(each.signals) for each in entries.values()) for entries in (before, after))
        check_size(case_id, n_signals, old.n_bytes if n_signals > n_before else 0)
        is_new = case_id not in asyncio.run(read_cases(settings))
        at = max(datetime.now(UTC), old.newest + _LATER)  # whatever the clock: workers compare by it what is new
        parts = _changed(old.parts, parts_of(case_id, after, at, old.parts.values()))
        writer.write_transaction(lambda: _write(writer, new, parts, is_new=is_new))
    store.commit(
        [origin for origin, each in changes.items() if not each.signals and not store.has_incoming(origin)],
        changes.keys() if new.whole else None,
    )
    changed = sum(before.get(origin) != after.get(origin) for origin in before.keys() | after.keys())
    return Imported(case_id, n_signals, changed, skipped, len(store))


def check_size(case_id: str, n_signals: int, n_bytes: int) -> None:
    """Raise a `UsageError` if a list has too many signals, or the lists that one is added to too many bytes."""
    if n_signals > MOST_SIGNALS:
        raise UsageError(f"{case_id} would have {n_signals} signals, and a list has at most {MOST_SIGNALS}")
    if n_bytes > MOST_STORED:
        raise UsageError(f"the lists have {n_bytes} bytes, and nothing is added above {MOST_STORED}: withdraw one")


def _changed(old: Mapping[str, ListPart], new: Mapping[str, ListPart]) -> dict[str, ListPart | None]:
    """Return the parts to write; None for those that are empty now."""
    gone: dict[str, ListPart | None] = dict.fromkeys(old.keys() - new.keys())
    return gone | {key: part for key, part in new.items() if key not in old or old[key].entries != part.entries}


def _write(writer: TransactionWriter, new: NewList, parts: dict[str, ListPart | None], *, is_new: bool) -> None:
    if is_new:  # the policy first: a worker that has an entry of the list then has the policy for its matches
        writer.write(CASES, case_key(list_id(new.name)), _case(writer.settings, new))
    for key, part in parts.items():
        writer.write(TOPIC, key, part)


def _case(settings: Settings, new: NewList) -> Case:
    version = f"{policy_version(settings.act, settings.review)},review_only"
    policy = Policy(act=settings.act, review=settings.review, version=version, review_only=True)
    return Case(
        case_id=list_id(new.name),
        name=new.name,
        opened_at=datetime.now(UTC),
        policy=policy,
        kind=new.kind,
        minor=new.minor,
        data_key=new_case_key(Keyring(settings.sealing), list_id(new.name)),
        opened_by=new.opened_by,
    )
