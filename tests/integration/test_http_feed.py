"""The HTTP feed killed, stopped and without its broker: accepted records are delivered once."""

import re
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest
from confluent_kafka import Consumer

from ops.broker.kafka import Kafka
from streams.kafka.clients import reader_config
from streams.kafka.offsets import end_offsets, partitions_of
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


# Transactions that time out soon, and little patience with a broker that is away: the rest is as in production.
# Where the file STAND is, a process stops amid a transaction, as on a frozen machine.
_SHORT = """
import os, signal
from pathlib import Path
from streams import cli
from streams.kafka.lasting_writer import LastingWriter
from streams.kafka.transactions import TransactionWriter

TransactionWriter.__init__.__kwdefaults__.update(transaction_s=2.0, patience_s=1.0)
write_once = LastingWriter.write_once

def standing(self, write, is_written):
    def write_and_stand():
        write()
        if (stand := Path(os.environ["STAND"])).exists():
            self.flush()
            stand.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
    write_once(self, write_and_stand, is_written)

LastingWriter.write_once = standing
cli.main()
"""


@contextmanager
def short_lived(system: System, stand: Path) -> Iterator[FeedProcess]:
    """Run a feed whose transactions time out soon."""
    environment = {"JIKIMI_HTTP_PATIENCE_S": "2", "JIKIMI_START_GRACE_S": str(DEADLINE_S), "STAND": str(stand)}
    with feed_process(system, "http", "--port", "0", environment=environment, program=("-c", _SHORT)) as process:
        yield process


def test_an_unavailable_broker_is_503_and_its_return_needs_no_restart(own_kafka: Kafka, mortal: System) -> None:
    with (
        short_lived(mortal, mortal.folder / "stand") as process,
        httpx.Client(timeout=DEADLINE_S) as client,
    ):
        url = address(process)
        until(lambda: is_accepted(send(url, 1, client)))  # on a busy machine the broker may take longer, too
        own_kafka.kill()
        unavailable = send(url, 2, client)
        assert (unavailable.status_code, unavailable.json()["status"]) == (503, 503)
        assert int(unavailable.headers["retry-after"]) > 0
        until(lambda: "the last transaction is lost" in client.get(f"{url}/ready").text)  # for longer than its patience
        assert client.get(f"{url}/ready").status_code == 503
        own_kafka.start()
        until(lambda: client.get(f"{url}/ready").status_code == 204)
        until(lambda: is_accepted(send(url, 2, client)))
        assert captions(mortal) == Counter(["post 1", "post 2"])


def n_offsets(system: System) -> int:
    """Return the number of offsets of posts that readers of committed records have passed or may read."""
    with closing(Consumer(reader_config(system.settings, isolation_level="read_committed"))) as consumer:
        partitions = partitions_of(consumer, [system.settings.topic_prefix + "posts"], DEADLINE_S)
        return sum(end_offsets(consumer, partitions, DEADLINE_S).values())


@contextmanager
def standing_amid_a_transaction(system: System, process: FeedProcess) -> Iterator[str]:
    """Yield the address of a feed that stands still with post 1 in an open transaction; go on at the end."""
    url = address(process)
    (system.folder / "stand").touch()
    with ThreadPoolExecutor(1) as pool, httpx.Client(timeout=DEADLINE_S) as client:
        pool.submit(send, url, 1, client)
        until(lambda: not (system.folder / "stand").exists(), "a feed that stands still")
        yield url
        process.send(signal.SIGCONT)


def test_a_transaction_that_an_outage_has_ended_is_written_again_by_the_same_process(
    own_kafka: Kafka, mortal: System
) -> None:
    with short_lived(mortal, mortal.folder / "stand") as process, httpx.Client(timeout=DEADLINE_S) as client:
        with standing_amid_a_transaction(mortal, process) as url:
            own_kafka.kill()
            own_kafka.start()
            until(lambda: n_offsets(mortal) == 2, "post 1 and the marker that its transaction was aborted")
        for number in (1, 2):
            until(lambda number=number: is_accepted(send(url, number, client)))  # type: ignore[misc]
        assert "another producer goes on" in process.log.read_text()
        assert process.end(signal.SIGTERM) == 0, process.log.read_text()[-2000:]
    assert captions(mortal) == Counter(["post 1", "post 2"])


def test_a_feed_that_stood_still_while_another_took_over_ends_and_disturbs_it_no_more(system: System) -> None:
    with (
        short_lived(system, system.folder / "stand") as first,
        ExitStack() as stack,
        httpx.Client(timeout=DEADLINE_S) as client,
    ):
        with standing_amid_a_transaction(system, first):
            second = stack.enter_context(feed_process(system, "http", "--port", "0", log="second.log"))
            url = address(second)
            assert is_accepted(send(url, 2, client))
        assert first.wait() == 2
        assert "taken over by another process" in first.log.read_text().splitlines()[-1]
        assert is_accepted(send(url, 3, client))
    assert captions(system) == Counter(["post 2", "post 3"])
