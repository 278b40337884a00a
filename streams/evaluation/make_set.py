"""Evaluation sets: references cut from videos or rendered, seeded copies of them, look-alikes and unrelated uploads."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np

from streams.errors import UsageError
from streams.evaluation.copies import make_copy, planned_copies
from streams.evaluation.edits.catalogue import EDITS
from streams.evaluation.manifest import Manifest, Query, SetReference
from streams.evaluation.material import make_material
from streams.evaluation.set_plan import SetPlan, Sources
from streams.evaluation.text_queries import NAMES, text_queries


def make_set(sources: Sources, out: Path, plan: SetPlan, processes: int = 2) -> Manifest:
    """Write the set's media and `set.json` to a folder, and return the manifest.

    Raises
    ------
    UsageError
        There are too few videos and no rooms, or an edit does not exist.
    """
    if unknown := set(plan.edits) - EDITS.keys():
        raise UsageError(f"no such edit: {', '.join(sorted(unknown))}; there are {', '.join(EDITS)}")
    if sources.videos is None and not plan.rooms:
        raise UsageError("a set needs --videos or --rooms")
    rng = np.random.default_rng(plan.seed)
    for folder in ("references", "others", "look-alikes", "queries", "sounds"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        material = make_material(pool, sources, out, plan, rng)
        queries = list(pool.map(make_copy, planned_copies(material, sources, out, plan, rng)))
    manifest = _manifest(material.references, material.others[: plan.background], queries, out, rng)
    (out / "set.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


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
