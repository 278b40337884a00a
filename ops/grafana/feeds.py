"""Dashboard of the feeds."""

from ops.grafana.panel import Board, lines
from ops.prometheus import alerts, signals

BOARD = Board(
    "feeds",
    "Jikimi: feeds",
    "Events of each feed, their age on arrival, connection problems, and the media that posts link to.",
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
                "Dead letters of feeds",
                "Events, fields and media that a feed could not read, in each interval, by reason.",
                "short",
                {"{{feed}} {{reason}}": signals.FEED_DEAD_LETTERS},
                no_value="none",
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
        ],
        "Media": [
            lines(
                "Waiting",
                "Media that wait for their turn to be fetched.",
                "short",
                {"waiting": signals.FETCHES_WAITING},
            ),
            lines(
                "Failed attempts",
                "Attempts to fetch a medium that failed for now, per second.",
                "ops",
                {"{{reason}}": signals.FETCH_FAILURES},
                no_value="none",
            ),
            lines(
                "Disk", "Bytes reserved for fetched media, all workers together.", "bytes", {"disk": signals.MEDIA_DISK}
            ),
            lines(
                "Memory of decoders",
                "Memory that running decoders may use, and the budget of all workers together.",
                "bytes",
                {"{{kind}}": signals.DECODER_MEMORY},
            ),
            lines(
                "Missing layers",
                "1 for each layer of the decoders' isolation that does not hold; `jikimi doctor` names the remedy.",
                "short",
                {"{{layer}}": signals.MISSING_LAYERS},
                no_value="none",
            ),
        ],
    },
)
