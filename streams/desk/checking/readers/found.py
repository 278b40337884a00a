"""Post that a platform's interface gave, as what an address resolves to."""

from collections.abc import Sequence

import msgspec

from schemas.messages import DeadLetter, Post
from streams.desk.checking.resolved import MAX_MEDIA, Resolved
from streams.feeds.batch import FeedRecord

FEED = "check"
"""Slug in the dead letters beside posts."""


def found(records: Sequence[FeedRecord]) -> Resolved | None:
    """Return a post and what is beside it as resolved, None where there is no post.

    Its media beyond `MAX_MEDIA` are left out: the server may be anybody's. Dead letters beside it, of parts that may
    hold media and cannot be read, get the key by which the answer's outcome finds them.
    """
    post = next((record for record in records if isinstance(record, Post)), None)
    if post is None:
        return None
    letters = [
        msgspec.structs.replace(record, key=post.post_id.encode())
        for record in records
        if isinstance(record, DeadLetter)
    ]
    media = post.media[:MAX_MEDIA]
    whole = msgspec.structs.replace(post, media=media)
    return Resolved(post.url, media, post.caption, n_named=len(post.media), post=whole, letters=letters)
