"""Store of the console: the topics as tables."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import Case, Evidence, Interval, Label, Message, PostRef, Standing
from streams.console.store.store import Store
from streams.console.store.takedowns import Filter
from streams.kafka.topic_reader import Update
from streams.settings import load_settings
from tests.unit.console.made_site import piece, put
from tests.unit.made_messages import NOW, POLICY, delivery, post_ref, takedown, verdict

CODEC = Codec()
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(Store(load_settings())) as opened:
        yield opened


def case(case_id: str = "case-a", *, minor: bool = False, **changes: object) -> tuple[str, Case]:
    fields = {"name": "violet", "opened_at": NOW, "policy": POLICY, "minor": minor}
    return case_id, Case(case_id=case_id, **fields | changes)  # type: ignore[arg-type]


def review(post_id: str = "p1", case_id: str = "case-a", minutes: int = 0, decision: str = "review") -> Message:
    now = datetime.now(UTC).replace(microsecond=0)
    return verdict(
        post=post_ref(post_id),
        case_id=case_id,
        decision=decision,
        decided_at=now - timedelta(hours=1, minutes=-minutes),
    )


def label(decision: str, post_id: str = "p1") -> Message:
    return Label(post_id=post_id, case_id="case-a", decision=decision, reviewer="mina", at=NOW)  # type: ignore[arg-type]


def queued(store: Store) -> list[str]:
    return [job.verdict.post.post_id for job in store.reviews.queue()]


def test_minors_are_reviewed_first_then_the_oldest(store: Store) -> None:
    put(store, "verdicts", review("late", minutes=5), review("early"), review("minor", "case-m", 9))
    put(store, "cases", case(), case("case-m", minor=True))
    assert queued(store) == ["minor", "early", "late"]


def test_a_verdict_without_an_open_case_waits_for_nobody(store: Store) -> None:
    put(store, "cases", case())
    put(store, "verdicts", review())
    put(store, "cases", ("case-a", None))
    assert queued(store) == []
    assert store.cases.find("case-a") is None


@pytest.mark.parametrize("label_first", [True, False])
def test_a_decision_ends_a_review_whichever_topic_is_read_first(store: Store, label_first: bool) -> None:
    put(store, "cases", case())
    records = [("labels", label("other")), ("verdicts", review())]
    for topic, message in records if label_first else records[::-1]:
        put(store, topic, message)
    assert queued(store) == []


@pytest.mark.parametrize("takedown_first", [True, False])
def test_a_takedown_ends_a_review_whichever_topic_is_read_first(store: Store, takedown_first: bool) -> None:
    put(store, "cases", case())
    records = [("takedowns", takedown()), ("verdicts", review())]
    for topic, message in records if takedown_first else records[::-1]:
        put(store, topic, message)
    assert queued(store) == []


def test_who_is_not_sure_leaves_the_post_in_the_queue(store: Store) -> None:
    put(store, "cases", case())
    put(store, "verdicts", review())
    put(store, "labels", label("unsure"))
    (job,) = store.reviews.queue()
    assert (job.label, job.waits) == ("unsure", True)


def test_a_verdict_that_dismisses_ends_a_review(store: Store) -> None:
    put(store, "cases", case())
    put(store, "verdicts", review(), review(decision="dismiss"))
    assert store.reviews.find("p1/case-a") is None


def test_a_verdict_past_its_retention_is_dropped(store: Store) -> None:
    put(store, "cases", case())
    put(store, "verdicts", review())
    store.reviews.prune(datetime.now(UTC) + timedelta(days=8))
    assert queued(store) == []


def test_the_last_event_is_the_state_and_a_repeated_event_changes_nothing(store: Store) -> None:
    issued, sent = takedown(), takedown(event_id="e2", state="sent", at=LATER)
    put(store, "takedowns", issued, sent, issued)
    row = store.takedowns.find("t1")
    assert row is not None
    assert (row.last.state, row.found_s) == ("sent", NOW.timestamp())
    assert [event.state for event in store.takedowns.history("t1")[0]] == ["issued", "sent"]
    assert store.counts.of_all().states == {"sent": 1}
    assert [store.counts.of(case_id).states for case_id in ("case-a", "case-b")] == [{"sent": 1}, {}]


@pytest.mark.parametrize("step_first", [True, False])
def test_a_due_time_is_found_whichever_topic_is_read_first(store: Store, step_first: bool) -> None:
    records = [("deliveries", delivery(due_at=LATER)), ("takedowns", takedown(state="sent"))]
    for topic, message in records if step_first else records[::-1]:
        put(store, topic, message)
    (row,) = store.takedowns.page(Filter(overdue_at_s=LATER.timestamp() + 1))
    assert row.due_s == LATER.timestamp()
    store.counts.pass_time(LATER.timestamp() + 1)
    assert (store.counts.of("case-a").late, store.counts.most_late(5)) == (1, ["case-a"])
    assert store.takedowns.page(Filter(overdue_at_s=LATER.timestamp())) == []


def test_pages_of_takedowns_follow_each_other_without_gap(store: Store) -> None:
    put(store, "takedowns", *(takedown(takedown_id=f"t{n:03}", event_id=f"e{n}") for n in range(25)))
    put(store, "deliveries", *(delivery(delivery_id=f"d{n}", takedown_id=f"t{n:03}", due_at=LATER) for n in range(13)))
    found, after = [], None
    while page := store.takedowns.page(Filter(case_id="case-a", state="issued"), after, limit=4):
        found += [row.last.takedown_id for row in page]
        after = (page[-1].due_s or 9e11, page[-1].last.takedown_id)
    assert found == [f"t{n:03}" for n in range(25)]


def test_no_picture_and_no_vector_is_kept(store: Store) -> None:
    span = Interval(start_s=0.0, end_s=1.0)
    shown = Evidence(
        modality="visual", model="m", version="1", reference_id="r1", medium=0, score=1.0, probability=1.0,
        query=span, reference=span, thumbnail=b"\xff\xd8\xff",
    )  # fmt: skip
    key, entry = piece()
    assert entry is not None
    assert entry.reference is not None
    reference = msgspec.structs.replace(entry.reference, landmarks=entry.reference.vectors)
    put(store, "cases", case(), (key, msgspec.structs.replace(entry, reference=reference)))
    put(store, "takedowns", takedown(takedown_id="t2", post=post_ref("p2"), evidence=[shown]))
    put(store, "verdicts", verdict(decision="review", evidence=[shown], decided_at=datetime.now(UTC)))
    dump = "\n".join(map(repr, store._database.execute("SELECT last FROM takedowns UNION SELECT verdict FROM reviews")))
    assert "\\xff\\xd8\\xff" not in dump
    (with_reference,) = [entry.reference for entry in store.cases.entries("case-a") if entry.reference]
    assert (with_reference.vectors.rows, with_reference.vectors.data) == (3, b"")
    assert with_reference.landmarks is None


def test_an_erased_allow_list_is_gone_with_its_last_entry(store: Store) -> None:
    key, entry = piece("allow-1", benign=True)
    put(store, "cases", (key, entry))
    assert store.cases.count() == (0, 1)
    put(store, "cases", (key, None))
    assert store.cases.count() == (0, 0)


def test_a_review_of_a_reference_is_set_and_erased(store: Store) -> None:
    standing = Standing(case_id="case-a", reference_id="r1", standing="confirmed", why="hers", by="mina", at=NOW)
    put(store, "standings", ("case-a/r1", standing))
    assert store.cases.standings("case-a") == {"case-a/r1": standing}
    put(store, "standings", ("case-a/r1", None))
    assert store.cases.standings("case-a") == {}


def test_a_record_that_cannot_be_decoded_changes_nothing(store: Store) -> None:
    for topic in ("cases", "labels", "takedowns", "deliveries", "verdicts", "dead-letters", "standings"):
        store.apply(topic, [Update(b"k", b"broken", 0, 0)])
    assert store.counts.of_all() == ({}, 0, 0)
    assert store.dead_letters.count() == 0


def test_the_takedowns_of_an_account_are_found(store: Store) -> None:
    post = PostRef(post_id="p1", platform="demo", url="", author="@x", published_at=NOW, seen_at=NOW)
    put(store, "takedowns", takedown(post=post), takedown(takedown_id="t2", event_id="e2"))
    assert [row.last.takedown_id for row in store.takedowns.of_author("demo", "@x", 10)] == ["t1"]


def counted(store: Store, owner: str | None = None) -> tuple[dict[str, int], int, int]:
    """Return what the counts should be, from the rows themselves."""
    own = "IN (SELECT case_id FROM cases WHERE opened_by = ?)" if owner else "<> ?"
    query = store._database.execute
    states = dict(query(f"SELECT state, count(*) FROM takedowns WHERE case_id {own} GROUP BY state", (owner or "",)))
    late = f"SELECT count(*) FROM takedowns WHERE pending AND due_s < {LATER.timestamp()} AND case_id {own}"
    waits = f"SELECT count(*) FROM reviews WHERE waiting AND minor IS NOT NULL AND case_id {own}"
    return states, *(query(one, (owner or "",)).fetchone()[0] for one in (late, waits))


def records(seed: int) -> list[tuple[str, Message | tuple[str, Message | None]]]:
    """Return records that come, are repeated and change each other, in any order."""
    cases = [case("case-a", opened_by="mina"), case("case-b", opened_by="june"), ("case-b", None)]
    states = ("issued", "sent", "removed", "reappeared", "withdrawn")
    made: list[tuple[str, Message | tuple[str, Message | None]]] = [("cases", one) for one in cases]
    for n in range(12):
        of = {"takedown_id": f"t{n}", "case_id": f"case-{'ab'[n % 2]}", "post": post_ref(f"p{n}")}
        made += [("takedowns", takedown(event_id=f"e{n}-{s}", state=s, **of)) for s in states[: 1 + n % 5]]
        made += [("deliveries", delivery(delivery_id=f"d{n}-{h}", takedown_id=f"t{n}", due_at=NOW + timedelta(hours=h)))
                 for h in range(3)]  # fmt: skip
    made += [("verdicts", review(f"p{n}", f"case-{'ab'[n % 2]}", n)) for n in range(8, 20)]
    made += [("verdicts", review("p14", "case-a", decision="dismiss")), ("labels", label("copy", "p16"))]
    random.Random(seed).shuffle(made)
    return [*made, *made[:20]]


@pytest.mark.parametrize(("n_before", "seed"), [(0, 1), (30, 2), (60, 3), (1000, 4)])
def test_counts_are_those_of_the_rows_whatever_comes_and_whenever_the_store_is_filled(n_before: int, seed: int) -> None:
    made = records(seed)
    with closing(Store(load_settings(), is_filled=False)) as store:
        for topic, message in made[:n_before]:
            put(store, topic, message)
        store.filled()
        for topic, message in made[n_before:]:
            put(store, topic, message)
            store.counts.pass_time(LATER.timestamp())
        store.counts.pass_time(LATER.timestamp())
        for owner in (None, "mina", "june"):
            assert store.counts.of_all(owner) == counted(store, owner), owner
        assert store.counts.of("case-a") == counted(store, "mina")


def test_the_cases_that_have_waited_longest_come_first(store: Store) -> None:
    put(store, "cases", *(case(f"case-{one}", opened_by=one) for one in "abc"))
    put(store, "verdicts", review("p1", "case-c", 1), review("p2", "case-a", 2), review("p3", "case-c", 3))
    assert store.reviews.longest_waiting(5) == ["case-c", "case-a"]
    assert store.reviews.longest_waiting(1, "a") == ["case-a"]
    assert store.reviews.oldest_s("a") == pytest.approx((store.reviews.oldest_s() or 0) + 60)
