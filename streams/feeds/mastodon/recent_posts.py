"""Recent posts of a Mastodon feed, stored with its cursor."""

from collections.abc import Mapping

import msgspec

_MAX_VERSIONS = 100
"""Of one post; of more edits the last ones are kept, and a repeat of an older one is the same post again."""
_MAX_POSTS = 20_000
"""About half an hour of a very large server, days of a small one."""


class RecentPost(msgspec.Struct, frozen=True):
    """State of one id."""

    url: str | None
    """Of the post; None for a boost, whose deletion is not a removal."""
    versions: list[str] = []
    """Edit times of the versions processed."""
    gone: bool = False


class RecentPosts:
    """States by the server's own ids; the oldest ids are evicted.

    Parameters
    ----------
    parts
        Of the feed's cursor.
    max_posts
        Largest number of ids.
    """

    def __init__(self, parts: Mapping[str, str], max_posts: int = _MAX_POSTS) -> None:
        ordered = sorted(parts.items(), key=lambda part: age_key(part[0]))
        self._posts = {name: msgspec.json.decode(stored, type=RecentPost) for name, stored in ordered}
        self._max_posts = max_posts

    def get(self, name: str) -> RecentPost | None:
        """Return the state of an id, None if it is new or evicted."""
        return self._posts.get(name)

    def add(self, name: str, post: RecentPost) -> dict[str, str | None]:
        """Store the state of an id; return the changed parts of the cursor."""
        self._posts[name] = post
        changed: dict[str, str | None] = {name: msgspec.json.encode(post).decode()}
        while len(self._posts) > self._max_posts:
            oldest = next(iter(self._posts))
            del self._posts[oldest]
            changed[oldest] = None
        return changed

    def add_version(self, name: str, url: str, version: str) -> dict[str, str | None]:
        """Store that a version of a post was processed; return the changed parts of the cursor."""
        recent = self._posts.get(name)
        versions = [*(recent.versions if recent is not None else ()), version][-_MAX_VERSIONS:]
        return self.add(name, RecentPost(url, versions))


def age_key(status_id: str) -> tuple[int, str]:
    """Return the key that sorts ids by age: they are decimal numbers in a string."""
    return len(status_id), status_id
