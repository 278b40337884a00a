"""The system under faults: three brokers, a process a stage, and what restarts a process that ended by itself."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ops.broker.cluster import Cluster
from ops.faults.feed import TERM, Feed
from ops.faults.media import Media, make_media
from ops.faults.network import Network
from ops.threads import running_beside
from streams.demo.processes import Worker
from streams.demo.server import serve
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.kafka import topic_admin
from streams.settings import Settings, load_settings
from streams.topology import STAGES

CASE_ID = "case-faults"
_POLL_S = 0.2
_RESTART_S = 1.0
_READY_S = 300.0
_LOG_CHARACTERS = 600


class Death(NamedTuple):
    """A worker that ended by itself."""

    stage: str
    fault: str
    """What was being done to the system; empty if nothing."""
    was_ready: bool
    """Whether it had its partitions; otherwise it refused to start."""
    log_end: str


class StageWorker(Worker):
    """A stage's worker and its folder."""

    def __init__(self, stage: str, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__([stage], folder, environment)
        self.folder = folder
        self.archive = folder / f"{stage}-archive"

    def is_ready(self) -> bool:
        """Return whether it has its partitions."""
        return self._is_ready()


@dataclass
class System:
    """The running system; a stage's worker is killed, paused and replaced through it."""

    folder: Path
    cluster: Cluster | None
    """None if the run was given a Kafka."""
    settings: Settings
    environment: Mapping[str, str]
    media: Media
    base_url: str
    workers: dict[str, StageWorker] = field(default_factory=dict)
    deaths: list[Death] = field(default_factory=list)
    kills: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    """Events of takedowns that the run has repeated, by event id."""
    fault: str = ""
    """What is being done to the system, for the record of a death."""

    network: Network | None = None
    """Another way to the brokers, which can be cut."""
    behind_network: set[str] = field(default_factory=set)
    """Stages that take it."""
    feed: Feed | None = None

    def __post_init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.RLock()

    def start(self, stage: str, **changes: str) -> None:
        """Start a stage's worker, with these environment variables over the system's."""
        self.workers[stage] = self._worker(stage, stage, changes)
        self.workers[stage].start()

    def _worker(self, stage: str, name: str, changes: Mapping[str, str]) -> StageWorker:
        folder = self.folder / name
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        return StageWorker(stage, folder, {**self.environment, "TMPDIR": str(folder / "tmp"), **changes})

    def kill(self, stage: str) -> list[str]:
        """Kill a stage's worker with SIGKILL, start it again at once, as an orchestrator would; return the stage."""
        with self.holding(stage):
            self.workers[stage].kill()
            self.kills += 1
            self.workers[stage].start()
        return [stage]

    def second(self, stage: str) -> StageWorker:
        """Return another worker of a stage, which is not started, and not restarted when it ends."""
        return self._worker(stage, f"{stage}-second", {})

    def await_ready(self, stage: str) -> None:
        """Return once a stage's worker has its partitions, however often it has to be started.

        Raises
        ------
        TimeoutError
            It is not ready in time.
        """
        deadline = time.monotonic() + _READY_S
        while not self.workers[stage].is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{stage} is not ready: {_log_end(self.workers[stage].log_file)}")
            time.sleep(_POLL_S)

    @contextmanager
    def holding(self, *stages: str) -> Iterator[None]:
        """Keep the supervisor from starting these stages while the block runs."""
        with self._lock:
            self._held |= set(stages)
        try:
            yield
        finally:
            with self._lock:
                self._held -= set(stages)

    def supervise(self, over: threading.Event) -> None:
        """Start each worker again that ended by itself, and record its death."""
        while not over.wait(_POLL_S):
            with self._lock:
                ended = [s for s, worker in self.workers.items() if s not in self._held and not worker.is_alive()]
                for stage in ended:
                    worker = self.workers[stage]
                    self.deaths.append(Death(stage, self.fault, worker.is_ready(), _log_end(worker.log_file)))
                    worker.start()
            if ended:
                time.sleep(_RESTART_S)


@contextmanager
def running(folder: Path, bootstrap_servers: str | None = None) -> Iterator[System]:
    """Yield the running system, all workers ready and one case open; stop it afterwards.

    Raises
    ------
    UnavailableError
        If this machine can run no Kafka.
    UsageError
        If a worker did not start.
    """
    with ExitStack() as stack:
        (folder / "media").mkdir(parents=True)
        base_url = stack.enter_context(serve(folder / "media"))
        cluster = None if bootstrap_servers else stack.enter_context(Cluster(folder / "kafka"))
        environment = _environment(cluster.bootstrap if cluster else bootstrap_servers or "", base_url)
        given = {name.removeprefix("JIKIMI_").lower(): value for name, value in environment.items()}
        settings = load_settings(**{name: value for name, value in given.items() if not name.startswith("media_")})
        topic_admin.create(settings)
        system = System(folder, cluster, settings, environment, make_media(folder / "media"), base_url)
        if cluster is not None:
            system.network = stack.enter_context(Network(cluster.routes))
        stack.callback(_end, system)
        for stage in STAGES:
            system.start(stage)
        add_case(settings, NewCase("faults", (system.media.reference,), (TERM,), case_id=CASE_ID))
        for worker in system.workers.values():
            worker.wait_until_ready()
        yield stack.enter_context(_supervised(system))


@contextmanager
def _supervised(system: System) -> Iterator[System]:
    with running_beside(system.supervise, "supervisor"):
        yield system


def _end(system: System) -> None:
    for worker in system.workers.values():
        if worker.is_alive():
            worker.kill()


def _environment(bootstrap: str, base_url: str) -> dict[str, str]:
    return {
        "JIKIMI_BOOTSTRAP_SERVERS": bootstrap,
        "JIKIMI_TOPIC_PREFIX": f"faults-{secrets.token_hex(3)}-",
        "JIKIMI_TERM_KEY": secrets.token_hex(16),
        "JIKIMI_SESSION_TIMEOUT_S": "6",  # the least that a broker takes
        "JIKIMI_FETCH_WAIT_MS": "200",
        "JIKIMI_FOUR_EYES": "false",  # nobody confirms the cases here
        "JIKIMI_QUARANTINE_POSTS": "0",  # the same copy is posted repeatedly
        "JIKIMI_MEDIA_ALLOWED_HOSTS": f'["{base_url.removeprefix("http://")}"]',
    }


def _log_end(log_file: Path) -> str:
    return log_file.read_text(errors="replace")[-_LOG_CHARACTERS:]
