"""A delivery whose topics are lists, whose clock is a number and whose platform is an object, without a broker."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import msgspec

from schemas.messages import Delivery, Message, Policy, Takedown
from streams.delivery.channels.channel import Answer
from streams.delivery.deliverer import Deliverer
from streams.delivery.looks.look import Finding
from streams.delivery.platforms.registry import Platform, Registry
from streams.delivery.progress import Progress
from streams.delivery.sent import Sent
from streams.takedown.life import chained, step
from tests.unit.made_messages import NOW, post_ref, takedown
from tests.unit.takedown.made_log import MadeLog

START = NOW.timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
WEBHOOK = {"kind": "webhook", "url": "https://platform.example/notices", "secret": "platform"}
MAIL = {"kind": "mail", "to": "notices@platform.example"}
PLATFORM = {"title": "Platform", "posts": ["demo"], "laws": ["US_TIDA"], "channels": [WEBHOOK, MAIL]}


class Got(NamedTuple):
    """One notice as the platform got it, repeats included."""

    takedown_id: str
    key: str
    channel: int
    round: float
    number: int


class KilledError(RuntimeError):
    """The worker dies here."""


@dataclass
class MadePlatform:
    """A platform: what it got, what it answers, and which posts it shows."""

    answers: list[Answer] = field(default_factory=list)
    """Next answers; acknowledged where there are none."""
    shows: dict[str, bool] = field(default_factory=dict)
    """Whether a post is there, by post id; it is by default."""
    notices: list[Got] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """Next findings; by `shows` where there are none."""
    before: list[str] = field(default_factory=list)
    """What each look was given to compare with."""
    dies_after_notice: bool = False
    is_open: bool = True
    """Whether the rate limit admits notices."""

    def admits(self, platform: str) -> bool:
        assert platform == "platform"
        return self.is_open

    async def send(self, last: Takedown, progress: Progress, key: str, now: float) -> Sent:  # noqa: ARG002 - a sender's signature
        if progress.dry:
            return Sent("webhook", cast("Any", None), None)
        got = Got(last.takedown_id, key, progress.channel, progress.since, progress.n_attempts)
        self.notices.append(got)
        await asyncio.sleep(0)
        if self.dies_after_notice:
            raise KilledError
        answer = self.answers.pop(0) if self.answers else Answer("acknowledged", receipt="1")
        return Sent("webhook" if progress.channel == 0 else "mail", None, answer)

    async def look(self, last: Takedown, progress: Progress) -> Finding:
        self.looks.append(last.takedown_id)
        self.before.append(progress.seen)
        await asyncio.sleep(0)
        if self.findings:
            return self.findings.pop(0)
        shown = self.shows.get(last.post.post_id, True)
        return Finding("present" if shown else "gone", "made", error="" if shown else "RecordNotFound")


class MadeStore:
    """A table's partition as a dictionary, which outlives the workers."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self._values = values

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        return self._values.items()

    async def put(self, key: bytes, value: bytes) -> None:
        await asyncio.sleep(0)
        self._values[key] = value

    async def erase(self, key: bytes) -> None:
        self._values.pop(key, None)


class MadeTable:
    def __init__(self, store: MadeStore) -> None:
        self._store = store

    async def acquire(self, partition: int) -> MadeStore:
        assert partition == 0
        return self._store

    def release(self, owned: Any) -> None:
        pass


class Rig:
    """One worker of the stage at a time, with everything that outlives it."""

    def __init__(self, *, sends: bool = True, approve: bool = False, **platform: Any) -> None:
        self.now = START
        self.platform = MadePlatform()
        self.values: dict[bytes, bytes] = {}
        self.deliveries: list[Delivery] = []
        self.policy: Policy | None = Policy(act=0.95, review=0.5, version="1", approve=approve)
        entry = Platform.model_validate(PLATFORM | platform)
        self.registry = Registry({"platform": entry, "other": Platform(title="other")})
        self.log = MadeLog()
        settings = SimpleNamespace(delivery=SimpleNamespace(send=sends, concurrency=4))
        cases = SimpleNamespace(policy=lambda _: self.policy, start=self._nothing)
        self.context = SimpleNamespace(
            settings=settings,
            cases=cases,
            send=self._send,
            retry_while_unreachable=lambda step: step(),
            owned=lambda _: {0},
            app=SimpleNamespace(rebalancing=False),
        )
        self.restart()

    def restart(self, *, sends: bool | None = None) -> None:
        """Replace the worker by a new one, which has only what is in the topics and the table."""
        if sends is not None:
            self.context.settings.delivery.send = sends
        table, context = MadeTable(MadeStore(self.values)), cast("Any", self.context)
        self.deliverer = Deliverer(
            context, self.log, cast("Any", table), self.registry, self.platform, self.platform, lambda: self.now
        )
        self.n_read = 0

    async def _nothing(self) -> None:
        pass

    async def _send(self, topic: str, key: str, message: Message) -> None:
        await asyncio.sleep(0)
        if isinstance(message, Takedown):
            assert (topic, key) == ("takedowns", message.takedown_id)
            self.log.write(message)
        else:
            assert isinstance(message, Delivery)
            assert (topic, key) == ("deliveries", message.takedown_id)
            self.deliveries.append(message)

    def issue(self, name: str = "t1", **changes: Any) -> None:
        post = msgspec.structs.replace(post_ref(f"post-{name}"), url=f"https://platform.example/{name}")
        event = takedown(takedown_id=name, post=post, at=self.at(), **changes)
        self.log.write(chained(event, None))

    async def end(self, name: str, state: Any) -> None:
        """Write an event of the takedown stage."""
        last = await self.log.last_of(name)
        assert last is not None
        self.log.write(step(last, state, self.now, at=self.at()))

    async def read(self) -> None:
        """Give the agent every event that it has not had."""
        while self.n_read < len(self.log.topic):
            self.n_read += 1
            await self.deliverer.apply_event(self.log.topic[self.n_read - 1], 0, self.n_read - 1)

    async def settle(self) -> None:
        """Take all steps that are due now, and those that follow at once."""
        before = None
        for _ in range(1000):
            await self.read()
            await self.deliverer.take_due()
            await self.deliverer.idle()
            after = len(self.log.topic), len(self.deliveries), len(self.platform.notices), len(self.platform.looks)
            if after == before:
                return
            before = after
        raise AssertionError("steps without end")

    async def later(self, seconds: float, tick: float = HOUR) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + tick, until)
            await self.settle()

    def state(self, name: str = "t1") -> Any:
        return self.log.state(name)

    def kinds(self, name: str = "t1") -> list[tuple[str, str]]:
        return [(one.kind, one.outcome) for one in self.deliveries if one.takedown_id == name]

    def at(self) -> Any:
        return datetime.fromtimestamp(self.now, UTC)
