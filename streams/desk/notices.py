"""`jikimi notice show` and `bundle`: the text of a notice, as it was sent or as it would be."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import NamedTuple

import msgspec

from schemas.messages import Case, Delivery, Notice, Takedown
from streams.cases.entries import read_case
from streams.cases.open_cases import OpenCase
from streams.delivery.history import read_deliveries
from streams.delivery.notices.catalogue import catalogue
from streams.delivery.notices.items import is_text_alone
from streams.delivery.notices.required import MAX_POSTS
from streams.delivery.notices.write import write_notice
from streams.delivery.platforms.registry import Platform, load_registry
from streams.errors import UsageError
from streams.settings import Settings
from streams.takedown.life import pending
from streams.takedown.log import read_takedowns


class ShownNotice(NamedTuple):
    """A notice and what became of it."""

    notice: Notice
    status: str
    """One line: sent when and how, or a draft."""

    @property
    def review(self) -> str:
        """One line: who has reviewed the texts of its language, if anybody."""
        texts = catalogue(self.notice.language)
        if not texts.is_reviewed:
            return f"no lawyer has reviewed the texts in {texts.name} yet: templates/{texts.language}.yaml"
        return f"texts in {texts.name} reviewed by {texts.reviewer}, {texts.reviewed}"


class _Addressee(NamedTuple):
    case: OpenCase
    name: str
    platform: Platform


async def takedown_notice(settings: Settings, takedown_id: str, language: str = "") -> ShownNotice:
    """Return a takedown's last notice; a draft if there was none, or in a language other than its own.

    Raises
    ------
    UsageError
        There is no such takedown, its case is closed and no notice was sent, or a field is missing.
    """
    events = [event for event in await read_takedowns(settings) if event.takedown_id == takedown_id]
    if not events:
        raise UsageError(f"no takedown {takedown_id}: `jikimi case show CASE` lists those of a case")
    attempts = [step for step in await read_deliveries(settings) if step.takedown_id == takedown_id and step.notice]
    if attempts and not _differs(attempts[-1], language):
        return _sent(attempts[-1])
    takedown = msgspec.structs.replace(events[-1], at=events[0].at)
    name, platform = load_registry(settings.delivery.platforms).find(takedown.post)
    case = await _open_case(settings, takedown.case_id)
    return _draft(settings, [takedown], _Addressee(case, name, platform), language, len(attempts) + 1)


def draft(settings: Settings, takedown: Takedown, entries: Iterable[Case]) -> ShownNotice:
    """Return the first notice of a takedown as it would be sent now, in the platform's language.

    Parameters
    ----------
    takedown
        Its last event, with the time of its first.
    entries
        Of its case.

    Raises
    ------
    UsageError
        The case is an allow-list, or a field is missing.
    """
    name, platform = load_registry(settings.delivery.platforms).find(takedown.post)
    return _draft(settings, [takedown], _Addressee(_of_entries(entries, takedown.case_id), name, platform), "")


async def bundle(settings: Settings, case_id: str, name: str, language: str = "") -> list[ShownNotice]:
    """Return drafts for the pending takedowns of a case on a platform: one, if they are of one kind and not too many.

    Raises
    ------
    UsageError
        There is no such case or platform, nothing is pending on it, or a field is missing.
    """
    registry = load_registry(settings.delivery.platforms)
    if name not in registry.platforms:
        raise UsageError(f"no platform {name}: {', '.join(sorted(registry.platforms))}")
    case = await _open_case(settings, case_id)
    found = [one for one in _last(await read_takedowns(settings), case_id) if registry.find(one.post)[0] == name]
    if not found:
        raise UsageError(f"no takedown of {case_id} is pending on {name}")
    kinds = ([one for one in found if not is_text_alone(one)], [one for one in found if is_text_alone(one)])
    groups = [part for kind in kinds for part in batched(kind, MAX_POSTS)]
    to = _Addressee(case, name, registry.platforms[name])
    return [_draft(settings, group, to, language) for group in groups]


def _last(events: Iterable[Takedown], case_id: str) -> list[Takedown]:
    """Return the last event of each pending takedown of a case, with the time of its first."""
    first: dict[str, Takedown] = {}
    last: dict[str, Takedown] = {}
    for event in (event for event in events if event.case_id == case_id):
        first.setdefault(event.takedown_id, event)
        last[event.takedown_id] = event
    return [msgspec.structs.replace(one, at=first[key].at) for key, one in last.items() if pending(one.state)]


def _differs(attempt: Delivery, language: str) -> bool:
    assert attempt.notice is not None
    return bool(language) and catalogue(language).language != attempt.notice.language


def _sent(attempt: Delivery) -> ShownNotice:
    assert attempt.notice is not None
    receipt = f", receipt {attempt.receipt}" if attempt.receipt else ""
    status = f"{attempt.outcome} by {attempt.channel or 'no channel'} at {attempt.at:%Y-%m-%d %H:%M:%S} UTC{receipt}"
    return ShownNotice(attempt.notice, f"notice {attempt.notice.attempt}: {status}")


def _draft(
    settings: Settings, takedowns: Sequence[Takedown], to: _Addressee, language: str, attempt: int = 1
) -> ShownNotice:
    language = language or to.platform.language or settings.delivery.languages[0]
    addressee, now = (to.case, to.name, to.platform, settings.filer), datetime.now(UTC)
    written = write_notice(takedowns, *addressee, language=language, attempt=attempt, at=now, due_at=None)
    return ShownNotice(written, "draft: not sent")


async def _open_case(settings: Settings, case_id: str) -> OpenCase:
    return _of_entries(await read_case(settings, case_id), case_id)


def _of_entries(entries: Iterable[Case], case_id: str) -> OpenCase:
    for entry in entries:
        if entry.policy is not None:
            return OpenCase(entry.policy, entry.kind, entry.minor, entry.authority)
    raise UsageError(f"{case_id} has no policy: it is an allow-list, which has no takedowns")
