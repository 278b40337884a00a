"""Lines of an answer for a person: the address and its result, each case, the matched stretches, and what follows."""

from collections.abc import Iterator

from schemas.messages import State
from streams.desk.checking.answer import Answer, Found
from streams.desk.hits.lines import evidence_lines

_WORDS = {
    "link_malformed": "no link",
    "link_scheme": "no link of the web",
    "link_gone": "dead",
    "link_not_yet": "not there yet",
    "link_forbidden": "private, or not for everybody",
    "link_refused": "refused",
    "link_login": "behind a login",
    "link_not_checked": "not checked, because of a bug",
    "link_unavailable": "not reached",
    "link_timeout": "too slow",
    "link_slow": "too slow",
    "link_private_address": "a private address",
    "redirect_loop": "redirected without an end",
    "page_without_media": "a page without media",
    "media_empty": "empty",
    "media_too_large": "too large",
}
_FOLLOWS: dict[State, str] = {
    "held": "the takedown waits for a person",
    "issued": "the takedown is issued",
    "approved": "the takedown is approved",
    "sent": "the takedown is sent",
    "acknowledged": "the platform has acknowledged the takedown",
    "removed": "it was removed before, and is there again",
    "gone_before_notice": "it was gone before, and is there again",
    "withdrawn": "its takedown was withdrawn: none is issued",
    "refused": "the platform has refused the takedown",
    "escalated": "the takedown is escalated",
    "reappeared": "it has reappeared, and is taken down again",
}


def answer_lines(answer: Answer) -> Iterator[str]:
    """Yield the line of an address, then those of each case that it resembles."""
    yield f"{answer.result:8} {answer.address}{_note(answer)}"
    for found in answer.found:
        yield f"    {found.case_id} {found.probability:.2f}: {_follows(found)}"
        yield from (f"        {line}" for line in evidence_lines(found.evidence))


def _note(answer: Answer) -> str:
    """Return why an address was not looked at, or not all of it."""
    notes = []
    if answer.reason:
        words = _WORDS.get(answer.reason, answer.reason)
        notes.append(f"{words} ({answer.detail})" if answer.detail else words)
    if answer.result == "waiting":
        notes.append("no verdict yet: `jikimi watch` prints it when it comes")
    if answer.media_named > answer.media:
        notes.append(f"its page names {answer.media_named} media, of which {answer.media} are looked at")
    return f": {'; '.join(notes)}" if notes else ""


def _follows(found: Found) -> str:
    if found.decision == "review":
        return "a person decides: `jikimi reviews`"
    if found.takedown is None:
        return "a copy; its takedown is not there yet"
    return f"a copy; {_FOLLOWS[found.takedown]}, {found.takedown_id}"
