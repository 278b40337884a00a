"""Make a set to evaluate on out of a folder of videos: references, seeded copies of them, and what is none."""

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
from streams.evaluation.cuts import Stretch, make_cut, make_sound, planned, sounds, stretches
from streams.evaluation.edits.catalogue import EDITS, PICTURE_EDITS, SOUND_EDITS, make_edited
from streams.evaluation.edits.edit import Other
from streams.evaluation.manifest import Manifest, Query, SetReference
from streams.evaluation.words import NAMES, worded

log = structlog.get_logger()

_LEAVES_LITTLE = {"cropped_half", "upright_cropped", "inset", "picture_in_picture", "side_by_side", "covered"}
_NOT_PAIRED = {"unchanged", "still", "silent", "sound_file", "rotated"}
_SPEECH_FILES = 12
_OVERLAYS = 4
"""Pieces of music that are laid over copies, and never the sound of a silent clip: both would be the same recording."""


@dataclass(frozen=True, slots=True)
class SetPlan:
    """How large a set is."""

    references: int = 40
    copies: int = 10
    """Of each edit."""
    pairs: int = 120
    unrelated: int = 40
    background: int = 6
    seconds: float = 14.0
    """Length of a reference, give or take 15 %."""
    hold_out: float = 0.5
    """Share of the videos from which no reference is cut."""
    seed: int = 0
    edits: tuple[str, ...] = tuple(EDITS)
    """Those to use; all by default."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a set is made of."""

    videos: Path
    music: Path | None = None
    speech: Path | None = None


@dataclass(frozen=True, slots=True)
class _Copy:
    """An upload to be made, in another process."""

    id: str
    source: Path
    target: Path
    edits: tuple[tuple[str, Path | None], ...]
    preset: str
    seed: int
    expect: str | None
    transform: str


def make_set(sources: Sources, out: Path, plan: SetPlan, processes: int = 2) -> Manifest:
    """Write the set's media and `set.json` to a folder, and return what the file says.

    Raises
    ------
    UsageError
        There is too little to make it of, or no such edit.
    """
    if unknown := set(plan.edits) - EDITS.keys():
        raise UsageError(f"no such edit: {', '.join(sorted(unknown))}; there are {', '.join(EDITS)}")
    chance = np.random.default_rng(plan.seed)
    for folder in ("references", "others", "queries", "sounds"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        known, others = _cut(pool, sources, out, plan, chance)
        laid: dict[Other, list[Path]] = {"video": others, **_overlays(sources, out, plan)}
        copies = [*_copies(known, laid, out, plan, chance), *_unrelated(laid, out, plan, chance)]
        queries = list(pool.map(_make_copy, copies))
    manifest = _manifest(known, others[: plan.background], queries, out, chance)
    (out / "set.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def _cut(
    pool: ProcessPoolExecutor, sources: Sources, out: Path, plan: SetPlan, chance: np.random.Generator
) -> tuple[list[Path], list[Path]]:
    wanted, held = stretches(sources.videos, plan.seconds, plan.hold_out, chance)
    music = sounds(sources.music, plan.seconds)[:-_OVERLAYS]
    n_others = plan.background + max(4, plan.unrelated)
    chosen, rest = _some(wanted, plan.references, chance), _some(held, n_others, chance)
    if len(chosen) < plan.references:
        log.warning("fewer references than asked for", n=len(chosen), asked=plan.references)
    if len(rest) <= plan.background:
        raise UsageError(f"{sources.videos}: only {len(rest)} clips are held out, {plan.background} for the background")
    cuts = planned(chosen, out / "references", "reference", music)
    known = list(pool.map(make_cut, cuts))
    return known, list(pool.map(make_cut, planned(rest, out / "others", "other", music)))


def _overlays(sources: Sources, out: Path, plan: SetPlan) -> dict[Other, list[Path]]:
    """Write what is laid over sound."""
    folder, seconds = out / "sounds", plan.seconds
    music = [
        make_sound([each], folder / f"music-{n}.m4a")
        for n, each in enumerate(sounds(sources.music, seconds)[-_OVERLAYS:])
    ]
    said = [each for each in sounds(sources.speech, seconds) if each.end_s > 1.0]
    spoken = [said[n : n + _SPEECH_FILES] for n in range(0, min(len(said), 4 * _SPEECH_FILES), _SPEECH_FILES)]
    speech = [make_sound(each, folder / f"speech-{n}.m4a") for n, each in enumerate(spoken)]
    return {"music": music, "speech": speech}


def _copies(
    known: Sequence[Path], laid: dict[Other, list[Path]], out: Path, plan: SetPlan, chance: np.random.Generator
) -> Iterator[_Copy]:
    usable = _usable(plan.edits, laid)
    if left := set(plan.edits) - set(usable):
        log.warning("edits left out for want of music or speech", edits=sorted(left))
    for name in usable:
        for number in chance.permutation(max(plan.copies, len(known)))[: plan.copies]:
            yield _copy(known[int(number) % len(known)], (name,), laid, out, chance)
    for _ in range(plan.pairs):
        yield _copy(known[int(chance.integers(len(known)))], _pair(usable, chance), laid, out, chance)


def _unrelated(laid: dict[Other, list[Path]], out: Path, plan: SetPlan, chance: np.random.Generator) -> Iterator[_Copy]:
    names = [name for name in _usable(plan.edits, laid) if EDITS[name].other != "video"]
    strangers = laid["video"][plan.background :]
    for number in range(plan.unrelated):
        turn = number + number // len(strangers)  # a stranger that comes again comes the other way
        name = "unchanged" if turn % 2 == 0 or not names else names[chance.integers(len(names))]
        made = _copy(strangers[number % len(strangers)], (name,), laid, out, chance)
        yield replace(
            made, id=f"unrelated-{number}-{name}", target=_at(out, f"unrelated-{number}-{name}", name), expect=None
        )


def _copy(
    source: Path, names: tuple[str, ...], laid: dict[Other, list[Path]], out: Path, chance: np.random.Generator
) -> _Copy:
    identity = f"{source.stem}-{'+'.join(names)}"
    edits = []
    for name in names:
        pool = laid[kind] if (kind := EDITS[name].other) else []
        edits.append((name, pool[chance.integers(len(pool))] if pool else None))
    # ultrafast puts no key frame at a cut, veryfast does.
    preset = str(chance.choice(["ultrafast", "veryfast"]))
    transform, expect = "pair" if len(names) > 1 else names[0], source.stem.replace("reference", "case")
    seed, target = int(chance.integers(2**31)), _at(out, identity, names[-1])
    return _Copy(identity, source, target, tuple(edits), preset, seed, expect, transform)


def _usable(names: Sequence[str], laid: dict[Other, list[Path]]) -> list[str]:
    """Return the edits for which there is something to lay over or beside."""
    return [name for name in names if (kind := EDITS[name].other) is None or laid[kind]]


def _pair(usable: Sequence[str], chance: np.random.Generator) -> tuple[str, ...]:
    """Return two edits that make sense together and leave something to find."""
    fit = [name for name in usable if name not in _NOT_PAIRED]
    pairs = [(first, second) for first in fit for second in fit if first != second and _go_together(first, second)]
    if not pairs:
        raise UsageError("no two of these edits go together: ask for no pairs, or for more edits")
    return pairs[int(chance.integers(len(pairs)))]


def _go_together(first: str, second: str) -> bool:
    both_with_video = EDITS[first].other == EDITS[second].other == "video"
    sound_first = first in SOUND_EDITS and second in PICTURE_EDITS
    little = {first, second} <= _LEAVES_LITTLE
    return bool(EDITS[first].keeps & EDITS[second].keeps) and not (both_with_video or sound_first or little)


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
    known: Sequence[Path], background: Iterable[Path], queries: list[Query], out: Path, chance: np.random.Generator
) -> Manifest:
    references = [
        SetReference(
            id=path.stem,
            case=path.stem.replace("reference", "case"),
            path=str(path.relative_to(out)),
            terms=[NAMES[number]] if number < len(NAMES) else [],
        )
        for number, path in enumerate(known)
    ]
    words = worded([(each.case, each.terms[0]) for each in references if each.terms], chance)
    return Manifest(
        references=references,
        background=[str(path.relative_to(out)) for path in background],
        queries=list({query.id: query for query in [*queries, *words]}.values()),
    )


def _some(found: Sequence[Stretch], n: int, chance: np.random.Generator) -> list[Stretch]:
    return [found[index] for index in sorted(chance.permutation(len(found))[:n].tolist())]


def _poorer(encodings: Iterable[Encoding]) -> Encoding:
    return max(encodings, key=lambda encoding: (encoding.audio_codec != "aac", -encoding.audio_bps, encoding.crf))


def _at(out: Path, identity: str, last: str) -> Path:
    return out / "queries" / f"{identity}{EDITS[last].suffix}"
