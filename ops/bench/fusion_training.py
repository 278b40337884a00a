"""Train the fusion model on evaluation sets: describe, search, fit.

python -m ops.bench.fusion_training SET.json... [--held-out SET.json...] [--cache DIR] [--tables DIR] [--with CHANGES]

Sets are written by `jikimi evaluate make-set`; descriptors come from the same cache as `jikimi evaluate --cache`.
Writes models/fusion/fusion-1.onnx and its sha256 in the manifest, and prints the figures for models/fusion/card.md. The
held-out sets are only measured on.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from models.fusion.table import Pair, write
from models.fusion.train import ACT, PATH, train, write_pinned
from schemas.messages import Descriptors, Policy
from streams.evaluation.described import Cache, Models, describe_references
from streams.evaluation.described_set import describe_background, describe_queries
from streams.evaluation.judged import build_index
from streams.evaluation.manifest import Query, read_manifest
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.live_models.selection import change_choice, create_registry, default_choice
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from streams.settings import Settings, load_settings


def main() -> None:
    """Train, and print the figures of held-out pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="*", default=[], type=Path)
    parser.add_argument("--cache", type=Path, help="folder of cached descriptors")
    parser.add_argument("--tables", type=Path, help="folder for the training tables, one for each set")
    parser.add_argument("--with", dest="changes", default="", help="models instead of the defaults, as in visual=NAME")
    parser.add_argument("--output", default=PATH, type=Path)
    arguments = parser.parse_args()
    pairs, held_out = (
        [pair for each in sets for pair in _pairs(each, arguments.cache, arguments.changes, arguments.tables)]
        for sets in (arguments.sets, arguments.held_out)
    )
    graph, report = train(pairs, held_out, ACT)
    sys.stdout.write(f"{report}\n{write_pinned(graph, arguments.output)}\n")


def _pairs(manifest: Path, cache: Path | None, changes: str, tables: Path | None) -> list[Pair]:
    """Return each pair of an upload of the set and a case with evidence between them."""
    found = asyncio.run(_searched(load_settings(), manifest, cache, changes))
    if tables is not None:
        tables.mkdir(parents=True, exist_ok=True)
        write(found, tables / f"{manifest.parent.name}-{manifest.stem}.jsonl")
    return found


async def _searched(settings: Settings, file: Path, cache: Path | None, changes: str) -> list[Pair]:
    registry = create_registry(settings)
    choice = change_choice(default_choice(registry, settings), changes, registry)
    models, fusion = Models.of(registry, choice), registry.fusion(choice.fusion)
    manifest, kept = read_manifest(file), Cache(cache, models, settings.media)
    wanted = await describe_references(settings, models, kept, manifest.references)
    harmless = await describe_background(settings, models, kept, manifest.background)
    index, policy = build_index(wanted, harmless), Policy(act=1.0, review=1.0, version="none")
    rules = Rules(fusion, dict.fromkeys(sorted({case for case, _ in wanted}), policy))
    pairs: list[Pair] = []
    async for query, described in describe_queries(settings, models, kept, manifest.queries):
        pairs += _evidence_pairs(query, index, rules, described.descriptors)
    return pairs


def _evidence_pairs(query: Query, index: ReferenceIndex, rules: Rules, described: Sequence[Descriptors]) -> list[Pair]:
    """Return an upload's evidence for each case, as fusion stores it."""
    if not described:
        return []
    segment = described[0].segment
    state = PostState(post=segment.post, parts=segment.parts, deadline_s=time.time())
    for each in described:
        state.add(scores_record(each, index.search(each)), rules, time.time())
    return [
        Pair(query=query.id, case=case, copy=case == query.expect, transform=query.transform, evidence=[*pieces])
        for case, pieces in state.evidence.items()
    ]


if __name__ == "__main__":
    main()
