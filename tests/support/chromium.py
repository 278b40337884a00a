"""Headless Chromium of the system, driven by Selenium, and axe-core in its pages."""

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.support.deadline import DEADLINE_S

if TYPE_CHECKING:
    from selenium.webdriver.remote.remote_connection import RemoteConnection

PROGRAMS = ("chromium", "chromedriver")
HOW_TO_GET_IT = "install Debian's packages chromium and chromium-driver"
_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
              "--disable-component-update")  # fmt: skip
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_AXE = files("axe_selenium_python").joinpath("node_modules", "axe-core", "axe.min.js")
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: arguments[0], resultTypes: ["violations"]}).then((found) => done(JSON.stringify(
  found.violations.map((one) => ({id: one.id, nodes: one.nodes.map((node) => node.html + " " + node.failureSummary)}))
)));
"""


class Request(NamedTuple):
    """A request that a page made."""

    url: str
    kind: str
    follows: bool
    """Whether a redirect led to it."""


def missing() -> list[str]:
    """Return the programs that this machine lacks."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def skip_without_it() -> None:
    """Skip the module that is imported, where the browser or its driver is missing."""
    if lacking := missing():
        pytest.skip(f"no {' and no '.join(lacking)} here: {HOW_TO_GET_IT}", allow_module_level=True)


@contextmanager
def chromium(*, net_log: Path | None = None, downloads: Path | None = None) -> Iterator[Chrome]:
    """Yield a browser with an empty profile.

    Parameters
    ----------
    net_log
        File for everything that it sends and receives, complete when the browser has ended.
    downloads
        Folder for downloads.
    """
    with tempfile.TemporaryDirectory(prefix="jikimi-chromium-") as profile:
        options = ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.add_argument("--window-size=1280,900")
        if net_log is not None:
            options.add_argument(f"--log-net-log={net_log}")
            options.add_argument("--net-log-capture-mode=Everything")
        if downloads is not None:
            options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        driver = Chrome(options=options, service=ChromeService(executable_path=str(shutil.which("chromedriver"))))
        try:
            driver.set_script_timeout(DEADLINE_S)
            driver.set_page_load_timeout(DEADLINE_S)
            # Selenium's own limit of 120 s would come before these.
            cast("RemoteConnection", driver.command_executor).client_config.timeout = 1.1 * DEADLINE_S
            yield driver
        finally:
            driver.quit()


def set_theme(driver: Chrome, theme: str) -> None:
    """Let pages see a light or dark theme."""
    feature = {"name": "prefers-color-scheme", "value": theme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def violations(driver: Chrome) -> list[dict[str, Any]]:
    """Return what axe-core finds on the page."""
    driver.execute_script(_AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = json.loads(driver.execute_async_script(_RUN, list(RULES)))
    return found


def requests(driver: Chrome) -> list[Request]:
    """Return the requests since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]  # type: ignore[no-untyped-call]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [Request(one["request"]["url"], one.get("type", ""), "redirectResponse" in one) for one in sent]


def picture(driver: Chrome, file: Path) -> None:
    """Write a picture of the whole page."""
    size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": 1280, "height": min(size["height"], 2400), "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    file.write_bytes(base64.b64decode(shot["data"]))
