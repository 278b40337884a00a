"""All dashboards, and their files."""

from pathlib import Path

from ops.grafana import feeds, kafka, latency, models, overview, stage, takedowns
from ops.grafana.build import text

FOLDER = Path(__file__).parents[2] / "helm" / "jikimi" / "dashboards"
BOARDS = tuple(module.BOARD for module in (overview, latency, stage, models, takedowns, feeds, kafka))
"""In the order in which an on-call engineer would open them."""


def files() -> dict[Path, str]:
    """Return the text of every dashboard file."""
    return {FOLDER / f"{board.name}.json": text(board) for board in BOARDS}
