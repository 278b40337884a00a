"""Reviewers' labels with the probabilities of fusion, for its calibration."""

from collections import Counter, OrderedDict
from contextlib import closing
from typing import NamedTuple

import numpy as np

from models.fusion.line_fit import Groups, logit
from models.fusion.model import FusionModel
from models.metrics import Labels, Numbers
from schemas.messages import Label
from streams.cases.labels import DECIDING, decoded_label
from streams.kafka.clients import create_codec
from streams.kafka.topic_scan import TopicScan
from streams.kafka.usage_errors import usage_errors
from streams.settings import Settings

MAX_PAIRS = 50_000
"""Pairs of a post and a case in memory, the newest; some 10 MB."""

type Pair = tuple[str, str]
"""Post and case."""


class _Judged(NamedTuple):
    base: float
    live: float
    copy: bool


class Labelled(NamedTuple):
    """Labels of reviewed pairs; arrays of shape (n,)."""

    logits: Numbers
    """Log-odds of the model below the calibration."""
    live: Numbers
    """Probabilities of the live model."""
    copies: Labels
    cases: Groups
    """Number of each one's case, from 0."""
    left_out: dict[str, int]
    """Pairs that do not count, by reason."""


class Collector:
    """The label in force of each pair, judged as it comes; the oldest are dropped above the limit."""

    def __init__(self, base: FusionModel, live: FusionModel) -> None:
        self._models = base, live
        self._pairs: OrderedDict[Pair, _Judged | str] = OrderedDict()
        self._n_dropped = 0

    def add(self, label: Label) -> None:
        """Add a label; it replaces an earlier one of its pair."""
        pair = (label.post_id, label.case_id)
        self._pairs.pop(pair, None)
        self._pairs[pair] = self._judged(label)
        if len(self._pairs) > MAX_PAIRS:
            self._pairs.popitem(last=False)
            self._n_dropped += 1

    def labelled(self) -> Labelled:
        """Return the labels that count."""
        judged = {pair: one for pair, one in self._pairs.items() if isinstance(one, _Judged)}
        left_out = Counter(one for one in self._pairs.values() if isinstance(one, str))
        if self._n_dropped:
            left_out[f"older than the last {MAX_PAIRS}"] = self._n_dropped
        numbers = {case: number for number, case in enumerate(sorted({case for _, case in judged}))}
        found = list(judged.values())
        return Labelled(
            logit(np.array([one.base for one in found], np.float64)),
            np.array([one.live for one in found], np.float64),
            np.array([one.copy for one in found], bool),
            np.array([numbers[case] for _, case in judged], np.intp),
            dict(left_out),
        )

    def _judged(self, label: Label) -> "_Judged | str":
        """Return the judgement of a label's evidence, or why it does not count.

        Verdicts to act are labelled only where somebody objects, and those below review only where somebody came upon
        the post: their labels would show copies more rarely, or more often, than they are.
        """
        if label.decision not in DECIDING:
            return "not decided"
        if label.verdict is None or not label.verdict.evidence:
            return "without a verdict"
        if label.verdict.decision != "review":
            return "not of a verdict to review"
        base, live = (model.judge(label.verdict.evidence).probability for model in self._models)
        return _Judged(base, live, label.decision == "copy")


def read_labelled(settings: Settings, base: FusionModel, live: FusionModel) -> Labelled:
    """Return the labels in the topic, one record in memory at a time.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec, collector = create_codec(settings), Collector(base, live)
    with usage_errors(settings), closing(TopicScan(settings, "labels")) as scan:
        for record in scan.records():
            if (label := decoded_label(codec, record.value or b"")) is not None:
                collector.add(label)
    return collector.labelled()
