"""A post that one person leaves to another: it waits, apart, and its first reviewer decides nothing more on it."""

import pytest

from schemas.messages import Label
from streams.cases import labels
from streams.console.site import Site
from streams.errors import UsageError
from streams.settings import load_settings
from tests.unit.console.made_site import ago, browser, put, token
from tests.unit.console.test_pages import JOB, POST


def escalated(by: str, at_hours: float = 1) -> Label:
    return Label(post_id=POST, case_id="case-a", decision="escalate", reviewer=by, at=ago(hours=at_hours))


async def sent(site: Site, decision: str) -> tuple[int, str]:
    async with browser(site) as client:
        form = {"token": token(site), "post": POST, "case": "case-a", "decision": decision, "seen": "v1"}
        answer = await client.post("/review/decide", data=form)
    return answer.status_code, answer.text


async def test_an_escalated_post_waits_apart_and_is_led_to_others_only(site: Site) -> None:
    put(site.store, "labels", escalated("mina"))
    assert len(site.store.reviews.queue()) == 2
    async with browser(site) as client:
        assert (await client.get("/reviews/next")).headers["location"] == "/review?post=post-m&case=case-m"
        listed = (await client.get("/reviews")).text
        html = (await client.get(JOB)).text
    assert listed.index("For another person") < listed.index(JOB.replace("&", "&amp;"))
    assert "You have asked that another person decide" in html
    assert 'action="/review/decide"' not in html
    assert [job.key for job in site.store.reviews.queue(not_by="june")] == ["post-m/case-m", f"{POST}/case-a"]


@pytest.mark.parametrize(("by", "status"), [("mina", 409), ("june", 303)])
async def test_another_person_than_who_escalated_decides(site: Site, by: str, status: int) -> None:
    put(site.store, "labels", escalated(by))
    assert (await sent(site, "copy"))[0] == status
    assert len(site.decisions.keys()) == int(status == 303)


async def test_a_decision_of_the_second_person_ends_the_escalation(site: Site) -> None:
    put(site.store, "labels", escalated("june"))
    async with browser(site) as client:
        html = (await client.get(JOB)).text
    assert "june has looked" in html
    assert 'data-key="4"' in html
    put(site.store, "labels", Label(post_id=POST, case_id="case-a", decision="other", reviewer="mina", at=ago(hours=0)))
    assert site.store.reviews.escalated() == []
    assert len(site.store.reviews.queue()) == 1


@pytest.fixture
def last(monkeypatch: pytest.MonkeyPatch) -> list[Label]:
    """Return the labels in force of which the last is found."""
    found: list[Label] = []
    monkeypatch.setattr(labels, "_last_label", lambda *_: found[-1] if found else None)
    return found


@pytest.mark.parametrize(
    ("in_force", "decision", "is_refused"),
    [("escalate", "copy", True), ("escalate", "other", True), ("escalate", "unsure", False), ("unsure", "copy", False)],
)
def test_no_command_decides_what_its_reviewer_has_escalated(
    last: list[Label], in_force: str, decision: str, is_refused: bool
) -> None:
    last.append(Label(post_id=POST, case_id="case-a", decision=in_force, reviewer="mina", at=ago(hours=1)))  # type: ignore[arg-type]
    asked = Label(post_id=POST, case_id="case-a", decision=decision, reviewer="mina", at=ago(hours=0))  # type: ignore[arg-type]
    if is_refused:
        with pytest.raises(UsageError, match="another reviewer has to decide"):
            labels._check_escalation(load_settings(), asked)
    else:
        labels._check_escalation(load_settings(), asked)
