from typing import Any

import pytest

from schemas.codec import Codec
from schemas.messages import Interval, Match, Passage
from schemas.topics import TOPICS
from streams.match.scores import scores_record
from tests.unit.match.test_reference_index import excerpt

SPAN = Interval(start_s=0.0, end_s=1.0)
PASSAGE = Passage(query=SPAN, reference=SPAN, speed=1.0, score=0.9)


def match(number: int, thumbnail: bytes | None = None, n_passages: int = 1) -> Match:
    return Match(
        case_id=f"{number:064}",
        reference_id=f"{number:064}",
        score=1.0 - number / 1e6,
        query=SPAN,
        reference=SPAN,
        thumbnail=thumbnail,
        passages=[PASSAGE] * n_passages,
    )


@pytest.mark.parametrize(
    ("n_matches", "options", "links"),
    [
        (100_000, {}, []),
        (300, {"thumbnail": bytes(20_000)}, ["https://example.org/" + "x" * 80] * 50_000),
        (1_000, {"n_passages": 400}, ["ü" * 600_000]),
    ],
)
def test_a_segment_that_matches_any_number_of_references_still_fits_the_topic(
    n_matches: int, options: dict[str, Any], links: list[str]
) -> None:
    matches = [match(number, **options) for number in range(n_matches)]
    scores = scores_record(excerpt(0, 5, links=links), matches)
    assert len(Codec().encode("scores", scores)) < 0.9 * TOPICS["scores"].max_bytes
    assert len(scores.matches) > 10
    assert [one.case_id for one in scores.matches] == [one.case_id for one in matches[: len(scores.matches)]]
    assert scores.matches[0] == matches[0]


def test_a_match_loses_its_thumbnail_before_a_match_is_dropped() -> None:
    scores = scores_record(excerpt(0, 5), [match(number, bytes(20_000)) for number in range(300)])
    assert len(scores.matches) == 300
    assert [one.thumbnail is not None for one in scores.matches[:14]] == [True] * 13 + [False]


def test_an_ordinary_record_is_whole() -> None:
    matches, links = [match(number, bytes(20_000)) for number in range(5)], ["https://example.org"]
    scores = scores_record(excerpt(0, 5, links=links), matches)
    assert (scores.matches, scores.links) == (matches, links)
