"""Limits of sessions, of requests and of failed logins, and that their tables are bounded."""

import pytest
from structlog.testing import capture_logs

from streams.console import limits
from streams.console.limits import MAX_FAILURES, Counter, Limits, network_of
from streams.console.sessions import ONE_PERSON, TEAM, Identity, Policy, Sessions
from streams.console.site import Site
from streams.rights.person import Person
from tests.unit.console.made_site import JUNE, MINA, Clock, browser


@pytest.mark.parametrize("policy", [ONE_PERSON, TEAM])
def test_a_session_ends_when_it_is_idle_and_in_any_case_after_its_lifetime(policy: Policy, clock: Clock) -> None:
    sessions = Sessions(None, policy, clock)
    idle, used = sessions.open(MINA), sessions.open(MINA)
    while clock.now_s + policy.idle_s <= policy.lifetime_s:
        clock.now_s += policy.idle_s
        assert sessions.find(used) is not None
    clock.now_s = policy.lifetime_s + 1
    assert sessions.find(used) is None
    assert sessions.find(idle) is None
    assert sessions._open == {}


def test_sessions_are_bounded_for_a_person_and_in_all(clock: Clock) -> None:
    sessions = Sessions(None, TEAM._replace(most=6), clock)
    for _ in range(TEAM.most_of_person + 3):
        clock.now_s += 1
        sessions.open(MINA)
    own = list(sessions._open)
    assert len(own) == TEAM.most_of_person
    clock.now_s += 1
    assert sessions.find(own[0]) is not None
    for number in range(4):
        clock.now_s += 1
        sessions.open(Identity(Person(str(number), frozenset()), str(number)))
    assert len(sessions._open) == 6
    assert own[0] in sessions._open  # used later than the person's others
    sessions.open(JUNE)
    assert len(sessions._open) == 6


def test_requests_are_counted_by_session_and_by_address_without_one(clock: Clock) -> None:
    found = Limits(per_session=2, per_address=1, clock=clock)
    assert [found.request("a", "192.0.2.1") for _ in range(4)] == [0, 0, 1, 2]
    assert found.request("b", "192.0.2.1") == 0
    assert [found.request("", "192.0.2.1") for _ in range(2)] == [0, 1]
    assert found.request("", "192.0.2.2") == 0
    clock.now_s = 60
    assert (found.request("a", ""), found.request("", "192.0.2.1")) == (0, 0)


def test_a_network_of_ipv6_is_one_subscriber() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::"
    assert network_of("2001:db8:1:3::") != network_of("2001:db8:1:2::")
    assert (network_of("192.0.2.1"), network_of(""), len(network_of("x" * 999))) == ("192.0.2.1", "", 64)


def test_a_table_of_counts_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_KEYS", 3)
    counter = Counter(1, 60.0, clock)
    for key in "abca":
        counter.add(key)
    counter.add("d")
    assert list(counter._windows) == ["c", "a", "d"]


async def test_too_many_requests_are_a_sentence_and_one_line_of_log(site: Site) -> None:
    site.limits._sessions._most = 3
    async with browser(site, identity=MINA) as client, browser(site, identity=JUNE) as other:
        with capture_logs() as logged:
            answers = [await client.get("/live") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert "Wait a minute" in answers[-1].text
        assert answers[-1].headers["retry-after"] == "60"
        assert (await other.get("/live")).status_code == 200
    assert [(line["reason"], line["status"]) for line in logged] == [("too_many", 429)]


async def test_wrong_links_lock_their_address_out_and_open_sessions_go_on(site: Site) -> None:
    async with browser(site) as client:
        for _ in range(MAX_FAILURES):
            assert (await client.get("/enter/wrong")).status_code == 403
        assert (await client.get(f"/enter/{site.sessions.link}")).status_code == 429
        assert (await client.get("/")).status_code == 200
