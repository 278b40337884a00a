"""What a run must have led to: one outcome for each post, one takedown for each copy, tables that equal a replay."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.broker.raw import Broker
from ops.faults.feed import Kind
from ops.faults.system import CASE_ID
from ops.faults.tables import differing_states
from schemas.codec import Codec, WireError
from schemas.messages import DeadLetter, Decision, Message, Takedown, Verdict
from streams.cases.policy import RANK
from streams.settings import Settings
from streams.takedown.life import chained

_EXPECTED: Mapping[Kind, Decision | None] = {"copy": "act", "mention": "review"}
"""Decision for the case by kind of post; none for the others."""
_BROKEN = "decode link_gone"
"""Stage and reason of the dead letter of a broken post."""
_TOPICS = ("verdicts", "takedowns", "dead-letters")
_CODEC = Codec()


@dataclass(frozen=True)
class Findings:
    """Result of the verification."""

    lost: list[str] = field(default_factory=list)
    """Posts without their outcome, and without a dead letter that explains it."""
    wrong: list[str] = field(default_factory=list)
    """Posts with an outcome that is not theirs."""
    doubled: list[str] = field(default_factory=list)
    """Takedowns that were issued twice, or whose chain of events is broken."""
    set_aside: Counter[str] = field(default_factory=Counter)
    """Posts whose dead letter explains that they have no outcome, by stage and reason."""
    letters: Counter[str] = field(default_factory=Counter)
    """All dead letters by stage and reason."""
    states: list[str] = field(default_factory=list)
    """Posts whose fusion state differs from a replay of the scores."""
    verdicts: int = 0
    repeated_verdicts: int = 0
    """Verdicts that were written again under their id, which is allowed."""


def verify(settings: Settings, posts: Mapping[str, Kind], injected: Counter[str]) -> Findings:
    """Read the topics and compare them with the posts that were fed; see `compare`."""
    broker = Broker(settings.bootstrap_servers, settings.topic_prefix)
    messages = [message for topic in _TOPICS for message in _messages(broker, topic)]
    return compare(posts, messages, injected, differing_states(settings, broker, set(posts)))


def compare(
    posts: Mapping[str, Kind], messages: Sequence[Message], injected: Counter[str], states: list[str]
) -> Findings:
    """Compare the verdicts, takedowns and dead letters with the posts that were fed.

    Parameters
    ----------
    injected
        Events of takedowns that the run itself has repeated, by event id.
    states
        Posts whose fusion state differs from a replay.
    """
    verdicts = [message for message in messages if isinstance(message, Verdict)]
    takedowns = [message for message in messages if isinstance(message, Takedown)]
    letters = [message for message in messages if isinstance(message, DeadLetter)]
    reasons, final = _reasons(letters), _final(verdicts)
    wrong = {post for post, kind in posts.items() if not _is_right(post, kind, final, reasons)}
    missing = wrong | _without_takedown(posts, takedowns)
    explained = {post for post in missing if set(reasons.get(post, ())) - {_BROKEN}}
    issued = {event.post.post_id for event in takedowns}
    lost = {post for post in missing - explained if _is_less(posts[post], post in issued, final.get(post))}
    return Findings(
        lost=sorted(lost),
        wrong=sorted(missing - explained - lost),
        doubled=_doubled(posts, takedowns, injected),
        set_aside=Counter(reason for post in explained for reason in reasons[post]),
        letters=Counter(f"{letter.stage} {letter.reason}" for letter in letters),
        states=states,
        verdicts=len(verdicts),
        repeated_verdicts=len(verdicts) - len({verdict.verdict_id for verdict in verdicts}),
    )


def _messages(broker: Broker, topic: str) -> Iterable[Message]:
    for shard in broker.read(topic).values():
        for record in shard:
            try:
                if record.value is not None:
                    yield _CODEC.decode(topic, record.value)
            except WireError:
                continue  # the run has written it


type _Final = dict[str, Decision | None]
"""Strongest decision by post; None for one that matched nothing."""


def _final(verdicts: Iterable[Verdict]) -> _Final:
    final: _Final = {}
    for verdict in verdicts:
        decision = verdict.decision if verdict.case_id == CASE_ID else None
        final[verdict.post.post_id] = max(decision, final.get(verdict.post.post_id), key=_rank)
    return final


def _rank(decision: Decision | None) -> int:
    return RANK[decision] if decision is not None else min(RANK.values()) - 1


def _is_right(post: str, kind: Kind, final: _Final, reasons: Mapping[str, Iterable[str]]) -> bool:
    has_letter = _BROKEN in reasons.get(post, ())
    return post in final and final[post] == _EXPECTED.get(kind) and has_letter == (kind == "broken")


def _is_less(kind: Kind, is_issued: bool, decision: Decision | None) -> bool:
    """Return whether an outcome, or its absence, is too weak rather than too strong."""
    return _rank(decision) <= _rank(_EXPECTED.get(kind)) and (kind == "copy" or not is_issued)


def _without_takedown(posts: Mapping[str, Kind], takedowns: Iterable[Takedown]) -> set[str]:
    issued = {event.post.post_id for event in takedowns if event.state == "issued"}
    return {post for post, kind in posts.items() if (post in issued) != (kind == "copy")}


def _doubled(posts: Mapping[str, Kind], takedowns: Iterable[Takedown], injected: Counter[str]) -> list[str]:
    of_post: dict[str, list[Takedown]] = defaultdict(list)
    for event in takedowns:
        of_post[event.post.post_id].append(event)
    return sorted(post for post, events in of_post.items() if post in posts and not _is_single(events, injected))


def _is_single(events: list[Takedown], injected: Counter[str]) -> bool:
    """Return whether these are one event, apart from repeats by the run itself, with a hash that is right."""
    first = events[0]
    repeats = len(events) - 1 - injected[first.event_id]
    return repeats == 0 and all(event == first for event in events) and chained(first, None) == first


def _reasons(letters: Iterable[DeadLetter]) -> dict[str, list[str]]:
    """Return stage and reason of the dead letters of each post: keys start with the post's id."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for letter in letters:
        reasons[(letter.key or b"").decode(errors="replace").split("/")[0].strip()].append(
            f"{letter.stage} {letter.reason}"
        )
    return reasons
