"""What `jikimi evaluate` does: describe a set, search it, write figures and page."""

import asyncio
import resource
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from schemas.messages import Modality, Policy
from streams.cases.policy import policy_version
from streams.evaluation.described import Cache, Described, Models, describe_references
from streams.evaluation.described_set import describe_background, describe_queries
from streams.evaluation.figures import SENSES, Answer, Figures, Searched, answer, figures, mean_iou
from streams.evaluation.judged import build_index, judge
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.evaluation.page import page
from streams.live_models.selection import change_choice, create_registry, default_choice
from streams.settings import Settings


class Asked(NamedTuple):
    """What a person asked for."""

    manifest: Path
    out: Path
    json: Path | None = None
    changes: str = ""
    cache: Path | None = None


class Result(Figures, frozen=True, kw_only=True):
    """All figures of a set; the ones above are of all senses together."""

    per_modality: dict[str, Figures]
    interval_iou: float | None
    cpu_seconds: float | None
    """None if descriptors came from a cache."""
    media_seconds: float
    references: int
    queries: int
    undecodable: int
    models: list[str]
    per_query: list[Answer]


class _Run(NamedTuple):
    """What was run."""

    cpu_s: float | None
    references: int
    models: list[str]


def run_evaluation(settings: Settings, asked: Asked, console: Console) -> Result:
    """Evaluate, write DIR/report.html and the JSON file, and show the figures.

    Raises
    ------
    UsageError
        The set cannot be read, or a reference of it.
    ModelError
        A model cannot be had.
    """
    manifest = read_manifest(asked.manifest)
    result, searched = asyncio.run(evaluate(settings, manifest, asked.changes, asked.cache))
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.json or asked.out / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    (asked.out / "report.html").write_text(page(result, searched, asked.manifest.name), "utf-8")
    console.print(_table(result))
    console.print(f"page: {asked.out / 'report.html'}", soft_wrap=True)
    return result


async def evaluate(
    settings: Settings, manifest: Manifest, changes: str = "", cache: Path | None = None
) -> tuple[Result, list[Searched]]:
    """Return the figures of a set, and what was found of each upload; raises as `run_evaluation` does."""
    registry = create_registry(settings)
    choice = change_choice(default_choice(registry, settings), changes, registry)
    models, fusion = Models.of(registry, choice), registry.fusion(choice.fusion)
    kept = Cache(cache, models, settings.media)
    wanted = await describe_references(settings, models, kept, manifest.references)
    harmless = await describe_background(settings, models, kept, manifest.background)
    index, policy = build_index(wanted, harmless), choice.policy or _policy(settings)
    cases = sorted({case for case, _ in wanted})
    known = {(case, piece.modality) for case, piece in wanted if piece.vectors.rows or piece.digests}

    began_s, hits = _cpu_s(), kept.hits
    searched, described = [], []
    async for query, found in describe_queries(settings, models, kept, manifest.queries):
        described.append(found)
        findings = judge(index, fusion, policy, cases, found.descriptors)
        searched.append(Searched(query=query, findings=findings, senses=_senses(query, found, known)))
    # By now the decoder's children have ended, so that their seconds count.
    cpu_s = _cpu_s() - began_s if kept.hits == hits else None
    run = _Run(cpu_s, len(manifest.references), [*models.names().split(), f"{fusion.name}@{fusion.version}"])
    return _result(searched, described, policy.act, run), searched


def _result(searched: list[Searched], described: list[Described], act_at: float, run: _Run) -> Result:
    together = figures(searched, act_at)
    return Result(
        **msgspec.structs.asdict(together),
        per_modality={sense: figures(searched, act_at, sense) for sense in SENSES} | {"fused": together},
        interval_iou=mean_iou(searched),
        cpu_seconds=run.cpu_s,
        media_seconds=sum(each.media_s for each in described),
        references=run.references,
        queries=len(searched),
        undecodable=sum(each.failure is not None for each in described),
        models=run.models,
        per_query=[answer(each) for each in searched],
    )


def _senses(query: Query, described: Described, known: set[tuple[str, Modality]]) -> list[Modality]:
    """Return the senses that can find a copy: those by which its case is known, and that are left of it."""
    there = [sense for sense in SENSES if query.expect is None or (query.expect, sense) in known]
    has = {each.modality for each in described.descriptors if each.vectors.rows} - {"text"}
    left = has if query.keeps is None else set(query.keeps)
    if query.keeps is None and _lost(query, described):
        left = set(SENSES)
    return [sense for sense in there if sense in left or (sense == "text" and query.text)]


def _lost(query: Query, described: Described) -> bool:
    """Return whether a medium could not be decoded: nobody knows what it has, and it counts as missed."""
    return query.path is not None and described.failure is not None


def _policy(settings: Settings) -> Policy:
    return Policy(act=settings.act, review=settings.review, version=policy_version(settings.act, settings.review))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _table(result: Result) -> Table:
    table = Table("sense", "copies", "micro-AP", "recall at P=1", "at P=0.99", "false acts", box=None)
    for sense, found in result.per_modality.items():
        ranks = (found.micro_ap, found.recall_at_p100, found.recall_at_p99)
        table.add_row(sense, str(found.copies), *(f"{value:.4f}" for value in ranks), str(found.false_acts))
    cost = "from a cache" if result.cpu_seconds is None else f"{_per_minute(result):.2f} CPU s per 60 s"
    located = "unknown" if result.interval_iou is None else f"{result.interval_iou:.3f}"
    table.add_row("", "", f"interval IoU {located}", cost, "", "")
    return table


def _per_minute(result: Result) -> float:
    return 60 * (result.cpu_seconds or 0.0) / max(result.media_seconds, 1e-9)
