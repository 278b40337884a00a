"""What a platform is shown of an event."""

from datetime import timedelta

import msgspec
import pytest

from schemas.messages import PostRef, State, Takedown
from streams.delivery.platforms.registry import Platform, Registry
from streams.delivery.reading.page import shown
from tests.unit.made_messages import NOW, delivery, evidence, takedown

REGISTRY = Registry(
    {
        "video": Platform(title="Video", posts=("demo",), laws=("US_TIDA",)),
        "other": Platform(title="others"),
    }
)


def sent(**changes: object) -> Takedown:
    attempt = delivery(kind="attempt", outcome="delivered")
    fields: dict[str, object] = {
        "state": "sent",
        "delivery": attempt,
        "evidence": [evidence(), evidence(), evidence(modality="text", medium=-1)],
    }
    return takedown(**fields | changes)


def test_a_notice_that_was_sent_is_a_request_with_what_its_platform_needs_and_nothing_of_the_case() -> None:
    event = sent()
    found = shown(event, REGISTRY, "video")
    assert found is not None
    assert found.post is not None
    assert (found.state, found.due_at, found.post.url) == ("requested", NOW + timedelta(hours=48), event.post.url)
    assert [(one.medium, one.start_s, one.end_s) for one in found.post.matches] == [(0, 1.5, 9.0)]
    text = msgspec.json.encode(found).decode()
    assert not any(hidden in text for hidden in (event.case_id, "secret-reference", "0.99", event.verdict_id))


@pytest.mark.parametrize("state", ["held", "issued", "approved", "reappeared", "gone_before_notice", "refused"])
def test_what_no_notice_was_sent_for_is_not_shown(state: State) -> None:
    assert shown(takedown(state=state), REGISTRY, "video") is None


def test_a_receipt_at_once_is_a_request_and_the_platforms_own_acknowledgement_is_not() -> None:
    at_once = shown(
        sent(state="acknowledged", delivery=delivery(kind="attempt", outcome="acknowledged")), REGISTRY, "video"
    )
    assert at_once is not None
    assert at_once.state == "requested"
    answered = sent(state="acknowledged", delivery=delivery(kind="answer", outcome="acknowledged"))
    assert shown(answered, REGISTRY, "video") is None


@pytest.mark.parametrize("state", ["removed", "withdrawn"])
def test_an_end_has_no_post_because_it_may_never_have_been_requested(state: State) -> None:
    found = shown(takedown(state=state), REGISTRY, "video")
    assert found is not None
    assert (found.state, found.post) == (state, None)


def test_another_platforms_takedowns_are_not_shown() -> None:
    elsewhere = PostRef(post_id="p", platform="else", url="https://else.example/1", published_at=NOW, seen_at=NOW)
    assert shown(sent(post=elsewhere), REGISTRY, "video") is None
    assert shown(sent(), REGISTRY, "other") is None


def test_a_post_with_a_malformed_address_holds_up_no_reading() -> None:
    malformed = PostRef(post_id="p", platform="unknown", url="http://[", published_at=NOW, seen_at=NOW)
    assert shown(sent(post=malformed), REGISTRY, "video") is None
