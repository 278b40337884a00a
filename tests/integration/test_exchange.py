"""Lists of others on a real Kafka: imported whole or not at all, matched for reviews only, and erased."""

import re
import signal
import subprocess
import sys
from os import environ
from pathlib import Path
from unittest.mock import ANY

import httpx
import msgspec
import numpy as np

from schemas.messages import FrameHash, Label, Scores, Search, Verdict
from streams.describe.exact import keyed
from streams.exchange.tmk_of_file import tmk_files_of_case
from tests.integration.made import described, footage
from tests.integration.system import System
from tests.support.deadline import DEADLINE_S, until
from tests.unit.decode.made import video
from tests.unit.exchange.test_export import detailed

PDQ = "aa4352a39643b6ab24436c8bcc4398ab3943faaad54a0a951527facf001ffffc"
MD5 = "b1946ac92492d2347c6235b4d2611184"
LISTED = f"pdq {PDQ}\nvideo_md5 {MD5}\n"


def imported(system: System, text: str, folder: Path, *more: str) -> tuple[int, str]:
    file = folder / "list.txt"
    file.write_text(text)
    command = ("exchange", "import", str(file), "--format", "lines", "--list", "partners", "--why", "agreed", *more)
    answer = system.jikimi_here(*command)
    return answer.code, answer.out + answer.err


def post(system: System, post_id: str, hashed: str, md5: str) -> None:
    """Write a post with a frame and a file of these hashes."""
    frame = np.resize(np.frombuffer(bytes.fromhex(hashed), np.uint8), (8, 32))
    message = msgspec.structs.replace(
        described(post_id, footage(1)),
        pdq=[FrameHash(time_s=2.0, hashes=frame.tobytes())],
        digests=[keyed(bytes.fromhex(md5), system.settings.required_term_key())],
    )
    system.write("descriptors", f"{post_id}/0/visual", message)
    system.flush()


def served(system: System, hashed: str) -> object:
    """Return what the service of HMA's endpoints answers to a lookup, and end it."""
    command = [sys.executable, "-m", "streams.cli", "exchange", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**environ, **system.environment}) as service:
        assert service.stdout is not None
        address = next(line for line in service.stdout if b"listening on" in line).decode().split()[-1]
        params = {"signal": hashed, "signal_type": "pdq", "include_distance": "true"}
        answer = httpx.get(f"{address}/m/raw_lookup", params=params, timeout=DEADLINE_S)
        service.send_signal(signal.SIGTERM)
        assert service.wait(DEADLINE_S) == 0
    return answer.json()


def verdict_on(system: System, post_id: str) -> Verdict:
    (found,) = system.wait("verdicts", lambda kept: [one.message for one in kept if one.key == post_id])
    assert isinstance(found, Verdict)
    return found


def listed(system: System, post_id: str, case_id: str) -> bool:
    """Return whether a post has a verdict for a case, which must be a review."""
    found = [one.message for one in system.records("verdicts") if one.key == post_id]
    of_case = [one for one in found if isinstance(one, Verdict) and one.case_id == case_id]
    assert {one.decision for one in of_case} <= {"review"}
    return bool(of_case)


def all_compared(system: System, list_id: str) -> bool:
    """Return whether the last records of the partitions say that the list is compared with all files."""
    last = {one.key: one.message for one in system.records("searches")}
    found = [one for each in last.values() if isinstance(each, Search) for one in each.cases if one.case_id == list_id]
    return bool(found) and not any(one.left for one in found)


def test_posts_of_before_an_import_are_searched_also_after_a_kill(system: System, tmp_path: Path) -> None:
    system.environment["JIKIMI_LISTS"] = "true"
    worker = system.worker("match fusion")
    turned = np.frombuffer(bytes.fromhex(PDQ), np.uint8) ^ np.uint8(255)
    post(system, "picture", f"{int(PDQ, 16) ^ 0b111:064x}", "00" * 16)
    post(system, "film", turned.tobytes().hex(), MD5)
    assert verdict_on(system, "picture").case_id is verdict_on(system, "film").case_id is None
    assert imported(system, f"pdq {PDQ}\n", tmp_path)[0] == 0
    until(lambda: listed(system, "picture", "list-partners"))
    worker.kill()
    assert imported(system, LISTED, tmp_path)[0] == 0
    system.worker("match fusion")
    until(lambda: listed(system, "film", "list-partners"))
    late = [one.message for one in system.records("scores") if isinstance(one.message, Scores) and one.message.late]
    found = {(one.segment.post.post_id, match.reference_id) for one in late for match in one.matches}
    assert found == {("picture", f"pdq-{PDQ}"), ("film", f"md5-{MD5}")}
    assert len({one.score_id for one in late}) == 2
    until(lambda: all_compared(system, "list-partners"))
    shown = system.jikimi_here("case", "show", "list-partners").out
    assert re.search(r"^earlier posts: ([1-9]\d*) of \1 files of their hashes compared$", shown, re.MULTILINE), shown


def test_a_list_of_others_is_imported_matched_for_review_and_erased(system: System, tmp_path: Path) -> None:
    system.environment["JIKIMI_LISTS"] = "true"
    code, output = imported(system, LISTED, tmp_path)
    assert (code, "list-partners: 2 hashes, 2 entries changed" in output) == (0, True), output
    before = len(system.records("lists"))
    code, output = imported(system, LISTED + f"pdq {PDQ[1:]}\n", tmp_path)
    assert (code, "line 3: " in output) == (2, True), output
    code, output = imported(system, LISTED, tmp_path)
    assert (code, "2 hashes, 0 entries changed" in output) == (0, True), output
    assert len(system.records("lists")) == before == 2

    system.worker("match fusion")
    near = f"{int(PDQ, 16) ^ 0b111:064x}"
    post(system, "listed", near, MD5)
    found = verdict_on(system, "listed")
    assert (found.case_id, found.decision, found.probability > found.act_at) == ("list-partners", "review", True)
    assert {piece.reference_id for piece in found.evidence} >= {f"md5-{MD5}"}
    (scores,) = (one.message for one in system.records("scores"))
    assert isinstance(scores, Scores)
    assert {match.reference_id for match in scores.matches} == {f"md5-{MD5}", f"pdq-{PDQ}"}
    post(system, "another", f"{int(PDQ, 16) ^ ((1 << 40) - 1):064x}", "00" * 16)
    assert verdict_on(system, "another").case_id is None

    label = Label(
        post_id="listed", case_id="list-partners", decision="copy", reviewer="r", at=found.decided_at, verdict=found
    )
    system.write("labels", "listed/list-partners", label)
    system.flush()
    feedback = tmp_path / "feedback.txt"
    answer = system.jikimi_here(
        "exchange", "feedback", "--format", "lines", "--list", "partners", "--out", str(feedback)
    )
    assert (answer.code, feedback.read_text()) == (0, f"confirmed video_md5 {MD5}\nconfirmed pdq {PDQ}\n"), answer.err

    assert served(system, near) == {"matches": [{"bank_content_id": ANY, "distance": "3"}]}

    film = video(tmp_path / "film.mp4", [detailed(n // 8, n) for n in range(16)])
    (tmp_path / "tmk").mkdir()
    ((_, content),) = tmk_files_of_case(system.settings.media, "case", [film]).items()
    (tmp_path / "tmk" / f"md5-{MD5}.tmk").write_bytes(content)
    code, output = imported(system, LISTED, tmp_path, "--tmk", str(tmp_path / "tmk"))
    assert (code, "1 TMK+PDQF on this machine" in output) == (0, True), output
    answer = system.jikimi_here("exchange", "compare", str(film), "--list", "partners")
    assert f"list-partners/md5-{MD5}: level 1 1.000" in answer.out, answer.err

    code, output = imported(system, f"pdq {PDQ}\n", tmp_path, "--whole")
    assert (code, "1 hashes, 1 entries changed" in output) == (0, True), output
    answer = system.jikimi_here("exchange", "compare", str(film), "--list", "partners")
    assert "no TMK+PDQF to compare with" in answer.err
    answer = system.jikimi_here(
        "case", "withdraw", "list-partners", "--officer", "officer-1", "--why", "ended", "--yes", "--wait", "0"
    )
    assert answer.code in {0, 1}, answer.err  # 1: without a wait the broker has not compacted yet
    last = {one.key: one.message for one in system.records("lists")}
    assert set(last.values()) == {None}
