"""A new case against archived hours on a real Apache Kafka, to the last verdict.

OPENBLAS_NUM_THREADS=1 python -m ops.bench.late_verdicts [HOURS] [--one-copy-in MINUTES]

The minutes of ops/bench/suite/minutes.py are written to the topic of descriptors, and to the archive as full slices
are, without its engine, which takes longer to fill than all else: it has the last slice only. A worker of match and
fusion starts on both, and then a case is opened. Seconds are those between the broker's times of the case's first
record and of scores and verdicts. The minutes repeat a few clips, each time perturbed otherwise, and no two are alike.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from ops.bench.coded_archive import Filled
from ops.bench.first_pass.files import demonstration
from ops.bench.suite.minutes import Minutes
from ops.bench.suite.retro import CASE_CLIP
from ops.bench.suite.rig import system
from ops.broker.raw import CODEC, Broker
from schemas.messages import Descriptors
from streams.demo.processes import Worker
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.kafka.producer import writing
from streams.match.archive import Hit
from streams.match.milvus_archive import MilvusArchive, space_name
from streams.match.progress import Progress
from streams.settings import Settings
from streams.topology import group

_STAGES = ("match", "fusion")
_POLL_S, _QUIET_S = 1.0, 5.0
"""Between two looks at the topics, and without a further verdict after the search's end."""


class _Times(NamedTuple):
    """Seconds from a case's first record to each record of a topic."""

    scores: list[float]
    verdicts: list[float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hours", type=int, nargs="?", default=20)
    parser.add_argument("--one-copy-in", type=int, default=200)
    given = parser.parse_args()
    clips = sorted(demonstration(), key=lambda file: file.stem != CASE_CLIP)
    minutes, n_minutes = Minutes(clips, 1, one_copy_in=given.one_copy_in), 60 * given.hours
    with tempfile.TemporaryDirectory() as folder, system(Path(folder), partitions={"descriptors": 1}) as (settings, _):
        worker = Worker(_STAGES, Path(folder), {})
        archive = Path(folder) / f"{worker.name}-archive"
        _fill(settings, minutes, n_minutes, archive)
        n_bytes = sum(file.stat().st_size for file in archive.rglob("*") if file.is_file())
        with worker:
            worker.wait_until_ready()
            found = _opened(settings, clips[0], worker)
    n_copies = sum(map(minutes.is_copy, range(n_minutes)))
    sys.stdout.write(
        "hours  bytes a minute  copies  scores  first score, s  last score, s  verdicts  last verdict, s\n"
        f"{given.hours:5}{n_bytes / n_minutes:16.0f}{n_copies:8}{len(found.scores):8}{min(found.scores):16.2f}"
        f"{max(found.scores):15.2f}{len(found.verdicts):10}{max(found.verdicts, default=0.0):17.2f}\n"
    )


def _fill(settings: Settings, minutes: Minutes, n_minutes: int, folder: Path) -> None:
    """Write minutes to their topic and to an archive, as if a worker had processed them."""
    files = folder / "archive.db" / "packed"
    files.mkdir(parents=True)
    filled: dict[str, Filled] = {}
    n_written = 0
    with writing(settings) as writer:
        for described in (one for number in range(n_minutes) for one in minutes.of(number)):
            writer.write_bytes("descriptors", b"", CODEC.encode("descriptors", described), partition=0)
            space = space_name(described)
            filled.setdefault(space, Filled(files, space)).add(Hit(0, n_written), described)
            n_written += 1
    _add_last([placed for one in filled.values() for placed in one.waiting], folder)
    Progress(folder / "archive.db" / "progress.sqlite").mark_ends({0: n_written})
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": group(settings, "match")})
    partition = TopicPartition(settings.topic_prefix + "descriptors", 0, n_written)
    consumer.commit(offsets=[partition], asynchronous=False)
    consumer.close()


def _add_last(placed: list[tuple[Hit, Descriptors]], folder: Path) -> None:
    archive = MilvusArchive(folder)
    for hit, described in placed:
        archive.add(hit, described)
    archive.sync()
    archive.close()


def _opened(settings: Settings, clip: Path, worker: Worker) -> _Times:
    """Open a case, and return when its scores and verdicts were written, once its search has ended."""
    broker = Broker(settings.bootstrap_servers, settings.topic_prefix)
    add_case(settings, NewCase("late", [clip]))
    n_before, quiet_from_s = -1, time.monotonic()
    while not _is_searched(broker) or time.monotonic() < quiet_from_s + _QUIET_S:
        worker.check()
        time.sleep(_POLL_S)
        if (n := len(_times_ms(broker, "scores")) + len(_times_ms(broker, "verdicts"))) != n_before:
            n_before, quiet_from_s = n, time.monotonic()
    began_ms = min(_times_ms(broker, "cases"))
    return _Times(*([(at - began_ms) / 1000 for at in _times_ms(broker, topic)] for topic in _Times._fields))


def _is_searched(broker: Broker) -> bool:
    """Return whether the worker has seen a reference, and nothing is left of its search."""
    last = broker.messages("searches")[-1:]
    return any(search.reach >= 0 and not search.left for search in last)


def _times_ms(broker: Broker, topic: str) -> list[int]:
    return [kept.timestamp_ms for shard in broker.read(topic).values() for kept in shard]


if __name__ == "__main__":
    main()
