"""`jikimi dead-letters`: dead letters listed, and redriven once their cause is corrected."""

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from schemas.messages import DeadLetter
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.producer import writing
from streams.kafka.topic_reader import read_whole
from streams.settings import Settings

type Filter = Callable[[DeadLetter], bool]


def by_stage_and_reason(stage: str | None, reason: str | None) -> Filter:
    """Return a filter for dead letters of this stage and reason; None accepts any."""
    return lambda letter: stage in {None, letter.stage} and reason in {None, letter.reason}


def print_dead_letters(settings: Settings, accepts: Filter, console: Console) -> None:
    """Print one line per dead letter, oldest first."""
    table = Table("when", "stage", "reason", "fate", "record", "detail", box=None)
    for letter in asyncio.run(_read(settings, accepts)):
        record = f"{letter.topic} {letter.partition} @ {letter.offset}"
        when = f"{letter.at:%Y-%m-%d %H:%M:%S} UTC"
        table.add_row(when, letter.stage, letter.reason, letter.fate, record, letter.detail)
    console.print(table)


def redrive(settings: Settings, accepts: Filter) -> int:
    """Write the original records to their topics again, each once, and return their number.

    The dead letters stay as history; a record that fails again gets the same id.

    Raises
    ------
    UsageError
        There are no such dead letters, or the broker did not accept the records.
    """
    letters = [letter for letter in asyncio.run(_read(settings, accepts)) if letter.topic in TOPICS]
    if not letters:
        raise UsageError("no such dead letters: `jikimi dead-letters list` shows all")
    originals = {(letter.topic, letter.partition, letter.offset): letter for letter in letters}
    with writing(settings) as writer:
        for letter in originals.values():
            writer.write_bytes(letter.topic, letter.key, letter.value, letter.headers)
    return len(originals)


async def _read(settings: Settings, accepts: Filter) -> list[DeadLetter]:
    codec = create_codec(settings)
    letters: dict[str, DeadLetter] = {}
    for update in await read_whole(settings, "dead-letters"):
        letter = codec.decode("dead-letters", update.value or b"")
        assert isinstance(letter, DeadLetter)
        if accepts(letter):
            letters[letter.dead_letter_id] = letter
    return sorted(letters.values(), key=lambda letter: letter.at)
