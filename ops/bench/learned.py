"""What fusion learns of a set's reviews: ``python -m ops.bench.learned SET.json [--cache DIR] [--json FILE]``.

Each upload with media of a set by `jikimi evaluate make-set` is described, searched, fused and looked at again by the
code of the stages. The set labels each verdict, as a reviewer who knows the truth would: a copy of its case, or other.
`jikimi learn` refits to the labels of verdicts to review; its figures are of cases that the fit had not seen. Decisions
are of all verdicts, by the live model and by the candidate on the same evidence.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from models.fusion.calibrated import Calibrated
from models.fusion.line_fit import HeldOut
from models.fusion.model import FusionModel
from ops.bench.described import Describers, default_describers, described_set
from schemas.ids import full_name
from schemas.messages import Decision, Label, LabelDecision, Policy, Verdict
from streams.cases.policy import policy_version
from streams.evaluation.described_set import answer_looks
from streams.evaluation.judged import Upload, build_index
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.fusion.rules import Rules, decided
from streams.live_models.selection import create_registry, default_choice
from streams.replay.labelled import Collector
from streams.replay.learn import Learned, refit, report

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_DECISIONS: tuple[Decision, ...] = ("act", "review", "dismiss")

type Decisions = dict[str, dict[Decision, int]]
"""Number of each decision on copies and on others."""


class Figures(msgspec.Struct, frozen=True):
    """Figures of a refit."""

    slope: float
    offset: float
    copies: int
    """Labels of verdicts to review; likewise the others and their cases."""
    others: int
    cases: int
    held_out: HeldOut
    live: Decisions
    refitted: Decisions


def main() -> None:
    """Judge the set, refit, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path, help="folder of cached descriptors")
    parser.add_argument("--seed", type=int, default=0, help="of the folds and of the interval")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = measure(read_manifest(given.manifest), given.cache, given.seed, sys.stdout.write)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")


def measure(manifest: Manifest, cache: Path | None, seed: int, write: Callable[[str], object]) -> Figures:
    """Print and return the figures of a set; raises as `jikimi evaluate` and `jikimi learn` do."""
    given = default_describers(cache)
    registry, settings = create_registry(given.settings), given.settings
    live = registry.fusion(default_choice(registry, settings).fusion)
    policy = Policy(act=settings.act, review=settings.review, version=policy_version(settings.act, settings.review))
    labels = asyncio.run(labelled(manifest, given, live, policy))
    collector = Collector(live, live)
    for label in labels:
        collector.add(label)
    learned = refit(collector.labelled(), full_name(live.name, live.version), seed)
    refitted = Calibrated("calibrated", "refitted", live, learned.file)
    figures = _figures(learned, counted(labels, live, policy), counted(labels, refitted, policy))
    write("\n".join([*report(learned), *_lines(figures), ""]))
    return figures


async def labelled(manifest: Manifest, given: Describers, fusion: FusionModel, policy: Policy) -> list[Label]:
    """Return the set's label of each upload with media and each case that it resembles, with the last verdict."""
    media = [query for query in manifest.queries if query.paths]
    found = await described_set(msgspec.structs.replace(manifest, queries=media), given)
    cases = dict.fromkeys(sorted({case for case, _ in found.wanted}), policy)
    index, rules = build_index(found.wanted, found.harmless), Rules(fusion, cases, given.settings.looks_from)
    uploads = [(query, Upload(index, rules, described)) for query, described in found.uploads]
    if rules.look_at is not None:
        await answer_looks(*given, uploads)
    return [_label(query, verdict) for query, upload in uploads for verdict in upload.verdicts().values()]


def counted(labels: Sequence[Label], model: FusionModel, policy: Policy) -> Decisions:
    """Return the decisions of a model on the evidence of all verdicts."""
    found: Decisions = {truth: dict.fromkeys(_DECISIONS, 0) for truth in ("copy", "other")}
    for label in labels:
        assert label.verdict is not None
        found[label.decision][decided(label.verdict.evidence, policy, model)[0]] += 1
    return found


def _label(query: Query, verdict: Verdict) -> Label:
    case = verdict.case_id or ""
    truth: LabelDecision = "copy" if case == query.expect else "other"
    return Label(post_id=query.id, case_id=case, decision=truth, reviewer="set", at=_WHEN, verdict=verdict)


def _figures(learned: Learned, live: Decisions, refitted: Decisions) -> Figures:
    line = learned.file
    counts = learned.n_copies, learned.n_others, learned.n_cases
    return Figures(line.slope, line.offset, *counts, learned.held_out, live, refitted)


def _lines(figures: Figures) -> Iterator[str]:
    yield f"line in log-odds: slope {figures.slope:.3f}, offset {figures.offset:+.3f}"
    yield "decisions of all verdicts              " + "".join(f"{name:>9}" for name in _DECISIONS)
    for truth in ("copy", "other"):
        for name, found in (("live", figures.live), ("refitted", figures.refitted)):
            yield f"  {name:8} {truth:28}" + "".join(f"{found[truth][each]:9}" for each in _DECISIONS)


if __name__ == "__main__":
    main()
