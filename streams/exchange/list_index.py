"""Search of a post's hashes in all lists: equal MD5, and PDQ that differ in few bits."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from itertools import count
from typing import NamedTuple

import numpy as np

from models.pdq.hash import BYTES, NEAR_BITS, Bits
from models.text.terms import DIGEST_BYTES
from schemas.messages import Descriptors, ListPart, Match
from streams.describe.exact import keyed
from streams.exchange.digest_rows import MD5_BYTES, DigestRows
from streams.exchange.formats.changes import Signal
from streams.exchange.hash_rows import NOBODY, HashRows, Numbers
from streams.exchange.list_matches import near_match, whole_match

_NO_ROWS: Numbers = np.zeros(0, np.int64)


class Found(NamedTuple):
    """A hash of a list near to a query."""

    list_id: str
    signal: Signal
    distance: int
    """Differing bits."""


class _Part(NamedTuple):
    """Rows of a part of a list."""

    owner: int
    pdq: Numbers
    md5: Numbers


class ListIndex:
    """Hashes of all lists, by the keys of their parts.

    One thread changes it while others search: of what just changes a search finds the one or the other. To put a part
    costs what the part has, and in the tables the rows that differ.

    Parameters
    ----------
    key
        Key of the digests of whole media; None where MD5 are not compared.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._parts: dict[str, _Part] = {}
        self._owners: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._n_parts = Counter[int]()
        self._numbers = count()
        self._pdq, self._md5 = HashRows(), DigestRows()

    def __len__(self) -> int:
        return len(self._pdq) + len(self._md5)

    def put(self, key: str, part: ListPart) -> None:
        """Replace a part; hashes of a wrong length, which anybody can write, are left out."""
        before = self._parts.get(key, _Part(NOBODY, _NO_ROWS, _NO_ROWS))
        if self._names.get(before.owner) != part.list_id:
            self.erase(key)
            before = _Part(self._begun(part.list_id), _NO_ROWS, _NO_ROWS)
        pdq = self._pdq.replaced(before.pdq, self._pdq_of(part), before.owner)
        md5 = self._md5.replaced(before.md5, self._md5_of(part), before.owner)
        self._parts[key] = _Part(before.owner, pdq, md5)
        self._compact()

    def erase(self, key: str) -> None:
        """Erase a part, if it is there; the bytes of its hashes are overwritten."""
        if (gone := self._parts.pop(key, None)) is None:
            return
        self._pdq.remove(gone.pdq)
        self._md5.remove(gone.md5)
        self._n_parts[gone.owner] -= 1
        if not self._n_parts[gone.owner]:
            del self._n_parts[gone.owner], self._owners[self._names.pop(gone.owner)]
        self._compact()

    def names(self) -> Collection[str]:
        """Return the ids of the lists."""
        return self._owners.keys()

    def newest(self) -> dict[str, int]:
        """Return the time of the newest entry of each list, microseconds."""
        tables = self._pdq, self._md5
        return {name: max(table.newest(owner) for table in tables) for name, owner in [*self._owners.items()]}

    def n_added(self, list_id: str, after: int, until: int) -> int:
        """Return the number of a list's hashes with a time after one and until another."""
        return sum(map(len, self._added(list_id, after, until)))

    def only(self, list_id: str, after: int, until: int) -> "ListIndex":
        """Return an index of those hashes."""
        made = ListIndex(self._key)
        pdq, md5 = self._added(list_id, after, until)
        made._take(list_id, pdq, md5)
        return made

    def content(self) -> tuple[Bits, frozenset[bytes]]:
        """Return the PDQ, shape (n, 32), and the keyed digests."""
        return self._pdq.values(), self._md5.digests()

    def near(self, hashes: Bits) -> list[list[Found]]:
        """Return what is near to each hash, shape (n, 32); pure and long-running: call it in a thread."""
        table, found = self._pdq, [list[Found]() for _ in hashes]
        for query, row, bits in zip(*(each.tolist() for each in table.near(hashes, NEAR_BITS)), strict=True):
            value = table.value(row)
            if (name := self._names.get(table.owner(row))) is not None:
                found[query].append(Found(name, Signal("pdq", value), bits))
        return found

    def equal(self, keyed_digests: Iterable[bytes]) -> list[Found]:
        """Return the MD5 with one of these keyed digests."""
        table = self._md5
        rows = [row for digest in keyed_digests for row in table.equal(digest)]
        pairs = [(table.value(row), self._names.get(table.owner(row))) for row in rows]
        named = dict.fromkeys((name, value[DIGEST_BYTES:]) for value, name in pairs if name is not None)
        return [Found(list_id, Signal("md5", value), 0) for list_id, value in named]

    def search(self, query: Descriptors) -> list[Match]:
        """Return the matches of a segment's pictures, unordered: one for each hash of a list."""
        if query.modality not in {"visual", "audio"}:
            return []
        matches = [whole_match(query, found.list_id, found.signal) for found in self.equal(query.digests)]
        if query.pdq:
            matches += self._pictures(query)
        return matches

    def _pictures(self, query: Descriptors) -> list[Match]:
        hashes = np.frombuffer(b"".join(frame.hashes for frame in query.pdq), np.uint8).reshape(-1, BYTES)
        positions = len(hashes) // len(query.pdq)
        found: dict[tuple[str, Signal], list[tuple[float, int]]] = defaultdict(list)
        for at, near in enumerate(self.near(hashes)):
            for each in near:
                found[each.list_id, each.signal].append((query.pdq[at // positions].time_s, each.distance))
        return [near_match(query, *name, seen) for name, seen in found.items()]

    def _added(self, list_id: str, after: int, until: int) -> tuple[Bits, Bits]:
        owner = self._owners.get(list_id, NOBODY - 1)  # of a withdrawn list there is nothing
        return self._pdq.added(owner, after, until), self._md5.added(owner, after, until)

    def _take(self, list_id: str, pdq: Bits, md5: Bits) -> None:
        owner = self._begun(list_id)
        self._parts[list_id] = _Part(owner, self._pdq.add(pdq, owner, 0), self._md5.add(md5, owner, 0))

    def _begun(self, list_id: str) -> int:
        """Return the number of a list for one more part of it; it is never given to another list."""
        if (number := self._owners.get(list_id)) is None:
            number = self._owners[list_id] = next(self._numbers)
            self._names[number] = list_id
        self._n_parts[number] += 1
        return number

    def _pdq_of(self, part: ListPart) -> dict[bytes, int]:
        return {each.value: each.since for each in part.entries if each.kind == "pdq" and len(each.value) == BYTES}

    def _md5_of(self, part: ListPart) -> dict[bytes, int]:
        key, entries = self._key, (each for each in part.entries if each.kind == "md5" and len(each.value) == MD5_BYTES)
        return {} if key is None else {keyed(each.value, key) + each.value: each.since for each in entries}

    def _compact(self) -> None:
        """Leave the removed rows out once they are more than the others, so that this costs as much as removing."""
        if self._pdq.is_wasteful:
            self._pdq, moved = self._pdq.compacted()
            self._parts = {key: part._replace(pdq=moved[part.pdq]) for key, part in self._parts.items()}
        if self._md5.is_wasteful:
            self._md5, moved = self._md5.compacted()
            self._parts = {key: part._replace(md5=moved[part.md5]) for key, part in self._parts.items()}
