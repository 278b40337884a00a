"""Result of an evaluation: the figures of a whole set, as written to the JSON file."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from schemas.messages import MODALITIES, Look
from streams.evaluation.described import Described
from streams.evaluation.figures import Figures, Searched, TopCase, figures, mean_iou, top_case
from streams.evaluation.outcomes import Outcomes, Wrong, by_edit, by_material, outcomes, wrong

_LENGTHS = {"2-20 s": (2.0, 20.0), "20-45 s": (20.0, 45.0), "45 s and more": (45.0, float("inf"))}
"""Groups by length, seconds; stills, and uploads that cannot be decoded, are in none."""


class LookFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Second looks of a set, and what the first pass alone had found."""

    share_of_uploads: float
    """Uploads looked at again."""
    per_upload: float
    """Looks, of all uploads."""
    seconds: float
    """Length of all stretches together."""
    without: Outcomes
    recall_at_p100_without: float
    wrong_without: dict[str, Wrong]


class Result(Figures, frozen=True, kw_only=True):
    """All figures of a set; the inherited ones are of all modalities together."""

    per_modality: dict[str, Figures]
    per_edit: dict[str, Outcomes]
    per_material: dict[str, Outcomes]
    wrong: dict[str, Wrong]
    cpu_s_per_minute_by_length: dict[str, float]
    """CPU seconds of decoding and describing 60 s of media, of short and of long clips, also if kept in a cache."""
    outcome: Outcomes
    looks: LookFigures | None
    """None where looks were off."""
    interval_iou: float | None
    cpu_seconds: float | None
    """Of the first pass; None if descriptors came from a cache."""
    look_cpu_seconds: float | None
    """Likewise, of the looks."""
    media_seconds: float
    references: int
    queries: int
    undecodable: int
    models: list[str]
    per_query: list[TopCase]

    @property
    def cpu_s_per_minute(self) -> float | None:
        """CPU seconds of the first pass for 60 s of media, None if unknown or if nothing has a duration."""
        return self._per_minute(self.cpu_seconds)

    @property
    def look_cpu_s_per_minute(self) -> float | None:
        """CPU seconds of all looks for 60 s of media, looked at again or not; None if unknown."""
        return self._per_minute(self.look_cpu_seconds)

    def _per_minute(self, cpu_s: float | None) -> float | None:
        return None if cpu_s is None or not self.media_seconds else 60 * cpu_s / self.media_seconds


class Run(NamedTuple):
    """Cost and configuration of a run."""

    cpu_s: float | None
    look_cpu_s: float | None
    references: int
    models: list[str]
    looks: list[Look] | None
    """None where they were off."""


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


def summarise(
    searched: list[Searched], first: list[Searched], described: list[Described], act_at: float, run: Run
) -> Result:
    """Return the result of all searched uploads; a single modality acts at a probability of ``act_at``.

    Parameters
    ----------
    first
        The same by the first pass alone.
    """
    together = figures(searched, act_at)
    return Result(
        **msgspec.structs.asdict(together),
        per_modality={each: figures(searched, act_at, each) for each in MODALITIES} | {"fused": together},
        per_edit=outcomes(searched, by_edit),
        per_material=outcomes(searched, by_material),
        wrong=wrong(searched),
        cpu_s_per_minute_by_length=cost_by_length(described),
        outcome=_together(searched),
        looks=None if run.looks is None else _looks(run.looks, first, act_at),
        interval_iou=mean_iou(searched),
        cpu_seconds=run.cpu_s,
        look_cpu_seconds=run.look_cpu_s,
        media_seconds=sum(each.media_s for each in described),
        references=run.references,
        queries=len(searched),
        undecodable=sum(each.failure is not None for each in described),
        models=run.models,
        per_query=[top_case(each) for each in searched],
    )


def _together(searched: list[Searched]) -> Outcomes:
    none = Outcomes(copies=0, act=0, review=0, lost=0)
    return outcomes(searched, lambda _: "all").get("all", none)


def _looks(looks: list[Look], first: list[Searched], act_at: float) -> LookFigures:
    n_uploads = max(1, len(first))
    return LookFigures(
        share_of_uploads=len({look.segment.post.post_id for look in looks}) / n_uploads,
        per_upload=len(looks) / n_uploads,
        seconds=sum(look.segment.duration_s for look in looks),
        without=_together(first),
        recall_at_p100_without=figures(first, act_at).recall_at_p100,
        wrong_without=wrong(first),
    )
