"""Notices: written for a takedown, and sent through the channel of its platform that is in turn."""

import time
from datetime import UTC, datetime

import msgspec
import structlog

from schemas.messages import Notice, Takedown
from streams.cases.open_cases import OpenCases
from streams.delivery.channels.channel import Answer, Channel
from streams.delivery.channels.limits import Gate
from streams.delivery.channels.make import make_channel
from streams.delivery.notices.write import NoticeError, write_notice
from streams.delivery.platforms.registry import Platform, Registry
from streams.delivery.progress import Progress
from streams.delivery.sent import Sent
from streams.errors import UsageError
from streams.settings import Settings
from streams.takedown.life import confirmed_by

log = structlog.get_logger()


class NoticeSender:
    """Writer and sender of notices; channels are made when they are first used and kept as long as the worker runs."""

    def __init__(self, settings: Settings, cases: OpenCases, registry: Registry) -> None:
        self._settings = settings
        self._cases = cases
        self._registry = registry
        self._channels: dict[tuple[str, int], Channel | None] = {}
        self._gates: dict[str, Gate] = {}
        self._clock = time.monotonic

    def admits(self, platform: str) -> bool:
        """Return whether the limits of a platform allow a notice now, which must then be sent."""
        return self._gate(platform).wait_s(self._clock()) == 0

    async def send(self, last: Takedown, progress: Progress, key: str, now: float) -> Sent:
        """Write the notice of a takedown and send it, or only write it in a dry run."""
        platform = self._registry.named(progress.platform)
        entry = platform.channels[progress.channel] if progress.channel < len(platform.channels) else None
        kind = entry.kind if entry is not None else ""
        try:
            notice = self._write(last, progress, platform, now)
            if progress.dry:
                return Sent(kind, notice, None)
            channel = self._channel(progress.platform, progress.channel)
        except UsageError as error:  # of a NoticeError, too
            log.warning("notice not sent", takedown=last.takedown_id, platform=progress.platform, error=str(error))
            slug = "notice_incomplete" if isinstance(error, NoticeError) else "channel_not_set_up"
            return Sent(kind, None, Answer("failed", error=slug, detail=str(error)))
        answer = await _answer(channel, notice, key)
        self._gate(progress.platform).record(answer, self._clock())
        return Sent(kind, notice, answer)

    def _write(self, last: Takedown, progress: Progress, platform: Platform, now: float) -> Notice:
        case = self._cases.case(last.case_id)
        if case is None:
            raise NoticeError(f"{last.case_id} is not an open case")
        first = msgspec.structs.replace(last, at=datetime.fromtimestamp(progress.detected_at or progress.since, UTC))
        return write_notice(
            [first],
            case,
            progress.platform,
            platform,
            self._settings.filer,
            language=platform.language or self._settings.delivery.languages[0],
            attempt=progress.n_attempts + 1,
            at=datetime.fromtimestamp(now, UTC),
            due_at=progress.due,
            confirmed_by=progress.approved_by or confirmed_by(last) or None,
        )

    def _channel(self, platform: str, index: int) -> Channel | None:
        if (platform, index) not in self._channels:
            entry = self._registry.named(platform)
            channel = make_channel(entry.channels[index], self._settings, max_characters=entry.max_characters)
            self._channels[platform, index] = channel
        return self._channels[platform, index]

    def _gate(self, platform: str) -> Gate:
        if platform not in self._gates:
            self._gates[platform] = Gate(self._registry.named(platform).per_minute)
        return self._gates[platform]


async def _answer(channel: Channel | None, notice: Notice, key: str) -> Answer:
    """Return a channel's answer; a bug in it fails this notice, as an outage would, and stops nobody else's."""
    if channel is None:  # of a platform that reads the takedowns topic, which is its notice
        return Answer("delivered", address="takedowns")
    try:
        return await channel.send(notice, key)
    except Exception:
        log.exception("channel failed", platform=notice.platform, notice=notice.notice_id)
        return Answer("failed", error="bug")
