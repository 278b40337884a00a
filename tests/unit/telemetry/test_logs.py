"""Logging configuration of the commands."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import stamina

from streams.telemetry.logs import _Repeats, configure_logging
from tests.support.deadline import DEADLINE_S
from tests.support.logs import restored_logging

_EVERY_SOURCE = """
import asyncio, gc, logging, threading, warnings
import structlog
from streams.telemetry.logs import configure_service_logging
configure_service_logging()
import aiokafka.client, confluent_kafka, faust.app.base, mode

def fail(text):
    raise ValueError(text)

try:
    fail("caught\\nover two lines")
except ValueError:
    structlog.get_logger().exception("ours", medium="지킴이", of=object())
    faust.app.base.logger.exception("of faust")
structlog.get_logger().info("at the level of ours")
mode.Service.from_awaitable(asyncio.sleep(0)).log.error("of mode: %r\\nover two lines", TP := ("topic", 1))
aiokafka.client.log.error("of aiokafka %s", 1)
confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:9"}, logger=logging.getLogger("confluent_kafka"))
logging.getLogger("confluent_kafka").error("of confluent_kafka")
logging.getLogger("aiokafka").info("below the level of libraries")
warnings.warn("deprecated\\nover two lines")

async def end():
    asyncio.get_running_loop().call_exception_handler({"message": "of asyncio", "exception": ValueError("task")})
asyncio.run(end())

thread = threading.Thread(target=fail, args=["in a thread"], name="reader")
thread.start()
thread.join()

class Finalized:
    def __del__(self):
        fail("in a finalizer")
Finalized()
gc.collect()
fail("at the end")
"""


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with restored_logging():
        yield


@pytest.fixture(scope="module")
def lines() -> list[dict[str, str]]:
    command = [sys.executable, "-W", "default", "-c", _EVERY_SOURCE]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert ended.returncode == 1
    assert not ended.stdout
    return [json.loads(line) for line in ended.stderr.splitlines()]


@pytest.mark.parametrize(
    ("event", "level", "logger", "exception"),
    [
        ("ours", "error", None, "caught\nover two lines"),
        ("at the level of ours", "info", None, None),
        ("of faust", "error", "faust.app.base", "caught\nover two lines"),
        ("of mode: ('topic', 1)\nover two lines", "error", "mode.services", None),
        ("of aiokafka 1", "error", "aiokafka", None),
        ("of confluent_kafka", "error", "confluent_kafka", None),
        ("deprecated\nover two lines", "warning", "py.warnings", None),
        ("of asyncio", "error", "asyncio", "ValueError: task"),
        ("uncaught error in a thread", "error", None, "in a thread"),
        ("uncaught error in a finalizer", "error", None, "in a finalizer"),
        ("uncaught error", "critical", None, "at the end"),
    ],
)
def test_every_line_of_a_service_is_one_json_event(
    lines: list[dict[str, str]], event: str, level: str, logger: str | None, exception: str | None
) -> None:
    line = next(line for line in lines if line["event"] == event or (logger and event in line["event"]))
    assert (line["level"], line.get("logger")) == (level, logger)
    assert line["timestamp"].endswith("Z")
    assert (exception is None) == ("exception" not in line)
    assert (exception or "") in line.get("exception", "")


def test_libraries_log_from_warnings_on(lines: list[dict[str, str]]) -> None:
    assert not any("below the level" in line["event"] for line in lines)


def test_a_message_that_a_library_repeats_passes_once_in_ten_seconds() -> None:
    now_s = [0.0]
    repeats = _Repeats(lambda: now_s[0])

    def passes(name: str, message: str, *arguments: object) -> bool:
        return repeats.filter(logging.LogRecord(name, logging.ERROR, "", 0, message, arguments, None))

    assert passes("aiokafka", "no connection to %s", 1)
    assert not passes("aiokafka", "no connection to %s", 2)
    assert passes("aiokafka", "no metadata")
    assert passes("faust", "no connection to %s", 1)
    assert passes("jikimi", "dead letter")
    assert passes("jikimi", "dead letter")
    now_s[0] = 11.0
    assert passes("aiokafka", "no connection to %s", 3)


def test_a_successful_retry_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.WARNING)
    failures = [ConnectionError("not yet")]

    @stamina.retry(on=ConnectionError, wait_initial=0.01)
    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "answer"

    assert attempt() == "answer"
    assert capfd.readouterr() == ("", "")
