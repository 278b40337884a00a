"""Memory of one worker process of match, fusion and takedown over a long run of posts on a real Apache Kafka.

python -m ops.bench.flat_memory [--posts 1000000] [--longest-s 86400] [--retention-s 60] [--json FILE]

Each post is one record of synthetic descriptors: seeded unit vectors. Of a hundred posts three have a picture track of
a reference, slightly changed, and become takedowns; one waits for media that never come, until fusion's deadline; the
others have a text that resembles nothing. Fusion keeps a closed post for `--retention-s`, so that many are evicted
within the run; what the stages keep for ever by design (a takedown's index entry, the archive on the disk) grows on.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer

from ops.bench.made_records import made_piece
from ops.broker.kafka import Kafka
from ops.faults.offsets import OffsetReader
from ops.threads import running_beside
from schemas.ids import record_id
from schemas.matrix import pack
from schemas.messages import Case, Descriptors, Modality, Parts, Policy, PostRef, Reference, Segment
from streams.cases.entries import case_key, reference_key
from streams.demo.processes import Worker
from streams.kafka import topic_admin
from streams.kafka.clients import reader_config
from streams.kafka.offsets import end_offsets, partitions_of
from streams.kafka.producer import TopicWriter, writing
from streams.settings import Settings, load_settings

_STAGES = ["match", "fusion", "takedown"]
_CASE, _POLICY = "case-1", Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")
_ROWS: dict[Modality, tuple[int, int]] = {"visual": (8, 512), "text": (1, 384)}
_COPIES, _INCOMPLETE, _OF = 3, 1, 100
_MAX_LEAD = 5_000
"""Posts written ahead of the worker."""
_SAMPLE_S, _STALL_S, _ANSWER_S = 1.0, 300.0, 30.0
_DEADLINE_S = 10.0
_MIB = 1024
_SHARES = (0.1, 0.5, 1.0)

type Vectors = npt.NDArray[np.float32]


class Sample(NamedTuple):
    """State of the worker at a moment: memory in MiB."""

    time_s: float
    posts: int
    resident: float
    anonymous: float
    """Without the pages of files, such as the archive's, which the kernel takes back when it needs them."""


class Plan(NamedTuple):
    """Size of a run."""

    posts: int
    longest_s: float
    """The run ends with fewer posts after so long."""
    retention_s: float
    """How long fusion keeps a closed post."""
    is_backlog: bool = False
    """Whether all posts are written before the worker starts; otherwise they are written while it runs."""


def main() -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--longest-s", type=float, default=86_400.0, help="end with fewer posts after so long")
    parser.add_argument("--retention-s", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jikimi-flat-") as folder:
        samples, verdicts = run(Plan(arguments.posts, arguments.longest_s, arguments.retention_s), Path(folder))
    text = json.dumps(figures(samples) | verdicts | {"retention_s": arguments.retention_s}, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n")


def figures(samples: list[Sample]) -> dict[str, object]:
    """Return the rate, the memory at some shares of the run, and its growth after the first tenth, by least squares."""
    last = samples[-1]
    later = [sample for sample in samples if sample.posts >= last.posts * _SHARES[0]]
    posts = [sample.posts / 100_000 for sample in later]
    at = {share: next(sample for sample in samples if sample.posts >= last.posts * share) for share in _SHARES}
    return {
        "posts": last.posts,
        "seconds": round(last.time_s - samples[0].time_s),
        "posts_a_second": round((last.posts - samples[0].posts) / (last.time_s - samples[0].time_s), 1),
        "resident_mib": {f"{share:.0%}": round(sample.resident, 1) for share, sample in at.items()},
        "anonymous_mib": {f"{share:.0%}": round(sample.anonymous, 1) for share, sample in at.items()},
        "resident_mib_per_100000_posts": round(_slope(posts, [sample.resident for sample in later]), 2),
        "anonymous_mib_per_100000_posts": round(_slope(posts, [sample.anonymous for sample in later]), 2),
        "largest_resident_mib": round(max(sample.resident for sample in samples), 1),
    }


def _slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(x, y, 1)[0])


def run(plan: Plan, folder: Path) -> tuple[list[Sample], dict[str, int]]:
    """Return the samples, and the number of verdicts and of takedowns at the end."""
    environment = {
        "JIKIMI_FUSION_MEMORY_S": str(plan.retention_s),
        "JIKIMI_FUSION_DEADLINE_S": str(_DEADLINE_S),
        "JIKIMI_QUARANTINE_POSTS": "0",  # every copy is one of the same reference
        "JIKIMI_FOUR_EYES": "false",
    }
    with Kafka(folder / "kafka") as kafka:
        settings = load_settings(bootstrap_servers=kafka.bootstrap)
        topic_admin.create(settings, replication=1)
        _open_case(settings)
        progress = _Progress(settings)
        if plan.is_backlog:
            _feed(settings, plan.posts, plan.posts, progress, threading.Event())
        with ExitStack() as stack:
            environment["JIKIMI_BOOTSTRAP_SERVERS"] = kafka.bootstrap
            worker = stack.enter_context(Worker(_STAGES, folder, environment))
            worker.wait_until_ready()
            if not plan.is_backlog:
                feed = partial(_feed, settings, plan.posts, _MAX_LEAD, progress)
                stack.enter_context(running_beside(feed, "feed"))
            samples = list(_samples(worker, progress, plan.posts, plan.longest_s))
        return samples, progress.outcome()


class _Progress:
    """Posts that the worker has processed."""

    def __init__(self, settings: Settings) -> None:
        self._offsets = OffsetReader(settings)
        self._reader = Consumer(reader_config(settings, "flat-memory"))
        self.posts = 0

    def update(self) -> int:
        """Return how many posts fusion has committed."""
        if (position := self._offsets.position("fusion")) is not None:
            self.posts = sum(position.committed.values())
        return self.posts

    def outcome(self) -> dict[str, int]:
        """Return the number of verdicts and of takedowns."""
        found = partitions_of(self._reader, ["verdicts", "takedowns"], _ANSWER_S)
        ends = end_offsets(self._reader, found, _ANSWER_S)
        return {
            name: sum(end for (topic, _), end in ends.items() if topic == name) for name in ("verdicts", "takedowns")
        }


def _samples(worker: Worker, progress: _Progress, n_posts: int, longest_s: float) -> Iterator[Sample]:
    moved_s, before = time.monotonic(), 0
    end_s = moved_s + longest_s
    while before < n_posts and time.monotonic() < end_s:
        worker.check()
        now_s, posts = time.monotonic(), progress.update()
        if posts > before:
            moved_s, before = now_s, posts
            yield Sample(now_s, posts, *_memory_mib(worker.pid))
        elif now_s - moved_s > _STALL_S:
            raise TimeoutError(f"no progress since post {posts}")
        time.sleep(_SAMPLE_S)


def _memory_mib(pid: int) -> tuple[float, float]:
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    kib = {words[0]: int(words[1]) for words in lines if words[0] in {"VmRSS:", "RssAnon:"}}
    return kib["VmRSS:"] / _MIB, kib["RssAnon:"] / _MIB


def _feed(settings: Settings, n_posts: int, max_lead: int, progress: _Progress, over: threading.Event) -> None:
    random = np.random.default_rng(1)
    with writing(settings) as writer:
        for number in range(n_posts):
            while number - progress.posts > max_lead:
                if over.wait(0.05):
                    return
            _write(writer, random, number)


def _write(writer: TopicWriter, random: np.random.Generator, number: int) -> None:
    is_copy, waits = number % _OF < _COPIES, number % _OF >= _OF - _INCOMPLETE
    modality: Modality = "visual" if is_copy else "text"
    rows = _unit(random, modality)
    if is_copy:
        rows = _normalised(_footage(modality) + 0.1 * rows)
    parts = Parts(visual=int(is_copy or waits), audio=0, text=int(not is_copy))
    post_id, now = f"post-{number}", datetime.now(UTC)
    post = PostRef(
        post_id=post_id, platform="made", url=f"https://made.example/{number}", published_at=now, seen_at=now
    )
    descriptors = Descriptors(
        descriptor_id=record_id("made", post_id),
        segment=Segment(post=post, parts=parts, segment=0, medium=0, start_s=0.0, duration_s=float(len(rows))),
        modality=modality,
        model="made",
        version="1",
        vectors=pack(rows),
        times_s=[float(row) for row in range(len(rows))],
    )
    writer.write("descriptors", f"{post_id}/0/{modality}", descriptors)


def _open_case(settings: Settings) -> None:
    opened = Case(case_id=_CASE, name="made", opened_at=datetime.now(UTC), policy=_POLICY)
    with writing(settings) as writer:
        writer.write("cases", case_key(_CASE), opened)
        for piece in map(_reference, _ROWS):
            entry = Case(case_id=_CASE, name="made", opened_at=opened.opened_at, reference=piece)
            writer.write("cases", reference_key(_CASE, piece), entry)


def _reference(modality: Modality) -> Reference:
    rows = _footage(modality)
    return made_piece(modality, rows, np.arange(len(rows), dtype=np.float64), len(rows))


def _footage(modality: Modality) -> Vectors:
    return _unit(np.random.default_rng(7), modality)


def _unit(random: np.random.Generator, modality: Modality) -> Vectors:
    return _normalised(random.standard_normal(_ROWS[modality], dtype=np.float32))


def _normalised(rows: Vectors) -> Vectors:
    normalised: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normalised


if __name__ == "__main__":
    main()
