"""Live verdicts, replays and reviewers' labels on a real Kafka, compared as an engineer would."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.messages import Match, Parts, Scores
from streams.errors import UsageError
from streams.replay.compare_run import Where, compare_run
from tests.integration.made import entry, post_ref
from tests.integration.system import Answer, System
from tests.unit.made_messages import match, scores

HEARD = 6
"""Posts that sound like the case and name its term: noisy-or@1 acts on them, noisy-or@2 asks a person."""
SEEN = 4
"""Posts that show it: both act."""
OTHERS = 3


def said(post_id: str, *found: Scores) -> Iterator[Scores]:
    for one in found:
        where = msgspec.structs.replace(one.segment, post=post_ref(post_id))
        yield msgspec.structs.replace(one, segment=where)


def write_day(system: System) -> None:
    """Write what match would have said of a day's posts."""
    parts = Parts(visual=1, audio=1, text=1)

    def told(visual: list[Match], audio: list[Match], text: list[Match]) -> tuple[Scores, ...]:
        found = (("visual", visual), ("audio", audio), ("text", text))
        return tuple(scores(modality, *matches, parts=parts) for modality, matches in found)  # type: ignore[arg-type]

    posts = {f"heard-{n}": told([], [match(1.0)], [match(1.0, terms=1)]) for n in range(HEARD)}
    posts |= {f"seen-{n}": told([match(0.95)], [], []) for n in range(SEEN)}
    posts |= {f"other-{n}": told([], [], []) for n in range(OTHERS)}
    for post_id, found in posts.items():
        for one in said(post_id, *found):
            system.write("scores", post_id, one)
    system.flush()


@pytest.fixture(scope="module")
def day(shared: System) -> System:
    """Give a system that has judged a day, and replayed it as it was and with another fusion."""
    shared.write("cases", "case-a", entry("case-a"))
    shared.flush()
    write_day(shared)
    fusion = shared.worker("fusion")
    shared.wait("verdicts", lambda kept: len({record.key for record in kept}) == HEARD + SEEN + OTHERS)
    assert fusion.stop() == 0
    for words in (["--run", "same"], ["--run", "cautious", "--with", "fusion=noisy-or@2"]):
        done = shared.jikimi("replay", "--from", "scores", *words)
        assert done.code == 0, done.err
    return shared


def compared(system: System, out: Path, *words: str) -> tuple[Answer, dict[str, object]]:
    answer = system.jikimi("replay", "compare", *words, "--out", str(out))
    assert answer.err == ""
    return answer, json.loads((out / f"{words[0]}.json").read_text())


def test_a_replay_that_changes_nothing_differs_in_nothing_from_what_went_live(day: System, tmp_path: Path) -> None:
    answer, found = compared(day, tmp_path, "same")
    assert answer.code == 0, answer.out
    assert (found["posts"], found["pairs"], found["changes"]) == (HEARD + SEEN + OTHERS, HEARD + SEEN, [])
    assert re.search(r"CPU seconds.*not measured", answer.out)


def test_another_fusion_loses_what_it_judges_lower_and_says_why(day: System, tmp_path: Path) -> None:
    answer, found = compared(day, tmp_path, "cautious")
    assert answer.code == 1
    assert "no-go" in answer.out
    assert found["lost"] == {"act -> review": {"audio: the same score judged lower": HEARD}}
    assert found["gained"] == {}
    text = (tmp_path / "cautious.html").read_text()
    assert "audio: the same score judged lower" in text
    assert "<svg" in text


def test_against_another_run_the_cost_is_measured(day: System, tmp_path: Path) -> None:
    _, found = compared(day, tmp_path, "cautious", "--against", "same")
    cost = found["cost"]
    assert isinstance(cost, dict)
    assert cost["ratio"] > 0
    assert [stage["stage"] for stage in cost["stages"]] == ["fusion"]


def test_labels_decide(day: System, tmp_path: Path) -> None:
    posts = [f"seen-{n}" for n in range(SEEN)] + [f"heard-{n}" for n in range(HEARD)]
    assert day.jikimi("label", "seen-0", "case-a", "copy").code == 0
    (first,) = day.records("labels")
    for post_id in posts:
        other = msgspec.structs.replace(
            first.message, post_id=post_id, decision="copy" if "seen" in post_id else "other"
        )
        day.write("labels", f"{post_id}/case-a", other)
    day.flush()
    loose = tmp_path / "loose.toml"
    default = (Path(compare_run.__code__.co_filename).parent / "thresholds.toml").read_text()
    loose.write_text(default.replace("cpu_ratio = 1.2", "cpu_ratio = 100"))
    words = ("cautious", "--against", "same", "--labels", "--thresholds", str(loose))
    answer, found = compared(day, tmp_path, *words)
    assert answer.code == 0, answer.out
    assert (found["labels"], found["copies"]) == (HEARD + SEEN, SEEN)
    day.write("labels", "heard-0/case-a", msgspec.structs.replace(first.message, post_id="heard-0", decision="copy"))
    day.flush()
    answer, _ = compared(day, tmp_path, *words)
    assert answer.code == 1
    assert re.search(r"copies not acted on any more +1 +at most 0 +no-go", answer.out)


@pytest.mark.parametrize(
    ("run", "changes", "line"),
    [
        ("nobody", {}, "no run nobody"),
        ("same", {"against": "nobody"}, "no run nobody"),
        ("same", {"thresholds": Path("nowhere.toml")}, "nowhere.toml"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(
    day: System, tmp_path: Path, run: str, changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        compare_run(day.settings, run, Where(tmp_path), **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(day: System) -> None:
    with pytest.raises(UsageError, match="/proc/nowhere"):
        compare_run(day.settings, "same", Where(Path("/proc/nowhere")))


def test_what_is_compared_is_the_same_each_time_but_for_its_date(day: System, tmp_path: Path) -> None:
    found = [
        msgspec.structs.replace(compare_run(day.settings, "cautious", Where(tmp_path)), at=None, cost=None)
        for _ in range(2)
    ]
    assert msgspec.json.encode(found[0]) == msgspec.json.encode(found[1])
