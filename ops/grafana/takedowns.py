"""Dashboard of the takedowns and their legal clocks."""

from ops.grafana.panel import Board, buckets, lines, number
from ops.prometheus import alerts, signals

_HOURS_S = tuple(3600.0 * hours for hours in alerts.CLOCKS_H.values())

BOARD = Board(
    "takedowns",
    "Jikimi: takedowns",
    "Requests to platforms, and the time left by law.",
    {
        "Legal clocks": [
            number(
                f"Past {clock}",
                f"Pending takedowns older than {hours} hours.",
                "short",
                signals.where(signals.TAKEDOWNS_OVERDUE, f'clock="{clock}"'),
                limits=(1,),
            )
            for clock, hours in alerts.CLOCKS_H.items()
        ]
        + [
            number(
                "Oldest pending takedown",
                "Time since its issue. Korea gives a platform 24 hours, the United States 48.",
                "s",
                signals.OLDEST_TAKEDOWN,
                limits=(_HOURS_S[0] - 3600 * alerts.WARNING_H, _HOURS_S[0]),
            ),
            number(
                "Pending",
                "Takedowns that a platform has not completed, and those held for a person.",
                "short",
                "sum(" + signals.TAKEDOWNS_PENDING + ")",
            ),
            lines(
                "Age of the oldest, by state",
                "Time since its issue; dashed: 24 and 48 hours.",
                "s",
                {"{{state}}": signals.TAKEDOWN_AGE},
                limits=_HOURS_S,
            ),
            lines(
                "Pending, by state",
                "Issued, sent, acknowledged, reappeared: waiting for a platform. Held: waiting for a person.",
                "short",
                {"{{state}}": signals.TAKEDOWNS_PENDING},
            ),
        ],
        "Second person": [
            number(
                "Cases that wait",
                "Cases whose takedowns are held until a second person confirms them.",
                "short",
                signals.UNCONFIRMED_CASES,
            ),
            number(
                "Oldest case that waits",
                f"Time since it was opened; an alert after {alerts.UNCONFIRMED_H} hours.",
                "s",
                signals.UNCONFIRMED_CASE_AGE,
                limits=(3600.0 * alerts.UNCONFIRMED_H,),
            ),
        ],
        "Signed log": [
            number(
                "Frozen",
                "Takedowns with an event that does not verify: nothing is done for them until a person decides.",
                "short",
                signals.TAKEDOWNS_FROZEN,
                limits=(1,),
            ),
        ],
        "Delivery": [
            lines(
                "Steps",
                "Attempts to send notices, looks, reminders and escalations in each interval, by outcome.",
                "short",
                {"{{kind}} {{outcome}}": signals.DELIVERY_STEPS},
            ),
            lines(
                "Notices that failed or were refused",
                "In each interval, by platform: repeated, then another channel is tried.",
                "short",
                {"{{platform}} {{outcome}}": signals.NOTICES_FAILED},
            ),
            buckets(
                "Issue to notice",
                "Time from a takedown's issue to its first notice.",
                "s",
                signals.heatmap("jikimi_notice_seconds"),
            ),
            lines(
                "Answers of platforms",
                "Signed answers and bounces of mail in each interval, accepted and refused.",
                "short",
                {"{{kind}} {{outcome}}": signals.PLATFORM_ANSWERS},
                no_value="no answer",
            ),
            lines(
                "Open deliveries",
                "Takedowns for which a step is still to be taken: a notice, a look, a reminder.",
                "short",
                {"open": signals.DELIVERIES_OPEN},
            ),
        ],
        "Events": [
            lines(
                "Events", "Takedown events in each interval, by state.", "short", {"{{state}}": signals.TAKEDOWN_EVENTS}
            ),
            buckets(
                "Published to takedown",
                "Time for which a victim's video was online before its takedown was issued.",
                "s",
                signals.heatmap("jikimi_end_to_end_seconds", matchers='since="published",until="takedown"'),
            ),
            lines(
                "Verdicts for review",
                "Verdicts per second that are neither acted on nor dismissed: a person has to decide.",
                "ops",
                {"review": signals.where(signals.VERDICTS, 'decision="review"')},
            ),
            lines("Open cases", "Cases that posts are compared with.", "short", {"cases": signals.OPEN_CASES}),
        ],
    },
)
