"""The HTTP feed killed, stopped and without its broker: accepted records are delivered once."""

import re
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest

from ops.broker.kafka import Kafka
from tests.integration.feeding import FeedProcess, feed_process
from tests.integration.system import System, running
from tests.support.deadline import DEADLINE_S, until


def address(process: FeedProcess) -> str:
    """Return the address of the feed, once it answers there."""
    found: list[str] = []

    def serves() -> bool:
        found[:] = re.findall(r"listening on (http://\S+)", process.log.read_text())
        assert process.is_alive(), process.log.read_text()[-2000:]
        if not found:
            return False
        with suppress(OSError, HTTPException), urlopen(f"{found[-1]}/ready", timeout=DEADLINE_S) as answer:
            return bool(answer.status == 204)
        return False

    until(serves)
    return found[-1]


@pytest.fixture
def process(system: System) -> Iterator[FeedProcess]:
    with feed_process(system, "http", "--port", "0") as process:
        yield process


def send(url: str, number: int, client: httpx.Client) -> httpx.Response:
    body = {"caption": f"post {number}", "url": f"https://made.example/{number}"}
    return client.post(f"{url}/v1/posts", json=body, headers={"Idempotency-Key": f"key {number}"})


def is_accepted(answer: httpx.Response) -> bool:
    return answer.status_code == 202


def captions(system: System) -> Counter[str]:
    return Counter(kept.message.caption for kept in system.records("posts"))


def test_a_retry_after_a_kill_amid_requests_makes_no_second_post(system: System, process: FeedProcess) -> None:
    url, numbers = address(process), count()
    with httpx.Client(timeout=DEADLINE_S) as client, ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            sent = [pool.submit(send, url, next(numbers), client) for _ in range(60)]
            until(lambda sent=sent: sum(answer.done() for answer in sent) > 20)  # type: ignore[misc]
            process.end(signal.SIGKILL)
            answers = [answer.exception() or answer.result() for answer in sent]
            assert {type(answer) for answer in answers} <= {httpx.Response, *_CUT}
            process.start()
            url = address(process)
        n_sent, last = next(numbers), url
        retried = list(pool.map(lambda number: send(last, number, client), range(n_sent)))
        accepted = {post_id for answer in retried for post_id in answer.json()["ids"]}
        assert {answer.status_code for answer in retried} == {202}
        again = client.post(f"{url}/v1/posts", json={"caption": "other"}, headers={"Idempotency-Key": "key 0"})
        assert again.status_code == 422
    assert captions(system) == Counter(f"post {number}" for number in range(n_sent))
    assert {kept.key for kept in system.records("posts")} == accepted


_CUT = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)


def test_records_accepted_before_a_stop_amid_requests_are_written(system: System, process: FeedProcess) -> None:
    url = address(process)
    with httpx.Client(timeout=DEADLINE_S) as client, ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, url, number, client) for number in range(300)]
        until(lambda: sum(answer.done() and is_accepted(answer.result()) for answer in sent) > 50)
        assert process.end(signal.SIGTERM) == 0, process.log.read_text()[-2000:]
        answers = [answer.result() for answer in sent if answer.exception() is None]
    accepted = {post_id for answer in answers if is_accepted(answer) for post_id in answer.json()["ids"]}
    assert len(accepted) > 50
    assert {kept.key for kept in system.records("posts")} == accepted
    assert "Traceback" not in process.log.read_text()


@pytest.fixture
def mortal(own_kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[System]:
    """Return a system whose Kafka the test may kill."""
    yield from running(own_kafka.bootstrap, prefix, tmp_path)


# A feed whose transaction was open for longer than its timeout, of ten seconds, may have to be started again, and how
# long the broker takes to come back depends on the machine's load.
_PATIENT = """
from streams import cli
from streams.kafka.transactions import TransactionWriter
TransactionWriter.__init__.__kwdefaults__["transaction_s"] = 600.0
cli.main()
"""


def test_an_unavailable_broker_is_503_and_its_return_needs_no_restart(own_kafka: Kafka, mortal: System) -> None:
    environment = {"JIKIMI_HTTP_PATIENCE_S": "2", "JIKIMI_START_GRACE_S": str(DEADLINE_S)}
    with (
        feed_process(mortal, "http", "--port", "0", environment=environment, program=("-c", _PATIENT)) as process,
        httpx.Client(timeout=DEADLINE_S) as client,
    ):
        url = address(process)
        until(lambda: is_accepted(send(url, 1, client)))  # on a busy machine the broker may take longer, too
        own_kafka.kill()
        unavailable = send(url, 2, client)
        assert (unavailable.status_code, unavailable.json()["status"]) == (503, 503)
        assert int(unavailable.headers["retry-after"]) > 0
        until(lambda: client.get(f"{url}/ready").status_code == 503)
        own_kafka.start()
        until(lambda: client.get(f"{url}/ready").status_code == 204)
        until(lambda: is_accepted(send(url, 2, client)))
        assert captions(mortal) == Counter(["post 1", "post 2"])
