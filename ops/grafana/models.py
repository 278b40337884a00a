"""What decides, and whether another model would decide otherwise."""

from ops.grafana.panel import Board, Query, buckets, lines
from ops.prometheus import alerts, signals
from ops.prometheus.signals import heatmap, mean, quantile

_MODALITIES = ("visual", "audio", "text")

BOARD = Board(
    "models",
    "Jikimi: models",
    "Which models are live, how they score and decide, and what a shadow would do otherwise.",
    {
        "In use": [
            lines(
                "Models in use",
                "Processes' models by version. Two versions of one modality for long mean a rollout that stuck.",
                "short",
                Query(signals.MODELS, "{{modality}}: {{model}}@{{version}} on {{provider}}"),
            ),
            lines(
                "Loading",
                "Time to verify and load a model when a worker starts.",
                "s",
                Query(signals.MODEL_LOAD, "{{modality}}: {{model}}@{{version}}"),
            ),
            lines(
                "Chosen and not loaded",
                "1 while the model that was chosen to be live cannot be loaded and another one serves.",
                "short",
                Query(signals.MODEL_BEHIND, "{{modality}}"),
                no_value="none",
            ),
            lines(
                "References",
                "Pieces of references being looked for.",
                "short",
                Query(signals.REFERENCES, "{{modality}}"),
            ),
        ],
        "At work": [
            lines(
                "One call",
                "95 of 100 calls of a model took no longer.",
                "s",
                Query(quantile(0.95, "jikimi_model_seconds", "modality"), "{{modality}}"),
            ),
            lines(
                "Old posts searched for a new victim",
                "95 of 100 pieces of new references were searched in the archive within this time.",
                "s",
                Query(quantile(0.95, "jikimi_late_search_seconds", ""), "one piece"),
                no_value="no new reference",
            ),
            lines(
                "Rows in a call",
                "Mean number of rows put through a model together.",
                "short",
                Query(mean("jikimi_batch_rows", "modality"), "{{modality}}"),
            ),
        ],
        "Scores": [
            buckets(
                f"Best score: {modality}",
                "A segment's best score in any reference, if it has one. A shift without a new model is worth a look.",
                "short",
                Query(heatmap("jikimi_score", matchers=f'modality="{modality}"')),
                width=8,
            )
            for modality in _MODALITIES
        ],
        "Verdicts": [
            buckets(
                "Probability",
                "Fused probability of the verdicts that concern a case.",
                "percentunit",
                Query(heatmap("jikimi_probability")),
            ),
            lines(
                "What brought verdicts",
                "Verdicts per second: all parts heard, a deadline, or later evidence.",
                "ops",
                Query(signals.VERDICT_REASONS, "{{reason}}"),
            ),
        ],
        "Shadow": [
            lines(
                "A shadow's verdicts beside the live ones",
                "Per second: same, gained (it would do more), lost (less), alone (no live decision in time).",
                "ops",
                Query(signals.SHADOW_VERDICTS, "{{outcome}}"),
                no_value="no shadow runs",
            ),
            lines(
                "Share of other decisions",
                "Posts that the shadow decides otherwise.",
                "percentunit",
                Query(signals.SHADOW_DIFFERENCE, "gained or lost"),
                limits=(alerts.SHADOW_DIFFERENCE,),
                no_value="no shadow runs",
            ),
        ],
    },
)
