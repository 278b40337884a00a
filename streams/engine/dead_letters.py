"""What became of records the stages gave up on: shown, and put back once the cause is mended."""

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from schemas.messages import DeadLetter
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.codec_factory import create_codec
from streams.kafka.producer import writing
from streams.kafka.topic_reader import read_whole
from streams.settings import Settings

type Wanted = Callable[[DeadLetter], bool]


def chosen(stage: str | None, reason: str | None) -> Wanted:
    """Return a test for dead letters of this stage and reason; None stands for any."""
    return lambda letter: stage in {None, letter.stage} and reason in {None, letter.reason}


def print_dead_letters(settings: Settings, wanted: Wanted, console: Console) -> None:
    """Print one line per dead letter, oldest first."""
    table = Table("when", "stage", "reason", "fate", "record", "detail", box=None)
    for letter in asyncio.run(_read(settings, wanted)):
        record = f"{letter.topic} {letter.partition} @ {letter.offset}"
        when = f"{letter.at:%Y-%m-%d %H:%M:%S} UTC"
        table.add_row(when, letter.stage, letter.reason, letter.fate, record, letter.detail)
    console.print(table)


def redrive(settings: Settings, wanted: Wanted) -> int:
    """Put the original records back where they were read and return how many; each once, however often it failed.

    The dead letters stay: they are history, and a record that fails again gets the same id.

    Raises
    ------
    UsageError
        None is there, or the broker did not take them.
    """
    letters = [letter for letter in asyncio.run(_read(settings, wanted)) if letter.topic in TOPICS]
    if not letters:
        raise UsageError("no such dead letters: `jikimi dead-letters list` shows what is there")
    originals = {(letter.topic, letter.partition, letter.offset): letter for letter in letters}
    with writing(settings) as writer:
        for letter in originals.values():
            writer.write_bytes(letter.topic, letter.key, letter.value, letter.headers)
    return len(originals)


async def _read(settings: Settings, wanted: Wanted) -> list[DeadLetter]:
    codec = create_codec(settings)
    letters: dict[str, DeadLetter] = {}
    for update in await read_whole(settings, "dead-letters"):
        letter = codec.decode("dead-letters", update.value or b"")
        assert isinstance(letter, DeadLetter)
        if wanted(letter):
            letters[letter.dead_letter_id] = letter
    return sorted(letters.values(), key=lambda letter: letter.at)
