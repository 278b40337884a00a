"""A case officer of the end-to-end run: in the console with a browser where this machine has one, else by commands."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from streams.demo.processes import ConsoleProcess
from streams.kafka.serving import free_port
from tests.integration.system import System
from tests.support import chromium
from tests.support.deadline import DEADLINE_S
from tests.support.net_log import Responses, responses

_NET_LOG = "net-log.json"
_CASE = re.compile(r"case-[0-9a-f]{16}")


class Officer(Protocol):
    """What a person does in the run."""

    def open_case(self, name: str, term: str, files: Sequence[Path]) -> str:
        """Open a case and return its id."""

    def accept(self, post_id: str, case_id: str) -> None:
        """Decide that a post is a copy, once the system asks for it."""

    def pack(self, case_id: str) -> Path:
        """Return an evidence pack of a case."""

    def look(self, case_id: str, takedown_id: str) -> str:
        """Look at everything that is shown; return the texts about the case and the takedown, in English."""


@contextmanager
def at_work(system: System, folder: Path, page_with_media: str) -> Iterator[Officer]:
    """Yield an officer; what a browser received is in `received` of the folder afterwards.

    Parameters
    ----------
    page_with_media
        Address that the browser opens at the end: a search of what it received finds something there.
    """
    if chromium.missing():
        yield ByCommand(system)
        return
    with (
        ConsoleProcess(system.folder, system.environment, free_port()) as console,
        chromium.chromium(net_log=folder / _NET_LOG, downloads=folder) as browser,
    ):
        console.wait_until_ready()
        browser.get(console.link)
        yield InBrowser(browser, folder, f"http://{console.address}")
        browser.get(page_with_media)


def received(folder: Path) -> Responses:
    """Return every response that the browser got, none without a browser."""
    return responses(folder / _NET_LOG) if (folder / _NET_LOG).exists() else {}


class ByCommand:
    """The officer at a terminal."""

    def __init__(self, system: System) -> None:
        self._system = system

    def open_case(self, name: str, term: str, files: Sequence[Path]) -> str:
        references = [f"--reference={file}" for file in files]
        opened = self._system.jikimi("case", "add", "--name", name, "--term", term, *references)
        assert opened.code == 0, opened.err
        (case_id,) = _CASE.findall(opened.out)
        return str(case_id)

    def accept(self, post_id: str, case_id: str) -> None:
        assert self._system.jikimi("label", post_id, case_id, "copy").code == 0

    def pack(self, case_id: str) -> Path:
        out = self._system.folder / "pack.zip"
        made = self._system.jikimi("evidence", case_id, "--out", str(out))
        assert made.code == 0, made.err
        return out

    def look(self, case_id: str, takedown_id: str) -> str:  # noqa: ARG002 - a case is shown with its takedowns
        shown = self._system.jikimi("case", "show", case_id)
        assert shown.code == 0, shown.err
        return shown.out


class InBrowser:
    """The officer in the console: opens cases in Korean, decides by keyboard in English."""

    def __init__(self, browser: Chrome, folder: Path, origin: str) -> None:
        self._browser = browser
        self._folder = folder
        self._origin = origin

    def open_case(self, name: str, term: str, files: Sequence[Path]) -> str:
        self._speak("ko")
        self._get("/open")
        self._one("#name").send_keys(name)
        self._one("#files").send_keys("\n".join(map(str, files)))
        self._one("#terms").send_keys(term)
        self._one("form[enctype] button.main").click()
        # It may ask twice: before the files are described only if something speaks against them, and before it writes.
        while not (case := self._await("button[name=answer][value=yes], a.button[href^='/cases/']")).get_attribute(
            "href"
        ):
            case.click()
            self._wait(lambda answered=case: staleness_of(answered)(self._browser))  # type: ignore[misc]
        return str(case.get_attribute("href")).rpartition("/")[2]

    def accept(self, post_id: str, case_id: str) -> None:
        self._speak("en")
        self._get("/review?" + urlencode({"post": post_id, "case": case_id}))
        self._wait(lambda: self._is_there("button[value=copy]"))  # its verdict is on its way
        job = self._browser.current_url
        self._one("body").send_keys("1")
        self._wait(lambda: self._browser.current_url != job)
        assert "copy" in self._text().lower()

    def pack(self, case_id: str) -> Path:
        self._get(f"/cases/{case_id}")
        self._one("form[action$='/evidence'] button").click()
        self._wait(lambda: any(file.stat().st_size for file in self._folder.glob("*.zip")))
        (pack,) = self._folder.glob("*.zip")
        return pack

    def look(self, case_id: str, takedown_id: str) -> str:
        for language in ("ko", "en"):
            self._speak(language)
            for page in ("/", "/reviews", "/takedowns", "/live", "/dead-letters", "/open", f"/cases/{case_id}"):
                self._get(page)
        about_case = self._text()
        self._get(f"/takedowns/{takedown_id}")
        return about_case + self._text()

    def _speak(self, language: str) -> None:
        self._get("/")
        for button in self._all(f"header button[lang={language}]"):
            button.click()
        self._wait(lambda: self._one("html").get_attribute("lang") == language)

    def _get(self, path: str) -> None:
        self._browser.get(self._origin + path)

    def _all(self, selector: str) -> list[WebElement]:
        return self._browser.find_elements(By.CSS_SELECTOR, selector)

    def _is_there(self, selector: str) -> bool:
        """Return whether the page has it; load the page again where not."""
        found = bool(self._all(selector))
        if not found:
            self._browser.refresh()
        return found

    def _one(self, selector: str) -> WebElement:
        return self._browser.find_element(By.CSS_SELECTOR, selector)

    def _text(self) -> str:
        return self._one("main").text

    def _wait(self, is_so: Callable[[], bool]) -> None:
        WebDriverWait(self._browser, DEADLINE_S, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: is_so()
        )

    def _await(self, selector: str) -> WebElement:
        self._wait(lambda: bool(self._all(selector)))
        return self._one(selector)
