"""Cost of a worker's partitions: one process of all stages on topics of 8, and of 64, partitions.

python -m ops.bench.partitions [--numbers 8,64] [--seconds 30] [--json FILE]

For each number in turn, on a real Apache Kafka: wall and CPU seconds from the start to readiness, seconds to the first
takedowns, then the CPU share of the idle process and its resident memory.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from ops.bench.suite.latency import copies
from ops.bench.suite.rig import ALL_STAGES, Rig, rig, several
from streams.demo.processes import Worker
from streams.evaluation.cpu import cpu_s_of

GROWN = ("posts", "frames", "sounds", "texts", "descriptors", "scores", "looks", "verdicts")
"""Topics whose partitions are shared by the workers of a stage."""


def main() -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", default="8,64")
    parser.add_argument("--seconds", type=float, default=30.0, help="idle time that is measured")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {number: _measure(int(number), arguments.seconds) for number in arguments.numbers.split(",")}
    text = json.dumps(found, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n")


def _measure(number: int, idle_s: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="jikimi-partitions-") as name:
        folder = Path(name)
        media = folder / "media"
        media.mkdir()
        with rig(folder, media, partitions=dict.fromkeys(GROWN, number)) as on:
            worker = on.worker(ALL_STAGES)
            began_s = time.monotonic()
            with worker:
                worker.wait_until_ready()
                ready = {"ready_s": time.monotonic() - began_s, "ready_cpu_s": cpu_s_of(worker.pid)}
                return {key: round(value, 2) for key, value in {**ready, **_running(on, worker, idle_s)}.items()}


def _running(on: Rig, worker: Worker, idle_s: float) -> dict[str, float]:
    posts = several(copies(on), 3, "first")
    began_s = time.monotonic()
    on.feed(posts)
    on.wait("takedowns", [post.post_id for post in posts], [worker])
    takedown_s = time.monotonic() - began_s
    before_s = cpu_s_of(worker.pid)
    time.sleep(idle_s)
    idle = (cpu_s_of(worker.pid) - before_s) / idle_s
    return {"first_takedowns_s": takedown_s, "idle_cpu": idle, "resident_mib": _resident_mib(worker.pid)}


def _resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
