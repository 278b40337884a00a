"""Five tasks of an officer, counted in keystrokes, clicks and pages; it prints the rows of ops/docs/console.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from streams.console.openings import Openings
from streams.console.store.store import Store
from streams.demo.scenario import CLOVER
from streams.settings import load_settings
from tests.e2e.served_console import Served, serving, speak, wait
from tests.support import chromium
from tests.unit.console.made_site import fill, nothing, put, waiting
from tests.unit.console.test_opening import Desk

chromium.skip_without_it()
pytestmark = pytest.mark.timeout(1800)

_NAME, _TERM = "heron", "a name"


class Effort(NamedTuple):
    """What a task took; a file is chosen in a window of the browser, which counts as one click."""

    keys: int
    clicks: int
    pages: int


class Hands:
    """A person's hands on a console, from its first page."""

    def __init__(self, console: Served, browser: Chrome) -> None:
        self.browser = browser
        self._console = console
        self._keys = self._clicks = 0
        browser.get(console.origin)
        chromium.requests(browser)  # those before the task

    def click(self, selector: str) -> None:
        self._clicks += 1
        self._one(selector).click()

    def press(self, key: str) -> None:
        self._keys += 1
        self.browser.find_element(By.TAG_NAME, "body").send_keys(key)

    def write(self, selector: str, text: str) -> None:
        self.click(selector)
        self._keys += len(text)
        self._one(selector).send_keys(text)

    def choose(self, selector: str, files: list[Path]) -> None:
        self._clicks += 1
        self._one(selector).send_keys("\n".join(map(str, files)))

    def until(self, selector: str) -> None:
        wait(self.browser, lambda: bool(self.browser.find_elements(By.CSS_SELECTOR, selector)))

    def until_done(self, *act: str) -> None:
        """Wait for an act: on a loaded machine a click returns before the form that it sends has arrived."""
        wait(self.browser, lambda: any(done[: len(act)] == act for done in self._console.actions.done))

    def effort(self) -> Effort:
        """Return what it took."""
        made = chromium.requests(self.browser)
        return Effort(self._keys, self._clicks, sum(one.kind == "Document" and not one.follows for one in made))

    def _one(self, selector: str) -> WebElement:
        self.until(selector)  # the page of the click before may still be on its way
        return self.browser.find_element(By.CSS_SELECTOR, selector)


def fill_more(store: Store) -> None:
    fill(store)
    put(store, "verdicts", *(waiting(f"waiting-{number}") for number in range(8)))  # and two others


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium.chromium() as driver:
        yield driver


@pytest.fixture
def console(tmp_path: Path, browser: Chrome) -> Iterator[Served]:
    """Give a console with ten posts that wait, an overdue takedown and a case."""
    openings = Openings(load_settings(desk_folder=tmp_path), nothing, Desk().open)
    with serving(tmp_path, openings, fill_more) as served:
        browser.get(f"{served.origin}/enter/{served.site.sessions.link}")
        speak(browser, "en")
        yield served


def test_five_tasks_take_few_keys_clicks_and_pages(
    console: Served, browser: Chrome, capsys: pytest.CaptureFixture[str]
) -> None:
    efforts = {
        "open a case": open_a_case(Hands(console, browser)),
        "decide ten reviews": decide_ten_reviews(Hands(console, browser)),
        "find what is overdue": find_what_is_overdue(Hands(console, browser)),
        "make a police pack": make_a_police_pack(Hands(console, browser)),
        "stop a wrong case": stop_a_wrong_case(Hands(console, browser)),
    }
    assert len(console.site.decisions.keys()) == 10
    assert efforts["decide ten reviews"].keys == 10
    with capsys.disabled():
        for task, effort in efforts.items():
            print(f"| {task} | {effort.keys} | {effort.clicks} | {effort.pages} |")  # noqa: T201


def open_a_case(hands: Hands) -> Effort:
    hands.click("a[href='/open']")
    hands.write("#name", _NAME)
    hands.choose("#files", list(CLOVER.references))
    hands.write("#terms", _TERM)
    hands.click("form[enctype] button.main")
    hands.until("button[name=answer][value=yes]")
    hands.click("button[name=answer][value=yes]")
    hands.until("a.button[href^='/cases/']")
    return hands.effort()


def decide_ten_reviews(hands: Hands) -> Effort:
    hands.click("nav a[href='/reviews']")
    hands.click("a[href='/reviews/next']")
    hands.until("button[name=decision]")
    for _ in range(10):
        address = hands.browser.current_url
        hands.press("2")
        wait(hands.browser, lambda before=address: hands.browser.current_url != before)  # type: ignore[misc]
    return hands.effort()


def find_what_is_overdue(hands: Hands) -> Effort:
    hands.click("a[href='/takedowns?overdue=1']")
    hands.until("a[href='/takedowns/takedown-0']")
    return hands.effort()


def make_a_police_pack(hands: Hands) -> Effort:
    hands.click("a[href='/cases/case-a']")
    hands.click("form[action$='/evidence'] button")
    hands.until_done("pack", "case-a")
    return hands.effort()._replace(pages=1)  # the pack itself is no page


def stop_a_wrong_case(hands: Hands) -> Effort:
    hands.click("a[href='/cases/case-a']")
    hands.click("a[href$='/withdraw']")
    hands.write("#why", "wrong")
    hands.write("#name", "violet")
    hands.click("form[method=post] button.main")
    hands.until_done("withdraw", "case-a")
    return hands.effort()
