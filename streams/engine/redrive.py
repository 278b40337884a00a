"""`jikimi dead-letters redrive`: originals written to their topics again, each with a mark in the same transaction."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import NamedTuple

import msgspec

from schemas.messages import DeadLetter
from streams.engine.dead_letter_index import TOPIC, Entry, Selection
from streams.engine.dead_letter_origin import headers_of_redrive
from streams.engine.dead_letters import Store, stored
from streams.errors import UsageError
from streams.kafka.transactions import TransactionWriter
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.topology import redriven_topics

WRITER = "redrive"
"""Name of the transactional writer; a second redrive ends the first one."""
MAX_REDRIVES = 5
"""Redrives of one record, after which only `again` redrives it: the cause is not corrected."""


class Redriven(NamedTuple):
    """Numbers of the selected dead letters by what became of them."""

    redriven: int = 0
    before: int = 0
    """Redriven by an earlier command."""
    exhausted: int = 0
    """Redriven too often."""
    foreign: int = 0
    """Not of a record that their stage reads: the entries and gaps of feeds."""
    expired: int = 0
    """No longer retained."""

    def __str__(self) -> str:
        """Return the numbers that are not 0, with what can be done."""
        others = {
            "were redriven before (--again)": self.before,
            f"were redriven {MAX_REDRIVES} times (--again)": self.exhausted,
            "are not records of a stage: feed them again": self.foreign,
            "are no longer retained": self.expired,
        }
        lines = [f"{self.redriven} records put back", *(f"{n} {what}" for what, n in others.items() if n)]
        return "; ".join(lines)


def redrive(
    settings: Settings,
    selection: Selection,
    *,
    again: bool = False,
    rate: float = 0,
    sleep: Callable[[float], None] = time.sleep,
) -> Redriven:
    """Write the originals of the selected open dead letters to their topics again, oldest first.

    Original and mark are one transaction, so a command that was killed and is started again writes each original once.
    A record that fails again is a new dead letter that names this one.

    Parameters
    ----------
    again
        Also redrive dead letters that were redriven before.
    rate
        Limit of records a second; 0 means no limit.

    Raises
    ------
    UsageError
        There are no such dead letters, the broker did not accept the records, or another redrive was started.
    """
    wait_for_broker(settings)
    with usage_errors(settings):
        writer = TransactionWriter(settings, WRITER)
        writer.start()  # before reading, so that no earlier redrive can write a mark that is not read
        with stored(settings, selection) as store:
            if not store.index.count():
                raise UsageError("no such dead letters: `jikimi dead-letters list` shows all")
            outcomes = Counter[str]()
            for outcome in _outcomes(writer, store, again=again):
                outcomes[outcome] += 1
                if outcome == "redriven" and rate:
                    sleep(1 / rate)
    return Redriven(**outcomes)


def _outcomes(writer: TransactionWriter, store: Store, *, again: bool) -> Iterator[str]:
    """Redrive each original once, whichever stages and reasons its dead letters have; yield what became of each."""
    for _, entries in groupby(store.index.by_record(), key=lambda entry: entry.record):
        due = []
        for entry in entries:
            refusal = _refusal(entry, again=again)
            letter = None if refusal else store.letter(entry)
            if letter is not None:
                due.append(letter)
            else:
                yield refusal or "expired"
        if due:
            writer.write_transaction(partial(_write, writer, due))
            yield "redriven"


def _refusal(entry: Entry, *, again: bool) -> str:
    """Return the field of `Redriven` that counts a dead letter which is not redriven; empty if it is."""
    if entry.topic not in redriven_topics(entry.stage):
        return "foreign"
    if again:
        return ""
    return "before" if entry.times else "exhausted" if entry.redrives >= MAX_REDRIVES else ""


def _write(writer: TransactionWriter, letters: list[DeadLetter]) -> None:
    first = letters[0]
    writer.write_bytes(first.topic, first.key, first.value, headers_of_redrive(first))
    for letter in letters:
        value = writer.codec.encode(TOPIC, _mark(letter))
        writer.write_bytes(TOPIC, letter.key or b"", value)


def _mark(letter: DeadLetter) -> DeadLetter:
    return msgspec.structs.replace(
        letter, detail="", traceback=None, key=None, value=None, headers={}, redriven_at=datetime.now(UTC)
    )
