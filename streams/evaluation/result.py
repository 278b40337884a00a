"""Result of an evaluation: the figures of a whole set, as written to the JSON file."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from schemas.messages import MODALITIES
from streams.evaluation.described import Described
from streams.evaluation.figures import Figures, Searched, TopCase, figures, mean_iou, top_case
from streams.evaluation.outcomes import Outcomes, Wrong, by_edit, by_material, outcomes, wrong

_LENGTHS = {"2-20 s": (2.0, 20.0), "20-45 s": (20.0, 45.0), "45 s and more": (45.0, float("inf"))}
"""Groups by length, seconds; stills, and uploads that cannot be decoded, are in none."""


class Result(Figures, frozen=True, kw_only=True):
    """All figures of a set; the inherited ones are of all modalities together."""

    per_modality: dict[str, Figures]
    per_edit: dict[str, Outcomes]
    per_material: dict[str, Outcomes]
    wrong: dict[str, Wrong]
    cpu_s_per_minute_by_length: dict[str, float]
    """CPU seconds of decoding and describing 60 s of media, of short and of long clips, also if kept in a cache."""
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


def cost_by_length(described: Iterable[Described]) -> dict[str, float]:
    """Return the CPU seconds for 60 s of media by the length of clips, without lengths of which there is no clip."""
    groups: dict[str, list[Described]] = {name: [] for name in _LENGTHS}
    for each in described:
        for name, (least_s, most_s) in _LENGTHS.items():
            if least_s <= each.media_s < most_s:
                groups[name].append(each)
    return {
        name: 60 * sum(each.cpu_s for each in group) / sum(each.media_s for each in group)
        for name, group in groups.items()
        if group
    }


def summarise(searched: list[Searched], described: list[Described], act_at: float, run: Run) -> Result:
    """Return the result of all searched uploads; a single modality acts at a probability of ``act_at``."""
    together = figures(searched, act_at)
    return Result(
        **msgspec.structs.asdict(together),
        per_modality={each: figures(searched, act_at, each) for each in MODALITIES} | {"fused": together},
        per_edit=outcomes(searched, by_edit),
        per_material=outcomes(searched, by_material),
        wrong=wrong(searched),
        cpu_s_per_minute_by_length=cost_by_length(described),
        interval_iou=mean_iou(searched),
        cpu_seconds=run.cpu_s,
        media_seconds=sum(each.media_s for each in described),
        references=run.references,
        queries=len(searched),
        undecodable=sum(each.failure is not None for each in described),
        models=run.models,
        per_query=[top_case(each) for each in searched],
    )
