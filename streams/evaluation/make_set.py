"""Evaluation sets made from a folder of videos: references, seeded copies of them, and unrelated uploads."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import structlog

from streams.errors import UsageError
from streams.evaluation.clips import Encoding
from streams.evaluation.cuts import Stretch, make_cut, make_sound, plan_cuts, sounds, stretches
from streams.evaluation.edits.catalogue import EDITS, PICTURE_EDITS, SOUND_EDITS, make_edited
from streams.evaluation.edits.edit import Other
from streams.evaluation.manifest import Manifest, Query, SetReference
from streams.evaluation.text_queries import NAMES, text_queries

log = structlog.get_logger()

_STRONG_EDITS = {"cropped_half", "upright_cropped", "inset", "picture_in_picture", "side_by_side", "covered"}
_NOT_PAIRED = {"unchanged", "still", "silent", "sound_file", "rotated"}
_SPEECH_FILES = 12
"""Speech files that make one overlay."""
_OVERLAYS = 4
"""Pieces of music laid over copies, never used for silent clips, because both would then share a recording."""


@dataclass(frozen=True, slots=True)
class SetPlan:
    """Size and seed of a set."""

    references: int = 40
    copies: int = 10
    """Number for each edit."""
    pairs: int = 120
    unrelated: int = 40
    background: int = 6
    seconds: float = 14.0
    """Length of a reference, give or take 15 %."""
    hold_out: float = 0.5
    """Share of the videos from which no reference is cut."""
    seed: int = 0
    edits: tuple[str, ...] = tuple(EDITS)
    """Edits to use; all by default."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of source media."""

    videos: Path
    music: Path | None = None
    speech: Path | None = None


@dataclass(frozen=True, slots=True)
class _Copy:
    """Upload to be made, in another process."""

    id: str
    source: Path
    target: Path
    edits: tuple[tuple[str, Path | None], ...]
    preset: str
    seed: int
    expect: str | None
    transform: str


def make_set(sources: Sources, out: Path, plan: SetPlan, processes: int = 2) -> Manifest:
    """Write the set's media and `set.json` to a folder, and return the manifest.

    Raises
    ------
    UsageError
        There are too few videos, or an edit does not exist.
    """
    if unknown := set(plan.edits) - EDITS.keys():
        raise UsageError(f"no such edit: {', '.join(sorted(unknown))}; there are {', '.join(EDITS)}")
    rng = np.random.default_rng(plan.seed)
    for folder in ("references", "others", "queries", "sounds"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        references, others = _cut(pool, sources, out, plan, rng)
        overlays: dict[Other, list[Path]] = {"video": others, **_overlays(sources, out, plan)}
        copies = [*_copies(references, overlays, out, plan, rng), *_unrelated(overlays, out, plan, rng)]
        queries = list(pool.map(_make_copy, copies))
    manifest = _manifest(references, others[: plan.background], queries, out, rng)
    (out / "set.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def _cut(
    pool: ProcessPoolExecutor, sources: Sources, out: Path, plan: SetPlan, rng: np.random.Generator
) -> tuple[list[Path], list[Path]]:
    wanted, held = stretches(sources.videos, plan.seconds, plan.hold_out, rng)
    music = sounds(sources.music, plan.seconds)[:-_OVERLAYS]
    n_others = plan.background + max(4, plan.unrelated)
    chosen, rest = _some(wanted, plan.references, rng), _some(held, n_others, rng)
    if len(chosen) < plan.references:
        log.warning("fewer references than planned", n=len(chosen), planned=plan.references)
    if len(rest) <= plan.background:
        raise UsageError(f"{sources.videos}: only {len(rest)} clips are held out, {plan.background} for the background")
    cuts = plan_cuts(chosen, out / "references", "reference", music)
    references = list(pool.map(make_cut, cuts))
    return references, list(pool.map(make_cut, plan_cuts(rest, out / "others", "other", music)))


def _overlays(sources: Sources, out: Path, plan: SetPlan) -> dict[Other, list[Path]]:
    """Write the sounds laid over copies."""
    folder, seconds = out / "sounds", plan.seconds
    music = [
        make_sound([each], folder / f"music-{n}.m4a")
        for n, each in enumerate(sounds(sources.music, seconds)[-_OVERLAYS:])
    ]
    usable = [each for each in sounds(sources.speech, seconds) if each.end_s > 1.0]
    groups = [usable[n : n + _SPEECH_FILES] for n in range(0, min(len(usable), 4 * _SPEECH_FILES), _SPEECH_FILES)]
    speech = [make_sound(each, folder / f"speech-{n}.m4a") for n, each in enumerate(groups)]
    return {"music": music, "speech": speech}


def _copies(
    references: Sequence[Path], overlays: dict[Other, list[Path]], out: Path, plan: SetPlan, rng: np.random.Generator
) -> Iterator[_Copy]:
    usable = _usable(plan.edits, overlays)
    if left := set(plan.edits) - set(usable):
        log.warning("edits left out, without music or speech", edits=sorted(left))
    for name in usable:
        for number in rng.permutation(max(plan.copies, len(references)))[: plan.copies]:
            yield _copy(references[int(number) % len(references)], (name,), overlays, out, rng)
    for _ in range(plan.pairs):
        yield _copy(references[int(rng.integers(len(references)))], _pair(usable, rng), overlays, out, rng)


def _unrelated(
    overlays: dict[Other, list[Path]], out: Path, plan: SetPlan, rng: np.random.Generator
) -> Iterator[_Copy]:
    names = [name for name in _usable(plan.edits, overlays) if EDITS[name].other != "video"]
    clips = overlays["video"][plan.background :]
    for number in range(plan.unrelated):
        turn = number + number // len(clips)  # a clip used again alternates between edited and unchanged
        name = "unchanged" if turn % 2 == 0 or not names else names[rng.integers(len(names))]
        made = _copy(clips[number % len(clips)], (name,), overlays, out, rng)
        yield replace(
            made, id=f"unrelated-{number}-{name}", target=_target(out, f"unrelated-{number}-{name}", name), expect=None
        )


def _copy(
    source: Path, names: tuple[str, ...], overlays: dict[Other, list[Path]], out: Path, rng: np.random.Generator
) -> _Copy:
    identity = f"{source.stem}-{'+'.join(names)}"
    edits = []
    for name in names:
        pool = overlays[kind] if (kind := EDITS[name].other) else []
        edits.append((name, pool[rng.integers(len(pool))] if pool else None))
    # ultrafast puts no key frame at a cut; veryfast does.
    preset = str(rng.choice(["ultrafast", "veryfast"]))
    transform, expect = "pair" if len(names) > 1 else names[0], source.stem.replace("reference", "case")
    seed, target = int(rng.integers(2**31)), _target(out, identity, names[-1])
    return _Copy(identity, source, target, tuple(edits), preset, seed, expect, transform)


def _usable(names: Sequence[str], overlays: dict[Other, list[Path]]) -> list[str]:
    """Return the edits that need no other clip or have one."""
    return [name for name in names if (kind := EDITS[name].other) is None or overlays[kind]]


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
    return bool(EDITS[first].keeps & EDITS[second].keeps) and not (both_with_video or sound_first or both_strong)


def _make_copy(copy: _Copy) -> Query:
    edits = [(EDITS[name], other) for name, other in copy.edits]
    encoding = replace(_poorer([edit.encoding for edit, _ in edits]), preset=copy.preset)
    shown = make_edited(edits, copy.source, copy.target, encoding, copy.seed)
    keeps = frozenset.intersection(*(edit.keeps for edit, _ in edits))
    return Query(
        id=copy.id,
        path=f"queries/{copy.target.name}",
        expect=copy.expect,
        transform=copy.transform,
        interval=shown and (round(shown[0], 3), round(shown[1], 3)) if copy.expect else None,
        keeps=sorted(keeps) if copy.expect else None,
    )


def _manifest(
    references: Sequence[Path], background: Iterable[Path], queries: list[Query], out: Path, rng: np.random.Generator
) -> Manifest:
    of_cases = [
        SetReference(
            id=path.stem,
            case=path.stem.replace("reference", "case"),
            path=str(path.relative_to(out)),
            terms=[NAMES[number]] if number < len(NAMES) else [],
        )
        for number, path in enumerate(references)
    ]
    texts = text_queries([(each.case, each.terms[0]) for each in of_cases if each.terms], rng)
    return Manifest(
        references=of_cases,
        background=[str(path.relative_to(out)) for path in background],
        queries=list({query.id: query for query in [*queries, *texts]}.values()),
    )


def _some(found: Sequence[Stretch], n: int, rng: np.random.Generator) -> list[Stretch]:
    return [found[index] for index in sorted(rng.permutation(len(found))[:n].tolist())]


def _poorer(encodings: Iterable[Encoding]) -> Encoding:
    return max(encodings, key=lambda encoding: (encoding.audio_codec != "aac", -encoding.audio_bps, encoding.crf))


def _target(out: Path, identity: str, last: str) -> Path:
    return out / "queries" / f"{identity}{EDITS[last].suffix}"
