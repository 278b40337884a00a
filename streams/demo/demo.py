"""`jikimi demo`: the whole system on real video, from an empty broker to takedowns, in one command."""

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from schemas.ids import record_id
from streams.demo.live_view import LiveView
from streams.demo.posts import DemoPost, build_posts
from streams.demo.processes import ConsoleProcess, Worker
from streams.demo.report import Observed, OpenedCase, report
from streams.demo.results import Report, to_json
from streams.demo.scenario import CASES, DemoCase
from streams.demo.server import serve
from streams.demo.table import print_table
from streams.demo.watcher import Watcher
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.kafka import topic_admin
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.producer import writing
from streams.kafka.serving import free_port
from streams.settings import Settings, load_settings
from streams.topology import STAGES

_FEED_INTERVAL_S = 1.0
_LONGEST_S = 300.0
"""Longest time without a message from the workers, and longest wait of a post for its media."""
_SETTLE_S = 3.0
_FIRST_METRICS_PORT = 9464
"""Customary port of Prometheus exporters in applications."""
_CONSOLE_PORT = 8082
"""Default port of `jikimi console`; the next free one if it is taken."""


def run_demo(
    console: Console,
    *,
    json_file: Path | None = None,
    bootstrap_servers: str | None = None,
    separate: bool = False,
    media: Path | None = None,
    keep: bool = False,
) -> int:
    """Run the demo; return 0 if every post has the expected decision, else 1.

    Parameters
    ----------
    keep
        Keep the system and its console running afterwards, until SIGINT or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its processes are stopped in order then too
    with running(console, bootstrap_servers=bootstrap_servers, separate=separate, media=media) as demo:
        made = demo.play()
        print_table(made, console)
        if json_file is not None:
            json_file.write_bytes(to_json(made))
        if keep:
            demo.hold()
    return 0 if made.passed else 1


@dataclass(slots=True)
class Demo:
    """A running system and the posts to feed it."""

    console: Console
    settings: Settings
    posts: Sequence[DemoPost]
    workers: Sequence[Worker]
    pages: ConsoleProcess
    cases: dict[str, OpenedCase] = field(default_factory=dict)
    fed_at: dict[str, datetime] = field(default_factory=dict)
    watcher: Watcher | None = None
    _shown_link: str = ""

    def play(self) -> Report:
        """Open the first cases, feed the posts, open the late cases, and return the report.

        Raises
        ------
        UsageError
            A worker ended by itself.
        """
        for case in CASES:
            if not case.late:
                self.open(case)
        with LiveView(self.posts, self.console) as view, Watcher(self.settings, view.on_message) as watcher:
            self.watcher = watcher
            self.feed()
            self._wait(watcher, lambda made: all(post.decision or post.dead_letter_reason for post in made.posts))
            for case in CASES:
                if case.late:
                    self.open(case)
            self._wait(watcher, lambda made: made.is_complete and made.summary.notices >= made.summary.acts)
            time.sleep(_SETTLE_S)  # time for wrong verdicts and takedowns to arrive
            return self._report(watcher)

    def hold(self) -> None:
        """Return at SIGINT or SIGTERM; decisions in the console have their effect until then.

        Raises
        ------
        UsageError
            A process ended by itself.
        """
        self.console.print("\nThe system and its console stay up until Ctrl-C.")
        with suppress(KeyboardInterrupt):
            while True:
                self._check()
                time.sleep(0.5)

    def open(self, case: DemoCase) -> None:
        """Open a case as a case officer would."""
        opened_at = datetime.now(UTC)
        # The same id in every run, and so every id derived from it.
        case_id = record_id("demo-case", case.name)
        add_case(self.settings, NewCase(case.name, case.references, case.terms, case.phrases, case_id=case_id))
        self.cases[case_id] = OpenedCase(case.name, opened_at)

    def feed(self) -> None:
        """Write the posts at the rate of a small feed."""
        with writing(self.settings) as writer:
            for demo in self.posts:
                now = datetime.now(UTC)
                self.fed_at[demo.post.post_id] = now
                writer.write("posts", demo.post.post_id, msgspec.structs.replace(demo.post, seen_at=now))
                writer.flush()
                time.sleep(_FEED_INTERVAL_S)

    def _report(self, watcher: Watcher) -> Report:
        observed = Observed(
            verdicts=list(watcher.verdicts),
            takedowns=list(watcher.takedowns),
            dead_letters=list(watcher.dead_letters),
            deliveries=list(watcher.deliveries),
            looks=list(watcher.looks),
            cases=self.cases,
            fed_at=self.fed_at,
        )
        return report(self.posts, observed)

    def _wait(self, watcher: Watcher, done: Callable[[Report], bool]) -> None:
        """Return once it is done, or once no message has come for so long that none will."""
        n_seen, deadline = -1, 0.0
        while not done(self._report(watcher)):
            if watcher.n_seen != n_seen:
                n_seen, deadline = watcher.n_seen, time.monotonic() + _LONGEST_S
            if time.monotonic() > deadline:
                return
            self._check()
            time.sleep(0.2)

    def _check(self) -> None:
        for one in (*self.workers, self.pages):
            one.check()
        self.show_link()

    def show_link(self) -> None:
        """Print the console's link, and a new one once it was used."""
        if (link := self.pages.link) != self._shown_link:
            also = "In the browser too" if not self._shown_link else "For another browser"
            self.console.print(f"{also}: open {link} (once)", highlight=False, soft_wrap=True)
            self._shown_link = link


@contextmanager
def running(
    console: Console, *, bootstrap_servers: str | None = None, separate: bool = False, media: Path | None = None
) -> Iterator[Demo]:
    """Start broker, workers and console, make the posts, and stop everything at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jikimi-demo-")))
        media = media or folder / "media"
        media.mkdir(parents=True, exist_ok=True)
        base_url = stack.enter_context(serve(media))
        servers = bootstrap_servers or stack.enter_context(EmbeddedBroker()).bootstrap
        environment = _environment(servers, base_url, folder)
        stack.enter_context(_in_environment(environment))  # the desk's part of the demo runs in this process
        settings = load_settings()
        topic_admin.create(settings)
        workers = _start(stack, folder, environment, separate=separate)
        pages = stack.enter_context(ConsoleProcess(folder, environment, free_port(_CONSOLE_PORT)))
        console.print(f"{len(workers)} worker process(es) on {servers}, {'given' if bootstrap_servers else 'embedded'}")
        console.print(f"Prometheus can scrape {', '.join(worker.metrics_url for worker in workers)}", highlight=False)
        posts = _make_posts(console, base_url, media)
        for one in (*workers, pages):
            one.wait_until_ready()
        demo = Demo(console, settings, posts, workers, pages)
        demo.show_link()
        yield demo


@contextmanager
def _in_environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _environment(servers: str, base_url: str, folder: Path) -> dict[str, str]:
    return {
        "JIKIMI_BOOTSTRAP_SERVERS": servers,
        "JIKIMI_TOPIC_PREFIX": f"demo-{secrets.token_hex(3)}-",
        "JIKIMI_TERM_KEY": secrets.token_hex(16),
        # Nothing of it stays among the keys and the names of files of the person who runs it.
        "JIKIMI_SEALING_KEY_FILE": str(folder / "keys.json"),
        "JIKIMI_AUDIT_SIGNING_KEY_FILE": str(folder / "signing-key.pem"),
        "JIKIMI_DESK_FOLDER": str(folder / "desk"),
        "JIKIMI_SESSION_TIMEOUT_S": "6",  # on the embedded broker a worker waits half of it before it starts
        # On a busy machine a post waits for its media and looks: at the deadline a person would have to decide.
        "JIKIMI_FUSION_DEADLINE_S": str(_LONGEST_S),
        "JIKIMI_FOUR_EYES": "false",  # nobody confirms the cases here
        "JIKIMI_FILER_BODY": "A centre for victims",
        "JIKIMI_FILER_EMAIL": "notices@centre.example",
        "JIKIMI_MEDIA_ALLOWED_HOSTS": f'["{base_url.removeprefix("http://")}"]',
    }


def _start(stack: ExitStack, folder: Path, environment: dict[str, str], *, separate: bool) -> list[Worker]:
    groups = [[stage] for stage in STAGES] if separate else [["all"]]
    ports = [free_port(_FIRST_METRICS_PORT + number) for number in range(len(groups))]
    return [
        stack.enter_context(Worker(stages, folder, environment, port))
        for stages, port in zip(groups, ports, strict=True)
    ]


def _make_posts(console: Console, base_url: str, folder: Path) -> list[DemoPost]:
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("making the copies", total=None)
        return build_posts(base_url, folder, progress=lambda made, of: progress.update(task, completed=made, total=of))
