"""Cost of a text or a voice by the number of cases: ``python -m ops.bench.texts_and_voices [--modality voice]``.

A case has 20 forms of a term and two phrases, or half a minute of a voice; a post has three sentences, or a minute of
speech, and every other post is of a case. Rows are made, each number in a fresh process with one thread. Printed:
milliseconds of the processor for a post, and matches. 10,000 voices take a gigabyte.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np

from ops.bench.made_records import made_descriptors, made_piece
from ops.bench.made_vectors import Rows, Times
from ops.bench.one_process import alone
from schemas.messages import Case, Descriptors, Modality, Policy, Reference
from streams.match.reference_index import ReferenceIndex

_POLICY = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")
_COLUMNS, _REFERENCE_ROWS, _POST_ROWS = (
    {"text": 512, "voice": 256},
    {"text": 2, "voice": 36},
    {"text": 3, "voice": 70},
)
_FORMS, _DIGEST_BYTES, _FORM_BYTES = 20, 16, 21
_WINDOW_STEP_S = 0.8
_ALIKE = 0.88
"""Cosine of two windows of one voice, about; two voices' have 0.72."""
_POSTS = 8


def main() -> None:
    """Measure each number of cases and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=int, nargs="+", default=[10, 1_000, 10_000])
    parser.add_argument("--modality", choices=["text", "voice"], default="text")
    given = parser.parse_args()
    for number in given.references:
        sys.stdout.write(json.dumps(alone(measure, number, given.modality)) + "\n")


def measure(number: int, modality: Modality) -> dict[str, float]:
    """Return the figures of so many cases."""
    index = ReferenceIndex(_cases(number, modality))
    posts = [_post(post % number if post % 2 else number + post, modality) for post in range(_POSTS)]
    index.search(posts[0])  # the first one after a change computes what all need
    start_s = time.process_time()
    found = [index.search(post) for post in posts]
    spent_ms = 1000 * (time.process_time() - start_s) / _POSTS
    return {"references": number, f"{modality}_ms": round(spent_ms, 2), "matches": sum(map(len, found)) / _POSTS}


def _cases(number: int, modality: Modality) -> Iterator[tuple[str, Case, Reference]]:
    opened_at = datetime.now(UTC)
    for at in range(number):
        rows, times_s = _made(at, modality, _REFERENCE_ROWS[modality], seed=1)
        piece = msgspec.structs.replace(made_piece(modality, rows, times_s, 30.0), digests=_forms(at, modality))
        case_id = f"case-{at}"
        yield case_id, Case(case_id=case_id, name="", opened_at=opened_at, policy=_POLICY, reference=piece), piece


def _post(number: int, modality: Modality) -> Descriptors:
    described = made_descriptors(modality, *_made(number, modality, _POST_ROWS[modality], seed=2), 60.0)
    return msgspec.structs.replace(described, digests=[one[:_DIGEST_BYTES] for one in _forms(number, modality)])


def _made(number: int, modality: Modality, n_rows: int, seed: int) -> tuple[Rows, Times]:
    """Return rows, of one length: of a text unrelated to all others, of a voice as like as its speaker's."""
    rows = np.random.default_rng([seed, number]).standard_normal((n_rows, _COLUMNS[modality]), np.float32)
    if modality == "voice":
        of_all, own = (
            np.random.default_rng(of).standard_normal(_COLUMNS[modality], np.float32) for of in (0, [0, number])
        )
        rows = np.sqrt(0.72) * of_all + np.sqrt(_ALIKE - 0.72) * own + np.sqrt(1 - _ALIKE) * rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.arange(n_rows, dtype=np.float64) * _WINDOW_STEP_S


def _forms(number: int, modality: Modality) -> list[bytes]:
    made = np.random.default_rng([3, number]).bytes(_FORMS * _FORM_BYTES if modality == "text" else 0)
    return [made[at : at + _FORM_BYTES] for at in range(0, len(made), _FORM_BYTES)]


if __name__ == "__main__":
    main()
