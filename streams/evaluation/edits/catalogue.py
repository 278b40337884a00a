"""Every edit by name, and copies made by one or several of them.

Every edit is a pure function of the clip, an unrelated clip and a random generator, so the same seed makes the same
copy.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from streams.evaluation.clips import FPS, RATE_HZ, Clip, Encoding, Picture, duration_s, read_clip, write_clip
from streams.evaluation.edits import layouts, pictures, sounds, times
from streams.evaluation.edits.edit import AUDIO, USUAL, VISUAL, Edit, drawn, per_picture


def _sped_with_pitch(clip: Clip, _other: Clip, rng: np.random.Generator) -> Clip:
    """Play 4 to 12 % faster or slower, pitch and tempo together as on tape."""
    speed = float(1 + rng.choice([-1, 1]) * rng.uniform(0.04, 0.12))
    return times.sped(clip, speed, sounds.resampled(clip.pcm, speed))


def _still(description: str, change: Callable[[np.random.Generator], Callable[[Picture], Picture]]) -> Edit:
    return Edit(description, times.still(change), VISUAL, suffix=".jpg")


PICTURE_EDITS: dict[str, Edit] = {
    "unchanged": Edit("posted as it is", per_picture(lambda picture: picture)),
    "reencoded": Edit(
        "re-encoded small and poor", per_picture(pictures.halved), encoding=Encoding(38, audio_bps=24_000)
    ),
    "fixed_gop": Edit("no key frames at cuts", per_picture(lambda picture: picture), encoding=Encoding(30, gop=96)),
    "small": Edit("240 wide", per_picture(pictures.shrunk(240)), encoding=Encoding(crf=30)),
    "cropped": Edit("cropped to 70 %", drawn(pictures.cropped(0.7))),
    "cropped_half": Edit("cropped to 50 %", drawn(pictures.cropped(0.5))),
    "mirrored": Edit("mirrored", per_picture(pictures.mirrored)),
    "captioned": Edit("text burnt in", per_picture(pictures.captioned)),
    "identical": Edit("byte for byte", per_picture(lambda picture: picture)),
    "covered_40": Edit("40 % covered", drawn(pictures.mostly_covered)),
    "dark": Edit("a third as bright", per_picture(pictures.darkened)),
    "night_vision": Edit("green with grain, as by infrared light", pictures.night_vision),
    "slow_zoom": Edit("zoomed slowly by up to 1.6", pictures.zoomed),
    "covered": Edit("a third covered by a box", drawn(pictures.covered)),
    "stickered": Edit("stickers on it", drawn(pictures.stickered)),
    "grayscale": Edit("without colour", per_picture(pictures.grayed)),
    "recoloured": Edit("colour filter", per_picture(pictures.recoloured)),
    "blurred": Edit("blurred", per_picture(pictures.blurred)),
    "rotated": Edit("turned by 8 degrees", per_picture(pictures.rotated(8))),
    "rotated_5": Edit("turned by 5 degrees", per_picture(pictures.rotated(-5))),
    "rotated_90": Edit("turned by 90 degrees", per_picture(pictures.quarter_turned)),
    "noisy": Edit("grain and hiss", pictures.noisy, encoding=Encoding(crf=30)),
    "filmed": Edit("filmed from a screen", pictures.filmed(sounds.in_room), encoding=Encoding(crf=30)),
    "letterboxed": Edit("letterboxed to 9:16", per_picture(layouts.letterboxed)),
    "pillarboxed": Edit("pillarboxed to 21:9", per_picture(layouts.pillarboxed)),
    "bordered": Edit("a coloured border", drawn(layouts.bordered)),
    "meme_framed": Edit("between two lines on white", per_picture(layouts.meme_framed)),
    "upright_blurred": Edit("9:16 over itself blurred", per_picture(layouts.upright_blurred)),
    "upright_cropped": Edit("9:16, the middle of it", per_picture(layouts.upright_cropped)),
    "upright_off_centre": Edit("9:16, left or right of the middle", drawn(layouts.upright_off_centre)),
    "reaction": Edit("small beside another video, with its sound", layouts.beside(layouts.reacted_to), other="video"),
    "picture_in_picture": Edit("picture in picture", layouts.beside(layouts.in_corner), other="video"),
    "inset": Edit("picture in picture anywhere, 25-60 % wide", layouts.anywhere, other="video"),
    "stacked": Edit("above another video", layouts.beside(layouts.stacked), other="video"),
    "side_by_side": Edit("beside another video", layouts.beside(layouts.side_by_side), other="video"),
    "sped_up": Edit("sped up 1.25 times", times.at_speed(1.25)),
    "slowed_down": Edit("slowed down to 0.8", times.at_speed(0.8)),
    "excerpt": Edit("5 s of it", times.excerpt(times.EXCERPT_S)),
    "excerpt_3": Edit("3 s of it", times.excerpt(3)),
    "excerpt_inside_another": Edit("6 s inside another video", times.inside_another(times.INSIDE_S), other="video"),
    "inside_another_5": Edit("5 s inside another video", times.inside_another(5), other="video"),
    "inside_another_3": Edit("3 s inside another video", times.inside_another(3), other="video"),
    "looped": Edit("4 s of it three times", times.looped),
    "reordered": Edit("its parts in another order", times.reordered),
    "shuffled": Edit("pieces of 2 s in random order", times.shuffled),
    "reversed": Edit("backwards", times.backwards, VISUAL),
    "silent": Edit("pictures without sound", times.silent, VISUAL),
    "still": _still("one picture of it", lambda _rng: lambda picture: picture),
    "still_cropped_70": _still("one picture, cropped to 70 %", pictures.cropped(0.7)),
    "still_captioned": _still("one picture with text burnt in", lambda _rng: pictures.captioned),
    "still_mirrored": _still("one picture, mirrored", lambda _rng: pictures.mirrored),
    "still_320": _still("one picture, 320 wide", lambda _rng: pictures.shrunk(320)),
}
"""Edits of pictures, some of their sound too."""

SOUND_EDITS: dict[str, Edit] = {
    "sound_only": Edit("its sound under other pictures", times.sound_only, AUDIO, other="video"),
    "sound_file": Edit("its sound alone", times.sound_file, AUDIO, suffix=".m4a"),
    "mp3_low": Edit(
        "sound as MP3 of 24 kbit/s",
        sounds.louder(0),
        encoding=replace(USUAL, audio_bps=24_000, audio_codec="libmp3lame"),
    ),
    "aac_low": Edit("sound as AAC of 16 kbit/s", sounds.louder(0), encoding=replace(USUAL, audio_bps=16_000)),
    "noise_over": Edit("noise over it at 0 dB", sounds.hissing),
    "music_over": Edit("music over it at 0 dB", sounds.laid_over, other="music"),
    "speech_over": Edit("speech over it at 0 dB", sounds.laid_over, other="speech"),
    "loudspeaker": Edit("recorded off a loudspeaker by a phone", sounds.off_a_loudspeaker),
    "phone_band": Edit("sound of a telephone, 300-3400 Hz", sounds.filtered(sounds.PHONE)),
    "pitched_up": Edit("pitch 2 semitones up", sounds.pitched(2)),
    "pitched_down": Edit("pitch 2 semitones down", sounds.pitched(-2)),
    "tempo": Edit("tempo 0.8-1.25", times.at_some_speed),
    "speed_and_pitch": Edit("speed and pitch 4-12 % up or down", _sped_with_pitch),
    "equalised": Edit("five bands up or down by up to 9 dB", sounds.equalised),
    "quiet": Edit("20 dB quieter", sounds.louder(-20)),
}
"""Edits of sound."""

EDITS: dict[str, Edit] = PICTURE_EDITS | SOUND_EDITS
"""Every edit by name."""


def make_copy(edit: Edit, source: Path, target: Path, *, other: Path, seed: int = 0) -> None:
    """Write the edited ``source`` to ``target``; ``other`` is an unrelated video for the edits that need one.

    Raises
    ------
    av.error.FFmpegError
        A file cannot be decoded.
    """
    make_edited([(edit, other)], source, target, edit.encoding, seed)


def make_edited(
    edits: Sequence[tuple[Edit, Path | None]], source: Path, target: Path, encoding: Encoding, seed: int
) -> tuple[float, float] | None:
    """Write ``source`` after all edits; return the interval that shows it, seconds, None for a still.

    Parameters
    ----------
    edits
        Applied one after another, each with the unrelated clip it needs.

    Raises
    ------
    av.error.FFmpegError
        A file cannot be decoded.
    """
    rng, clip = np.random.default_rng(seed), _with_sound(read_clip(source), source)
    for edit, other in edits:
        clip = edit.change(clip, read_clip(other) if other else Clip(iter(()), times.NO_SOUND), rng)
    shown = clip.shown
    if not clip.pcm.any():
        clip = replace(clip, pcm=times.NO_SOUND)
    n = write_clip(clip, target, encoding)
    return None if target.suffix == ".jpg" else shown or (0.0, max(n / FPS, clip.pcm.size / RATE_HZ))


def _with_sound(clip: Clip, source: Path) -> Clip:
    """Return the clip with digital silence if it is silent, because edits read its length from its sound."""
    if clip.pcm.size:
        return clip
    return replace(clip, pcm=np.zeros(round(duration_s(source) * RATE_HZ), np.int16))
