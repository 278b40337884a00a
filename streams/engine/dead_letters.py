"""`jikimi dead-letters list` and `show`: dead letters, with the post that each belongs to."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from rich.console import Console

from schemas.messages import DeadLetter
from streams.engine.dead_letter_index import TOPIC, DeadLetterIndex, Entry, Selection, State
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.topic_scan import TopicScan
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings


class Store:
    """Dead letters on the broker: index of the selected ones, and the originals one by one."""

    def __init__(self, settings: Settings, scan: TopicScan, selection: Selection) -> None:
        self.codec = create_codec(settings)
        self._scan = scan
        self.index = DeadLetterIndex(scan.records(selection.since), self.codec, selection)

    def letter(self, entry: Entry) -> DeadLetter | None:
        """Return a dead letter with its original, None if it is no longer retained."""
        value = self._scan.value(entry.partition, entry.offset)
        if value is None:
            return None
        letter = self.codec.decode(TOPIC, value)
        assert isinstance(letter, DeadLetter)
        return letter


@contextmanager
def stored(settings: Settings, selection: Selection) -> Iterator[Store]:
    """Yield the selected dead letters.

    Raises
    ------
    UsageError
        The broker or the schema registry does not answer, the topic is missing, or no dead letter has a selected id.
    """
    wait_for_broker(settings)
    with usage_errors(settings), closing(TopicScan(settings, TOPIC)) as scan:
        store = Store(settings, scan, selection)
        with closing(store.index):
            _check_ids(store.index, selection)
            yield store


def print_dead_letters(
    settings: Settings, selection: Selection, console: Console, *, state: State = "all", limit: int = 50
) -> None:
    """Print the newest of the selected dead letters, two lines each; raises as `stored` does."""
    with stored(settings, selection) as store:
        for entry in store.index.newest(state, limit):
            _print(
                console, f"{entry.id}  {_time(entry.at)}  {entry.stage}  {entry.reason} ({entry.fate}){_state(entry)}"
            )
            _print(console, f"    {entry.url or entry.record}  {entry.detail}")
        _print_summary(store.index, console, state, limit)


def print_dead_letter(settings: Settings, letter_id: str, console: Console) -> None:
    """Print all fields of one dead letter but the original's bytes; raises as `stored` does."""
    with stored(settings, Selection(ids=frozenset({letter_id}))) as store:
        (entry,) = store.index.newest()
        letter = store.letter(entry)
    fields = {
        "id": entry.id,
        "at": _time(entry.at),
        "stage": f"{entry.stage}, {entry.reason} ({entry.fate})",
        "state": _state(entry).removeprefix("  ") or "open",
        "redriven from": f"{entry.predecessor}, {entry.redrives} redrives so far" if entry.predecessor else "",
        "post": entry.url,
        "record": entry.record,
        "bytes": str(len(letter.value or b"")) if letter else "no longer retained",
        "detail": letter.detail if letter else entry.detail,
        "traceback": (letter.traceback or "") if letter else "",
    }
    for name, text in fields.items():
        if text:
            _print(console, f"{name + ':':15}{text}")


def printable(text: str) -> str:
    """Return a text without control characters, which a post's author could send to the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _check_ids(index: DeadLetterIndex, selection: Selection) -> None:
    if len(selection.ids) > index.count():
        missing = sorted(selection.ids - {entry.id for entry in index.newest()})
        raise UsageError(f"no dead letter {missing[0]}: `jikimi dead-letters list` shows their ids")


def _print(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _print_summary(index: DeadLetterIndex, console: Console, state: State, limit: int) -> None:
    n_all, n_state = index.count(), index.count(state)
    shown = f", the newest {limit} are shown (--limit)" if 0 <= limit < n_state else ""
    _print(console, f"{n_state} dead letters{shown}; {index.count('open')} of {n_all} are open")
    if index.refused:
        _print(console, f"{index.refused} records of the topic are not dead letters")


def _state(entry: Entry) -> str:
    before = f"  after {entry.redrives} redrives" if entry.redrives else ""
    if entry.times is None or entry.redriven_s is None:
        return before
    return f"{before}  redriven {_time(datetime.fromtimestamp(entry.redriven_s, UTC))}" + (
        f", {entry.times} times" if entry.times > 1 else ""
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
