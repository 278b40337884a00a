"""Result of an evaluation: the figures of a whole set, as written to the JSON file."""

from typing import NamedTuple

import msgspec

from schemas.messages import MODALITIES
from streams.evaluation.described import Described
from streams.evaluation.figures import Figures, Searched, TopCase, figures, mean_iou, top_case


class Result(Figures, frozen=True, kw_only=True):
    """All figures of a set; the inherited ones are of all modalities together."""

    per_modality: dict[str, Figures]
    interval_iou: float | None
    cpu_seconds: float | None
    """None if descriptors came from a cache."""
    media_seconds: float
    references: int
    queries: int
    undecodable: int
    models: list[str]
    per_query: list[TopCase]

    @property
    def cpu_s_per_minute(self) -> float | None:
        """CPU seconds for 60 s of media, None if unknown."""
        return None if self.cpu_seconds is None else 60 * self.cpu_seconds / max(self.media_seconds, 1e-9)


class Run(NamedTuple):
    """Cost and configuration of a run."""

    cpu_s: float | None
    references: int
    models: list[str]


def summarise(searched: list[Searched], described: list[Described], act_at: float, run: Run) -> Result:
    """Return the result of all searched uploads; a single modality acts at a probability of ``act_at``."""
    together = figures(searched, act_at)
    return Result(
        **msgspec.structs.asdict(together),
        per_modality={each: figures(searched, act_at, each) for each in MODALITIES} | {"fused": together},
        interval_iou=mean_iou(searched),
        cpu_seconds=run.cpu_s,
        media_seconds=sum(each.media_s for each in described),
        references=run.references,
        queries=len(searched),
        undecodable=sum(each.failure is not None for each in described),
        models=run.models,
        per_query=[top_case(each) for each in searched],
    )
