"""Uploads of a set: copies of its references by edits and pairs of edits, look-alikes, and unrelated clips."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import structlog

from streams.errors import UsageError
from streams.evaluation.clips import Encoding
from streams.evaluation.cuts import make_sound, sounds
from streams.evaluation.edits.catalogue import EDITS, PICTURE_EDITS, SOUND_EDITS, make_edited
from streams.evaluation.edits.edit import Other
from streams.evaluation.manifest import LOOK_ALIKE, Query
from streams.evaluation.material import OVERLAYS, SPEECH_OVER_COPIES, Material
from streams.evaluation.set_plan import SetPlan, Sources

log = structlog.get_logger()

_STRONG_EDITS = {
    *("cropped_half", "upright_cropped", "upright_off_centre", "inset", "picture_in_picture", "side_by_side"),
    *("covered", "covered_40", "reaction"),
}
_NOT_PAIRED = {"unchanged", "identical", "silent", "sound_file", "rotated"}
_STILLS = {name for name, edit in EDITS.items() if edit.suffix == ".jpg"}
_SPEECH_FILES = 12
"""Speech files that make one overlay."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Upload to be made, in another process."""

    id: str
    source: Path
    target: Path
    edits: tuple[tuple[str, Path | None], ...]
    preset: str
    seed: int
    expect: str | None
    transform: str
    shows: str | None
    """Kind of its source."""


def planned_copies(
    material: Material, sources: Sources, out: Path, plan: SetPlan, rng: np.random.Generator
) -> list[Copy]:
    """Return all uploads to be made; writes the sounds laid over some of them."""
    overlays: dict[Other, list[Path]] = {"video": material.others, **_overlays(sources, out, plan)}
    make = _Maker(material, overlays, out, rng)
    return [*_copies(make, plan), *_unrelated(make, plan), *_look_alikes(make, plan)]


def make_copy(copy: Copy) -> Query:
    """Write one upload and return its entry in the manifest."""
    edits = [(EDITS[name], other) for name, other in copy.edits]
    encoding = replace(_poorer([edit.encoding for edit, _ in edits]), preset=copy.preset)
    if copy.edits[0][0] == "identical":
        shutil.copyfile(copy.source, copy.target)
        shown = None
    else:
        shown = make_edited(edits, copy.source, copy.target, encoding, copy.seed)
    keeps = frozenset.intersection(*(edit.keeps for edit, _ in edits))
    return Query(
        id=copy.id,
        path=f"queries/{copy.target.name}",
        expect=copy.expect,
        transform=copy.transform,
        interval=shown and (round(shown[0], 3), round(shown[1], 3)) if copy.expect else None,
        keeps=sorted(keeps) if copy.expect else None,
        shows=copy.shows,
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """What the plan of every upload needs."""

    material: Material
    overlays: dict[Other, list[Path]]
    out: Path
    rng: np.random.Generator

    def copy(self, source: Path, names: tuple[str, ...], called: str | None = None) -> Copy:
        """Return the copy of a clip by these edits; it expects the clip's case if it is not `called` otherwise."""
        identity = f"{called or source.stem}-{'+'.join(names)}"
        edits = []
        for name in names:
            pool = self.overlays[kind] if (kind := EDITS[name].other) else []
            edits.append((name, pool[self.rng.integers(len(pool))] if pool else None))
        # ultrafast puts no key frame at a cut; veryfast does.
        preset = str(self.rng.choice(["ultrafast", "veryfast"]))
        transform = "pair" if len(names) > 1 else names[0]
        expect = None if called else source.stem.replace("reference", "case")
        target = self.out / "queries" / f"{identity}{EDITS[names[-1]].suffix}"
        seed, shows = int(self.rng.integers(2**31)), self.material.kinds.get(source)
        return Copy(identity, source, target, tuple(edits), preset, seed, expect, transform, shows)

    def usable(self, names: Sequence[str]) -> list[str]:
        """Return the edits that need no other clip or have one."""
        return [name for name in names if (kind := EDITS[name].other) is None or self.overlays[kind]]


def _overlays(sources: Sources, out: Path, plan: SetPlan) -> dict[Other, list[Path]]:
    """Write the sounds laid over copies."""
    folder, seconds = out / "sounds", plan.seconds
    music = [
        make_sound([each], folder / f"music-{n}.m4a")
        for n, each in enumerate(sounds(sources.music, seconds)[-OVERLAYS:])
    ]
    usable = [each for each in sounds(sources.speech, seconds)[:SPEECH_OVER_COPIES] if each.end_s > 1.0]
    groups = [usable[n : n + _SPEECH_FILES] for n in range(0, len(usable), _SPEECH_FILES)]
    speech = [make_sound(each, folder / f"speech-{n}.m4a") for n, each in enumerate(groups)]
    return {"music": music, "speech": speech}


def _copies(make: _Maker, plan: SetPlan) -> Iterator[Copy]:
    references, usable = make.material.references, make.usable(plan.edits)
    if left := set(plan.edits) - set(usable):
        log.warning("edits left out, without music or speech", edits=sorted(left))
    for name in usable:
        for number in make.rng.permutation(max(plan.copies, len(references)))[: plan.copies]:
            yield make.copy(references[int(number) % len(references)], (name,))
    for _ in range(plan.pairs):
        yield make.copy(references[int(make.rng.integers(len(references)))], _pair(usable, make.rng))


def _unrelated(make: _Maker, plan: SetPlan) -> Iterator[Copy]:
    clips = make.material.others[plan.background :]
    for number in range(plan.unrelated):
        turn = number + number // len(clips)  # a clip used again alternates between edited and unchanged
        yield make.copy(clips[number % len(clips)], _harmless_edit(make, plan, turn), f"unrelated-{number}")


def _look_alikes(make: _Maker, plan: SetPlan) -> Iterator[Copy]:
    clips = make.material.look_alikes
    for number in range(plan.look_alikes if clips else 0):
        turn = number // len(clips) + number
        made = make.copy(clips[number % len(clips)], _harmless_edit(make, plan, turn), f"look-alike-{number}")
        yield replace(made, transform=LOOK_ALIKE)


def _harmless_edit(make: _Maker, plan: SetPlan, turn: int) -> tuple[str]:
    """Return no edit at every other turn, else one that shows no other video, because that may be in a copy too."""
    names = [name for name in make.usable(plan.edits) if EDITS[name].other != "video"]
    return ("unchanged" if turn % 2 == 0 or not names else names[int(make.rng.integers(len(names)))],)


def _pair(usable: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Return two compatible edits that leave enough of the source to find."""
    fit = [name for name in usable if name not in _NOT_PAIRED]
    pairs = [(first, second) for first in fit for second in fit if first != second and _compatible(first, second)]
    if not pairs:
        raise UsageError("no two of these edits can be combined: choose no pairs, or more edits")
    return pairs[int(rng.integers(len(pairs)))]


def _compatible(first: str, second: str) -> bool:
    both_with_video = EDITS[first].other == EDITS[second].other == "video"
    sound_first = first in SOUND_EDITS and second in PICTURE_EDITS
    both_strong = {first, second} <= _STRONG_EDITS
    if first in _STILLS or (second in _STILLS and EDITS[first].other == "video"):  # it may show only the other video
        return False
    return bool(EDITS[first].keeps & EDITS[second].keeps) and not (both_with_video or sound_first or both_strong)


def _poorer(encodings: Iterable[Encoding]) -> Encoding:
    return max(encodings, key=lambda encoding: (encoding.audio_codec != "aac", -encoding.audio_bps, encoding.crf))
