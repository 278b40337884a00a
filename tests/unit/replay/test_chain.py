import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from schemas.codec import Codec
from schemas.matrix import pack
from schemas.messages import Descriptors, Message, Modality, Texts
from streams.engine.attempts import Retry
from streams.engine.record import Output, Record
from streams.errors import TransientError, UnprocessableError
from streams.match.reference_index import ReferenceIndex
from streams.replay.chain import Chain, Prepared
from streams.replay.stages import Stage, Stages
from tests.unit.made_messages import scores, segment

CODEC = Codec()


def record(topic: str, message: Message) -> Record:
    return Record(topic, 3, 17, b"key", CODEC.encode(topic, message), timestamp_s=5.0)


def described(modality: Modality = "visual", columns: int = 4) -> Descriptors:
    return Descriptors(
        descriptor_id="d1",
        segment=segment(),
        modality=modality,
        model="m",
        version="1",
        vectors=pack(np.zeros((1, columns), np.float32)),
        times_s=[0.0],
    )


def run(topic: str, message: Message | Record, *, source: str = "", accepted: bool = True, **works: Any) -> Prepared:
    async def index() -> ReferenceIndex:
        return ReferenceIndex()

    async def prepared() -> Prepared:
        stages = Stages(index)
        for reads, work in works.items():
            stages._by_topic[reads] = Stage(f"{reads}-stage", work)
        chain = Chain(source or topic, stages, CODEC, lambda _: accepted)
        chain.retry = Retry(attempts=3, first_pause_s=0, max_pause_s=0, jitter_s=0)
        try:
            return await chain(message if isinstance(message, Record) else record(topic, message))
        finally:
            await stages.close()

    return asyncio.run(prepared())


def test_descriptors_become_scores() -> None:
    done = run("descriptors", described())
    assert [output.topic for output in done.outputs] == ["scores"]
    assert [found.modality for found in done.scores] == ["visual"]
    assert (done.records, done.failures) == ({"match": 1}, [])


def test_scores_go_to_fusion_as_they_are() -> None:
    done = run("scores", scores("visual"))
    assert (done.scores, done.outputs) == ([scores("visual")], [])


def test_recorded_descriptors_of_the_modality_that_the_run_describes_are_left_out() -> None:
    assert run("descriptors", described("visual"), source="frames").scores == []
    assert len(run("descriptors", described("audio"), source="frames").scores) == 1


def test_a_post_outside_the_share_is_left_out() -> None:
    done = run("descriptors", described(), accepted=False)
    assert (done.scores, done.outputs, done.failures, done.records) == ([], [], [], {})


@pytest.mark.parametrize(("value", "reason"), [(None, "wire_empty"), (b"", "wire_empty"), (b"\x01", "wire_not_avro")])
def test_a_record_that_cannot_be_read_fails_in_the_stage_that_reads_it(value: bytes | None, reason: str) -> None:
    (failure,) = run("descriptors", Record("descriptors", 0, 0, None, value)).failures
    assert isinstance(failure.error, UnprocessableError)
    assert (failure.stage, failure.error.reason) == ("match", reason)


def test_descriptors_that_cannot_be_compared_fail_with_their_own_bytes() -> None:
    message = described()
    broken = Descriptors(**{name: getattr(message, name) for name in message.__struct_fields__} | {"times_s": []})
    (failure,) = run("descriptors", broken).failures
    assert (failure.record.value, failure.record.offset) == (CODEC.encode("descriptors", broken), 17)


def test_a_record_that_fails_between_two_stages_keeps_its_own_bytes_and_the_offset_of_its_source() -> None:
    inner = described(columns=0)

    async def work(_message: Texts, _record: Record) -> AsyncIterator[Output]:
        yield Output("descriptors", "inner", inner)

    (failure,) = run("texts", Texts(segment=segment(), texts=[]), texts=work).failures
    kept = failure.record
    assert (failure.stage, kept.topic, kept.key) == ("match", "descriptors", b"inner")
    assert (kept.partition, kept.offset, kept.value) == (3, 17, CODEC.encode("descriptors", inner))


def test_outputs_before_a_retry_are_dropped_and_outputs_before_the_last_error_are_kept() -> None:
    attempts: list[int] = []

    async def work(_: Texts, record: Record) -> AsyncIterator[Output]:
        attempts.append(record.attempt)
        yield Output("descriptors", f"key-{record.attempt}", described())
        if record.last_attempt:
            raise UnprocessableError("frame_unreadable", "broken")
        raise TransientError("link_timeout", "slow")

    done = run("texts", Texts(segment=segment(), texts=[]), texts=work)
    assert attempts == [1, 2, 3]
    assert [output.key for output in done.outputs if output.topic == "descriptors"] == ["key-3"]
    assert len(done.scores) == 1
    (failure,) = done.failures
    assert failure.stage == "texts-stage"
