"""Desk commands: what leaves the machine, what is erased, and usage errors."""

import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from models.text.terms import n_terms
from schemas.messages import Label
from streams.cases.entries import TERMS, is_terms, read_cases
from streams.kafka import running_stages
from tests.integration.made import post_ref
from tests.integration.system import Answer, System
from tests.support.deadline import DEADLINE_S
from tests.unit.decode.made import moving, tone, video
from tests.unit.made_messages import takedown, verdict

TERM = "milkyway77"
PHRASE = "find the full film in the comments"
NO_WORKER = "no worker is running, so nothing is searched: start one with `jikimi worker all`\n"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "family-holiday.mp4"
    return video(path, moving(48, shot_frames=12), sound=tone(4.0))


@pytest.fixture(scope="module")
def opened(shared: System, film: Path) -> str:
    options = ["--name", "river", "--reference", str(film), "--term", TERM, "--phrase", PHRASE]
    answer = shared.jikimi_here("case", "add", *options)
    assert answer.code == 0, answer.err
    assert f"describing {film.name}: 0 of " in answer.err
    return answer.out.strip()


def refused(answer: Answer) -> str:
    """Return the one line of a refusal."""
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    return line


def last_line(answer: Answer) -> str:
    """Return the last line of a refusal that a table precedes."""
    assert (answer.code, answer.out) == (2, "")
    return answer.err.splitlines()[-1]


def withdrawn(system: System, case_id: str) -> Answer:
    return system.jikimi_here("case", "withdraw", case_id, "--yes", "--why", "a test")


def test_adding_a_case_prints_its_id_and_nothing_else(opened: str) -> None:
    assert re.fullmatch(r"case-[0-9a-f]{16}", opened)


def test_the_policy_is_written_first_then_picture_sound_motion_and_terms(shared: System, opened: str) -> None:
    first, *others = [kept for kept in shared.records("cases") if kept.key.split("/")[0] == opened]
    assert first.key == opened
    assert first.message.policy is not None
    assert {kept.message.reference.modality for kept in others} == {"visual", "audio", "text", "motion"}
    assert all(kept.message.policy is None and kept.message.name == "river" for kept in others)
    visual = next(kept.message.reference for kept in others if kept.message.reference.modality == "visual")
    assert visual.vectors.rows >= 1
    text = next(kept.message.reference for kept in others if kept.message.reference.modality == "text")
    assert text.vectors.rows == 1
    assert n_terms(text.digests) == 1  # in each of its forms
    assert len(set(text.digests)) == len(text.digests)


def test_terms_added_to_a_case_are_a_further_reference_and_leave_as_digests(shared: System, film: Path) -> None:
    case_id = shared.jikimi_here("case", "add", "--name", "brook", "--term", "first-handle").out.strip()
    before = len(shared.records("cases"))
    for _ in range(2):  # the second time replaces the first
        extended = shared.jikimi_here("case", "extend", case_id, "--term", TERM, "--phrase", PHRASE, "--why", "a test")
        assert (extended.code, extended.out.strip()) == (0, case_id), extended.err
    keys = {kept.key for kept in shared.records("cases")[before:]}
    (added,) = {key.split("/")[1] for key in keys}
    assert (len(keys), is_terms(added), added == TERMS) == (1, True, False)
    raw = b"".join(kept.raw for kept in shared.records("cases")[before:])
    assert TERM.encode() not in raw
    assert PHRASE.encode() not in raw
    assert refused(shared.jikimi_here("case", "extend", case_id)).startswith("jikimi: nothing to add")
    assert "this is another's" in refused(shared.jikimi_here("case", "extend", "nobody", "--reference", str(film)))
    acts = [kept.message for kept in shared.records("acts") if kept.message.subject == case_id]
    assert [(act.act, act.why, act.detail) for act in acts[-2:]] == [
        ("extend", "a test", "0 files, 1 terms, 1 phrases")
    ] * 2


def test_a_file_added_to_a_case_is_described_once_and_never_again_once_withdrawn(shared: System, film: Path) -> None:
    case_id = shared.jikimi_here("case", "add", "--name", "brook", "--term", "first-handle").out.strip()
    before = len(shared.records("cases"))
    assert shared.jikimi_here("case", "extend", case_id, "--reference", str(film), "--yes").code == 0
    added = shared.records("cases")[before:]
    assert {kept.message.reference.modality for kept in added} == {"visual", "audio", "motion"}
    assert all(kept.message.policy is None and kept.message.name == "brook" for kept in added)
    assert film.name in shared.jikimi_here("case", "show", case_id).out
    again = refused(shared.jikimi_here("case", "extend", case_id, "--reference", str(film), "--yes"))
    assert again.startswith("jikimi: nothing to add")
    (reference,) = {kept.message.reference.reference_id for kept in added}
    assert shared.jikimi_here("case", "deconfirm", case_id, reference, "--why", "not hers").code in {0, 1}
    assert "was withdrawn from" in refused(
        shared.jikimi_here("case", "extend", case_id, "--reference", str(film), "--yes")
    )


def test_no_part_of_a_file_and_no_term_leaves_the_machine(shared: System, opened: str, film: Path) -> None:
    raw = [kept.raw for kept in shared.records("cases") if kept.key.split("/")[0] == opened]
    for value in raw:
        for text in (TERM, PHRASE, film.name, film.stem, str(film.parent)):
            assert text.encode() not in value
            assert text.encode("utf-16-le") not in value
        for magic in (b"\xff\xd8\xff", b"\x89PNG", b"ftyp", b"RIFF"):
            assert magic not in value
    content = film.read_bytes()
    sound = tone(4.0).astype("<i2").tobytes()
    for source in (content, sound):
        for at in range(0, len(source) - 32, 997):
            piece = source[at : at + 32]
            assert len(set(piece)) < 8 or not any(piece in value for value in raw)


def test_list_and_show_print_the_references_and_the_number_of_terms(
    shared: System, opened: str, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_stages, "_ANSWER_S", DEADLINE_S)  # a broker that is asked too much gives no hint
    listed, shown = shared.jikimi_here("case", "list"), shared.jikimi_here("case", "show", opened)
    assert (listed.code, shown.code) == (0, 0)
    assert listed.err == shown.err == NO_WORKER
    line = next(line for line in listed.out.splitlines() if opened in line)
    assert line.split()[1] == "river"
    assert line.split()[-6:] == ["1", "1", "0", "0", "0", "0"]
    assert "acts from 0.95, review by a person from 0.5" in shown.out
    assert re.search(r"reference [0-9a-f-]{36}  (\S+  )?video, \d+\.\d s, [1-9]\d* frames", shown.out)
    assert "1 terms, 1 phrases" in shown.out
    assert film.name in shown.out
    assert "KST" in shown.out
    assert TERM not in shown.out


def test_withdrawing_erases_every_key_policy_last(shared: System) -> None:
    added = shared.jikimi_here("case", "add", "--name", "lake", "--term", "a longer title", "--phrase", PHRASE)
    case_id = added.out.strip()
    assert "--yes" in last_line(shared.jikimi_here("case", "withdraw", case_id, "--why", "moved"))
    assert "--why" in last_line(shared.jikimi_here("case", "withdraw", case_id, "--yes"))
    # Not compacted yet, so that the order can be seen.
    answer = shared.jikimi_here("case", "withdraw", case_id, "--yes", "--why", "moved", "--wait", "0")
    assert answer.out.splitlines()[0] == "2 entries erased"
    ours = [kept for kept in shared.records("cases") if kept.key.split("/")[0] == case_id]
    last = {kept.key: kept.message for kept in ours}
    assert set(last.values()) == {None}
    assert ours[-1].key == case_id
    shown, listed = shared.jikimi_here("case", "show", case_id).out, shared.jikimi_here("case", "list", "--all").out
    assert "withdrawn" in shown
    assert re.search(rf"{case_id} +lake .* withdrawn", listed)
    assert "a longer title" not in shown + listed
    assert withdrawn(shared, case_id).out.splitlines()[0] == "0 entries erased"
    assert refused(withdrawn(shared, "case-none")).startswith("jikimi: no case case-none")
    assert case_id not in shared.jikimi_here("case", "list").out


def test_an_allow_list_is_described_and_listed_as_such_and_has_no_policy(
    shared: System, opened: str, film: Path
) -> None:
    assert opened in refused(shared.jikimi_here("case", "allow", "a channel's intro", str(film)))
    answer = shared.jikimi_here("case", "allow", "a channel's intro", str(film), "--yes")
    assert answer.code == 0
    assert "is already a reference of" in answer.err
    allowed = answer.out.strip()
    assert re.fullmatch(r"allow-[0-9a-f]{16}", allowed)
    entries = [kept.message for kept in shared.records("cases") if kept.key.split("/")[0] == allowed]
    assert {entry.reference.modality for entry in entries} == {"visual", "audio", "motion"}
    assert all(entry.benign and entry.policy is None for entry in entries)
    line = next(line for line in shared.jikimi_here("case", "list").out.splitlines() if allowed in line)
    assert line.split()[-7:-4] == ["allowed", "1", "0"]
    assert "allowed wherever it is found" in shared.jikimi_here("case", "show", allowed).out
    assert withdrawn(shared, allowed).out.splitlines()[0] == f"{len(entries)} entries erased"


async def test_other_cases_are_untouched_by_a_withdrawal(shared: System, opened: str) -> None:
    cases = await read_cases(shared.settings)
    assert opened in cases
    assert sum(entry.policy is not None for entry in cases[opened]) == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--name", "x"], "a case needs a reference, a term or a phrase"),
        (["--term", "milkyway77"], "Missing option '--name'"),
        (["--name", "x", "--reference", "no-such-file.mp4"], "no-such-file.mp4: No such file or directory"),
        (["--name", "x", "--reference", "."], "Is a directory"),
        (["--name", "x", "--term", "a"], "a term needs at least"),
    ],
)
def test_a_usage_error_is_one_line_and_writes_nothing(
    shared: System, opened: str, options: list[str], line: str
) -> None:
    before = len(shared.records("cases"))
    assert line in refused(shared.jikimi_here("case", "add", *options))
    assert len(shared.records("cases")) == before
    assert opened


def test_a_broken_file_is_one_line_and_writes_nothing(shared: System, opened: str, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(secrets.token_bytes(5_000))
    before = len(shared.records("cases"))
    answer = shared.jikimi_here("case", "add", "--name", "x", "--reference", str(tmp_path / "broken.mp4"))
    assert (answer.code, answer.out) == (2, "")
    *progress, line = answer.err.splitlines()
    assert progress == ["loading the models"]
    assert "broken.mp4: this is not a picture, video or sound that can be read" in line
    assert len(shared.records("cases")) == before
    assert opened


def test_terms_without_a_key_are_refused(shared: System) -> None:
    answer = shared.jikimi_here("case", "add", "--name", "x", "--term", TERM, environment={"JIKIMI_TERM_KEY": ""})
    assert "JIKIMI_TERM_KEY" in refused(answer)


def test_a_hit_and_a_review_are_listed_and_shown_with_their_links(shared: System, opened: str) -> None:
    link = f"https://made.example/{'long-title-' * 30}"
    post, sure = replace(post_ref("post-hit"), url=link), takedown(case_id=opened)
    shared.write("takedowns", "t-hit", replace(sure, takedown_id="t-hit", post=post))
    for post_id, decision in [("post-review", "review"), ("post-decided", "review"), ("post-dismissed", "dismiss")]:
        unsure = verdict(post=replace(post_ref(post_id), url=f"{link}?{post_id}"), case_id=opened, decision=decision)
        shared.write("verdicts", post_id, replace(unsure, probability=0.7))
    label = Label(post_id="post-decided", case_id=opened, decision="other", reviewer="officer", at=datetime.now(UTC))
    shared.write("labels", f"post-decided/{opened}", label)
    shared.flush()
    shown = shared.jikimi_here("case", "show", opened).out
    assert [line.strip() for line in shown.splitlines() if link in line] == [link, f"{link}?post-review"]
    line = next(line for line in shared.jikimi_here("case", "list").out.splitlines() if opened in line)
    assert line.split()[-4:] == ["1", "1", "1", "0"]
    document = msgspec.json.decode(shared.jikimi_here("case", "show", opened, "--json").out)
    assert (document["hits"][0]["post"]["url"], len(document["reviews"])) == (link, 1)


@pytest.mark.parametrize("command", [["list"], ["show", "case-1"], ["withdraw", "case-1"]])
def test_no_broker_is_one_line(shared: System, command: list[str]) -> None:
    unreachable = {"JIKIMI_BOOTSTRAP_SERVERS": "127.0.0.1:1", "JIKIMI_START_GRACE_S": "2"}
    assert "127.0.0.1:1" in refused(shared.jikimi_here("case", *command, environment=unreachable))


def test_missing_topics_are_one_line(shared: System) -> None:
    answer = shared.jikimi_here("case", "list", environment={"JIKIMI_TOPIC_PREFIX": f"none-{os.getpid()}-"})
    assert "jikimi topics create" in refused(answer)
