"""Property: nothing of the victim, and no part of the media, reaches a notice in any form."""

import base64
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.messages import Interval, Passage, Removal
from streams.delivery.notices import render
from streams.delivery.notices.catalogue import languages
from tests.unit.delivery.notices.made_notices import KINDS, LAWS, evidence, made_takedown, notice, text_evidence
from tests.unit.made_messages import NOW

MARK = "VICTIMKIMMINJI"
"""In every field of a takedown that may hold what identifies the victim or shows the media."""


def marked(word: str) -> dict[str, Any]:
    """Return the fields of a takedown that a notice must not repeat, all of them with this word."""
    removal = Removal(removal_id=word, platform="p", kind="post_deleted", status=word, at=NOW, seen_at=NOW)
    return {
        "verdict_id": word,
        "policy_version": word,
        "links": [f"t.me/{word}", f"@{word}"],
        "held_for": [word],
        "by": word,
        "why": word,
        "removal": removal,
        "previous": word.encode(),
        "hash": word.encode(),
    }


@settings(max_examples=30, deadline=None)
@given(
    word=st.text("abcdefghijklmnopqrstuvwxyz가나다라마바사", min_size=6, max_size=20).map(lambda text: MARK + text),
    written=st.fixed_dictionaries(
        {
            "laws": st.lists(st.sampled_from(LAWS), min_size=1, unique=True),
            "kind": st.sampled_from(KINDS),
            "minor": st.booleans(),
            "language": st.sampled_from(languages()),
        }
    ),
    text_alone=st.booleans(),
    limit=st.sampled_from([None, 300, 1_000, 2_000]),
)
def test_no_form_of_a_notice_holds_the_victims_name_a_term_or_the_media(
    word: str, written: dict[str, Any], text_alone: bool, limit: int | None
) -> None:
    interval = Interval(start_s=0.0, end_s=1.0)
    passages = [Passage(query=interval, reference=interval, score=0.5)]
    seen = {"thumbnail": word.encode(), "terms": 7, "passages": passages}
    found = [msgspec.structs.replace(one, **seen) for one in ([text_evidence()] if text_alone else [evidence()])]
    takedown = made_takedown(evidence=found, **marked(word))
    result = notice(takedowns=[takedown], **written)
    json = msgspec.json.encode(result).decode()
    encoded = base64.b64encode(word.encode()).decode().rstrip("=")[:20]
    for form in (render.text(result, limit), render.html(result), render.subject(result), json):
        assert MARK not in form
        assert encoded not in form
    assert '"thumbnail"' not in json
    assert '"terms"' not in json
