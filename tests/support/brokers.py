"""Brokers for tests: a real Apache Kafka however this machine can have one, and what keeps tests on it apart."""

import gc
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import docker
from docker.errors import DockerException
from testcontainers.community.kafka import KafkaContainer

from ops.broker.kafka import Kafka
from streams.kafka import topic_admin
from streams.settings import load_settings
from tests.support.deadline import DEADLINE_S

BOOTSTRAP_VARIABLE = "JIKIMI_TEST_BOOTSTRAP_SERVERS"
HOW_TO_GET_ONE = (
    f"start Docker, or install a JDK (17 or newer) and Maven, or set {BOOTSTRAP_VARIABLE} to a broker you may write to"
)
_IMAGE = "confluentinc/cp-kafka:7.9.0"


@contextmanager
def real_kafka() -> Iterator[str]:
    """Yield the bootstrap servers of an Apache Kafka: the one given, else in Docker, else in Java.

    Raises
    ------
    UnavailableError
        If this machine has none of them.
    """
    with ExitStack() as stack:
        if given := os.environ.get(BOOTSTRAP_VARIABLE):
            yield given
        elif docker_answers():
            yield stack.enter_context(_container()).get_bootstrap_server()
        else:
            yield stack.enter_context(java_kafka()).bootstrap


def docker_answers() -> bool:
    """Return whether a Docker daemon is there to start containers."""
    with warnings.catch_warnings():
        # where no daemon is, docker-py leaves its socket to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        with suppress(DockerException), closing(docker.from_env(timeout=5)) as client:
            return bool(client.ping())
        gc.collect()
    return False


@contextmanager
def java_kafka(port: int | None = None, **settings: str) -> Iterator[Kafka]:
    """Yield a Kafka of one's own that may be stopped, killed and started again; its data goes at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="jikimi-kafka-") as folder,
        Kafka(Path(folder), port=port, settings=settings) as broker,
    ):
        yield broker


def new_prefix() -> str:
    """Return a prefix for topics, groups and ids that no other test has."""
    return f"t{uuid4().hex[:6]}-"


def make_topics(bootstrap: str, prefix: str) -> None:
    """Make all of Jikimi's topics under this prefix."""
    topic_admin.create(load_settings(bootstrap_servers=bootstrap, topic_prefix=prefix), replication=1)


@contextmanager
def _container() -> Iterator[KafkaContainer]:
    container = KafkaContainer(_IMAGE).with_kraft()
    container.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    container.with_env("KAFKA_MESSAGE_MAX_BYTES", str(16 * 1024 * 1024))
    container.with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
    container.with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
    container.with_env("KAFKA_LOG_CLEANER_BACKOFF_MS", "200")
    container.with_env("KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS", "200")
    container.start(timeout=int(DEADLINE_S))
    try:
        yield container
    finally:
        container.stop()
