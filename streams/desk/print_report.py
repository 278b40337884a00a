"""A case's report as blocks of lines: nothing is cut, so that every link can be opened."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from streams.delivery.evidence.moments import position
from streams.desk.case_report import (
    CaseReport,
    DeliveryStep,
    FoundPost,
    Hit,
    MatchedPart,
    ReferenceReport,
    SearchReport,
    Step,
)
from streams.desk.local_time import LocalTime, span

MODALITY_NAMES = {"visual": "picture", "audio": "sound", "text": "text", "voice": "voice"}
_STATES = {"gone_before_notice": "gone before the notice"}


def printable(text: str) -> str:
    """Return text of a platform without characters that a terminal would interpret."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


class ReportLines:
    """Lines of a case's report, with times in one zone.

    Parameters
    ----------
    now
        Time from which what is overdue is counted.
    """

    def __init__(self, zone: LocalTime, now: datetime | None = None) -> None:
        self._zone = zone
        self._now = now or datetime.now(UTC)

    def report(self, report: CaseReport) -> Iterator[str]:
        """Yield all lines."""
        yield from self._head(report)
        for reference in report.references:
            yield from self._reference(reference)
        if not report.is_allowed and not report.review_only:
            yield f"{report.terms} terms, {report.phrases} phrases"
        models = ", ".join(
            f"{MODALITY_NAMES[modality]} {' and '.join(names)}" for modality, names in report.models.items()
        )
        if models:
            yield f"described by {models}"
        if report.search is not None and not report.is_allowed:
            yield f"earlier posts: {_search(report.search)}"
        yield from self._copies(report)
        for number, hit in enumerate(report.hits, 1):
            yield ""
            yield from self._hit(number, hit)
        for review in report.reviews:
            yield ""
            yield f"review   waits for a person   {review.post.probability:.1%}"
            yield from self._post(review.post)
            if review.missing:
                yield f"  missing: {', '.join(MODALITY_NAMES[modality] for modality in review.missing)}"
            yield f"  decide: jikimi label {printable(review.post.post_id)} {report.case_id} copy|other|unsure"
        yield ""
        yield summary(report)

    def withdrawn(self, report: CaseReport) -> Iterator[str]:
        """Yield the lines of a withdrawn case."""
        yield f"{report.case_id}  {printable(report.name)}"
        opened = f"opened {self._zone.minute(report.opened_at)}, " if report.opened_at else ""
        withdrawn = f"withdrawn {self._zone.minute(report.withdrawn_at)}" if report.withdrawn_at else "withdrawn"
        yield opened + withdrawn
        yield summary(report)

    def _head(self, report: CaseReport) -> Iterator[str]:
        opened = f"  opened {self._zone.minute(report.opened_at)}" if report.opened_at else ""
        yield f"{report.case_id}  {printable(report.name)}{opened}"
        if report.is_allowed:
            yield "allowed wherever it is found"
        if report.kind is not None:
            minor = ", a minor" if report.minor else ""
            authority = f", authority {printable(report.authority)}" if report.authority else ""
            yield f"{report.kind.replace('_', ' ')}{minor}{authority}"
        if report.review_only:
            yield f"a list of others: review by a person from {report.review:g}, never acts by itself"
        elif report.act is not None:
            yield f"acts from {report.act:g}, review by a person from {report.review:g}"
        if report.approve:
            yield "a person approves each notice"
        if report.opened_by:
            confirmed = f", confirmed by {printable(report.confirmed_by)}" if report.confirmed_by else ""
            yield f"opened by {printable(report.opened_by)}{confirmed}"
        if report.waits:
            yield f"takedowns are held until a second person confirms it: `jikimi case confirm {report.case_id}`"

    def _reference(self, reference: ReferenceReport) -> Iterator[str]:
        length = f"{reference.duration_s:.1f} s" if reference.duration_s else ""
        rows = [f"{reference.frames} frames" if reference.frames else "", f"{reference.sounds} sounds"]
        known = [reference.kind, length, *(rows if reference.kind not in {"terms", "erased"} else [])]
        name = f"  {printable(reference.file)}" if reference.file else ""
        yield f"reference {reference.reference_id}{name}  {', '.join(filter(None, known))}"
        if reference.review is not None and reference.review_at is not None:
            why = f": {printable(reference.review_why)}" if reference.review_why else ""
            by = f"{reference.review} by {reference.review_by}, {self._zone.minute(reference.review_at)}"
            yield f"  {reference.reference_id}  {by}{why}"
        if reference.quarantined_since is not None:
            since = self._zone.minute(reference.quarantined_since)
            yield f"  under quarantine since {since}, {reference.held} takedowns held: confirm or deconfirm it"

    def _copies(self, report: CaseReport) -> Iterator[str]:
        for number, family in enumerate(report.families, 1):
            where = ", ".join(f"{count} on {printable(platform)}" for platform, count in family.platforms.items())
            first = self._zone.minute(family.first_seen)
            yield f"family {number}: {where}, by {family.accounts} accounts, first seen {first}"
        for uploader in report.repeat_uploaders:
            account = f"{printable(uploader.author)} on {printable(uploader.platform)}"
            yield f"uploaded {uploader.copies} times: {account}"

    def _hit(self, number: int, hit: Hit) -> Iterator[str]:
        overdue = "   OVERDUE" if hit.is_overdue else ""
        yield f"hit {number}   {_words(hit.state)}   {hit.post.probability:.1%}{overdue}"
        yield from self._post(hit.post)
        if hit.due_at is not None:
            late = f", {span(self._now - hit.due_at)} ago" if hit.is_overdue else ""
            yield f"  due {self._zone.minute(hit.due_at)}{late}"
        yield f"  takedown {hit.takedown_id}"
        steps: list[Step | DeliveryStep] = [*hit.history, *hit.deliveries]
        for step in sorted(steps, key=lambda step: step.at):
            yield f"    {self._zone.second(step.at)}  {_state(step) if isinstance(step, Step) else _delivery(step)}"

    def _post(self, post: FoundPost) -> Iterator[str]:
        yield f"  {printable(post.url)}"
        yield f"  {printable(post.platform)}  by {printable(post.author or 'an unknown account')}"
        yield f"  posted {self._zone.second(post.published_at)}, found {self._zone.second(post.found_at)}"
        for match in post.matches:
            yield f"  {_match(match)}"
        for link in post.links:
            yield f"  shows the link {printable(link)}"


def summary(report: CaseReport) -> str:
    """Return the counts of a case in one line."""
    n_open = sum(hit.is_open for hit in report.hits)
    n_overdue = sum(hit.is_overdue for hit in report.hits)
    states = ", ".join(f"{number} {_words(state)}" for state, number in sorted(report.states.items()))
    counts = f"{sum(report.states.values())} hits{f' ({states})' if states else ''}"
    if report.withdrawn_at is not None or not report.references:
        return counts
    return f"{counts}, {n_open} open, {n_overdue} overdue, {len(report.reviews)} waiting for review"


def _search(search: SearchReport) -> str:
    if search.files:
        return f"{search.compared} of {search.files} files of their hashes compared"
    if search.share >= 1:
        return "all searched"
    left = "" if search.most_s is None else f", at most {span(timedelta(seconds=search.most_s))} more at this pace"
    return f"{100 * search.share:.0f} % searched{left}"


def _match(match: MatchedPart) -> str:
    certainty = f"score {match.score:.2f}, {match.probability:.1%} alone, {match.model}"
    if match.modality == "text":
        return f"text: {match.terms} terms, {certainty}"
    where = f"{position(match.post_start_s)}-{position(match.post_end_s)} of medium {match.medium + 1}"
    source = f"{position(match.reference_start_s)}-{position(match.reference_end_s)} of {_file(match)}"
    speed = f" at {match.speed:.2f} times its speed" if abs(match.speed - 1) > 0.02 else ""  # noqa: PLR2004
    return f"{MODALITY_NAMES[match.modality]}: {where} is {source}{speed}, {certainty}"


def _file(match: MatchedPart) -> str:
    return printable(match.file) if match.file else f"reference {match.reference_id}"


def _state(step: Step) -> str:
    by = f" by {printable(step.by)}" if step.by else ""
    why = f": {printable(step.why)}" if step.why else ""
    return f"{_words(step.state)}{by}{why}"


def _delivery(step: DeliveryStep) -> str:
    number = f" {step.number}" if step.number else ""
    channel = f" by {step.channel}" if step.channel else ""
    found = [
        f"status {step.status}" if step.status is not None else "",
        *(step.error, f"receipt {step.receipt}" if step.receipt else "", step.detail, step.address),
        f"decided by {step.by}" if step.by else "",
        step.why,
    ]
    details = "; ".join(printable(text) for text in _nonempty(found))
    kind = "notice" if step.kind == "attempt" else step.kind
    return f"{kind}{number}{channel}: {_words(step.outcome)}{f' ({details})' if details else ''}"


def _nonempty(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text]


def _words(slug: str) -> str:
    return _STATES.get(slug, slug.replace("_", " "))
