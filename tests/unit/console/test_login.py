"""Logins of a team: OpenID Connect against a provider with real keys, and each way in which it may be deceived."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from pydantic import SecretStr
from structlog.testing import capture_logs

from streams.console.app import create_app
from streams.console.guard import Guard
from streams.console.limits import MAX_FAILURES
from streams.console.login.begun import LONGEST_S, Begun, Seal
from streams.console.login.login import make_login
from streams.console.sessions import TEAM
from streams.console.settings import ConsoleSettings
from streams.console.site import Site
from streams.errors import UsageError
from streams.rights.settings import OidcSettings
from streams.rights.table import MACHINE
from streams.settings import load_settings
from tests.support.oidc_provider import CLIENT, ISSUER, SECRET, LocalProvider
from tests.unit.console.made_site import Clock, fill, made_site
from tests.unit.console.test_scope import handlers

ORIGIN = "https://console.example"
OIDC = OidcSettings(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=SecretStr(SECRET),
    roles={"officers": "officer", "operators": "operator"},
)
CONSOLE = ConsoleSettings(origin=f"{ORIGIN}/", pseudonyms={"account": "mina", "june@centre.example": "juniper 7"})


@pytest.fixture
def provider() -> LocalProvider:
    return LocalProvider()


@pytest.fixture
def site(provider: LocalProvider, clock: Clock, tmp_path: Path) -> Iterator[Site]:
    login = make_login(load_settings(oidc=OIDC, console=CONSOLE), provider.client())
    login.provider._clock = clock
    with made_site(folder=tmp_path, login=login, clock=clock) as (site, _):
        fill(site.store)
        yield site


@asynccontextmanager
async def browser(site: Site, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    app = Guard(create_app(site), site.sessions, {"console.example"}, site.limits)
    transport = httpx.ASGITransport(app, client=(address, 1))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"accept-language": "en"}) as client:
        yield client


async def led_back(client: httpx.AsyncClient, provider: LocalProvider, back: str = "/") -> str:
    """Return the address to which the provider leads a browser that wants to log in."""
    started = await client.get("/login/start", params={"back": back})
    assert started.status_code == 303, started.text
    async with provider.client() as outside:
        return str((await outside.get(started.headers["location"])).headers["location"])


async def log_in(client: httpx.AsyncClient, provider: LocalProvider, back: str = "/") -> httpx.Response:
    return await client.get(await led_back(client, provider, back))


async def test_who_logs_in_has_the_roles_of_the_groups_and_signs_by_the_pseudonym(
    site: Site, provider: LocalProvider
) -> None:
    async with browser(site) as client:
        first = await client.get("/takedowns?state=sent")
        assert first.status_code == 303
        assert first.headers["location"] == "/login?back=%2Ftakedowns%3Fstate%3Dsent"
        page = (await client.get(first.headers["location"])).text
        assert 'href="/login/start?back=%2Ftakedowns%3Fstate%3Dsent"' in page
        entered = await log_in(client, provider, "/takedowns?state=sent")
        assert entered.status_code == 200
        assert entered.headers["refresh"] == "0; url=/takedowns?state=sent"
        assert (await client.get("/takedowns")).status_code == 200
        (session,) = site.sessions._open.values()
    assert session.identity.person == ("account", frozenset({"officer"}))
    assert session.identity.signature == "mina"


async def test_the_cookies_are_of_this_host_by_https_alone_and_a_login_changes_them(
    site: Site, provider: LocalProvider
) -> None:
    async with browser(site) as client:
        started = await client.get("/login/start")
        entered = await log_in(client, provider)
        again = await log_in(client, provider)
    kept = re.escape(TEAM.cookie)
    assert re.fullmatch(
        r"__Host-jikimi_login=\S+; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure", started.headers["set-cookie"]
    )
    first, second = (
        re.search(rf"{kept}=(\S+); HttpOnly; Path=/; SameSite=strict; Secure", one.headers["set-cookie"])
        for one in (entered, again)
    )
    assert first is not None
    assert second is not None
    assert first[1] != second[1]
    assert list(site.sessions._open) == [second[1]]  # the session before it has ended
    assert entered.headers["strict-transport-security"]


async def test_a_login_asks_for_the_code_with_state_nonce_and_challenge(site: Site) -> None:
    async with browser(site) as client:
        address = urlsplit((await client.get("/login/start")).headers["location"])
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address._replace(query="").geturl() == f"{ISSUER}/authorize"
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid")
    assert asked["redirect_uri"] == f"{ORIGIN}/login/return"
    assert asked["code_challenge_method"] == "S256"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert SECRET not in address.query


def unsigned(claims: dict[str, object]) -> str:
    """Return a token without a signature."""
    header, payload, _ = jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256)).split(".")
    return f"eyJhbGciOiJub25lIn0.{payload}." if header else ""


def by_the_secret(claims: dict[str, object]) -> str:
    """Return a token signed with the client's secret, which is no key of the provider."""
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, OctKey.import_key(SECRET * 3))


def by_another_key(claims: dict[str, object]) -> str:
    """Return a token signed with a key that only bears the name of the provider's."""
    key = ECKey.generate_key("P-256", {"kid": "first"})
    return jwt.encode({"alg": "ES256", "kid": "first"}, claims, key, algorithms=["ES256"])


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "another"}, "token_invalid_claim"),
        ({"nonce": None}, "token_missing_claim"),
        ({"aud": "another-client"}, "token_invalid_claim"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "token_invalid_claim"),
        ({"iss": "https://evil.example"}, "token_invalid_claim"),
        ({"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200}, "token_expired_token"),
        ({"exp": None}, "token_missing_claim"),
        ({"iat": int(time.time()) + 3600}, "token_invalid_claim"),
        ({"at_hash": "of-another-token"}, "token_invalid_claim"),
        ({"sub": None}, "token_missing_claim"),
        ({"sub": ""}, "no_account"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_a_token_that_is_not_for_this_login_lets_nobody_in(
    site: Site, provider: LocalProvider, claims: dict[str, object], reason: str
) -> None:
    provider.claims = claims
    await refused(site, provider, reason)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (unsigned, "token_unsupported_algorithm"),
        (by_the_secret, "token_unsupported_algorithm"),
        (by_another_key, "token_bad_signature"),
        (lambda _: "no.token", "token_decode_error"),
    ],
)
async def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(
    site: Site, provider: LocalProvider, made: Callable[[dict[str, object]], str], reason: str
) -> None:
    provider.made = made
    await refused(site, provider, reason)


async def refused(site: Site, provider: LocalProvider, reason: str) -> None:
    with capture_logs() as logged:
        async with browser(site) as client:
            answer = await log_in(client, provider)
            assert answer.status_code == 403
            assert "The login did not succeed" in answer.text
            assert (await client.get("/")).status_code == 303
    assert site.sessions._open == {}
    assert [(line["event"], line["reason"]) for line in logged] == [("login refused", reason)]


async def test_a_code_counts_once_and_for_the_browser_that_asked_for_it(site: Site, provider: LocalProvider) -> None:
    async with browser(site) as client, browser(site) as other:
        address = await led_back(client, provider)
        assert (await other.get(address)).status_code == 403  # has no cookie of this login
        cookie = client.cookies.get("__Host-jikimi_login")
        assert (await client.get(address)).status_code == 200
        other.cookies.set("__Host-jikimi_login", cookie or "", domain="console.example")
        assert (await other.get(address)).status_code == 403  # the provider refuses the code
        assert (await client.get(address)).status_code == 403  # the cookie is gone
    assert len(site.sessions._open) == 1


async def test_another_state_or_none_is_refused_before_the_provider_is_asked(
    site: Site, provider: LocalProvider
) -> None:
    async with browser(site) as client:
        address = urlsplit(await led_back(client, provider))
        query = dict(parse_qsl(address.query))
        for changes in ({"state": "another"}, {"state": ""}, {"code": ""}):
            started = await led_back(client, provider)
            assert started
            assert (await client.get(f"/login/return?{urlencode(query | changes)}")).status_code == 403
        assert (await client.get("/login/return?error=access_denied")).status_code == 403
    assert site.sessions._open == {}
    assert "keys" not in provider.asked


def test_a_begun_login_ends_after_ten_minutes_and_with_the_process() -> None:
    clock = Clock()
    seal, begun = Seal(clock), Begun("state", "nonce", "verifier", "/")
    cookie = seal.close(begun)
    assert seal.open(cookie) == begun
    assert Seal(clock).open(cookie) is None
    clock.now_s += LONGEST_S + 1
    assert [seal.open(one) for one in (cookie, "", "x" * 9000, "가")] == [None] * 4


async def test_a_new_key_is_fetched_and_an_unknown_one_at_most_once_a_minute(
    site: Site, provider: LocalProvider, clock: Clock
) -> None:
    async with browser(site) as client:
        await log_in(client, provider)
        assert provider.asked == ["configuration", "keys"]
        clock.now_s += 61
        provider.rotate()
        assert (await log_in(client, provider)).status_code == 200
        for number in range(3):
            provider.made = lambda claims, number=number: jwt.encode(  # type: ignore[misc]
                {"alg": "ES256", "kid": f"made-up-{number}"}, claims, provider.key, algorithms=["ES256"]
            )
            assert (await log_in(client, provider)).status_code == 403
    assert provider.asked == ["configuration", "keys", "keys"]


async def test_a_provider_that_is_down_is_a_sentence_and_no_open_session_ends(
    site: Site, provider: LocalProvider, clock: Clock
) -> None:
    async with browser(site) as client, browser(site) as other:
        await log_in(client, provider)
        provider.is_down = True
        clock.now_s += 3601
        answer = await other.get("/login/start")
        assert answer.status_code == 503
        assert "The login service does not answer" in answer.text
        assert (await other.get("/login")).status_code == 200
        site.sessions._open[next(iter(site.sessions._open))].used_s = clock.now_s
        assert (await client.get("/")).status_code == 200
        provider.is_down, provider.issuer = False, "https://evil.example"
        assert (await other.get("/login/start")).status_code == 503


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"groups": ["guests"]}, "has no role here"),
        ({"groups": None}, "has no role here"),
        ({"sub": "somebody"}, "no pseudonym to sign with"),
    ],
)
async def test_a_person_without_role_or_pseudonym_reads_what_to_ask_for(
    site: Site, provider: LocalProvider, claims: dict[str, object], sentence: str
) -> None:
    provider.claims = claims
    async with browser(site) as client:
        answer = await log_in(client, provider)
    assert answer.status_code == 403
    assert sentence in answer.text
    assert str(claims.get("sub", "account")) in answer.text
    assert site.sessions._open == {}


async def test_whoever_may_not_read_cases_begins_at_the_live_page(site: Site, provider: LocalProvider) -> None:
    provider.claims = {"groups": ["operators"]}
    async with browser(site) as client:
        assert (await log_in(client, provider)).headers["refresh"] == "0; url=/live"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nx: y"])
async def test_a_login_leads_to_no_other_site(site: Site, provider: LocalProvider, back: str) -> None:
    async with browser(site) as client:
        assert (await log_in(client, provider, back)).headers["refresh"] == "0; url=/"


async def test_leaving_ends_the_session_and_shows_how_to_end_the_providers(site: Site, provider: LocalProvider) -> None:
    async with browser(site) as client:
        await log_in(client, provider)
        (session,) = site.sessions._open.values()
        left = await client.post("/leave", data={"token": session.csrf}, headers={"origin": ORIGIN})
        assert left.headers["location"] == "/login"
        assert f"{ISSUER}/logout?client_id={CLIENT}" in (await client.get("/login")).text
        assert (await client.get("/")).status_code == 303
    assert site.sessions._open == {}


@pytest.mark.parametrize("origin", ["http://console.example", "https://evil.example", "null"])
async def test_a_form_of_another_origin_is_refused(site: Site, provider: LocalProvider, origin: str) -> None:
    async with browser(site) as client:
        await log_in(client, provider)
        (session,) = site.sessions._open.values()
        answer = await client.post("/leave", data={"token": session.csrf}, headers={"origin": origin})
    assert (answer.status_code, len(site.sessions._open)) == (403, 1)


def test_a_team_has_these_pages_without_a_session_and_no_more(site: Site) -> None:
    public = {path for _, path, handler in handlers(site) if handler.opt["right"] == MACHINE}
    assert public == {"/enter/{link:str}", "/static/{name:str}", "/login", "/login/start", "/login/return"}


async def test_the_one_time_link_opens_nothing_for_a_team(site: Site) -> None:
    async with browser(site) as client:
        assert (await client.get(f"/enter/{site.sessions.link}")).status_code == 303
    assert site.sessions.enter(site.sessions.link) is None


async def test_an_address_that_fails_too_often_is_locked_out_and_others_are_not(
    site: Site, provider: LocalProvider, clock: Clock
) -> None:
    async with browser(site) as client, browser(site, "192.0.2.9") as other:
        await log_in(client, provider)
        for _ in range(MAX_FAILURES):
            assert (await client.get("/login/return?state=x&code=y")).status_code == 403
        locked = await client.get("/login/return?state=x&code=y")
        assert (locked.status_code, locked.headers["retry-after"]) == (429, "900")
        assert "too many failed logins" in locked.text
        assert (await client.get("/")).status_code == 200  # the open session goes on
        assert (await log_in(other, provider)).status_code == 200
        clock.now_s += 900
        assert (await log_in(client, provider)).status_code == 200


async def test_what_is_logged_of_a_login_names_no_person(site: Site, provider: LocalProvider) -> None:
    provider.claims = {"sub": "june@centre.example", "groups": ["guests"]}
    with capture_logs() as logged:
        async with browser(site) as client:
            await log_in(client, provider)
            await client.get("/cases/case-a")
            await client.post("/cases/case-a/withdraw")
            await client.get("/", headers={"host": "evil.example"})
    assert [line["event"] for line in logged] == ["login refused", "request denied", "request denied"]
    assert not re.search(r"june|centre\.example|192\.0\.2|case-a|evil", str(logged))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"console": ConsoleSettings()}, "JIKIMI_CONSOLE_ORIGIN, JIKIMI_CONSOLE_PSEUDONYMS"),
        ({"oidc": OidcSettings()}, "JIKIMI_OIDC_ISSUER, JIKIMI_OIDC_CLIENT_ID, JIKIMI_OIDC_ROLES"),
        ({"oidc": OIDC.model_copy(update={"issuer": "http://id.example"})}, "has to be an https address"),
    ],
)
def test_a_setting_that_a_team_needs_is_named(provider: LocalProvider, changes: dict[str, object], words: str) -> None:
    settings = load_settings(**({"oidc": OIDC, "console": CONSOLE} | changes))
    with pytest.raises(UsageError, match=words):
        make_login(settings, provider.client())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"origin": "http://console.example"}, "expected an address such as"),
        ({"origin": "https://console.example/path"}, "expected an address such as"),
        ({"pseudonyms": {"a": "mina", "b": "mina"}}, "same pseudonym"),
        ({"pseudonyms": {"june@centre.example": "june@centre.example"}}, "2 to 50 letters"),
        ({"pseudonyms": {"a": "mina", "Mina": "june"}}, "account's name"),
    ],
)
def test_wrong_settings_of_a_console_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ConsoleSettings(**fields)  # type: ignore[arg-type]
