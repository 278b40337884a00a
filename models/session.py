"""Sessions of ONNX Runtime: the processor that they run on, and what a GPU leaves to the CPU."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import onnxruntime as ort

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_BATCH_ROWS = {CUDA: 256}
"""Most pictures in one run, by provider: an H200 describes 18,700 a second in runs of 256, and 8,600 in runs of 16."""
_CPU_BATCH_ROWS = 16
"""More gain nothing on a CPU, and need memory."""

_OPTIONS = {CUDA: {"cudnn_conv_algo_search": "HEURISTIC"}}
"""By provider. CUDA's default tries all algorithms anew for each number of pictures, and each run has another one."""


class Placement(NamedTuple):
    """Which processor the operators of a graph ran on."""

    n_operators: int
    on_cpu: tuple[str, ...]
    """Kinds of the operators that ran on the CPU, sorted, each once."""


def best_provider() -> str:
    """Return CUDA's provider if ONNX Runtime was built with it, else the CPU's."""
    return CUDA if CUDA in ort.get_available_providers() else CPU


def batch_rows(provider: str) -> int:
    """Return the most pictures that one run should take on this provider."""
    return _BATCH_ROWS.get(provider, _CPU_BATCH_ROWS)


@cache
def _load_libraries() -> None:
    """Load CUDA's libraries from packages of Python, once; without it only those of the system are found."""
    ort.preload_dlls()


def open_session(graph: bytes, provider: str, n_threads: int, profiles: Path | None = None) -> ort.InferenceSession:
    """Return a session on this provider, or on the CPU if it cannot be used here; `get_providers` says which.

    Parameters
    ----------
    n_threads
        Threads inside one run on the CPU.
    profiles
        Folder for a profile of the session's runs, written by its `end_profiling`; None for none.
    """
    if provider == CUDA:
        _load_libraries()
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # no user can act on warnings about graph optimisations
    if profiles is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profiles / "session")
    wanted = dict.fromkeys([provider, CPU])  # the CPU takes what the first cannot
    usable = [(name, _OPTIONS.get(name, {})) for name in wanted if name in ort.get_available_providers()]
    return ort.InferenceSession(graph, options, providers=usable)


def placement(profiles: Iterable[Path]) -> Placement:
    """Return which processor the operators of these profiles ran on.

    https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html: events of the category Node.
    """
    provider_of: dict[str, tuple[str, str]] = {}
    for path in profiles:
        for event in json.loads(path.read_text("utf-8")):
            found = event.get("args", {})
            if event.get("cat") == "Node" and "provider" in found:
                provider_of[f"{path.name} {event['name']}"] = found["provider"], found.get("op_name", "?")
    return Placement(len(provider_of), tuple(sorted({kind for name, kind in provider_of.values() if name == CPU})))
