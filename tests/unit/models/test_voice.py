import os
import pickle
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from models.manifest import ModelError
from models.registry import Registry
from models.voice.export import DIMENSIONS, N_BANDS, N_FRAMES, export_from, graph_of
from models.voice.likeness import most_similar_run, runs_of
from models.voice.model import RATE_HZ, VoiceModel
from models.voice.weights import read_tensors

Array = npt.NDArray[np.float32]
_REASON = "the voice model's weights are the operator's to bring"
needs_weights = pytest.mark.skipif(find_spec("resemblyzer") is None, reason=_REASON)


def saved(described: bytes, *storages: Array) -> bytes:
    """Return a file in the format of PyTorch before 1.6, with this pickle as its dictionary."""
    heads = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    keys = pickle.dumps([str(number) for number in range(len(storages))], 2)
    bodies = [struct.pack("<q", len(storage)) + storage.astype("<f4").tobytes() for storage in storages]
    return b"".join([*heads, described, keys, *bodies])


def tensor(offset: int, stride: tuple[int, int]) -> bytes:
    """Return the pickle of {"model_state": {"w": a (2, 2) tensor}} with the names in PyTorch's pickles."""
    storage = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI6\nNtQ"
    where = b"I%d\n(I2\nI2\nt(I%d\nI%d\ntI00\nN" % (offset, *stride)
    return b"(dS'model_state'\n(dS'w'\nctorch._utils\n_rebuild_tensor_v2\n(" + storage + where + b"tRss."


def test_tensors_are_read_at_their_offset() -> None:
    numbers = np.arange(6, dtype=np.float32)
    assert read_tensors(saved(tensor(2, (2, 1)), numbers))["w"].tolist() == [[2.0, 3.0], [4.0, 5.0]]


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_with_another_call_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"mkdir, which no tensor needs"):
        read_tensors(saved(pickle.dumps({"model_state": {"w": Harmful()}}, 2)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", saved(tensor(0, (2, 1)))[:90], saved(tensor(0, (1, 2)))])
def test_a_file_without_weights_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not"):
        read_tensors(content)


def test_other_weights_than_the_pinned_ones_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "pretrained.pt"
    path.write_bytes(saved(pickle.dumps({"model_state": {"w": Harmful()}}, 2)))
    with pytest.raises(ModelError, match=r"not 39373b86.*: refused"):
        export_from(path)


def test_the_error_of_missing_weights_has_the_download_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.voice.export.importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"pip download --no-deps resemblyzer==0\.1\.4"):
        Registry(cache=tmp_path).voice()


def test_the_graph_computes_the_network_of_its_weights() -> None:
    random = np.random.default_rng(7)
    weights = {"linear.weight": random.normal(0, 0.1, (256, 256)), "linear.bias": random.normal(0, 0.1, 256)}
    for layer, width in enumerate((N_BANDS, 256, 256)):
        weights[f"lstm.weight_ih_l{layer}"] = random.normal(0, 0.1, (1024, width))
        weights[f"lstm.weight_hh_l{layer}"] = random.normal(0, 0.1, (1024, 256))
        for part in ("ih", "hh"):
            weights[f"lstm.bias_{part}_l{layer}"] = random.normal(0, 0.1, 1024)
    single = {name: values.astype(np.float32) for name, values in weights.items()}
    mel = random.random((3, N_FRAMES, N_BANDS)).astype(np.float32)
    session = ort.InferenceSession(graph_of(single), providers=["CPUExecutionProvider"])
    assert session.run(None, {"mel": mel})[0] == pytest.approx(by_hand(single, mel), abs=1e-5)


def by_hand(weights: dict[str, Array], mel: Array) -> npt.NDArray[np.float64]:
    """Return the embedding by PyTorch's definition of an LSTM, in plain NumPy."""
    states: npt.NDArray[np.float64] = mel.astype(np.float64)
    for layer in range(3):
        w_in, w_back = weights[f"lstm.weight_ih_l{layer}"], weights[f"lstm.weight_hh_l{layer}"]
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        hidden, cell = np.zeros((len(mel), 256)), np.zeros((len(mel), 256))
        outputs = []
        for frame in range(N_FRAMES):
            gates = states[:, frame] @ w_in.T + hidden @ w_back.T + bias
            entry, forget, new, out = np.split(gates, 4, axis=1)
            cell = sigmoid(forget) * cell + sigmoid(entry) * np.tanh(new)
            hidden = sigmoid(out) * np.tanh(cell)
            outputs.append(hidden)
        states = np.stack(outputs, axis=1)
    voice = np.maximum(hidden @ weights["linear.weight"].T + weights["linear.bias"], 0)
    unit: npt.NDArray[np.float64] = voice / np.linalg.norm(voice, axis=1, keepdims=True)
    return unit


def sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    result: npt.NDArray[np.float64] = 1 / (1 + np.exp(-values))
    return result


def voice(seed: int, n_windows: int, spread: float = 0.3) -> Array:
    """Return windows of one voice: a direction of its own plus noise for each window."""
    person = np.abs(np.random.default_rng(seed).normal(size=DIMENSIONS))
    noise = np.random.default_rng((seed, n_windows)).normal(size=(n_windows, DIMENSIONS))
    rows = person / np.linalg.norm(person) + spread * noise / np.sqrt(DIMENSIONS)
    unit: Array = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def times(n_windows: int) -> npt.NDArray[np.float64]:
    return np.arange(n_windows, dtype=np.float64) * 0.8


def test_little_speech_is_not_compared() -> None:
    assert most_similar_run(runs_of(voice(1, 5)), times(5), voice(1, 20)) is None
    assert most_similar_run(runs_of(voice(1, 20)), times(20), voice(1, 5)) is None


def test_the_same_voice_scores_high_and_another_low() -> None:
    same, other = (most_similar_run(runs_of(voice(seed, 20)), times(20), voice(1, 30)) for seed in (1, 2))
    assert same is not None
    assert same.score > 0.8
    assert other is None or other.score < 0.5


def test_a_stretch_of_the_post_and_half_of_the_reference_are_enough() -> None:
    post = np.concatenate([voice(2, 20), voice(1, 10), voice(2, 21)])
    found = most_similar_run(runs_of(post), times(len(post)), np.concatenate([voice(1, 15), voice(3, 15)]))
    assert found is not None
    assert found.score > 0.8
    assert times(51)[20] <= found.query[0] < found.query[1] <= times(51)[29]


def test_a_single_similar_window_is_not_a_match() -> None:
    post = np.concatenate([voice(2, 10), voice(1, 1), voice(2, 11)])
    found = most_similar_run(runs_of(post), times(len(post)), voice(1, 30))
    assert found is None or found.score < 0.5


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VoiceModel:
    return Registry(cache=tmp_path_factory.mktemp("models")).voice()


@needs_weights
def test_silence_noise_and_a_chord_are_no_speech(model: VoiceModel) -> None:
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    chord = np.sum([np.sin(2 * np.pi * pitch_hz * time_s) for pitch_hz in (220, 277, 330)], axis=0)
    noise = np.random.default_rng(1).normal(size=len(time_s))
    for sound in (0 * time_s, 3000 * chord, 3000 * noise):
        assert len(model.describe(sound.astype(np.int16)).vectors) == 0
    assert len(model.describe(np.zeros(0, np.int16)).vectors) == 0


@needs_weights
def test_the_volume_does_not_change_the_descriptors(model: VoiceModel) -> None:
    loud = babble(15.0)
    described, quiet = model.describe(loud), model.describe((loud / 2).astype(np.int16))
    assert described.vectors.shape == (len(described.times_s), DIMENSIONS)
    assert len(described.vectors) >= 6
    assert np.sum(described.vectors * quiet.vectors, axis=1).min() > 0.99
    assert np.all(np.diff(described.times_s) > 0)


def babble(duration_s: float) -> npt.NDArray[np.int16]:
    """Return synthetic syllables: a pulse train modulated four times a second, with pauses."""
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    pulses = np.sum([np.sin(2 * np.pi * 120 * part * time_s) / part for part in range(1, 20)], axis=0)
    swell = np.maximum(np.sin(2 * np.pi * 2 * time_s), 0) ** 2
    sound: npt.NDArray[np.int16] = (12000 * pulses * swell).astype(np.int16)
    return sound
