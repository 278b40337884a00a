"""The same frames and sounds again: their descriptors are copied, and equal what the models give."""

import io
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from models.audio.model import AudioModel
from models.registry import Registry
from models.visual.model import VisualModel
from schemas.ids import full_name
from schemas.messages import Frame, Frames, Sounds, Thumbnail
from streams.describe.audio import describe_sounds
from streams.describe.known_segments import copied, described_once, input_of
from streams.describe.visual import describe_frames
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.guard import Guard
from streams.engine.record import Output, Record
from tests.unit.decode.made import scene, tone
from tests.unit.engine.test_guard import NO_PAUSES
from tests.unit.made_messages import segment
from tests.unit.reuse.made import CODEC, KEY, Entries, Log, inputs, without_post


def jpeg(seed: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(scene(seed)).save(content, "JPEG")
    return content.getvalue()


FRAMES = [Frame(time_s=float(seed), jpeg=jpeg(seed)) for seed in range(3)]
SOUND = tone(12.0, rate_hz=8_000) + np.random.default_rng(0).integers(-900, 900, 96_000).astype(np.int16)


def frames(post_id: str, number: int = 0, **changes: Any) -> Frames:
    where = segment(number)
    where = msgspec.structs.replace(where, post=msgspec.structs.replace(where.post, post_id=post_id))
    fields: dict[str, Any] = {
        "frames": FRAMES,
        "thumbnails": [Thumbnail(time_s=0.0, jpeg=f"sealed for {post_id}".encode())],
        "digests": [b"a file"] if number == 0 else [],
    }
    return Frames(segment=where, **fields | changes)


def sounds(post_id: str, **changes: Any) -> Sounds:
    where = frames(post_id).segment
    return Sounds(segment=where, rate_hz=8_000, **{"pcm": SOUND.tobytes(), "digests": [b"a track"]} | changes)


class System:
    """The visual and the audio stage under their guards, with a broker in memory."""

    def __init__(self) -> None:
        self.log, self.entries = Log(), Entries()
        self.visual: VisualModel = Registry().visual()
        self.audio: AudioModel = Registry().audio()
        self.n_described = 0

    async def run(self, message: Frames | Sounds, *shapes: object) -> None:
        stage, topic = ("visual", "frames") if isinstance(message, Frames) else ("audio", "sounds")
        model = self.visual if isinstance(message, Frames) else self.audio
        known = inputs(stage, self.log, self.entries)

        async def handler(message: Any, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
            parts = input_of(message, full_name(model.name, model.version), *shapes)
            copy = partial(copied, message, KEY)
            async for output in described_once(known, parts, partial(self._anew, message), copy):
                yield output

        guard: Guard[Any] = Guard(
            stage, CODEC, handler, self.log.deliver, DeadLetterLimit(10), timeout_s=60.0, retry=NO_PAUSES
        )
        await guard(Record(topic, 0, 0, b"p", CODEC.encode(topic, message)))

    async def _anew(self, message: Frames | Sounds) -> Output:
        self.n_described += 1
        if isinstance(message, Frames):
            return describe_frames(self.visual, message, KEY)
        return describe_sounds(self.audio, message, KEY)

    @property
    def described(self) -> list[Any]:
        return [kept.message for kept in self.log.kept("descriptors")]


@pytest.fixture(scope="module")
def models() -> System:
    return System()


@pytest.fixture
def system(models: System) -> System:
    models.log, models.entries, models.n_described = Log(), Entries(), 0
    return models


@pytest.mark.parametrize("make", [frames, sounds])
async def test_the_copy_for_another_post_is_what_the_model_would_have_given(system: System, make: Any) -> None:
    await system.run(make("p1"))
    await system.run(make("p2"))
    assert system.n_described == 1
    expected: Any = (await system._anew(make("p2"))).message
    assert system.described[1] == CODEC.decode("descriptors", CODEC.encode("descriptors", expected))
    assert len(system.described[1].vectors.data) > 0
    assert system.described[1].descriptor_id != system.described[0].descriptor_id
    assert [kept.key for kept in system.log.kept("descriptors")] == [
        f"{post_id}/0/{system.described[0].modality}" for post_id in ("p1", "p2")
    ]


async def test_the_copy_has_the_thumbnails_and_digests_of_its_own_record(system: System) -> None:
    await system.run(frames("p1"))
    await system.run(frames("p2", 1))
    first, second = system.described
    assert second.thumbnails == frames("p2", 1).thumbnails
    assert (len(first.digests), second.digests) == (1, [])
    assert without_post(first)["vectors"] == without_post(second)["vectors"]


async def test_other_pictures_times_models_and_settings_are_described(system: System) -> None:
    later = [msgspec.structs.replace(frame, time_s=frame.time_s + 60) for frame in FRAMES]
    await system.run(frames("p1"))
    await system.run(frames("p2", frames=FRAMES[:2]))
    await system.run(frames("p3", frames=later))
    await system.run(frames("p4"), "another setting")
    system.visual.version += "-promoted"
    await system.run(frames("p5"))
    system.visual.version = system.visual.version.removesuffix("-promoted")
    assert system.n_described == 5
    assert system.described[2].times_s[0] == 60.0


async def test_other_samples_and_starts_of_sound_are_described(system: System) -> None:
    await system.run(sounds("p1"))
    await system.run(sounds("p2", pcm=SOUND[::-1].tobytes()))
    moved = sounds("p3")
    await system.run(msgspec.structs.replace(moved, segment=msgspec.structs.replace(moved.segment, start_s=60.0)))
    assert system.n_described == 3


async def test_second_looks_and_empty_segments_are_not_remembered(system: System) -> None:
    await system.run(frames("p1", look=1))
    await system.run(frames("p1", frames=[]))
    await system.run(sounds("p1", pcm=b""))
    assert not system.entries
    assert len(system.described) == 3
