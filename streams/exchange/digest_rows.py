"""Keyed digests of the files of many lists, found by equality."""

import numpy.typing as npt

from models.pdq.hash import Bits
from models.text.terms import DIGEST_BYTES
from streams.exchange.hash_rows import FEWEST, HashRows, Numbers

MD5_BYTES = 16


class DigestRows(HashRows):
    """Rows that are a keyed digest of 16 bytes and the MD5 itself, and where each digest is: 230 bytes a row."""

    def __init__(self, capacity: int = FEWEST) -> None:
        super().__init__(capacity)
        self._rows: dict[bytes, tuple[int, ...]] = {}

    def equal(self, digest: bytes) -> tuple[int, ...]:
        """Return the rows with this keyed digest, of whatever lists."""
        return self._rows.get(digest, ())

    def digests(self) -> frozenset[bytes]:
        """Return all digests."""
        return frozenset(self._rows)

    def add(self, values: Bits, owner: int, since: npt.ArrayLike) -> Numbers:
        """Add rows, shape (n, 32), with their times, and return their numbers."""
        rows = super().add(values, owner, since)
        for row in rows.tolist():
            self._rows[self._digest(row)] = (*self.equal(self._digest(row)), row)
        return rows

    def remove(self, rows: Numbers) -> None:
        """Remove rows; each once."""
        for row in rows.tolist():
            digest = self._digest(row)
            if left := tuple(other for other in self.equal(digest) if other != row):
                self._rows[digest] = left
            else:
                del self._rows[digest]
        super().remove(rows)

    def _digest(self, row: int) -> bytes:
        return self.value(row)[:DIGEST_BYTES]
