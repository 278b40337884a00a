"""Comparison of live verdicts, replays and reviewers' labels on a real Kafka."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.messages import Match, Parts, Scores
from streams.errors import UsageError
from streams.live_models.promotion import roll_back
from streams.replay.compare_run import OutputPaths, compare_run
from streams.replay.promote_run import promote_changes, promote_run
from tests.integration.made import entry, post_ref
from tests.integration.system import Answer, System
from tests.unit.made_messages import match, scores

N_SOUND = 6
"""Posts that match the case in sound and term: noisy-or@1 acts on them, noisy-or@2 reviews them."""
N_VISUAL = 4
"""Posts that match it in a frame: both act."""
N_OTHER = 3


def of_post(post_id: str, *found: Scores) -> Iterator[Scores]:
    """Yield scores of another post."""
    for one in found:
        segment = msgspec.structs.replace(one.segment, post=post_ref(post_id))
        yield msgspec.structs.replace(one, segment=segment)


def write_day(system: System) -> None:
    """Write the scores of a day's posts."""
    parts = Parts(visual=1, audio=1, text=1)

    def post_scores(visual: list[Match], audio: list[Match], text: list[Match]) -> tuple[Scores, ...]:
        found = (("visual", visual), ("audio", audio), ("text", text))
        return tuple(scores(modality, *matches, parts=parts) for modality, matches in found)  # type: ignore[arg-type]

    posts = {f"sound-{n}": post_scores([], [match(1.0)], [match(1.0, terms=1)]) for n in range(N_SOUND)}
    posts |= {f"visual-{n}": post_scores([match(0.95)], [], []) for n in range(N_VISUAL)}
    posts |= {f"other-{n}": post_scores([], [], []) for n in range(N_OTHER)}
    for post_id, found in posts.items():
        for one in of_post(post_id, *found):
            system.write("scores", post_id, one)
    system.flush()


@pytest.fixture(scope="module")
def day(shared: System) -> System:
    """Yield a system with live verdicts on a day, a replay without changes and one with another fusion model."""
    shared.write("cases", "case-a", entry("case-a"))
    shared.flush()
    write_day(shared)
    fusion = shared.worker("fusion")
    shared.wait("verdicts", lambda kept: len({record.key for record in kept}) == N_SOUND + N_VISUAL + N_OTHER)
    assert fusion.stop() == 0
    for arguments in (["--run", "same"], ["--run", "cautious", "--with", "fusion=noisy-or@2"]):
        done = shared.jikimi_here("replay", "--nice", "0", "--from", "scores", *arguments)
        assert done.code == 0, done.err
    return shared


def compared(system: System, out: Path, *arguments: str) -> tuple[Answer, dict[str, object]]:
    answer = system.jikimi_here("replay", "compare", *arguments, "--out", str(out))
    assert answer.err == ""
    return answer, json.loads((out / f"{arguments[0]}.json").read_text())


def test_a_replay_without_changes_has_no_differences_from_the_live_verdicts(day: System, tmp_path: Path) -> None:
    answer, found = compared(day, tmp_path, "same")
    assert answer.code == 0, answer.out
    assert (found["posts"], found["pairs"], found["changes"]) == (N_SOUND + N_VISUAL + N_OTHER, N_SOUND + N_VISUAL, [])
    assert re.search(r"CPU seconds.*not measured", answer.out)


def test_verdicts_on_a_case_that_was_withdrawn_since_are_no_loss(day: System, tmp_path: Path) -> None:
    acted = next(kept.message for kept in day.records("verdicts") if kept.message.decision == "act")
    day.write("verdicts", acted.post.post_id, msgspec.structs.replace(acted, case_id="case-withdrawn"))
    day.flush()
    answer, found = compared(day, tmp_path, "same")
    assert (answer.code, found["changes"]) == (0, []), answer.out


def test_decisions_lowered_by_another_fusion_model_are_lost_with_their_reason(day: System, tmp_path: Path) -> None:
    answer, found = compared(day, tmp_path, "cautious")
    assert answer.code == 1
    assert "no-go" in answer.out
    counts = (
        f"compared {found['posts']} posts of cautious, {found['against_posts']} of live: {N_SOUND} decisions changed"
    )
    assert counts in answer.out
    assert found["lost"] == {"act -> review": {"audio: the same score judged lower": N_SOUND}}
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


def cost_outcome(report: Path) -> str:
    (row,) = (row for row in json.loads(report.read_text())["rows"] if "CPU" in row["name"])
    return str(row["outcome"])


def test_labels_decide(day: System, tmp_path: Path) -> None:
    posts = [f"visual-{n}" for n in range(N_VISUAL)] + [f"sound-{n}" for n in range(N_SOUND)]
    assert day.jikimi_here("label", "visual-0", "case-a", "copy").code == 0
    (first,) = day.records("labels")
    for post_id in posts:
        other = msgspec.structs.replace(
            first.message, post_id=post_id, decision="copy" if "visual" in post_id else "other"
        )
        day.write("labels", f"{post_id}/case-a", other)
    day.flush()
    arguments = ("cautious", "--against", "same", "--labels")
    answer, found = compared(day, tmp_path, *arguments)
    assert answer.code == 0, answer.out
    assert (found["labels"], found["copies"]) == (N_SOUND + N_VISUAL, N_VISUAL)
    assert cost_outcome(tmp_path / "cautious.json") == "not judged"  # of so few posts it is the machine's load
    day.write("labels", "sound-0/case-a", msgspec.structs.replace(first.message, post_id="sound-0", decision="copy"))
    day.flush()
    answer, _ = compared(day, tmp_path, *arguments)
    assert answer.code == 1
    assert re.search(r"copies no longer acted on +1 +at most 0 +no-go", answer.out)


@pytest.mark.parametrize(
    ("run", "changes", "line"),
    [
        ("missing", {}, "no run missing"),
        ("same", {"against": "missing"}, "no run missing"),
        ("same", {"thresholds": Path("nowhere.toml")}, "nowhere.toml"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(
    day: System, tmp_path: Path, run: str, changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        compare_run(day.settings, run, OutputPaths(tmp_path), **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_named(day: System) -> None:
    with pytest.raises(UsageError, match="/proc/nowhere"):
        compare_run(day.settings, "same", OutputPaths(Path("/proc/nowhere")))


def test_a_no_go_is_not_promoted_and_a_go_is_until_the_candidate_changes(day: System, tmp_path: Path) -> None:
    compare_run(day.settings, "cautious", OutputPaths(tmp_path))
    with pytest.raises(UsageError, match="cautious with live was a no-go"):
        promote_run(day.settings, "cautious")
    with pytest.raises(UsageError, match="cautious with live was a no-go"):
        promote_changes(day.settings, "fusion=noisy-or@2")
    loose = tmp_path / "loose.toml"
    default = (Path(compare_run.__code__.co_filename).parent / "thresholds.toml").read_text()
    loose.write_text(default.replace("lost_acts_without_label = 0", f"lost_acts_without_label = {N_SOUND}"))
    assert compare_run(day.settings, "cautious", OutputPaths(tmp_path), thresholds=loose).go
    assert promote_changes(day.settings, "fusion=noisy-or@2", by="kim")
    roll_back(day.settings)
    with pytest.raises(UsageError, match="another choice went live"):
        promote_run(day.settings, "cautious")
    first, _ = (record.message for record in day.records("deployments"))
    assert (first.run, first.by, first.forced) == ("cautious", "kim", None)
    assert (first.comparison.go, first.comparison.posts) == (True, N_SOUND + N_VISUAL + N_OTHER)
    assert first.comparison.thresholds.startswith("loose.toml ")


def test_a_comparison_is_the_same_each_time_except_for_its_date(day: System, tmp_path: Path) -> None:
    found = [
        msgspec.structs.replace(compare_run(day.settings, "cautious", OutputPaths(tmp_path)), at=None, cost=None)
        for _ in range(2)
    ]
    assert msgspec.json.encode(found[0]) == msgspec.json.encode(found[1])
