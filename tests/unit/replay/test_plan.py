from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from schemas.messages import Choice, Policy, Run
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.replay.checks import check_described, check_same, check_source
from streams.replay.naming import SOURCES, Naming, all_topics, read_topics, written_topics
from streams.replay.span import PartitionId, is_relative, parse_time
from streams.settings import load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIVE = Choice(visual="v@1", audio="a@1", text="t@1", fusion="f@1")
RUN = Run(run_id="r", kind="replay", source="scores", choice=LIVE, starts={}, code="1", started_at=NOW)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("7d", NOW - timedelta(days=7)),
        ("30s", NOW - timedelta(seconds=30)),
        ("2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
        ("2026-03-01T09:00:00+09:00", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T09:00:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
    ],
)
def test_a_time_is_iso_8601_or_a_duration_before_now(text: str, time: datetime) -> None:
    assert parse_time(text, NOW) == time


def test_only_a_duration_is_another_time_on_each_call() -> None:
    assert [is_relative(text) for text in ("24h", "2026-03-01", None)] == [True, False, False]


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "24 h", "tomorrow", "2026-13-01", "1h30m", "99999999d"])
def test_another_format_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="24h"):
        parse_time(text, NOW)


@pytest.mark.parametrize(
    ("source", "changes", "remedy"),
    [
        ("descriptors", {"visual": "v@2"}, "--from frames"),
        ("scores", {"audio": "a@2"}, "--from sounds"),
        ("frames", {"text": "t@2"}, "--from texts"),
        ("frames", {"visual": "v@2", "text": "t@2"}, "--from posts"),
    ],
)
def test_a_source_downstream_of_a_changed_model_is_refused(source: str, changes: dict[str, str], remedy: str) -> None:
    with pytest.raises(UsageError, match=remedy):
        check_source(source, LIVE, msgspec.structs.replace(LIVE, **changes))


@pytest.mark.parametrize(
    ("source", "changes", "changed"),
    [
        ("scores", {"fusion": "f@2"}, set()),
        ("scores", {"policy": Policy(act=1, review=0, version="x")}, set()),
        ("frames", {"visual": "v@2"}, {"visual"}),
        ("posts", {"visual": "v@2", "text": "t@2"}, {"visual", "text"}),
    ],
)
def test_a_source_upstream_of_the_changed_models_is_accepted(
    source: str, changes: dict[str, object], changed: set[str]
) -> None:
    assert check_source(source, LIVE, msgspec.structs.replace(LIVE, **changes)) == changed


def test_a_model_that_has_described_no_open_case_is_refused() -> None:
    with pytest.raises(UsageError, match="case describe CASE_ID --reference FILE --with visual=v@1"):
        check_described([], LIVE, {"visual"})
    check_described([], LIVE, set())


def test_a_run_is_continued_only_with_its_arguments() -> None:
    check_same(RUN, RUN, times=True)
    for changes in ({"source": "posts"}, {"kind": "shadow"}, {"share": 0.5}, {"since": NOW}):
        with pytest.raises(UsageError, match=next(iter(changes))):
            check_same(RUN, msgspec.structs.replace(RUN, **changes), times=True)
    check_same(RUN, msgspec.structs.replace(RUN, since=NOW), times=False)


@pytest.mark.parametrize("source", SOURCES)
def test_no_run_writes_to_a_live_topic(source: str) -> None:
    naming = Naming(load_settings(topic_prefix="p-"), "r1")
    names = {naming.physical(topic) for topic in all_topics(source)}
    assert names.isdisjoint({f"p-{name}" for name in TOPICS})
    assert all(name.startswith("p-") and name.endswith(".r1") for name in names)
    assert set(written_topics(source)).isdisjoint(read_topics(source)[:1])


def test_a_run_writes_the_topics_downstream_of_its_source() -> None:
    assert written_topics("posts") == ("texts", "descriptors", "scores", "verdicts")
    assert written_topics("frames") == ("descriptors", "scores", "verdicts")
    assert written_topics("scores") == ("verdicts",)
    assert read_topics("sounds") == ("sounds", "descriptors")


def test_the_string_of_a_partition_is_parsed_back() -> None:
    assert str(PartitionId("dead-letters", 12)) == "dead-letters/12"
    assert PartitionId.parse("dead-letters/12") == PartitionId("dead-letters", 12)
