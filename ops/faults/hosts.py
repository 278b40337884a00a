"""Faults of a worker's machine: it hangs or is slow; its disk, its network, its model or its clock fails."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from models.manifest import default_cache
from ops.faults.plan import Planned, SkippedError, between
from ops.faults.system import System

_PAUSE_S = (5.0, 60.0)
_SLOW_S, _STEP_S, _WORKING = 20.0, 0.5, 0.1
_FULL_S = 20.0
_FOLDER_BYTES = 256 * 1024 * 1024
_CUT_S = (5.0, 60.0)
_REFUSED_S = 15.0
_JUMPS = ("+3600", "-3600", "+0")
_JUMP_S = 5.0
_FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
)


def pause(system: System, fault: Planned) -> Iterable[str]:
    """Stop a worker with SIGSTOP for up to a minute, ten times the session timeout, and let it go on."""
    worker = system.workers[fault.stage]
    worker.pause()
    time.sleep(between(*_PAUSE_S, fault.share))
    worker.resume()
    return [fault.stage]


def slow_consumer(system: System, fault: Planned) -> Iterable[str]:
    """Let a worker run for a tenth of the time only, so that its heartbeats go on and its work piles up."""
    worker = system.workers[fault.stage]
    for _ in range(round(_SLOW_S / _STEP_S)):
        worker.pause()
        time.sleep(_STEP_S * (1 - _WORKING))
        worker.resume()
        time.sleep(_STEP_S * _WORKING)
    return [fault.stage]


def disk_full(system: System, fault: Planned) -> Iterable[str]:
    """Fill the file system of a worker's fetched media, or of its archive, for a while."""
    worker = system.workers[fault.stage]
    folder = worker.archive if fault.stage == "match" else worker.folder / "tmp"
    with ExitStack() as stack:
        with system.holding(fault.stage):
            worker.stop()  # first: its open files would be on one disk, and the paths of its new ones on the other
            stack.enter_context(_small_disk(folder))
            system.start(fault.stage)
        system.await_ready(fault.stage)
        _fill(folder / "full")
        time.sleep(_FULL_S)
        (folder / "full").unlink()
        system.await_ready(fault.stage)
        with system.holding(fault.stage):
            system.workers[fault.stage].stop()
    _restart(system, fault.stage)
    return [fault.stage]


def network_cut(system: System, fault: Planned) -> Iterable[str]:
    """Hold back every byte between a worker and the brokers for up to a minute.

    A worker is moved behind the network that can be cut, and stays there: a later cut hits it too.
    """
    if system.network is None:
        raise SkippedError("the Kafka is not the run's own")
    if fault.stage not in system.behind_network:
        _restart(system, fault.stage, JIKIMI_BOOTSTRAP_SERVERS=system.network.bootstrap)
        system.behind_network.add(fault.stage)
    system.await_ready(fault.stage)
    system.network.cut()
    time.sleep(between(*_CUT_S, fault.share))
    system.network.mend()
    return sorted(system.behind_network)


def model_missing(system: System, fault: Planned) -> Iterable[str]:
    """Delete the file of the text model before a restart: the worker makes it again."""
    return _with_model(system, fault, Path.unlink)


def model_corrupt(system: System, fault: Planned) -> Iterable[str]:
    """Cut the file of the text model short before a restart: the worker refuses to start until it is whole again."""
    return _with_model(system, fault, lambda file: file.write_bytes(file.read_bytes()[:100_000]))


def clock_jump(system: System, fault: Planned) -> Iterable[str]:
    """Set a worker's clock forward an hour, back an hour, and right again, while it works."""
    library = next((file for file in _FAKETIME if Path(file).exists()), None)
    if library is None:
        raise SkippedError("Debian's libfaketime is not installed")
    clock = system.workers[fault.stage].folder / "clock"
    clock.write_text("+0")
    fake = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    _restart(system, fault.stage, **fake, FAKETIME_DONT_FAKE_MONOTONIC="1")
    system.await_ready(fault.stage)
    for jump in _JUMPS:
        clock.write_text(jump)
        time.sleep(_JUMP_S)
    _restart(system, fault.stage)
    return [fault.stage]


def _with_model(system: System, fault: Planned, harm: Callable[[Path], object]) -> Iterable[str]:
    whole = next(default_cache().glob("*.onnx"), None)
    if whole is None:
        raise SkippedError("no model has been exported to a file")
    folder = system.workers[fault.stage].folder / "models"
    file = folder / whole.name
    folder.mkdir(exist_ok=True)
    shutil.copyfile(whole, file)
    harm(file)
    _restart(system, fault.stage, JIKIMI_MODEL_CACHE_DIR=str(folder))
    time.sleep(_REFUSED_S)
    if file.exists():
        shutil.copyfile(whole, file)
    system.await_ready(fault.stage)
    return [fault.stage]


def _restart(system: System, stage: str, **changes: str) -> None:
    with system.holding(stage):
        system.workers[stage].stop()
        system.start(stage, **changes)


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system over a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_FOLDER_BYTES}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603 - our own command line
        raise SkippedError("a file system can only be mounted by root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S603, S607 - likewise


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filling:  # what a buffer keeps would fail again when the file is closed
        try:
            while True:
                filling.write(bytes(64 * 1024))
        except OSError:
            return
