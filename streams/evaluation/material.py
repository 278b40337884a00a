"""Clips of a set before any edit: references, look-alikes, and clips that resemble nothing in it."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from streams.errors import UsageError
from streams.evaluation.cuts import Lengths, Stretch, make_cut, plan_cuts, sounds, stretches
from streams.evaluation.rooms.recording import Recording, make_recording
from streams.evaluation.rooms.sound import SENTENCES
from streams.evaluation.set_plan import SetPlan, Sources

log = structlog.get_logger()

OVERLAYS = 4
"""Pieces of music laid over copies, never used for silent clips, because both would then share a recording."""
SPEECH_OVER_COPIES = 48
"""Files of speech laid over copies, never used in rooms, for the same reason."""
_PICTURES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Material:
    """Clips on disk."""

    references: list[Path]
    look_alikes: list[Path]
    """Other parts of the references' sources: the same camera at another time, the next scene of one film."""
    others: list[Path]
    kinds: dict[Path, str]
    """What each clip shows: `room`, or the name of the video that it is cut from."""


def make_material(
    pool: ProcessPoolExecutor, sources: Sources, out: Path, plan: SetPlan, rng: np.random.Generator
) -> Material:
    """Cut and render all clips.

    Raises
    ------
    UsageError
        There are too few videos and no rooms.
    """
    cut, rendered = _cut(pool, sources, out, plan, rng), _rendered(pool, sources, out, plan, rng)
    return Material(
        cut.references + rendered.references,
        cut.look_alikes + rendered.look_alikes,
        cut.others + rendered.others,
        cut.kinds | rendered.kinds,
    )


def _cut(pool: ProcessPoolExecutor, sources: Sources, out: Path, plan: SetPlan, rng: np.random.Generator) -> Material:
    if sources.videos is None:
        return Material([], [], [], {})
    lengths = Lengths(plan.seconds, plan.spread, plan.long_share)
    wanted, held = stretches(sources.videos, lengths, plan.hold_out, rng)
    music = iter(sounds(sources.music, plan.seconds)[:-OVERLAYS] if plan.music_under else [])
    n_rest = plan.background + max(4, plan.unrelated - _n_other_rooms(sources, plan))
    chosen, rest = _some(wanted, plan.references, rng), _some(held, n_rest, rng)
    if len(chosen) < plan.references:
        log.warning("fewer references than planned", n=len(chosen), planned=plan.references)
    if len(rest) <= plan.background:
        raise UsageError(f"{sources.videos}: only {len(rest)} clips are held out, {plan.background} for the background")
    registered = {stretch.path for stretch in chosen}
    near = [stretch for stretch in wanted if stretch not in chosen and stretch.path in registered]
    kinds: dict[Path, str] = {}
    made: dict[str, list[Path]] = {}
    for name, group in (("reference", chosen), ("look-alike", near[: plan.look_alikes]), ("other", rest)):
        cuts = plan_cuts(group, out / f"{name}s", name, music, plan.height)
        made[name] = list(pool.map(make_cut, cuts))
        kinds |= {each.target: each.stretch.path.stem for each in cuts}
    return Material(made["reference"], made["look-alike"], made["other"], kinds)


def _rendered(
    pool: ProcessPoolExecutor, sources: Sources, out: Path, plan: SetPlan, rng: np.random.Generator
) -> Material:
    """Render rooms, some of them without a reference; each recording has sentences of its own while there are some."""
    photographs = _files(sources.photographs, _PICTURES)
    speech = _sentences(sources, plan)
    planned: dict[str, list[Recording]] = {"reference": [], "look-alike": [], "other": []}
    registered = (plan.recordings + 1) // 2
    for number in range(plan.rooms + _n_other_rooms(sources, plan)):
        seed = int(rng.integers(2**31))
        for turn in range(plan.recordings if number < plan.rooms else 1):
            kind = "other" if number >= plan.rooms else "reference" if turn < registered else "look-alike"
            length_s = Lengths(plan.seconds, plan.spread, plan.long_share).draw(rng)
            target = out / f"{kind}s" / f"{kind}-room-{number:03}-{turn}.mp4"
            said, speech = tuple(speech[:SENTENCES]), speech[SENTENCES:]
            planned[kind].append(Recording(seed, turn, length_s, target, photographs, said))
    made = {kind: list(pool.map(make_recording, group)) for kind, group in planned.items()}
    kinds = {path: "room" for group in made.values() for path in group}
    return Material(made["reference"], made["look-alike"], made["other"], kinds)


def _sentences(sources: Sources, plan: SetPlan) -> list[Path]:
    """Return the files of speech for rooms, in no order: neighbours in a folder of prompts often share their words."""
    found = [stretch.path for stretch in sounds(sources.speech, plan.seconds)][SPEECH_OVER_COPIES:]
    return [found[index] for index in np.random.default_rng([plan.seed, 1]).permutation(len(found))]


def _n_other_rooms(sources: Sources, plan: SetPlan) -> int:
    """Return the number of rooms without a reference: a third of the unrelated uploads, or all without videos."""
    if sources.videos is None:
        return plan.background + max(4, plan.unrelated // 2)
    return plan.unrelated // 3 if plan.rooms else 0


def _files(folder: Path | None, suffixes: set[str]) -> tuple[Path, ...]:
    if folder is None:
        return ()
    return tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes))


def _some(found: Sequence[Stretch], n: int, rng: np.random.Generator) -> list[Stretch]:
    return [found[index] for index in sorted(rng.permutation(len(found))[:n].tolist())]
