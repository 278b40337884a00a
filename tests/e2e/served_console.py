"""A console that is served over a made store, for tests in the browser."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from streams.console.app import create_app
from streams.console.guard import Guard
from streams.console.openings import Openings
from streams.console.site import Site
from streams.console.store.store import Store
from streams.desk.case_book import CaseBook, CaseNote
from streams.feeds.http.server import StoppableServer, listen
from tests.support.deadline import DEADLINE_S
from tests.unit.console.made_site import RecordedActions, ago, fill, made_site, withdraw_two

NAMED = CaseNote(case_id="case-a", name="violet", opened_at=ago(days=9), files={"reference-1": "clip-1.mp4"})
"""What the desk of this machine knows of a case."""


class Served(NamedTuple):
    """A console that is served."""

    origin: str
    site: Site
    actions: RecordedActions


@contextmanager
def serving(folder: Path, openings: Openings | None = None, fill: Callable[[Store], None] = fill) -> Iterator[Served]:
    """Yield a console over a store with a little of everything."""
    started: queue.Queue[Served] = queue.Queue()
    opened = listen("127.0.0.1", 0)
    host = "{}:{}".format(*opened.getsockname())
    server = StoppableServer(uvicorn.Config(lambda *_: None, log_config=None, lifespan="off"))

    async def serve() -> None:
        with made_site(folder=folder, openings=openings) as (site, actions):
            fill(site.store)
            withdraw_two(site)
            CaseBook(site.settings).write(NAMED)
            server.config.app = Guard(create_app(site), site.sessions, {host})
            started.put(Served(f"http://{host}", site, actions))
            await server.serve([opened])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield started.get(timeout=DEADLINE_S)
    finally:
        server.stop()
        thread.join()


def speak(browser: Chrome, language: str) -> None:
    for button in browser.find_elements(By.CSS_SELECTOR, f"header button[lang={language}]"):
        button.click()
        wait(browser, lambda: browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == language)
        return


def wait(browser: Chrome, is_so: Callable[[], bool]) -> None:
    """Return once it is so; elements of a page that is being left do not count."""
    WebDriverWait(browser, DEADLINE_S, ignored_exceptions=[StaleElementReferenceException]).until(lambda _: is_so())
