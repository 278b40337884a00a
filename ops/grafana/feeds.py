"""Dashboard of the feeds."""

from ops.grafana.panel import Board, lines
from ops.prometheus import alerts, signals

BOARD = Board(
    "feeds",
    "Jikimi: feeds",
    "Events of each feed, their age on arrival, and connection problems.",
    {
        "Feeds": [
            lines("Connected", "1 while a feed is connected.", "short", {"{{feed}}": signals.FEED_CONNECTED}),
            lines(
                "Events",
                "Events per second: posts, removals, unreadable events, ignored events.",
                "ops",
                {"{{feed}} {{kind}}": signals.FEED_EVENTS},
            ),
            lines(
                "Lag",
                "Age of a feed's newest event on arrival.",
                "s",
                {"{{feed}}": signals.FEED_LAG},
                limits=(alerts.FEED_LAG_S,),
            ),
            lines(
                "Reconnections",
                "Reconnections in each interval, by the reason that ended the last connection.",
                "short",
                {"{{feed}} {{reason}}": signals.FEED_RECONNECTS},
                no_value="none",
            ),
            lines(
                "HTTP requests",
                "Requests to the HTTP feed per second, by status; 429 is back-pressure on the sender.",
                "ops",
                {"{{code}}": signals.HTTP_REQUESTS},
                no_value="no HTTP feed",
            ),
            lines(
                "Posts, removals and cursors",
                "Offsets per second, all feeds together; the end of each transaction takes one offset too.",
                "ops",
                {"{{topic}}": signals.where(signals.TOPIC_GROWTH, 'topic=~"posts|removals|feed-cursors"')},
            ),
        ]
    },
)
