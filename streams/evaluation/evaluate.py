"""Evaluation of a set, for `jikimi evaluate`: describe it, search it, write figures and page."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from schemas.messages import MODALITIES, Modality, Policy
from streams.cases.policy import policy_version
from streams.evaluation.cpu import cpu_s
from streams.evaluation.described import Cache, Described, Models, describe_references
from streams.evaluation.described_set import describe_background, describe_queries
from streams.evaluation.figures import Searched
from streams.evaluation.judged import build_index, judge
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.evaluation.page import page
from streams.evaluation.result import Result, Run, summarise
from streams.evaluation.tables import tables
from streams.live_models.selection import change_choice, create_registry, default_choice
from streams.settings import Settings


class Options(NamedTuple):
    """Options of the command."""

    manifest: Path
    out: Path
    json: Path | None = None
    changes: str = ""
    cache: Path | None = None


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

    began_s, hits = cpu_s(), kept.hits
    searched, described = [], []
    async for query, found in describe_queries(settings, models, kept, manifest.queries):
        described.append(found)
        findings = judge(index, fusion, policy, cases, found.descriptors)
        searched.append(Searched(query=query, findings=findings, modalities=_modalities(query, found, described_by)))
    # The decoder's children have ended by now, so their CPU time counts.
    used_s = cpu_s() - began_s if kept.hits == hits else None
    run = Run(used_s, len(manifest.references), [*models.names().split(), f"{fusion.name}@{fusion.version}"])
    return summarise(searched, described, policy.act, run), searched


def _modalities(query: Query, described: Described, described_by: set[tuple[str, Modality]]) -> list[Modality]:
    """Return the modalities that can find a copy: those that describe its case and that its edit keeps."""
    of_case = [each for each in MODALITIES if query.expect is None or (query.expect, each) in described_by]
    has = {each.modality for each in described.descriptors if each.vectors.rows} - {"text"}
    kept = has if query.keeps is None else set(query.keeps)
    if query.keeps is None and query.path is not None and described.failure is not None:
        kept = set(MODALITIES)  # of a medium that could not be decoded, so that it counts as missed by all
    return [each for each in of_case if each in kept or (each == "text" and query.text)]
