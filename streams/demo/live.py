"""Posts moving through the stages, as a person sees them while the demo runs."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.messages import DeadLetter, Decision, Message, Takedown, Verdict
from streams.demo.posts import DemoPost

FLOW = ("posts", "frames", "sounds", "texts", "descriptors", "scores", "verdicts", "takedowns", "dead-letters")
"""Topics whose messages the view counts."""

_STEPS = (("posts",), ("frames", "sounds", "texts"), ("descriptors",), ("scores",), ("verdicts",), ("takedowns",))
"""Topics that show a post has passed a stage."""
DECISIONS: tuple[Decision, ...] = ("dismiss", "review", "act")
"""Weakest first."""
STYLES: dict[Decision, str] = {"act": "bold red", "review": "yellow", "dismiss": "dim"}


@dataclass(slots=True)
class _State:
    """How far one post has come."""

    what: str
    topics: set[str] = field(default_factory=set)
    verdict: Verdict | None = None
    reason: str = ""
    """Of its dead letter."""


class LiveView:
    """Shows every message as it passes; a context manager. Without a terminal it prints a line per decision instead.

    Parameters
    ----------
    posts
        The scenario.
    console
        Where to draw; standard output by default.
    """

    def __init__(self, posts: Sequence[DemoPost], console: Console | None = None) -> None:
        self._console = console or Console()
        self._states = {demo.post.post_id: _State(demo.what) for demo in posts}
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Cut at the terminal's height: the table at the end shows all posts.
        self._live = Live(console=self._console, get_renderable=self.render, refresh_per_second=5, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_message(self, topic: str, key: str, message: Message | None) -> None:
        """Note one message of any topic; may be called from any thread."""
        with self._lock:
            self._counts[topic] += 1
            state = self._states.get(_post_id(key, message))
            if state is None:
                return
            state.topics.add(topic)
            if _note(state, message) and not self._console.is_terminal:
                self._console.print(Text.assemble(f"{state.what}: ", _outcome(state)))

    def render(self) -> RenderableType:
        """Return the picture of this moment."""
        with self._lock:
            counts = "   ".join(f"{topic} {self._counts[topic]}" for topic in FLOW)
            table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
            for state in sorted(self._states.values(), key=_rank):
                table.add_row(Text(state.what), _progress(state), _outcome(state))
            return Group(Text(counts, style="dim"), table)


def _post_id(key: str, message: Message | None) -> str:
    """Return the id of the post a message is about; takedowns are keyed by their own id."""
    return message.post.post_id if isinstance(message, Takedown) else key.split("/", maxsplit=1)[0].strip()


def _note(state: _State, message: Message | None) -> bool:
    """Take in what a message says of its post; True if a person wants to hear it."""
    if isinstance(message, DeadLetter):
        state.reason = message.reason
        return True
    if isinstance(message, Verdict) and _stronger(message, state.verdict):
        state.verdict = message
        return True
    return False


def _stronger(verdict: Verdict, known: Verdict | None) -> bool:
    """Tell whether a verdict outdoes what is known of the post, maybe for another case."""
    return known is None or DECISIONS.index(verdict.decision) > DECISIONS.index(known.decision)


def _rank(state: _State) -> int:
    """Sort posts on the move first, so that a small terminal shows them."""
    if state.verdict is not None or state.reason:
        return 1
    return 0 if state.topics else 2


def _progress(state: _State) -> Text:
    passed = [any(topic in state.topics for topic in step) for step in _STEPS]
    return Text("".join("●" if done else "·" for done in passed), style="cyan")


def _outcome(state: _State) -> Text:
    if state.reason:
        return Text(f"dead letter: {state.reason}", style="magenta")
    if state.verdict is None:
        return Text("")
    senses = ", ".join(dict.fromkeys(evidence.modality for evidence in state.verdict.evidence))
    told = f"{state.verdict.decision} {state.verdict.probability:.2f} {senses}".strip()
    return Text(told, style=STYLES[state.verdict.decision])
