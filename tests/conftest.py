"""Fixtures of the whole suite, and what it says at its end about tests that this machine could not run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
import stamina.instrumentation

from ops.broker.kafka import Kafka
from ops.broker.registry import Registry
from ops.java import UnavailableError
from ops.prometheus import binary
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.serving import share_ports
from tests.support.brokers import HOW_TO_GET_ONE, java_kafka, new_prefix, real_kafka
from tests.support.secured import SecuredKafka, secured_kafka

NEEDS = {
    "kafka": f"a real Apache Kafka: {HOW_TO_GET_ONE}",
    "registry": "a schema registry: install a JDK (17 or newer) and Maven",
    "prometheus": f"Prometheus: {binary.HOW_TO_GET_IT}",
}
"""What each marker needs, and how to get it."""
LONGEST = (
    "integration/test_replay.py",
    "integration/test_promote.py",
    "e2e/test_delivery.py",
    "integration/test_learned_replay.py",
    "integration/test_erasure.py",
    "e2e/test_demo.py",
    "integration/test_security.py",
    "faults/test_random_kills.py",
    "integration/test_desk.py",
    "integration/test_guards.py",
    "integration/test_reuse.py",
    "e2e/test_console.py",
    "integration/test_compare.py",
    "faults/test_broker.py",
    "faults/test_delivery.py",
)
"""The longest files in order, under tests. They run first, then those of the folders below."""
FOLDERS = ("faults", "integration", "e2e", "unit", "contract")
_HERE = Path(__file__).parent
_MAYBE_TIME = 1e9
"""Seconds since the epoch, about."""
_IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.fixture(scope="session", autouse=True)
def _environment_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep keys and notes out of the developer's folder of data, and cases from waiting, also in child processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        # Nobody confirms the cases of the tests; those about the four-eyes rule switch it on.
        patch.setenv("JIKIMI_FOUR_EYES", "false")
        yield


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Apache Kafka that the whole run shares: keep to your `prefix`."""
    yield from _provide("kafka", real_kafka())


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """Give a real Apache Kafka of the test's own: it may be stopped, killed and started again on the same data."""
    yield from _provide("kafka", java_kafka())


@pytest.fixture(scope="session")
def secured() -> Iterator[SecuredKafka]:
    """Give a real Apache Kafka with TLS, SCRAM and access rules."""
    yield from _provide("kafka", secured_kafka())


@pytest.fixture(scope="session")
def registry_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the base address of a real schema registry that the whole run shares: keep to your `prefix`."""
    log: Path = tmp_path_factory.mktemp("registry") / "registry.log"
    for registry in _provide("registry", Registry(log)):
        yield registry.url


@pytest.fixture(scope="session")
def promtool() -> Iterator[str]:
    """Path of Prometheus's own tool."""
    yield from _provide("prometheus", _found("promtool"))


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """Bootstrap servers of the embedded broker that the whole run shares: keep to your `prefix`."""
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


@pytest.fixture
def prefix() -> str:
    """Give a prefix for topics and groups that no other test has."""
    return new_prefix()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the sealing keys of all tests out of the user's own folder, and the ports of the run's processes apart."""
    folder = tempfile.TemporaryDirectory(prefix="jikimi-keys-")
    config.add_cleanup(folder.cleanup)
    os.environ["JIKIMI_SEALING_KEY_FILE"] = f"{folder.name}/keys.json"
    stamina.instrumentation.set_on_retry_hooks([])  # as a command does: a retry that succeeds is no news
    number, n_workers = (os.environ.get(f"PYTEST_XDIST_WORKER{name}", "") for name in ("", "_COUNT"))
    share_ports(int(number.removeprefix("gw") or 0), int(n_workers or 1))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Return the parameter's name for a number that may be a time: ids must be the same in each process of a run."""
    return argname if isinstance(val, int | float) and abs(val) >= _MAYBE_TIME else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files and mark each test with what its fixtures need."""
    _mark(items)
    # A long file started last would leave the other workers idle.
    items.sort(key=lambda item: _turn(item.path))


@cache
def _turn(path: Path) -> tuple[int, int]:
    """Return the sort key of a file: its place among the longest, or that of its folder."""
    file = path.relative_to(_HERE)
    if (name := file.as_posix()) in LONGEST:
        return LONGEST.index(name), 0
    return len(LONGEST), FOLDERS.index(file.parts[0])


def _mark(items: list[pytest.Item]) -> None:
    """Mark each test with what its fixtures need, for `-m kafka` and `-m 'not kafka'`."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"kafka", "own_kafka", "secured"}:
            item.add_marker("kafka")
        if "registry_url" in fixtures:
            item.add_marker("registry")
        if "promtool" in fixtures:
            item.add_marker("prometheus")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out, and how to get it."""
    for marker, need in NEEDS.items():
        # From the reports, which come from whatever process ran the test.
        skipped = [
            report for report in terminalreporter.getreports("skipped") if _not_here(marker) in report.longreprtext
        ]
        if not skipped:
            continue
        terminalreporter.section(f"left out: {len(skipped)} tests marked {marker}", yellow=True)
        terminalreporter.line(f"They need {need}.")
        for report in skipped:
            terminalreporter.line(f"  {report.nodeid}")


def _not_here(marker: str) -> str:
    return f"no {marker} here: "


@contextmanager
def _found(program: str) -> Iterator[str]:
    yield str(binary.find(program))


def _provide[T](marker: str, context: AbstractContextManager[T]) -> Iterator[T]:
    """Yield what the context gives; where this machine cannot have it, skip, or fail in CI."""
    with ExitStack() as stack:
        try:
            given = stack.enter_context(context)
        except UnavailableError as exc:
            if _IN_CI:
                pytest.fail(f"needs {NEEDS[marker]} ({exc})", pytrace=False)
            pytest.skip(f"{_not_here(marker)}{exc}")
        yield given
