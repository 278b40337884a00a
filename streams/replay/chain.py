"""Stages before fusion chained in memory: from a source record to scores, without topics in between."""

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.codec import Codec
from schemas.messages import Descriptors, Message, Post, Scores
from streams.engine.attempts import Retry, decode_record, run_attempts
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.replay.naming import DESCRIBED
from streams.replay.stages import Stage, Stages


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that a stage gave up on."""

    stage: str
    error: Exception
    record: Record
    """Input of the stage; a record that was in no topic has the partition and offset of its source record."""


@dataclass(slots=True)
class Prepared:
    """Outputs of the stages before fusion for a source record."""

    record: Record
    outputs: list[Output] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    records: Counter[str] = field(default_factory=Counter)
    """Number of records processed, by stage."""


class Chain:
    """Runs the stages between a source topic and fusion; the same record always leads to the same outputs.

    Parameters
    ----------
    source
        Topic that the run starts from.
    accepts
        Returns whether the run includes a post, by its id.
    """

    def __init__(self, source: str, stages: Stages, codec: Codec, accepts: Callable[[str], bool]) -> None:
        self._described = DESCRIBED.get(source)
        self._stages = stages
        self._codec = codec
        self._accepts = accepts
        self.retry = Retry()

    async def __call__(self, record: Record) -> Prepared:
        """Return the outputs of this record.

        Raises
        ------
        ConnectionError
            The schema registry does not answer: no record is at fault.
        """
        done = Prepared(record)
        try:
            message = decode_record(self._codec, record)
        except UnprocessableError as error:
            stage = self._stages.of(record.topic)
            done.failures.append(Failure(stage.name if stage else "fusion", error, record))
            return done
        if self._is_included(message):
            await self._process(message, record, done)
        return done

    def _is_included(self, message: Any) -> bool:  # noqa: ANN401 - a post, or a message with a segment of one
        if isinstance(message, Descriptors) and message.modality == self._described:
            return False  # the run describes these again
        return self._accepts(message.post_id if isinstance(message, Post) else message.segment.post.post_id)

    async def _process(self, message: Message, record: Record, done: Prepared) -> None:
        stage = self._stages.of(record.topic)
        if stage is None:
            assert isinstance(message, Scores)
            done.scores.append(message)
            return
        done.records[stage.name] += 1
        outputs, error = await self._run_stage(stage, message, record)
        if error is not None:
            value = record.value or self._codec.encode(record.topic, message)
            done.failures.append(Failure(stage.name, error, replace(record, value=value)))
        for topic, key, inner in outputs:
            assert inner is not None
            done.outputs.append(Output(topic, key, inner))
            await self._process(inner, replace(record, topic=topic, key=key.encode(), value=None), done)

    async def _run_stage(self, stage: Stage, message: Message, record: Record) -> tuple[list[Output], Exception | None]:
        """Return the outputs of the last attempt and the error that ended it."""
        outputs: list[Output] = []

        async def attempt(record: Record) -> None:
            outputs.clear()
            async with aclosing(stage.work(message, record)) as made:  # type: ignore[type-var]
                async for output in made:
                    outputs.append(output)  # noqa: PERF401 - outputs before an error are kept

        error = await run_attempts(attempt, record, self.retry)
        return outputs, error
