"""Print how well edited sounds match their originals: ``python -m ops.bench.audio_fingerprint FILE [FILE ...]``.

Takes up to four pieces of 40 s from each file, edits them, shifts them by half a hop (the worst case), and compares
them with the unedited pieces. Pieces of other files are the unrelated ones, because music repeats within a file. The
last piece is the voice laid over the others and the one before it the music, so end with two such files.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from typing import cast

import av
import av.filter
import numpy as np
import numpy.typing as npt

from models.aligned_pair import Alignment
from models.alignment import align
from models.alignment_parameters import AUDIO
from models.audio.model import AudioDescription, AudioModel
from models.registry import Registry

Sound = npt.NDArray[np.int16]

_RATE_HZ = 44100
_PIECE_S = 40
_MAX_PIECES = 4
_QUIET = 30.0
"""Root mean square, of 32,768, below which a piece is left out."""
_SPEEDS = {"tempo 0.8": 0.8, "tempo 1.25": 1.25, "speed 1.1": 1.1}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    of_file = [(path, piece) for path in parser.parse_args().files for piece in cut(read(path))]
    pieces = [piece for _, piece in of_file]
    model = Registry().audio()
    references = [model.describe(resample(piece, _RATE_HZ, model.rate_hz)) for piece in pieces]
    print_cost(model)
    print_unrelated(list(zip([path for path, _ in of_file], references, strict=True)))
    voice = pieces[-1]
    music = pieces[-2]
    sys.stdout.write(f"{'edit':18}window cosine: median   1 %   score of the run: median  least\n")
    for name, edit in EDITS.items():
        cosines, scores = [], []
        for piece, reference in zip(pieces, references, strict=True):
            query = model.describe(edit(piece, music if "music" in name else voice)[model.rate_hz // 8 :])
            cosines.append(aligned_cosines(query, reference, _SPEEDS.get(name, 1.0)))
            found = compare(query, reference)
            scores.append(found.score if found else 0.0)
        window = np.concatenate(cosines)
        row = f"{name:18}{np.median(window):22.2f}{np.percentile(window, 1):6.2f}"
        sys.stdout.write(f"{row}{np.median(scores):27.2f}{min(scores):7.2f}\n")


def compare(query: AudioDescription, reference: AudioDescription) -> Alignment | None:
    """Align two sounds as the match stage does."""
    if not len(query.vectors) or not len(reference.vectors):
        return None
    return align(query.vectors @ reference.vectors.T, query.times_s, reference.times_s, AUDIO)


def aligned_cosines(query: AudioDescription, reference: AudioDescription, speed: float) -> npt.NDArray[np.float32]:
    """Return the best cosine within 0.4 s of its true time, for each window of the query, float32 (n,)."""
    true_s = (query.times_s + 0.125) * speed
    near = np.abs(reference.times_s[None, :] - true_s[:, None]) < 0.4  # noqa: PLR2004 - as documented
    best = np.where(near, query.vectors @ reference.vectors.T, -1.0).max(axis=1)
    cosines: npt.NDArray[np.float32] = best[near.any(axis=1)]
    return cosines


def print_cost(model: AudioModel) -> None:
    """Print processor time for a minute of sound, on one thread."""
    noise = np.random.default_rng(0).normal(0, 3000, 60 * model.rate_hz).astype(np.int16)
    start = time.process_time()
    model.describe(noise)
    sys.stdout.write(f"processor time for 60 s of sound: {time.process_time() - start:.3f} s\n")


def print_unrelated(references: list[tuple[str, AudioDescription]]) -> None:
    """Print the similarity of unrelated windows and runs."""
    both = itertools.permutations(references, 2)
    pairs = [(one, other) for (path, one), (other_path, other) in both if path != other_path]
    window = np.concatenate([(one.vectors @ other.vectors.T).ravel() for one, other in pairs])
    scores = [found.score if (found := compare(one, other)) else 0.0 for one, other in pairs]
    cells = " {:.2f}, 99 % {:.2f}, 99.9 % {:.2f}".format(*np.percentile(window, [50, 99, 99.9]))
    sys.stdout.write(f"unrelated, {len(references)} pieces: window cosine median{cells}\n")
    p95, p99 = np.percentile(scores, [95, 99])
    sys.stdout.write(f"unrelated, score of the best run: 95 % {p95:.2f}, 99 % {p99:.2f}, most {max(scores):.2f}\n\n")


def read(path: str) -> Sound:
    """Return the sound of a file, mono at 44.1 kHz."""
    resampler = av.AudioResampler("s16", "mono", _RATE_HZ)
    with av.open(path) as container:
        frames = itertools.chain.from_iterable(map(resampler.resample, container.decode(audio=0)))
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def cut(sound: Sound) -> list[Sound]:
    """Return pieces of 40 s spread over a sound, without silent ones."""
    size = _PIECE_S * _RATE_HZ
    starts = np.linspace(0, max(0, len(sound) - size), min(_MAX_PIECES, max(1, len(sound) // size))).astype(int)
    pieces = [sound[start : start + size] for start in starts]
    return [piece for piece in pieces if loudness(piece) > _QUIET]


def loudness(sound: Sound) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def resample(sound: Sound, from_hz: int, to_hz: int) -> Sound:
    """Change the sampling rate; a wrong `from_hz` changes speed and pitch together."""
    resampler = av.AudioResampler("s16", "mono", to_hz)
    frames = resampler.resample(_frame(sound, from_hz)) + resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def recoded(sound: Sound, codec: str, container_format: str, bits_per_s: int) -> Sound:
    """Compress at 22.05 kHz and decode at 8 kHz."""
    return compressed(resample(sound, _RATE_HZ, 22050), 22050, codec, container_format, bits_per_s, to_hz=8000)


def compressed(sound: Sound, rate_hz: int, codec: str, container_format: str, bits_per_s: int, *, to_hz: int) -> Sound:
    """Compress, and decode at another rate."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=rate_hz, layout="mono"))
        stream.bit_rate = bits_per_s
        for start in range(0, len(sound), 1024):
            frame = _frame(sound[start : start + 1024], rate_hz)
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    resampler = av.AudioResampler("s16", "mono", to_hz)
    with av.open(buffer, "r") as written:
        frames = itertools.chain.from_iterable(map(resampler.resample, written.decode(audio=0)))
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def stretched(sound: Sound, speed: float) -> Sound:
    """Change the tempo, not the pitch."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=_RATE_HZ, format="s16", layout="mono", time_base=Fraction(1, _RATE_HZ))
    graph.link_nodes(source, graph.add("atempo", str(speed)), graph.add("abuffersink")).configure()
    graph.push(_frame(sound, _RATE_HZ))
    graph.push(None)
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except (av.EOFError, av.BlockingIOError):
            return np.concatenate(parts)


def transposed(sound: Sound, semitones: float) -> Sound:
    """Change the pitch, not the tempo."""
    factor = 2 ** (semitones / 12)
    return stretched(resample(sound, round(_RATE_HZ * factor), _RATE_HZ), 1 / factor)


def filtered(sound: Sound, gain: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> Sound:
    """Apply a gain per frequency."""
    spectrum = np.fft.rfft(sound.astype(np.float64))
    return quantised(np.fft.irfft(spectrum * gain(np.fft.rfftfreq(len(sound), 1 / _RATE_HZ)), len(sound)))


def equaliser(frequency_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return gains of -8 to +8 dB that oscillate over the octaves; 4 dB lower in all, against clipping."""
    return 10 ** ((8 * np.sin(np.log2(np.maximum(frequency_hz, 20) / 50) * 1.7) - 4) / 20)


def telephone(frequency_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pass 300 to 2,500 Hz."""
    return ((frequency_hz > 300) & (frequency_hz < 2500)).astype(np.float64)  # noqa: PLR2004 - as documented


def mixed(sound: Sound, other: npt.NDArray[np.float64] | Sound, decibels: float) -> Sound:
    """Add another sound, `decibels` louder than this one, at half the volume."""
    over = np.resize(other, len(sound)).astype(np.float64)
    level = float(loudness(sound) * 10 ** (decibels / 20) / max(1.0, float(np.sqrt(np.mean(over**2)))))
    return quantised(0.5 * (sound.astype(np.float64) + level * over))


def quantised(samples: npt.NDArray[np.float64]) -> Sound:
    """Round to 16 bits and resample to 8 kHz."""
    return at_8_khz(np.clip(np.rint(samples), -32768, 32767).astype(np.int16))


def at_8_khz(sound: Sound) -> Sound:
    """Resample to the model's 8 kHz."""
    return resample(sound, _RATE_HZ, 8000)


def _frame(sound: Sound, rate_hz: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound).reshape(1, -1), "s16", "mono")
    frame.sample_rate = rate_hz
    frame.time_base = Fraction(1, rate_hz)
    return frame


_NOISE = np.random.default_rng(0).normal(0, 1000, _PIECE_S * _RATE_HZ)

EDITS: dict[str, Callable[[Sound, Sound], Sound]] = {
    "shift only": lambda sound, _: at_8_khz(sound),
    "mp3 32 kbit/s": lambda sound, _: recoded(sound, "libmp3lame", "mp3", 32_000),
    "aac 24 kbit/s": lambda sound, _: recoded(sound, "aac", "adts", 24_000),
    "volume -20 dB": lambda sound, _: quantised(0.1 * sound.astype(np.float64)),
    "equaliser 8 dB": lambda sound, _: filtered(sound, equaliser),
    "telephone": lambda sound, _: filtered(sound, telephone),
    "noise at -10 dB": lambda sound, _: mixed(sound, _NOISE, -10),
    "noise at 0 dB": lambda sound, _: mixed(sound, _NOISE, 0),
    "voice at -6 dB": lambda sound, voice: mixed(sound, voice, -6),
    "voice at 0 dB": lambda sound, voice: mixed(sound, voice, 0),
    "music at 0 dB": lambda sound, music: mixed(sound, music, 0),
    "tempo 0.8": lambda sound, _: at_8_khz(stretched(sound, 0.8)),
    "tempo 1.25": lambda sound, _: at_8_khz(stretched(sound, 1.25)),
    "2 semitones up": lambda sound, _: at_8_khz(transposed(sound, 2)),
    "2 semitones down": lambda sound, _: at_8_khz(transposed(sound, -2)),
    "speed 1.1": lambda sound, _: resample(sound, round(_RATE_HZ * 1.1), 8000),
}


if __name__ == "__main__":
    main()
