"""The console in a real browser: barriers, keys, undo, requests; in Korean and English, light and dark."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from msgspec.structs import replace
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from streams.console import shown_once
from streams.console.pages import review_look
from streams.console.store.store import Store
from streams.console.words import languages
from tests.e2e.served_console import Served, serving, speak, wait
from tests.support import chromium
from tests.unit.console.made_site import PICTURES, case, fill, found, post, put

chromium.skip_without_it()
pytestmark = pytest.mark.timeout(1800)

POST = {"post": "at://did:plc:x/app.bsky.feed.post/3k", "case": "case-a"}
JOB = "/review?" + urlencode(POST)
PAGES = {
    "cases": "/",
    "case": "/cases/case-a",
    "withdraw": "/cases/case-a/withdraw",
    "checks": "/cases/case-a/checks",
    "extend": "/cases/case-a/extend",
    "erasures": "/erasures",
    "erasure": "/erasures/case-z",
    "interrupted": "/erasures/case-y",
    "reviews": "/reviews",
    "review": JOB,
    "family": "/review/family?" + urlencode(POST),
    "look": "/review/look?" + urlencode(POST | {"match": 0}),
    "keys": "/keys",
    "quarantine": "/cases/case-a/references/reference-1",
    "takedowns": "/takedowns",
    "takedowns-filtered": "/takedowns?state=sent",
    "takedown": "/takedowns/takedown-0",
    "notice": "/takedowns/takedown-0/notices/sent",
    "live": "/live",
    "dead-letters": "/dead-letters",
    "open": "/open",
    "unconfirmed": "/unconfirmed",
    "confirm": "/cases/case-w/confirm",
    "missing": "/nowhere",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium.chromium() as driver:
        yield driver


@pytest.fixture
def console(tmp_path: Path, browser: Chrome) -> Iterator[Served]:
    with serving(tmp_path) as served:
        browser.get(f"{served.origin}/enter/{served.site.sessions.link}")
        chromium.requests(browser)  # those before this test
        yield served


def long_names(store: Store) -> None:
    """Fill a store with a case and an account of long names without a space, one from right to left."""
    fill(store)
    put(store, "cases", case("case-long", "N" * 180))
    put(
        store,
        "takedowns",
        found(8, case_id="case-long", state="issued", post=replace(post("p8"), author="مستخدم" * 30)),
    )


@pytest.mark.parametrize("language", languages())
def test_long_names_make_no_page_wider_than_a_phone(tmp_path: Path, browser: Chrome, language: str) -> None:
    with serving(tmp_path, fill=long_names) as served:
        browser.get(f"{served.origin}/enter/{served.site.sessions.link}")
        speak(browser, language)
        phone = {"width": 320, "height": 740, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        widths = {}
        for path in ("/", "/cases/case-long", "/cases/case-long/withdraw", "/takedowns", "/takedowns/takedown-8"):
            browser.get(served.origin + path)
            widths[path] = browser.execute_script("return document.documentElement.scrollWidth")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert max(widths.values()) <= 320, widths


@pytest.mark.parametrize("language", languages())
def test_no_page_has_a_barrier_and_none_asks_another_host(console: Served, browser: Chrome, language: str) -> None:
    speak(browser, language)
    found: dict[tuple[str, str, str], list[str]] = {}
    for theme in ("light", "dark"):
        chromium.set_theme(browser, theme)
        for name, path in PAGES.items():
            browser.get(console.origin + path)
            assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == language
            found |= {(theme, name, one["id"]): one["nodes"] for one in chromium.violations(browser)}
            if PICTURES:
                chromium.picture(browser, Path(PICTURES) / f"console-{name}-{language}-{theme}.png")
    assert found == {}
    made = chromium.requests(browser)
    assert {urlsplit(one.url).netloc for one in made} == {console.origin.partition("//")[2]}
    assert {one.kind for one in made} <= {"Document", "Stylesheet", "Script", "Other", "Image"}  # the icon
    assert [one.url for one in made if one.kind == "Image" and not one.url.endswith("/static/icon.svg")] == []


def test_a_key_decides_a_second_undoes_it_and_what_stays_is_written(console: Served, browser: Chrome) -> None:
    speak(browser, "en")
    browser.get(console.origin + JOB)
    press(browser, "1")
    wait(browser, lambda: "/review?post=post-m" in browser.current_url)  # the next job
    press(browser, "u")
    wait(browser, lambda: urlsplit(browser.current_url).query == urlsplit(JOB).query)
    assert console.site.decisions.keys() == frozenset()
    press(browser, "2")
    wait(browser, lambda: "/review?post=post-m" in browser.current_url)  # decided, and the page after it has arrived
    browser.back()
    wait(browser, lambda: urlsplit(browser.current_url).query == urlsplit(JOB).query)
    browser.refresh()
    assert "Your decision: Not a copy" in browser.find_element(By.TAG_NAME, "main").text


def test_the_keys_that_the_person_chose_decide_and_the_former_ones_do_nothing(console: Served, browser: Chrome) -> None:
    browser.get(console.origin + "/keys?" + urlencode({"back": JOB}))
    field = browser.find_element(By.ID, "key-escalate")
    field.clear()
    field.send_keys("e")
    browser.find_element(By.CSS_SELECTOR, "main button.main").click()
    wait(browser, lambda: urlsplit(browser.current_url).query == urlsplit(JOB).query)
    press(browser, "4")
    press(browser, "e")
    wait(browser, lambda: "/review?post=post-m" in browser.current_url)
    (made,) = console.site.decisions.keys()
    pending = console.site.decisions.find(made)
    assert pending is not None
    assert pending.label.decision == "escalate"


def test_without_scripts_a_picture_is_shown_on_request_and_the_page_leaves_it(
    console: Served, browser: Chrome, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*_: object) -> bytes:
        content = BytesIO()
        Image.new("RGB", (32, 18), (90, 90, 90)).save(content, "JPEG")
        return content.getvalue()

    monkeypatch.setattr(console.actions, "thumbnail", read)
    monkeypatch.setattr(shown_once, "SHOWN_S", 3600.0)
    monkeypatch.setattr(review_look, "SHOWN_S", 3600.0)
    browser.get(console.origin + PAGES["look"])
    assert browser.find_elements(By.TAG_NAME, "img") == []
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    wait(browser, lambda: bool(browser.find_elements(By.TAG_NAME, "img")))
    shown = browser.find_element(By.TAG_NAME, "img")
    assert browser.execute_script("return arguments[0].naturalWidth", shown) == 32
    assert chromium.violations(browser) == []
    monkeypatch.setattr(review_look, "SHOWN_S", 1.0)
    browser.get(console.origin + PAGES["look"])
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.find_element(By.CSS_SELECTOR, "main form button").click()
        wait(browser, lambda: urlsplit(browser.current_url).query == urlsplit(JOB).query)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert console.site.wellbeing.exposures("account") == 2


def test_without_scripts_a_decision_is_made_by_a_button(console: Served, browser: Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(console.origin + JOB)
        browser.find_element(By.CSS_SELECTOR, "button[value=unsure]").click()
        wait(browser, lambda: console.site.decisions.keys() != frozenset())
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def press(browser: Chrome, key: str) -> None:
    browser.find_element(By.TAG_NAME, "body").send_keys(key)
