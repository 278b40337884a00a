"""From a source record to scores: what lies before fusion, without a topic or a memory between the stages."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.codec import Codec, WireError
from schemas.messages import Descriptors, Message, Post, Scores
from streams.engine.guard import Retry
from streams.engine.record import Output, Record
from streams.errors import TransientError, UnprocessableError
from streams.replay.naming import DESCRIBED
from streams.replay.stages import Stage, Stages


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that a stage gave up on."""

    stage: str
    error: Exception
    record: Record
    """As the stage had it; a record that no topic held has the place of the source record it came from."""


@dataclass(slots=True)
class Prepared:
    """What one source record led to, before fusion."""

    record: Record
    outputs: list[Output] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    records: Counter[str] = field(default_factory=Counter)
    """Handled, by stage."""


class Chain:
    """Runs the stages between a source and fusion; the same record always leads to the same outputs.

    Parameters
    ----------
    source
        The topic that is described anew, matched or fused.
    accepts
        Whether a post, by its id, is looked at.
    """

    def __init__(self, source: str, stages: Stages, codec: Codec, accepts: Callable[[str], bool]) -> None:
        self._described = DESCRIBED.get(source)
        self._stages = stages
        self._codec = codec
        self._accepts = accepts
        self.retry = Retry()

    async def __call__(self, record: Record) -> Prepared:
        """Return what this record leads to.

        Raises
        ------
        ConnectionError
            The schema registry does not answer: no record is at fault.
        """
        done = Prepared(record)
        try:
            message = self._decode(record)
        except UnprocessableError as error:
            stage = self._stages.of(record.topic)
            done.failures.append(Failure(stage.name if stage else "fusion", error, record))
            return done
        if self._concerns(message):
            await self._pass(message, record, done)
        return done

    def _decode(self, record: Record) -> Message:
        if record.value is None:
            raise UnprocessableError("wire_empty", "a tombstone where a message was expected")
        try:
            return self._codec.decode(record.topic, record.value)
        except WireError as error:
            raise UnprocessableError(error.reason, str(error)) from error

    def _concerns(self, message: Any) -> bool:  # noqa: ANN401 - a post, or what has a segment of one
        if isinstance(message, Descriptors) and message.modality == self._described:
            return False  # described anew
        return self._accepts(message.post_id if isinstance(message, Post) else message.segment.post.post_id)

    async def _pass(self, message: Message, record: Record, done: Prepared) -> None:
        stage = self._stages.of(record.topic)
        if stage is None:
            assert isinstance(message, Scores)
            done.scores.append(message)
            return
        done.records[stage.name] += 1
        outputs, error = await self._try(stage, message, record)
        if error is not None:
            value = record.value or self._codec.encode(record.topic, message)
            done.failures.append(Failure(stage.name, error, replace(record, value=value)))
        for topic, key, inner in outputs:
            assert inner is not None
            done.outputs.append(Output(topic, key, inner))
            await self._pass(inner, replace(record, topic=topic, key=key.encode(), value=None), done)

    async def _try(self, stage: Stage, message: Message, record: Record) -> tuple[list[Output], Exception | None]:
        """Return what a stage made, and the error that ended it; what came before a retry is dropped."""
        for attempt in range(1, self.retry.attempts + 1):
            outputs: list[Output] = []
            last = attempt == self.retry.attempts
            try:
                async with aclosing(stage.work(message, replace(record, attempt=attempt, last_attempt=last))) as made:  # type: ignore[type-var]
                    async for output in made:
                        outputs.append(output)  # noqa: PERF401 - what came before an error is kept
            except TransientError as error:
                if last:
                    return outputs, error
                await asyncio.sleep(self.retry.pause_s(attempt))
            except Exception as error:  # noqa: BLE001 - its type decides its fate, as in the guard
                return outputs, error
            else:
                return outputs, None
        raise AssertionError
