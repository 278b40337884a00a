"""Evaluation of a set, for `jikimi evaluate`: describe it, search it, write figures and page."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from schemas.ids import full_name
from schemas.messages import MODALITIES, Modality, Policy
from streams.cases.policy import policy_version
from streams.evaluation.cpu import cpu_s
from streams.evaluation.described import Cache, Described, Models, describe_references
from streams.evaluation.described_set import answer_looks, describe_background, describe_queries
from streams.evaluation.figures import Searched
from streams.evaluation.judged import Upload, build_index
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.evaluation.page import page
from streams.evaluation.result import Result, Run, summarise
from streams.evaluation.tables import tables
from streams.fusion.rules import Rules
from streams.live_models.selection import change_choice, create_registry, default_choice
from streams.settings import Settings


class Options(NamedTuple):
    """Options of the command."""

    manifest: Path
    out: Path
    json: Path | None = None
    changes: str = ""
    cache: Path | None = None
    looks: bool = True


def run_evaluation(settings: Settings, options: Options, console: Console) -> Result:
    """Evaluate, write DIR/report.html and the JSON file, and show the figures.

    Raises
    ------
    UsageError
        The set or one of its references cannot be read.
    ModelError
        A model is not available.
    """
    manifest = read_manifest(options.manifest)
    settings = settings.model_copy(update={"looks": settings.looks and options.looks})
    result, searched = asyncio.run(evaluate(settings, manifest, options.changes, options.cache))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.json or options.out / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    (options.out / "report.html").write_text(page(result, searched, options.manifest.name), "utf-8")
    for table in tables(result):
        console.print(table)
    console.print(f"page: {options.out / 'report.html'}", soft_wrap=True)
    return result


async def evaluate(
    settings: Settings, manifest: Manifest, changes: str = "", cache: Path | None = None
) -> tuple[Result, list[Searched]]:
    """Return the figures of a set and the findings of each upload; raises as `run_evaluation` does."""
    registry = create_registry(settings)
    choice = change_choice(default_choice(registry, settings), changes, registry)
    models, fusion = Models.of(registry, choice), registry.fusion(choice.fusion)
    kept = Cache(cache, models, settings.media)
    wanted = await describe_references(settings, models, kept, manifest.references)
    harmless = await describe_background(settings, models, kept, manifest.background)
    own = Policy(act=settings.act, review=settings.review, version=policy_version(settings.act, settings.review))
    index, policy = build_index(wanted, harmless), choice.policy or own
    cases = sorted({case for case, _ in wanted})
    described_by = {
        (case, piece.modality)
        for case, piece in wanted
        if piece.modality != "motion" and (piece.vectors.rows or piece.digests)
    }

    rules = Rules(fusion, dict.fromkeys(cases, policy), settings.looks_from)
    cost = _Cost(kept)
    first, described, uploads = [], [], []
    async for query, found in describe_queries(settings, models, kept, manifest.queries):
        upload = Upload(index, rules, found.descriptors)
        uploads.append((query, upload))
        described.append(found)
        modalities = _modalities(query, found, described_by)
        first.append(Searched(query=query, findings=upload.findings(), modalities=modalities))
    first_s = cost.lap()
    looks = None if rules.look_at is None else await answer_looks(settings, models, kept, uploads)
    look_s = None if looks is None else cost.lap()
    searched = [
        msgspec.structs.replace(each, findings=upload.findings())
        for each, (_, upload) in zip(first, uploads, strict=True)
    ]
    names = [*models.names().split(), full_name(fusion.name, fusion.version)]
    run = Run(first_s, look_s, len(manifest.references), names, looks)
    return summarise(searched, first, described, policy.act, run), searched


class _Cost:
    """CPU seconds of parts of a run."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._began_s, self._hits = cpu_s(), cache.hits

    def lap(self) -> float | None:
        """Return the CPU seconds since the part before; None if some of it was read from the cache."""
        used_s, is_measured = cpu_s() - self._began_s, self._cache.hits == self._hits
        self._began_s, self._hits = cpu_s(), self._cache.hits
        return used_s if is_measured else None


def _modalities(query: Query, described: Described, described_by: set[tuple[str, Modality]]) -> list[Modality]:
    """Return the modalities that can find a copy: those that describe its case and that its edit keeps."""
    of_case = [each for each in MODALITIES if query.expect is None or (query.expect, each) in described_by]
    has = {each.modality for each in described.descriptors if each.vectors.rows} - {"text"}
    kept = has if query.keeps is None else set(query.keeps)
    if query.keeps is None and query.path is not None and described.failure is not None:
        kept = set(MODALITIES)  # of a medium that could not be decoded, so that it counts as missed by all
    return [each for each in of_case if each in kept or (each == "text" and query.text)]
