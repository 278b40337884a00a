"""Dashboard of the models, their scores and decisions, and a shadow's differences."""

from ops.grafana.panel import Board, buckets, lines
from ops.prometheus import alerts, signals
from ops.prometheus.signals import heatmap, mean, quantile

_MODALITIES = ("visual", "audio", "text")

BOARD = Board(
    "models",
    "Jikimi: models",
    "Live models, their scores and decisions, and the differences of a shadow.",
    {
        "In use": [
            lines(
                "Models in use",
                "Processes' models by version. Two versions of one modality for a long time mean a stuck rollout.",
                "short",
                {"{{modality}}: {{model}}@{{version}} on {{provider}}": signals.MODELS},
            ),
            lines(
                "Loading",
                "Time to verify and load a model when a worker starts.",
                "s",
                {"{{modality}}: {{model}}@{{version}}": signals.MODEL_LOAD},
            ),
            lines(
                "Chosen and not loaded",
                "1 while the chosen live model cannot be loaded and another one serves.",
                "short",
                {"{{modality}}": signals.MODEL_BEHIND},
                no_value="none",
            ),
            lines(
                "References",
                "Pieces of references that posts are compared with.",
                "short",
                {"{{modality}}": signals.REFERENCES},
            ),
        ],
        "At work": [
            lines(
                "One call",
                "95 of 100 calls of a model took no longer than this.",
                "s",
                {"{{modality}}": quantile(0.95, "jikimi_model_seconds", "modality")},
            ),
            lines(
                "Old posts searched for a new victim",
                "95 of 100 pieces of new references were searched in the archive within this time.",
                "s",
                {"one piece": quantile(0.95, "jikimi_late_search_seconds", "")},
                no_value="no new reference",
            ),
            lines(
                "References searched in the archive",
                "All references of new cases, and those not yet compared with all old posts.",
                "short",
                {"{{state}}": signals.LATE_SEARCH_REFERENCES},
                no_value="no new reference",
            ),
            lines(
                "Files of past hashes to compare",
                "Files of hashes of past posts not yet compared with all of a list, by list and file.",
                "short",
                {"files": signals.LIST_SEARCH_WAITING},
                no_value="no list",
            ),
            lines(
                "Rows in a call",
                "Mean number of rows in one call of a model.",
                "short",
                {"{{modality}}": mean("jikimi_batch_rows", "modality")},
            ),
        ],
        "Scores": [
            buckets(
                f"Best score: {modality}",
                "A segment's best score with any reference, if it has one. A shift without a new model needs a check.",
                "short",
                heatmap("jikimi_score", matchers=f'modality="{modality}"'),
                width=8,
            )
            for modality in _MODALITIES
        ],
        "Verdicts": [
            buckets(
                "Probability",
                "Fused probability of the verdicts with a case.",
                "percentunit",
                heatmap("jikimi_probability"),
            ),
            lines(
                "Reasons of verdicts",
                "Verdicts per second: complete post, deadline, or late evidence.",
                "ops",
                {"{{reason}}": signals.VERDICT_REASONS},
            ),
        ],
        "The same file again": [
            lines(
                "Reused work",
                "Media in decode, segments in other stages, per second: reused (copied from an earlier post), new, or "
                "lost (the earlier records could not be read, so the work was done again).",
                "ops",
                {"{{stage}} {{outcome}}": signals.REUSE},
                no_value="no media, or JIKIMI_REUSE_HOURS is 0",
            ),
        ],
        "Second looks": [
            lines(
                "Second looks asked for",
                "Stretches per second: evidence found there, or only a name in the post's text.",
                "ops",
                {"{{reason}}": signals.LOOKS_ASKED},
                no_value="nothing was found perhaps",
                width=8,
            ),
            lines(
                "Second looks answered",
                "Per second: seen; deadline (no answer in time); otherwise the reason why the stretch was not seen.",
                "ops",
                {"{{outcome}}": signals.LOOKS_ANSWERED},
                no_value="nothing was found perhaps",
                width=8,
            ),
            lines(
                "Wait for a second look",
                "95 of 100 answers came within this time; above fusion's deadline a person decides without it.",
                "s",
                {"one look": quantile(0.95, "jikimi_look_seconds", "")},
                no_value="nothing was found perhaps",
                width=8,
            ),
        ],
        "Shadow": [
            lines(
                "A shadow's verdicts beside the live ones",
                "Per second: same, gained (it decides higher), lost (lower), alone (no live decision in time).",
                "ops",
                {"{{outcome}}": signals.SHADOW_VERDICTS},
                no_value="no shadow runs",
            ),
            lines(
                "Share of other decisions",
                "Posts on which the shadow's decision differs.",
                "percentunit",
                {"gained or lost": signals.SHADOW_DIFFERENCE},
                limits=(alerts.SHADOW_DIFFERENCE,),
                no_value="no shadow runs",
            ),
        ],
    },
)
