"""Live view of the posts' progress through the stages while the demo runs."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.messages import DeadLetter, Decision, Message, Takedown, Verdict
from streams.demo.posts import DemoPost

FLOW = ("posts", "frames", "sounds", "texts", "descriptors", "scores", "looks", "verdicts", "takedowns", "deliveries",
        "dead-letters")  # fmt: skip
"""Topics whose messages the view counts."""

_STEPS = (("posts",), ("frames", "sounds", "texts"), ("descriptors",), ("scores",), ("verdicts",), ("takedowns",))
"""Topics whose messages show that a post has passed a stage."""
DECISIONS: tuple[Decision, ...] = ("dismiss", "review", "act")
"""Decisions, weakest first."""
STYLES: dict[Decision, str] = {"act": "bold red", "review": "yellow", "dismiss": "dim"}


@dataclass(slots=True)
class _PostProgress:
    what: str
    topics: set[str] = field(default_factory=set)
    verdict: Verdict | None = None
    reason: str = ""
    """Reason of its dead letter."""


class LiveView:
    """View that counts every message; a context manager. Without a terminal it prints a line per decision instead.

    Parameters
    ----------
    posts
        Posts of the scenario.
    console
        Console to draw on; standard output by default.
    """

    def __init__(self, posts: Sequence[DemoPost], console: Console | None = None) -> None:
        self._console = console or Console()
        self._states = {demo.post.post_id: _PostProgress(demo.what) for demo in posts}
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Rich cuts the view at the terminal's height: the table at the end shows all posts.
        self._live = Live(console=self._console, get_renderable=self.render, refresh_per_second=5, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_message(self, topic: str, key: str, message: Message | None) -> None:
        """Process one message of any topic; may be called from any thread."""
        with self._lock:
            self._counts[topic] += 1
            state = self._states.get(_post_id(key, message))
            if state is None:
                return
            state.topics.add(topic)
            before = _outcome(state).plain
            _update(state, message)
            if _outcome(state).plain != before and not self._console.is_terminal:
                self._console.print(Text.assemble(f"{state.what}: ", _outcome(state)))

    def render(self) -> RenderableType:
        """Return the view of the current state."""
        with self._lock:
            counts = "   ".join(f"{topic} {self._counts[topic]}" for topic in FLOW)
            table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
            for state in sorted(self._states.values(), key=_rank):
                table.add_row(Text(state.what), _progress(state), _outcome(state))
            return Group(Text(counts, style="dim"), table)


def _post_id(key: str, message: Message | None) -> str:
    """Return the post id of a message; takedowns are keyed by their own id."""
    return message.post.post_id if isinstance(message, Takedown) else key.split("/", maxsplit=1)[0].strip()


def _update(state: _PostProgress, message: Message | None) -> None:
    """Update the progress of a message's post."""
    if isinstance(message, DeadLetter):
        state.reason = message.reason
    elif isinstance(message, Verdict):
        earlier = state.verdict  # may be for another case
        if earlier is None or DECISIONS.index(message.decision) > DECISIONS.index(earlier.decision):
            state.verdict = message


def _rank(state: _PostProgress) -> int:
    """Return the sort key: posts in progress first, so that a small terminal shows them."""
    if state.verdict is not None or state.reason:
        return 1
    return 0 if state.topics else 2


def _progress(state: _PostProgress) -> Text:
    passed = [any(topic in state.topics for topic in step) for step in _STEPS]
    return Text("".join("●" if done else "·" for done in passed), style="cyan")


def _outcome(state: _PostProgress) -> Text:
    if state.reason:
        return Text(f"dead letter: {state.reason}", style="magenta")
    if state.verdict is None:
        return Text("")
    modalities = ", ".join(dict.fromkeys(evidence.modality for evidence in state.verdict.evidence))
    line = f"{state.verdict.decision} {state.verdict.probability:.2f} {modalities}".strip()
    return Text(line, style=STYLES[state.verdict.decision])
