"""The models by modality: read from the manifest, verified, loaded once.

A file whose bytes are not the pinned ones never reaches ONNX Runtime.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort
import structlog

from models.audio.model import AudioModel
from models.manifest import MANIFEST, Entry, ModelError, locate, read_manifest, verified_bytes
from models.text.model import TextModel
from models.visual.model import VisualModel

log = structlog.get_logger(__name__)


class Registry:
    """Every model of the manifest, built at first use and kept.

    Safe to share between threads; ONNX Runtime sessions are too.

    Parameters
    ----------
    manifest
        Another manifest than the one in the package.
    cache
        Folder for exported graphs; ``$XDG_CACHE_HOME/jikimi/models`` if not given.
    provider
        ONNX Runtime execution provider; CUDA if this machine has it, else CPU.
    n_threads
        Threads inside one session. One is right where a process runs several sessions at once.
    """

    def __init__(
        self,
        manifest: Path | None = None,
        cache: Path | None = None,
        provider: str | None = None,
        n_threads: int = 1,
    ) -> None:
        self._entries = read_manifest(manifest or MANIFEST)
        self._cache = cache or default_cache()
        self._provider = provider or _best_provider()
        self._n_threads = n_threads
        self._built: dict[str, Any] = {}
        self._lock = threading.Lock()

    def entry(self, modality: str, name: str | None = None) -> Entry:
        """Return the manifest's entry for a name, or the default one of the modality.

        Raises
        ------
        ModelError
            If the manifest has none.
        """
        fitting = [entry for entry in self._entries if entry.modality == modality]
        wanted = [entry for entry in fitting if (entry.default if name is None else entry.name == name)]
        if len(wanted) != 1:
            known = ", ".join(entry.name for entry in fitting) or "none"
            raise ModelError(f"no {modality} model {name or 'marked default'!r} in the manifest; it has: {known}")
        return wanted[0]

    def visual(self, name: str | None = None) -> VisualModel:
        """Return the model that describes pictures."""
        entry = self.entry("visual", name)
        return self._once(entry, lambda: VisualModel(self._session(entry), entry.name, entry.version, entry.side_px))

    def audio(self, name: str | None = None) -> AudioModel:
        """Return the model that describes sounds."""
        entry = self.entry("audio", name)
        return self._once(entry, lambda: AudioModel(self._session(entry), entry.name, entry.version))

    def text(self, name: str | None = None) -> TextModel:
        """Return the model that describes sentences."""
        entry = self.entry("text", name)
        return self._once(entry, lambda: TextModel(self._session(entry), entry.name, entry.version))

    def _once[Model](self, entry: Entry, build: Callable[[], Model]) -> Model:
        with self._lock:
            if entry.name not in self._built:
                self._built[entry.name] = build()
            model: Model = self._built[entry.name]
            return model

    def _session(self, entry: Entry) -> ort.InferenceSession:
        graph = verified_bytes(entry, locate(entry, self._cache))
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._n_threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3  # warnings about graph optimisations help nobody
        providers = list(dict.fromkeys([self._provider, "CPUExecutionProvider"]))  # CPU takes what the first cannot
        session = ort.InferenceSession(graph, options, providers=providers)
        log.info("model loaded", model=entry.name, version=entry.version, provider=session.get_providers()[0])
        return session


def default_cache() -> Path:
    """Return the folder of exported graphs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "jikimi" / "models"


def _best_provider() -> str:
    available = ort.get_available_providers()
    return "CUDAExecutionProvider" if "CUDAExecutionProvider" in available else "CPUExecutionProvider"
