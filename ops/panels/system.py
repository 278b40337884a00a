"""The whole system of the test run: broker, stages, shadow, monitor, feeds, and a Prometheus that scrapes them."""

import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.broker.kafka import Kafka
from ops.panels.feeding import feeding, prepare_platform
from ops.prometheus import rules
from ops.prometheus.alerts import groups
from ops.prometheus.server import Prometheus
from streams.demo.posts import build_posts
from streams.demo.processes import Process, Worker
from streams.demo.scenario import CLOVER, SCENES, DemoCase
from streams.demo.server import serve
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.kafka import topic_admin
from streams.kafka.serving import free_port
from streams.settings import Settings, load_settings
from streams.topology import STAGES

FASTER = 10
"""Factor by which the windows, offsets and waits of the rules are divided."""
_PLAYED = (
    "reencoded-carving",
    "morning-unchanged",
    "cropped-flowers",
    "corrupt",
    "weather",
    "sound-only-flowers",
    "handle",
    "cropped-flight",
    "letterboxed-flowers",
)
"""Scenes of the demo: copies, an unrelated video, a broken file, texts with and without a term, a late case's copy."""


@dataclass(frozen=True, slots=True)
class System:
    """The running system."""

    settings: Settings
    environment: Mapping[str, str]
    processes: Mapping[str, Process]
    prometheus: Prometheus
    folder: Path
    started_at: float
    """Seconds since the epoch."""

    def open_case(self, case: DemoCase) -> None:
        """Open a case through the desk."""
        add_case(self.settings, NewCase(case.name, case.references, case.terms))

    def ended(self) -> list[str]:
        """Return the names of processes that ended by themselves."""
        return [process.name for process in self.processes.values() if not process.is_alive()]

    def mend(self) -> list[str]:
        """Restart the processes that ended by themselves, as Kubernetes would; return the names."""
        names = self.ended()
        for name in names:
            self.processes[name].start()
        return names


@contextmanager
def running(bootstrap_servers: str | None) -> Iterator[System]:
    """Yield a running system with incoming posts and one open case; stop it afterwards.

    Raises
    ------
    UnavailableError
        If this machine can run no Kafka or no Prometheus.
    UsageError
        If a process did not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jikimi-panels-")))
        (folder / "media").mkdir()
        servers = bootstrap_servers or stack.enter_context(Kafka(folder / "kafka")).bootstrap
        base_url = stack.enter_context(serve(folder / "media"))
        environment = _environment(servers, base_url)
        given = {
            name.removeprefix("JIKIMI_").lower(): value for name, value in environment.items() if "_MEDIA_" not in name
        }
        settings = load_settings(**given)
        topic_admin.create(settings, replication=1)
        http_port = free_port()
        feeds = [["--mapping", str(prepare_platform(settings, folder))], ["--port", str(http_port)]]
        processes = {process.name: process for process in _processes(folder, environment, feeds)}
        for process in processes.values():
            stack.enter_context(process)
        posts = build_posts(base_url, folder / "media", scenes=[scene for scene in SCENES if scene.name in _PLAYED])
        for process in processes.values():
            process.wait_until_ready()
        targets = {name: process.address for name, process in processes.items()}
        prometheus = stack.enter_context(Prometheus(folder / "prometheus", targets, _rules()))
        system = System(settings, environment, processes, prometheus, folder, time.time())
        system.open_case(CLOVER)
        stack.enter_context(feeding(settings, f"http://127.0.0.1:{http_port}", posts))
        yield system


def _environment(servers: str, base_url: str) -> dict[str, str]:
    return {
        "JIKIMI_BOOTSTRAP_SERVERS": servers,
        "JIKIMI_TOPIC_PREFIX": f"panels-{secrets.token_hex(3)}-",
        "JIKIMI_TERM_KEY": secrets.token_hex(16),
        "JIKIMI_FOUR_EYES": "false",  # nobody confirms the cases here
        "JIKIMI_QUARANTINE_POSTS": "0",  # the same copies are posted repeatedly
        "JIKIMI_MEDIA_ALLOWED_HOSTS": f'["{base_url.removeprefix("http://")}"]',
    }


def _processes(folder: Path, environment: Mapping[str, str], feeds: list[list[str]]) -> Iterator[Process]:
    for stage in STAGES:
        yield Worker([stage], folder, environment)
    shadow = ["shadow", "run", "stricter", "--from", "scores", "--with", "policy=0.99/0.9"]
    yield Process("shadow", shadow, folder, environment)
    yield Process("monitor", ["monitor"], folder, environment)
    for name, options in zip(("topic", "http"), feeds, strict=True):
        yield Process(name, ["feed", name, *options], folder, environment)


def _rules() -> dict[str, str]:
    return {
        f"{name}.yaml": rules.text(name, [rules.faster(rule, FASTER) for rule in made])
        for name, made in groups().items()
    }
