"""Stages under the real guard: what cannot be unsealed is a dead letter with its reason, and the next record passes."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from models.registry import Registry
from schemas.messages import DeadLetter, Descriptors, Frames, Sounds
from streams.describe import audio, screen, visual
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.guard import Guard
from streams.engine.record import Record
from streams.sealing import rotation
from streams.sealing.media import MediaSeal
from streams.settings import load_settings
from tests.unit.engine.test_guard import CODEC, NO_PAUSES, Broker
from tests.unit.made_messages import segment
from tests.unit.sealing.made import FRAMES, settings

SOUNDS = Sounds(segment=segment(), rate_hz=8_000, pcm=np.arange(0, 20_000, dtype="<i2").tobytes())
MODELS = Registry()
CREATE = {"visual": visual.create, "screen": screen.create, "audio": audio.create}


class Live:
    """A live model that never changes."""

    def use(self, kind: str, make: Callable[[Any], Any]) -> "Live":
        self.model = make(SimpleNamespace(audio=None)) if kind == "audio" else None
        return self

    async def current(self) -> Any:
        assert self.model is not None, "the frames were described"
        return self.model


class Trial:
    """A context that keeps its stage's handler and runs it under a guard."""

    def __init__(self, stage: str, seal: MediaSeal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(screen, "_reader", lambda *, enabled: enabled)
        self.settings, self.shared, self.live_models = load_settings(), self, Live()
        self.media_seal, self.broker = seal, Broker()
        self.models = MODELS
        CREATE[stage](cast("Any", self))

    def stage(self, name: str, *, reads: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            self.reads = reads
            fields: dict[str, Any] = {"limit": DeadLetterLimit(10), "timeout_s": 300.0, "retry": NO_PAUSES}
            self.guard = Guard(stage=name, codec=CODEC, handler=handler, deliver=self.broker.deliver, **fields)
            return handler

        return register

    async def run(self, message: Frames | Sounds) -> list[DeadLetter]:
        value = CODEC.encode(self.reads, message)
        before = len(self.broker.letters)
        await self.guard(Record(self.reads, 0, 7, b"p1", value))
        letters = self.broker.letters[before:]
        assert all(letter.value == value for letter in letters)
        return letters


def damaged(message: Frames | Sounds) -> Frames | Sounds:
    """Return a message with the last bit of its media changed."""
    if isinstance(message, Sounds):
        return msgspec.structs.replace(message, pcm=_flipped(message.pcm))
    (first, *others) = message.frames
    return msgspec.structs.replace(message, frames=[msgspec.structs.replace(first, jpeg=_flipped(first.jpeg)), *others])


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def moved(message: Frames | Sounds) -> Frames | Sounds:
    """Return a message with its media in another post."""
    post = msgspec.structs.replace(message.segment.post, post_id="another")
    return msgspec.structs.replace(message, segment=msgspec.structs.replace(message.segment, post=post))


def counted(message: Frames) -> Frames:
    """Return frames of which decode counted a text on screen."""
    parts = msgspec.structs.replace(message.segment.parts, text=2)
    return msgspec.structs.replace(message, segment=msgspec.structs.replace(message.segment, parts=parts))


def message_of(stage: str) -> Frames | Sounds:
    return SOUNDS if stage == "audio" else counted(FRAMES)


@pytest.mark.parametrize("stage", CREATE)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (damaged, "seal_broken"),
        (moved, "seal_broken"),
        (lambda _: None, "seal_missing"),
        (lambda _: ..., "seal_unknown_key"),
    ],
    ids=["damaged", "moved", "plain", "unknown key"],
)
async def test_what_cannot_be_unsealed_is_a_dead_letter_without_content(
    stage: str, fault: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, other = MediaSeal(settings(tmp_path)), MediaSeal(settings(tmp_path / "other"))
    message = message_of(stage)
    given = fault(seal.sealed(message))
    given = message if given is None else other.sealed(message) if given is ... else given
    (letter,) = await Trial(stage, seal, monkeypatch).run(given)
    fate = "transient" if reason == "seal_unknown_key" else "unprocessable"
    assert (letter.reason, letter.fate, letter.stage, letter.traceback) == (reason, fate, stage, None)
    assert len(letter.detail) < 400
    assert "JFIF" not in letter.detail


async def test_the_next_record_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = MediaSeal(settings(tmp_path))
    trial = Trial("audio", seal, monkeypatch)
    await trial.run(damaged(seal.sealed(SOUNDS)))
    await trial.run(seal.sealed(SOUNDS))
    assert trial.broker.fates == [("seal_broken", "unprocessable")]
    (described,) = [value for topic, _, value, _ in trial.broker.taken if topic == "descriptors"]
    assert isinstance(CODEC.decode("descriptors", described or b""), Descriptors)


async def test_a_redriven_record_passes_while_its_key_is_there_and_names_the_key_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = MediaSeal(settings(tmp_path))
    sealed = seal.sealed(SOUNDS)
    (old,) = seal.keyring.key_ids("media")
    rotation.rotate(settings(tmp_path), ["media"])
    assert await Trial("audio", MediaSeal(settings(tmp_path)), monkeypatch).run(sealed) == []
    rotation.destroy(settings(tmp_path), old)
    (letter,) = await Trial("audio", MediaSeal(settings(tmp_path)), monkeypatch).run(sealed)
    assert letter.reason == "seal_unknown_key"
    assert f"{old:08x}, which is not in {tmp_path / 'keys.json'}: it was destroyed" in letter.detail
