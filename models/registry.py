"""The models by modality: read from the manifest, verified, loaded once.

A file whose bytes are not the pinned ones never reaches ONNX Runtime.
"""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import onnxruntime as ort
import structlog
from google.protobuf.message import DecodeError
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotRunnable

from models.audio.model import AudioModel
from models.explicit.model import ExplicitModel
from models.fusion.calibrated import Calibrated, read_calibration
from models.fusion.causes import CausesModel
from models.fusion.model import FusionModel
from models.fusion.noisy_or import NoisyOr, read_curves
from models.manifest import MANIFEST, Entry, Kind, ModelError, default_cache, locate, read_manifests, verified_bytes
from models.session import batch_rows, best_provider, open_session
from models.text.model import TextModel
from models.visual.model import VisualModel
from models.visual.planes import planar
from models.voice.model import VoiceModel

log = structlog.get_logger(__name__)

_BROKEN = DecodeError, Fail, InvalidGraph, InvalidProtobuf, NotRunnable
"""Errors of a file that is not a graph, or none that this version of ONNX Runtime can run."""


class Registry:
    """Every model of the manifest, built at first use and kept as long as it is referenced.

    Safe to share between threads; ONNX Runtime sessions are too.

    Parameters
    ----------
    manifest
        Another manifest than the one in the package.
    extra
        A manifest that adds candidates to it.
    cache
        Folder for exported graphs; ``$XDG_CACHE_HOME/jikimi/models`` if not given.
    provider
        ONNX Runtime execution provider that every graph must run on; CUDA where it can be used, else the CPU, if None.
    n_threads
        Threads inside one session. One is right where a process runs several sessions at once.
    profiles
        Folder for profiles of the runs (`models.session.placement`); None for none.
    on_load
        Called for each model loaded: entry, execution provider ("" for fusion), seconds it took to verify and load.
    """

    def __init__(
        self,
        manifest: Path | None = None,
        cache: Path | None = None,
        provider: str | None = None,
        n_threads: int = 1,
        *,
        extra: Path | None = None,
        profiles: Path | None = None,
        on_load: Callable[[Entry, str, float], None] | None = None,
    ) -> None:
        self._entries = read_manifests(manifest or MANIFEST, extra)
        self._cache = cache or default_cache()
        self._provider, self._must = provider or best_provider(), provider is not None
        self._n_threads = n_threads
        self._profiles = profiles
        self._profiled: list[ort.InferenceSession] = []
        self._built: WeakValueDictionary[tuple[Kind, str], Any] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._used_provider = ""
        self._on_load = on_load

    def entry(self, modality: Kind, name: str | None = None) -> Entry:
        """Return the manifest's entry for a name, "name" or "name@version", or the default one of the modality.

        Of a name with several versions the default one is taken.

        Raises
        ------
        ModelError
            If the manifest has none, or several and no default among them.
        """
        fitting = [entry for entry in self._entries if entry.modality == modality]
        wanted = [entry for entry in fitting if name in {None, entry.name, entry.full_name}]
        if name is None or len(wanted) > 1:
            wanted = [entry for entry in wanted if entry.default]
        if len(wanted) != 1:
            known = ", ".join(entry.full_name for entry in fitting) or "none"
            raise ModelError(f"no {modality} model {name or 'marked default'!r} in the manifest; it has: {known}")
        return wanted[0]

    def visual(self, name: str | None = None) -> VisualModel:
        """Return the model that describes pictures."""
        entry = self.entry("visual", name)
        return self._once(entry, lambda: self._visual(entry))

    def audio(self, name: str | None = None) -> AudioModel:
        """Return the model that describes sounds."""
        entry = self.entry("audio", name)
        return self._once(entry, lambda: AudioModel(self._session(entry), entry.name, entry.version))

    def text(self, name: str | None = None) -> TextModel:
        """Return the model that describes sentences."""
        entry = self.entry("text", name)
        return self._once(entry, lambda: TextModel(self._session(entry), entry.name, entry.version))

    def fusion(self, name: str | None = None) -> FusionModel:
        """Return the model that joins the scores of all modalities."""
        entry = self.entry("fusion", name)
        return self._once(entry, lambda: self._fusion(entry))

    def voice(self, name: str | None = None) -> VoiceModel:
        """Return the model that describes voices."""
        entry = self.entry("voice", name)
        return self._once(entry, lambda: VoiceModel(self._session(entry), entry.name, entry.version))

    def explicit(self, name: str | None = None) -> ExplicitModel:
        """Return the model that rates how explicit pictures seem."""
        entry = self.entry("explicit", name)
        return self._once(entry, lambda: ExplicitModel(self._session(entry), entry.name, entry.version))

    def end_profiles(self) -> list[Path]:
        """Write the profiles of all sessions and return their files; none without a folder for them."""
        profiled, self._profiled = self._profiled, []
        return [Path(session.end_profiling()) for session in profiled]

    def _once[Model](self, entry: Entry, build: Callable[[], Model]) -> Model:
        key = entry.modality, entry.full_name
        with self._lock:
            model: Model | None = self._built.get(key)
            if model is None:
                began_s = time.perf_counter()
                self._used_provider = ""
                self._built[key] = model = build()
                if self._on_load is not None:
                    self._on_load(entry, self._used_provider, time.perf_counter() - began_s)
            return model

    def _visual(self, entry: Entry) -> VisualModel:
        session = self._session(entry, planar)
        rows = batch_rows(session.get_providers()[0])
        return VisualModel(session, entry.name, entry.version, entry.side_px, rows)

    def _fusion(self, entry: Entry) -> FusionModel:
        path = locate(entry, self._cache)
        if path.suffix == ".onnx":
            return CausesModel(self._session(entry), entry.name, entry.version)
        content = verified_bytes(entry, path)
        try:
            if (found := read_calibration(content)) is not None:
                return Calibrated(entry.name, entry.version, self._base(entry, found.base), found)
            return NoisyOr(entry.name, entry.version, read_curves(content))
        except ValueError as error:
            raise ModelError(f"{entry.full_name}: {path} is not a calibration: {error}") from error

    def _base(self, entry: Entry, name: str) -> FusionModel:
        base = self.entry("fusion", name)
        path = locate(base, self._cache)
        if path.suffix != ".onnx" and read_calibration(verified_bytes(base, path)) is not None:
            raise ModelError(f"{entry.full_name}: {name} is calibrated itself: name the model below it")
        return self._fusion(base)

    def _session(self, entry: Entry, change: Callable[[bytes], bytes] = bytes) -> ort.InferenceSession:
        graph = verified_bytes(entry, locate(entry, self._cache))
        try:
            session = open_session(change(graph), self._provider, self._n_threads, self._profiles)
        except _BROKEN as error:
            raise ModelError(f"{entry.full_name}: not an ONNX graph that can be loaded: {error}") from error
        if self._profiles is not None:
            self._profiled.append(session)
        _require_ports(entry, self.entry(entry.modality), session)
        self._used_provider = self._checked(session.get_providers()[0])
        log.info("model loaded", model=entry.name, version=entry.version, provider=self._used_provider)
        return session

    def _checked(self, used: str) -> str:
        if used != self._provider and self._must:
            raise ModelError(f"{self._provider} cannot be used here: jikimi doctor --role visual says why")
        if used != self._provider:
            log.warning("models run on the CPU", provider=self._provider, remedy="jikimi doctor --role visual")
        return used


def _require_ports(entry: Entry, default: Entry, session: ort.InferenceSession) -> None:
    """Raise a `ModelError` unless a graph has the inputs and outputs of its modality's default."""
    inputs = {part.name for part in session.get_inputs()}
    outputs = {part.name for part in session.get_outputs()}
    if inputs != default.inputs.keys() or not outputs >= default.outputs.keys():
        found, wanted = _ports(inputs, outputs), _ports(default.inputs, default.outputs)
        raise ModelError(f"{entry.full_name}: the graph has {found}; a {entry.modality} model has {wanted}")


def _ports(inputs: Iterable[str], outputs: Iterable[str]) -> str:
    return f"{', '.join(sorted(inputs))} -> {', '.join(sorted(outputs))}"
