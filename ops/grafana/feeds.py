"""What comes in."""

from ops.grafana.panel import Board, Query, lines
from ops.prometheus import alerts, signals

BOARD = Board(
    "feeds",
    "Jikimi: feeds",
    "What each feed brings, how old it is when it comes, and what keeps it from coming.",
    {
        "Feeds": [
            lines(
                "Connected",
                "1 while a feed is connected.",
                "short",
                Query(signals.FEED_CONNECTED, "{{feed}}"),
            ),
            lines(
                "Events",
                "Events per second: posts, removals, what could not be read, what does not concern us.",
                "ops",
                Query(signals.FEED_EVENTS, "{{feed}} {{kind}}"),
            ),
            lines(
                "Lag",
                "Age of the newest event of a feed when it came.",
                "s",
                Query(signals.FEED_LAG, "{{feed}}"),
                limits=(alerts.FEED_LAG_S,),
            ),
            lines(
                "Reconnections",
                "Connections made again in each interval, by what ended the last.",
                "short",
                Query(signals.FEED_RECONNECTS, "{{feed}} {{reason}}"),
                no_value="none",
            ),
            lines(
                "HTTP requests",
                "Requests to the HTTP feed per second, by answer; 429 asks the sender to wait.",
                "ops",
                Query(signals.HTTP_REQUESTS, "{{code}}"),
                no_value="no HTTP feed",
            ),
            lines(
                "Posts, removals and cursors",
                "Offsets per second, by all feeds together; the end of each transaction takes one too.",
                "ops",
                Query(signals.where(signals.TOPIC_GROWTH, 'topic=~"posts|removals|feed-cursors"'), "{{topic}}"),
            ),
        ]
    },
)
