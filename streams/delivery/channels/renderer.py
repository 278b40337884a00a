"""Interface of the renderer of notices, which channels use for their text."""

from typing import Protocol

from schemas.messages import Notice


class Renderer(Protocol):
    """Functions of streams.delivery.notices.render."""

    def text(self, notice: Notice, limit: int | None = None) -> str:
        """Return the notice as plain text, within a number of characters."""

    def html(self, notice: Notice) -> str:
        """Return the notice as a page."""

    def subject(self, notice: Notice) -> str:
        """Return the subject of its mail."""
