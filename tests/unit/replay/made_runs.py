"""Verdicts and runs whose comparison has an obvious outcome."""

from typing import Any

from models.fusion.noisy_or import NoisyOr, read_curves
from models.manifest import MANIFEST
from schemas.messages import Choice, Evidence, Interval, Label, Modality, Policy, Run, Verdict
from streams.cases.policy import decide
from streams.replay.sides import Side, side, summary
from tests.unit.made_messages import NOW, POLICY, post_ref, verdict

CHOICE = Choice(visual="old@1", audio="ear@1", text="words@1", fusion="noisy-or@1")
FUSION = NoisyOr("noisy-or", "1", read_curves(MANIFEST.with_name("fusion").joinpath("noisy-or-1.json").read_bytes()))
INTERVAL = Interval(start_s=0.0, end_s=1.0)


def evidence(modality: Modality, score: float, *, model: str = "old", probability: float | None = None) -> Evidence:
    return Evidence(
        modality=modality,
        model=model,
        version="1",
        reference_id="r1",
        medium=0,
        score=score,
        probability=FUSION.probability(modality, score) if probability is None else probability,
        query=INTERVAL,
        reference=INTERVAL,
        thumbnail=b"a blurred picture",
    )


def decided(
    post_id: str, *found: Evidence, case_id: str | None = "case-a", policy: Policy = POLICY, **changes: Any
) -> Verdict:
    """Return fusion's verdict on this evidence."""
    fused = FUSION.fuse([(item.modality, item.probability) for item in found])
    return verdict(
        **{
            "post": post_ref(post_id),
            "case_id": case_id,
            "probability": fused,
            "decision": decide(fused, policy),
            "act_at": policy.act,
            "review_at": policy.review,
            "policy_version": policy.version,
            "evidence": list(found),
        }
        | changes
    )


def clear(post_id: str) -> Verdict:
    return decided(post_id, case_id=None, decision="dismiss")


def of(name: str, *verdicts: Verdict) -> Side:
    return side(name, map(summary, verdicts))


def run(run_id: str = "try-1", **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "run_id": run_id,
        "kind": "replay",
        "source": "descriptors",
        "choice": CHOICE,
        "starts": {},
        "code": "1",
        "started_at": NOW,
        "finished_at": NOW,
    }
    return Run(**fields | changes)


def label(post_id: str, decision: Any, case_id: str = "case-a") -> Label:
    return Label(post_id=post_id, case_id=case_id, decision=decision, reviewer="r", at=NOW)


SURE, LIKELY, WEAK = 0.9, 0.6, 0.2
"""Visual scores that lead to act, review and dismiss."""
