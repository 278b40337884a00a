"""The plan of a run: which fault, to which stage, after which wait; the same for the same seed."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from streams.topology import STAGES

KILLS = ("kill", "kill_after_output", "kill_in_rebalance", "kill_in_table_write", "kill_in_recovery",
         "kill_in_archive_write")  # fmt: skip
"""At a random moment, and at forced ones."""
_WEIGHTS = (10, 4, 1, 2, 2, 2)
_LONGEST_WAIT_S = 1.0
_ONLY = {
    "kill_in_table_write": ("fusion",),
    "kill_in_archive_write": ("match",),
    "disk_full": ("decode", "match"),  # the others write nothing
    "model_missing": ("text",),  # the only model that is a file outside the packages
    "model_corrupt": ("text",),
}
"""Stages of a fault that is not for all of them."""


class Planned(NamedTuple):
    """One fault."""

    kind: str
    stage: str
    wait_s: float
    """Time before it, without a fault."""
    share: float
    """From 0 to 1: how long it lasts between the least and the most of its kind, or which node it hits."""


class SkippedError(RuntimeError):
    """A fault cannot be done here, or not to its end; the message says why."""


def between(least: float, most: float, share: float) -> float:
    """Return the value at this share of the way."""
    return least + share * (most - least)


def make_plan(seed: int, n_kills: int, others: Sequence[str] = (), rounds: int = 1) -> list[Planned]:
    """Return so many kills, with each of the other kinds so often among them, in an order of the seed's."""
    random = Random(seed)  # noqa: S311 - a plan that can be repeated
    kinds = [*random.choices(KILLS, _WEIGHTS, k=n_kills), *(list(others) * rounds)]
    random.shuffle(kinds)
    return [_planned(kind, random) for kind in kinds]


def _planned(kind: str, random: Random) -> Planned:
    stage = random.choice(_ONLY.get(kind, STAGES))
    return Planned(kind, stage, random.uniform(0.0, _LONGEST_WAIT_S), random.random())
