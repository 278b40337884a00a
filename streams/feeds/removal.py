"""A removal in JSON, as platforms write it."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.ids import record_id
from schemas.messages import Removal, RemovalKind
from streams.feeds.entry_error import EntryError
from streams.feeds.times import plausible


class RemovalEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A post that was removed, by its url; or an account that was removed or restored, by its author."""

    kind: Annotated[
        RemovalKind, Meta(description="post_deleted needs a url; account_gone and account_back need an author.")
    ]
    platform: Annotated[str, Meta(description="Slug of the platform, as in its posts.")]
    url: Annotated[str | None, Meta(description="Address of the post, as in the post.")] = None
    author: Annotated[str | None, Meta(description="The account, as in its posts.")] = None
    status: Annotated[str | None, Meta(description="The platform's own term for it.")] = None
    at: Annotated[datetime | None, Meta(description="Time of the removal, ISO 8601; now if left out.")] = None

    def to_removal(self) -> Removal:
        """Return the removal.

        Raises
        ------
        EntryError
            The platform, or the url or author of this kind, is missing.
        """
        named = self.url if self.kind == "post_deleted" else self.author
        if not (named and self.platform):
            field = "url" if self.kind == "post_deleted" else "author"
            raise EntryError(f"{self.kind} needs platform and {field}")
        now = datetime.now(UTC)
        return Removal(
            removal_id=record_id("feed-removal", self.platform, self.kind, named, self.at or ""),
            platform=self.platform,
            kind=self.kind,
            url=self.url,
            author=self.author,
            status=self.status or "",
            at=(self.at and plausible(self.at)) or now,
            seen_at=now,
        )
