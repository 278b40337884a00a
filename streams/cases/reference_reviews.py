"""What persons said of references: the standings topic, followed whole."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import structlog

from schemas.codec import Codec, WireError
from schemas.messages import Standing, StandingKind
from streams.kafka.codec_factory import create_codec
from streams.kafka.topic_reader import Follower, Update, read_whole
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.engine.app import Context

log = structlog.get_logger()

TOPIC = "standings"


def standing_key(case_id: str, reference_id: str) -> str:
    """Return the key of a reference's standing: a later one holds."""
    return f"{case_id}/{reference_id}"


class Standings:
    """The standing of every reference that a person has spoken of."""

    def __init__(self, context: "Context") -> None:
        self._codec = context.codec
        self._follower = Follower(context.settings, context.physical(TOPIC), self.apply, context.crash)
        self._of: dict[str, dict[str, StandingKind]] = defaultdict(dict)
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener after every change, on the event loop."""
        self._listeners.append(listener)

    async def current(self) -> None:
        """Return once everything written to the topic before this call is seen here."""
        await self._follower.start()
        await self._follower.ready()
        await self._follower.current()

    def references(self, case_id: str, kind: StandingKind) -> set[str]:
        """Return the references of a case of which a person said this."""
        return {reference for reference, said in self._of.get(case_id, {}).items() if said == kind}

    def apply(self, updates: Iterable[Update]) -> None:
        """Take in records of the topic."""
        for update in updates:
            self._apply_one(update)
        for listener in self._listeners:
            listener()

    def _apply_one(self, update: Update) -> None:
        case_id, _, reference_id = update.key.decode(errors="replace").partition("/")
        standing = decode_standing(self._codec, update)
        if standing is not None:
            self._of[standing.case_id][standing.reference_id] = standing.standing
        elif update.value is None:
            self._of[case_id].pop(reference_id, None)


def decode_standing(codec: Codec, update: Update) -> Standing | None:
    """Return the standing that a record holds; one that cannot be read changes nothing, a tombstone holds none."""
    if update.value is None:
        return None
    try:
        standing = codec.decode(TOPIC, update.value)
    except WireError as error:
        log.error("standing refused", reason=error.reason, offset=update.offset)  # noqa: TRY400 - a foreign writer's mistake
        return None
    assert isinstance(standing, Standing)
    return standing


async def read_standings(settings: Settings) -> dict[str, Standing]:
    """Return every standing as the topic has it now, by key.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec = create_codec(settings)
    last = {update.key.decode(errors="replace"): update for update in await read_whole(settings, TOPIC)}
    said = {key: decode_standing(codec, update) for key, update in last.items()}
    return {key: standing for key, standing in said.items() if standing is not None}
