"""Count acts on unrelated uploads: ``python -m ops.bench.false_acts --videos DIR --work DIR``.

References are cut from one part of the videos, uploads from the rest, which shares no shot with it; each upload is used
unchanged, and again after a random edit. Every upload is compared with every reference, by picture, by sound and by all
together, at the shipped thresholds. The uploads of one film resemble its references, and none is a copy.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from schemas.messages import MODALITIES
from streams.evaluation.evaluate import evaluate
from streams.evaluation.figures import Searched, ranking
from streams.evaluation.make_set import make_set
from streams.evaluation.manifest import read_manifest
from streams.evaluation.set_plan import SetPlan, Sources
from streams.settings import load_settings

_SHOWN = 5


def main() -> None:
    """Make the media unless they exist, compare and print."""
    arguments = _arguments()
    file = arguments.work / "set.json"
    if not file.is_file():
        sizes = {"references": arguments.references, "unrelated": arguments.uploads, "background": arguments.background}
        plan = SetPlan(**sizes, copies=0, pairs=0, seconds=arguments.seconds, seed=arguments.seed)
        make_set(Sources(arguments.videos, arguments.music, arguments.speech), arguments.work, plan)
    manifest = read_manifest(file)
    unrelated = [query for query in manifest.queries if query.expect is None and query.path is not None]
    manifest = type(manifest)(references=manifest.references, background=manifest.background, queries=unrelated)
    result, searched = asyncio.run(evaluate(load_settings(), manifest, cache=arguments.cache))
    n_pairs = len(unrelated) * len({reference.case for reference in manifest.references})
    sys.stdout.write(f"{len(unrelated)} uploads x {len(manifest.references)} references = {n_pairs} unrelated pairs\n")
    for modality, found in result.per_modality.items():
        sys.stdout.write(f"{modality:8} acts {found.false_acts}, highest: {_highest(searched, modality)}\n")


def _highest(searched: list[Searched], modality: str) -> str:
    """Return the wrong pairs closest to an act."""
    one = next((each for each in MODALITIES if each == modality), None)
    pairs = sorted(ranking(searched, one), key=lambda pair: -pair.value)[:_SHOWN]
    return ", ".join(f"{pair.value:.3f} {pair.query.id} as {pair.finding.case}" for pair in pairs) or "none found"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for the clips; reused if it exists")
    parser.add_argument("--music", type=Path)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--references", type=int, default=140)
    parser.add_argument("--uploads", type=int, default=150)
    parser.add_argument("--background", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
