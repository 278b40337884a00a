"""Workers on a real Kafka: they accept records of any writer with the schema, and stop on SIGTERM."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import fastavro
import pytest

from schemas.messages import Medium, Post
from streams.topology import STAGES
from tests.integration.system import System
from tests.support.deadline import DEADLINE_S
from tests.unit.decode.made import moving, video

_SCHEMA = Path(__file__).parents[2] / "schemas" / "post.avsc"


def post_of_foreign_writer(post_id: str, caption: str) -> bytes:
    """Return a post in Avro single-object encoding, made from the schema file alone."""
    schema = json.loads(_SCHEMA.read_text())
    now = datetime.now(UTC)
    fields = {
        "post_id": post_id,
        "platform": "stranger",
        "url": "https://stranger.example/1",
        "published_at": now,
        "seen_at": now,
        "caption": caption,
    }
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, fields)
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
    return b"\xc3\x01" + fingerprint + body.getvalue()


def test_a_post_of_a_foreign_writer_with_the_schema_is_processed(shared: System) -> None:
    decode = shared.worker("decode")
    shared.write_raw("posts", "strange", post_of_foreign_writer("strange", "지킴이 and others"))
    shared.write_raw("posts", "broken", b"\xc3\x01" + bytes(8) + b"no such schema")
    shared.flush()
    (texts,) = shared.wait("texts", lambda kept: kept)
    assert [text.text for text in texts.message.texts] == ["지킴이 and others"]
    parts = texts.message.segment.parts
    assert (parts.visual, parts.audio, parts.text) == (0, 0, 1)
    (letter,) = shared.wait("dead-letters", lambda kept: kept)
    assert (letter.message.reason, letter.message.stage) == ("wire_unknown_fingerprint", "decode")
    assert letter.message.value == b"\xc3\x01" + bytes(8) + b"no such schema"
    assert decode.stop() == 0


@pytest.mark.parametrize("stage", STAGES)
def test_a_terminated_worker_exits_in_order_and_leaves_no_file(
    shared: System, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shared.environment, "TMPDIR", str(tmp_path))
    worker = shared.worker(stage, f"stopping-{stage}")
    # 1 is the hard exit of a worker that does not stop in time
    assert worker.stop() == 0, worker.log_file.read_text()[-2000:]
    assert list(tmp_path.iterdir()) == []
    log = worker.log_file.read_text()
    assert "Traceback" not in log
    assert "not waiting any longer for what is in flight" not in log
    assert '"level": "error"' not in log


def test_a_second_match_worker_on_the_same_archive_is_refused(shared: System) -> None:
    first = shared.worker("match", "archive")
    archive = shared.folder / "archive" / "match-archive"
    answer = shared.jikimi("worker", "match", environment={"JIKIMI_ARCHIVE_DIR": str(archive)})
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert "another worker" in line
    first.check()
    assert first.stop() == 0


def test_a_killed_match_workers_archive_is_free_at_once(shared: System) -> None:
    worker = shared.worker("match", "killed")
    worker.kill()
    worker.start()
    worker.wait_until_ready()
    assert worker.stop() == 0


def test_a_worker_terminated_before_it_is_ready_exits(shared: System, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "worker", "fusion"],
            env={**os.environ, **shared.environment},
            stdout=stream,
            stderr=stream,
        )
    time.sleep(1.0)  # amid its imports or its join, depending on the machine
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}, log.read_text()


def test_a_post_that_is_found_perhaps_is_looked_at_again_before_its_verdict(system: System, tmp_path: Path) -> None:
    system.environment["JIKIMI_MEDIA_FILE_ROOTS"] = json.dumps([str(tmp_path)])
    system.environment["JIKIMI_FUSION_DEADLINE_S"] = "300"
    clip = video(tmp_path / "clip.mp4", moving(30))
    assert system.jikimi_here("case", "add", "--name", "M", "--term", "Mondlicht").code == 0
    worker = system.worker("decode visual audio text match fusion")
    now = datetime.now(UTC)
    post = Post(
        post_id="p1", platform="made", url="https://made.example/p1", published_at=now, seen_at=now,
        caption="Mondlicht", media=[Medium(url=clip.as_uri())],
    )  # fmt: skip
    system.write("posts", "p1", post)
    system.flush()
    (verdict,) = system.wait("verdicts", lambda kept: kept)
    assert (verdict.message.decision, verdict.message.reason) == ("review", "complete")
    (look,) = system.records("looks")
    assert (look.message.reason, look.message.segment.url) == ("named", clip.as_uri())
    (frames,) = [kept.message for kept in system.records("frames") if kept.message.look]
    assert len(frames.frames) == 12  # of three seconds
    assert frames.frames[0].jpeg[:2] != b"\xff\xd8"  # sealed
    (answer,) = [kept.message for kept in system.records("scores") if kept.message.look]
    assert (answer.look, answer.gone) == (1, "")
    assert worker.stop() == 0
