"""Any JSON of a right outer shape: a document of a platform with odd values in some places."""

import json
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from schemas.codec import Codec
from schemas.messages import DeadLetter, Post, Removal
from streams.feeds.batch import Batch, FeedRecord, destination
from streams.feeds.cursor import TOPIC, cursor, cursor_key

N_EXAMPLES = 100
type Path = tuple[str | int, ...]

_ABSENT = "@absent@"
_DEEP = "@deep@"
_HUGE = "@huge@"
_DEPTH = 5_000
_TIMES = [
    "0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-14:00", "12026-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
    "2026-01-01T00:00:00+99:99", "2026-01-01T23:59:60Z", "2026-02-30T00:00:00Z", "0000-00-00T00:00:00Z", "yesterday",
]  # fmt: skip
_NUMBERS = [0, -1, 1.5, 1e308, 2**63, 10**30, 10**400, float("nan"), float("inf"), True, False, 253402300800000000]
_TEXTS = ["", " ", "\x00", "a\x00b", "\ud800", "x\udfff", "\ufeff", "/", "missing.png", "http://[", "x" * 5_000]
_ODD = st.one_of(
    st.sampled_from([_ABSENT, None, _DEEP, _HUGE, [], {}, [None], [[]], [{}], {"": {}}, *_TIMES, *_NUMBERS, *_TEXTS]),
    st.text(st.characters(), max_size=20),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)


def places(document: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every value within a document."""
    children = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in children:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


@st.composite
def mutated(draw: st.DrawFn, *documents: Any, keep: Callable[[Path], bool] = lambda _: False) -> bytes:
    """Return the JSON of one of the documents, with odd values in one to four places that need not be kept."""
    document = deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 4))):
        if found := [path for path in places(document) if not keep(path)]:
            _replace(document, draw(st.sampled_from(found)), draw(_ODD))
    return dumps(document)


def dumps(document: Any) -> bytes:
    """Return a document as JSON, with what JSON in Python cannot hold."""
    text = json.dumps(document)  # halves of surrogate pairs as escapes
    return text.replace(f'"{_DEEP}"', "[" * _DEPTH + "]" * _DEPTH).replace(f'"{_HUGE}"', "9" * 5_000).encode()


def _replace(document: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        document = document[step]
    if value == _ABSENT:
        del document[path[-1]]
    else:
        document[path[-1]] = deepcopy(value)


def checked(batches: Iterable[Batch]) -> list[FeedRecord]:
    """Return the records, asserting that each can be written, and that no bug of ours made a dead letter."""
    codec, found = Codec(), []
    for batch in batches:
        for record in batch.records:
            topic, key = destination(record)
            assert codec.encode(topic, record)
            assert len(key.encode()) < 1_000_000
            assert isinstance(record, Post | Removal | DeadLetter)
            assert not (isinstance(record, DeadLetter) and record.fate == "bug"), record
            found.append(record)
        positions: list[tuple[str | None, str | None]] = [(None, batch.position), *batch.parts.items()]
        for part, position in positions:
            assert len(cursor_key("feed", part).encode()) < 4_096
            assert position is None or codec.encode(TOPIC, cursor("feed", position))  # type: ignore[arg-type]
        assert batch.records or batch.ignored
    return found
