"""Families of copies and repeated uploaders, as a case officer reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from schemas.messages import Evidence, Interval, Modality, PostRef, Takedown
from streams.delivery.families import Family, families, repeat_uploaders

START = datetime(2026, 11, 1, tzinfo=UTC)


def evidence(reference: str, start_s: float, end_s: float, modality: Modality = "visual") -> Evidence:
    stretch = Interval(start_s=start_s, end_s=end_s)
    return Evidence(
        modality=modality, model="m", version="1", reference_id=reference, medium=0, score=0.9, probability=0.9,
        query=Interval(start_s=0, end_s=end_s - start_s), reference=stretch,
    )  # fmt: skip


def copy(number: int, *matches: Evidence, **changes: Any) -> Takedown:
    """Return the event of the copy that was seen as this number."""
    fields = {"author": "a", "platform": "bluesky", "url": f"https://x.example/{number}"} | changes
    state = fields.pop("state", "issued")
    seen_at = START + timedelta(minutes=number)
    post = PostRef(post_id=str(number), published_at=seen_at, seen_at=seen_at, **fields)
    return Takedown(
        event_id="e", takedown_id=f"t{number}", state=state, post=post, case_id="c", verdict_id="v", probability=0.9,
        act_at=0.9, policy_version="1", evidence=list(matches), at=seen_at,
    )  # fmt: skip


def numbers(found: Sequence[Family]) -> list[list[int]]:
    return [[int(one.takedown_id[1:]) for one in family.copies] for family in found]


def test_copies_of_overlapping_stretches_are_one_family() -> None:
    events = [
        copy(4, evidence("film", 100, 110)), copy(2, evidence("film", 5, 15)), copy(1, evidence("film", 0, 10)),
        copy(3, evidence("clip", 0, 10)), copy(5, evidence("film", 14, 20, "audio")), copy(6, evidence("film", 20, 30)),
    ]  # fmt: skip
    assert numbers(families(events)) == [[1, 2, 5], [3], [4], [6]]


def test_a_copy_of_two_references_joins_their_families() -> None:
    events = [
        copy(1, evidence("film", 0, 10)), copy(2, evidence("clip", 0, 10)),
        copy(3, evidence("clip", 2, 5), evidence("film", 1, 2)),
    ]  # fmt: skip
    (family,) = families(events)
    assert family.reference_ids == ("clip", "film")


def test_a_long_copy_joins_the_cuts_within_it() -> None:
    cuts = [copy(n, evidence("film", 10 * n, 10 * n + 5)) for n in range(1, 6)]
    assert len(families(cuts)) == 5
    assert numbers(families([*cuts, copy(9, evidence("film", 0, 100))])) == [[1, 2, 3, 4, 5, 9]]


def test_words_join_only_copies_without_picture_and_sound() -> None:
    words = evidence("film", 0, 0, "text")
    seen = [copy(3, words, evidence("film", 50, 60)), copy(4, words, evidence("film", 0, 5))]
    assert numbers(families([copy(1, words), copy(2, words), *seen])) == [[1, 2], [3], [4]]


def test_a_copy_without_evidence_is_a_family_of_its_own() -> None:
    assert numbers(families([copy(1), copy(2)])) == [[1], [2]]


def test_a_family_counts_its_last_states_its_accounts_and_platforms() -> None:
    match = evidence("film", 0, 10)
    events = [
        copy(1, match), copy(2, match, author="b"), copy(3, match, author=None, platform="mastodon"),
        copy(1, match, state="sent"), copy(4, match, author="b"), copy(1, match, state="removed"),
    ]  # fmt: skip
    (family,) = families(events)
    assert family.first_seen == START + timedelta(minutes=1)
    assert family.states == {"issued": 3, "removed": 1}
    assert list(family.accounts.items()) == [(("bluesky", "b"), 2), (("bluesky", "a"), 1)]
    assert family.platforms == {"bluesky": 3, "mastodon": 1}


def test_an_account_is_named_from_its_third_copy() -> None:
    events = [copy(n, author="b") for n in (5, 3, 4)] + [copy(n) for n in (1, 2)] + [copy(9, author=None)] * 3
    (uploader,) = repeat_uploaders(events)
    assert (uploader.platform, uploader.author) == ("bluesky", "b")
    assert [one.takedown_id for one in uploader.copies] == ["t3", "t4", "t5"]


def test_accounts_of_one_name_on_two_platforms_are_two() -> None:
    assert repeat_uploaders([copy(1), copy(2), copy(3, platform="mastodon")]) == []


def test_edits_and_withdrawn_takedowns_are_no_uploads() -> None:
    edits = [copy(n, url="https://x.example/1") for n in (1, 2, 3)]
    assert repeat_uploaders([*edits, copy(4), copy(5, state="withdrawn")]) == []
    assert len(repeat_uploaders([*edits, copy(4), copy(5)])) == 1


def test_no_events_have_no_families() -> None:
    assert (families([]), repeat_uploaders([])) == ([], [])


def test_families_are_those_of_every_pair_of_overlapping_copies() -> None:
    """Compared with the definition, pair by pair, in an order of the events that says nothing."""
    random = Random(11)
    for _ in range(20):
        starts = [random.randrange(300) for _ in range(40)]
        events = [copy(n, evidence(random.choice("ab"), start, start + 5)) for n, start in enumerate(starts)]
        random.shuffle(events)
        assert sorted(map(sorted, numbers(families(events)))) == _by_pairs(events)


def _by_pairs(events: Sequence[Takedown]) -> list[list[int]]:
    groups = [{event.takedown_id} for event in events]
    for one in events:
        for other in events:
            mine, theirs = one.evidence[0], other.evidence[0]
            overlap = (
                mine.reference.start_s < theirs.reference.end_s and theirs.reference.start_s < mine.reference.end_s
            )
            if overlap and mine.reference_id == theirs.reference_id:
                joined = set().union(*(group for group in groups if group & {one.takedown_id, other.takedown_id}))
                groups = [joined, *(group for group in groups if not group & joined)]
    return sorted(sorted(int(name[1:]) for name in group) for group in groups)
