"""Edits of the sound: noise, music or speech over it, filters, pitch, tempo, volume."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np

from streams.evaluation.clips import RATE_HZ, Clip, Pcm
from streams.evaluation.edits.edit import Change, rms, to_int16

type Filters = Sequence[tuple[str, str]]
"""Names and arguments of a chain of FFmpeg filters."""

PHONE: Filters = (("highpass", "f=300:p=2"), ("highpass", "f=300"), ("lowpass", "f=3400"), ("lowpass", "f=3400"))
LOUDSPEAKER: Filters = (
    ("highpass", "f=300:p=2"),
    ("lowpass", "f=5000:p=2"),
    ("lowpass", "f=5000"),
)
ROOM: Filters = (("highpass", "f=150"), ("lowpass", "f=6000"), ("aecho", "0.8:0.7:23|41|67:0.35|0.25|0.15"))


def filtered(filters: Filters) -> Change:
    """Return the edit that passes the sound through FFmpeg's filters."""
    return lambda clip, _other, _rng: replace(clip, pcm=apply_filters(clip.pcm, filters)[: clip.pcm.size])


def hissing(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Add white noise, as loud as the sound (0 dB)."""
    return replace(clip, pcm=to_int16(0.6 * (clip.pcm + rng.normal(0, rms(clip.pcm), clip.pcm.size))))


def in_room(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Record from a loudspeaker: echoes, a narrower band, noise at -18 dB."""
    pcm = apply_filters(clip.pcm, ROOM)[: clip.pcm.size]
    return replace(clip, pcm=to_int16(pcm + rng.normal(0, rms(pcm) * 10 ** (-18 / 20), pcm.size)))


def off_a_loudspeaker(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Play over a loudspeaker and record with a phone: the room's echo, 300-5000 Hz, mild clipping, noise at -15 dB."""
    if not clip.pcm.size:
        return clip
    n = int(rng.uniform(0.2, 0.6) * RATE_HZ)
    echo = rng.normal(0, 0.03, n) * np.exp(-7 * np.arange(n) / n)
    echo[0] = 1.0
    size = clip.pcm.size + n
    wet = np.fft.irfft(np.fft.rfft(clip.pcm, size) * np.fft.rfft(echo, size), size)[: clip.pcm.size]
    loud = max(float(np.abs(wet).max()), 1.0)
    clipped = 28_000 * np.tanh(1.8 * wet / loud)
    noise = rng.normal(0, rms(to_int16(clipped)) * 10 ** (-15 / 20), clipped.size)
    return replace(clip, pcm=apply_filters(to_int16(clipped + noise), LOUDSPEAKER)[: clip.pcm.size])


def laid_over(clip: Clip, other: Clip, rng: np.random.Generator) -> Clip:
    """Add the other's sound, equally loud (0 dB) and without a pause."""
    if not other.pcm.size or not clip.pcm.size:
        return clip
    rolled = np.roll(other.pcm, -int(rng.integers(other.pcm.size)))
    over = np.resize(rolled, clip.pcm.size).astype(np.float64)
    loud = max(rms(other.pcm), 1.0)
    level = rms(clip.pcm) / loud
    return replace(clip, pcm=to_int16(np.asarray(0.6 * (clip.pcm + over * level), np.float64)))


def pitched(semitones: float) -> Change:
    """Return the edit that changes the pitch and keeps the tempo."""
    factor = 2 ** (semitones / 12)

    def change(clip: Clip, _other: Clip, _rng: np.random.Generator) -> Clip:
        shifted = stretched(resampled(clip.pcm, factor), 1 / factor)
        fitted = np.zeros(clip.pcm.size, np.int16)
        fitted[: shifted.size] = shifted[: fitted.size]
        return replace(clip, pcm=fitted)

    return change


def equalised(clip: Clip, other: Clip, rng: np.random.Generator) -> Clip:
    """Raise or lower five bands by up to 9 dB."""
    gains = rng.uniform(-9, 9, 5)
    bands = [
        ("equalizer", f"f={f}:t=o:w=1:g={g:.2f}") for f, g in zip((150, 400, 1000, 2500, 6000), gains, strict=True)
    ]
    return filtered([("volume", "0.5"), *bands])(clip, other, rng)


def louder(decibels: float) -> Change:
    """Return the edit that changes the volume."""
    gain = np.float64(10 ** (decibels / 20))
    return lambda clip, _other, _rng: replace(clip, pcm=to_int16(clip.pcm.astype(np.float64) * gain))


def resampled(pcm: Pcm, speed: float) -> Pcm:
    """Return the sound at another speed, pitch and tempo together as on tape."""
    if pcm.size == 0:
        return pcm
    cut = min(1.0, 1 / speed) * 0.95 * RATE_HZ / 2  # against aliasing
    clean = apply_filters(pcm, [("lowpass", f"f={cut:.0f}")]) if speed > 1 else pcm
    at = np.arange(0, pcm.size - 1, speed)
    return to_int16(np.interp(at, np.arange(clean.size), clean.astype(np.float64)))


def stretched(pcm: Pcm, speed: float) -> Pcm:
    """Return the sound at ``speed`` with its pitch kept, by FFmpeg's overlap-add filter atempo."""
    return apply_filters(pcm, [("atempo", str(speed))])


def apply_filters(pcm: Pcm, filters: Filters) -> Pcm:
    """Return the sound filtered by FFmpeg."""
    if pcm.size == 0:
        return pcm
    graph = av.filter.Graph()
    nodes = [graph.add_abuffer(sample_rate=RATE_HZ, format="s16", layout="mono")]
    nodes += [graph.add(name, arguments) for name, arguments in filters]
    nodes += [graph.add("aformat", "sample_fmts=s16:channel_layouts=mono"), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    graph.push(frame)
    graph.push(None)
    parts = []
    with contextlib.suppress(av.error.EOFError):
        while True:
            parts.append(graph.pull().to_ndarray()[0])
    return np.concatenate(parts)
