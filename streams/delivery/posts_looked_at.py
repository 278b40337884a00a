"""Looks at posts by the method of their platform."""

import structlog

from schemas.messages import Takedown
from streams.delivery.looks.look import Finding, Look
from streams.delivery.looks.make import make_look
from streams.delivery.platforms.registry import Registry
from streams.delivery.progress import Progress
from streams.settings import Settings

log = structlog.get_logger()


class PostLooks:
    """Looks, made when they are first used; they are kept as long as the worker runs."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._looks: dict[str, Look | None] = {}

    async def look(self, last: Takedown, progress: Progress) -> Finding:
        """Look whether a post is there; a bug in the method proves nothing, and stops no other look."""
        platform = self._registry.named(progress.platform)
        if platform.look not in self._looks:
            self._looks[platform.look] = make_look(platform.look, self._settings)
        method = self._looks[platform.look]
        try:
            return await method.look(last.post, progress.seen) if method is not None else Finding("unknown", "none")
        except Exception:
            log.exception("look failed", platform=progress.platform, takedown=last.takedown_id)
            return Finding("unknown", platform.look, error="bug")
