"""The HTTP feed as platforms meet it: killed, stopped, cut off from its broker; what was taken is delivered, once."""

import re
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import pytest

from ops.broker.kafka import Kafka
from tests.integration.feeding import Feeder, feeding
from tests.integration.system import System, running, until


def address(feeder: Feeder) -> str:
    """Return where it listens, once it answers there."""
    found: list[str] = []

    def serves() -> bool:
        found[:] = re.findall(r"listening on (http://\S+)", feeder.log.read_text())
        assert feeder.is_alive(), feeder.log.read_text()[-2000:]
        try:
            return bool(found) and httpx.get(f"{found[-1]}/ready", timeout=5).status_code == 204
        except httpx.TransportError:
            return False

    until(serves)
    return found[-1]


@pytest.fixture
def feeder(system: System) -> Iterator[Feeder]:
    with feeding(system, "http", "--port", "0") as feeder:
        yield feeder


def send(url: str, number: int, client: httpx.Client) -> httpx.Response:
    body = {"caption": f"post {number}", "url": f"https://made.example/{number}"}
    return client.post(f"{url}/v1/posts", json=body, headers={"Idempotency-Key": f"key {number}"})


def captions(system: System) -> Counter[str]:
    return Counter(kept.message.caption for kept in system.records("posts"))


def test_killed_amid_requests_a_client_that_tries_again_makes_no_second_post(system: System, feeder: Feeder) -> None:
    url, numbers = address(feeder), count()
    with httpx.Client(timeout=10) as client, ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            sent = [pool.submit(send, url, next(numbers), client) for _ in range(60)]
            until(lambda sent=sent: sum(answer.done() for answer in sent) > 20)  # type: ignore[misc]
            feeder.end(signal.SIGKILL)
            answers = [answer.exception() or answer.result() for answer in sent]
            assert {type(answer) for answer in answers} <= {httpx.Response, *_CUT}
            feeder.start()
            url = address(feeder)
        n_sent, last = next(numbers), url
        tried = list(pool.map(lambda number: send(last, number, client), range(n_sent)))
        taken = {post_id for answer in tried for post_id in answer.json()["ids"]}
        assert {answer.status_code for answer in tried} == {202}
        again = client.post(f"{url}/v1/posts", json={"caption": "other"}, headers={"Idempotency-Key": "key 0"})
        assert again.status_code == 422
    assert captions(system) == Counter(f"post {number}" for number in range(n_sent))
    assert {kept.key for kept in system.records("posts")} == taken


_CUT = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)


def test_told_to_stop_amid_requests_what_was_taken_is_there(system: System, feeder: Feeder) -> None:
    url = address(feeder)
    with httpx.Client(timeout=10) as client, ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, url, number, client) for number in range(300)]
        until(lambda: sum(answer.done() for answer in sent) > 50)
        assert feeder.end(signal.SIGTERM) == 0, feeder.log.read_text()[-2000:]
        done = [answer for answer in sent if answer.exception() is None]
    answers = [answer.result() for answer in done if answer.result().status_code == 202]
    taken = {post_id for answer in answers for post_id in answer.json()["ids"]}
    assert len(taken) > 50
    assert {kept.key for kept in system.records("posts")} == taken
    assert "Traceback" not in feeder.log.read_text()


@pytest.fixture
def mortal(own_kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[System]:
    """Give a system whose Kafka may be killed."""
    yield from running(own_kafka.bootstrap, prefix, tmp_path)


def test_a_broker_that_goes_away_is_said_and_its_return_needs_no_restart(own_kafka: Kafka, mortal: System) -> None:
    patience = {"JIKIMI_HTTP_PATIENCE_S": "2"}
    with feeding(mortal, "http", "--port", "0", environment=patience) as feeder, httpx.Client(timeout=30) as client:
        url = address(feeder)
        assert send(url, 1, client).status_code == 202
        own_kafka.kill()
        away = send(url, 2, client)
        assert (away.status_code, away.json()["status"]) == (503, 503)
        assert int(away.headers["retry-after"]) > 0
        until(lambda: client.get(f"{url}/ready").status_code == 503)
        own_kafka.start()
        until(lambda: client.get(f"{url}/ready").status_code == 204)
        assert send(url, 2, client).status_code == 202
        assert captions(mortal) == Counter(["post 1", "post 2"])
