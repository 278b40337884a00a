"""The doctor on the keys that seal media: the file, its age, and whether it unseals what is on the broker."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.messages import Descriptors, Matrix, Message, Thumbnail
from streams.doctor import sealing as module
from streams.doctor.finding import Finding
from streams.doctor.sealing import sealing
from streams.sealing.key_file import KeyFile
from streams.sealing.keyring import Keyring
from streams.sealing.media import MediaSeal
from streams.settings import load_settings
from tests.unit.audit.made_topics import MadeTopics
from tests.unit.made_messages import segment
from tests.unit.sealing.made import FRAMES, SOUNDS, aged, settings

ALL = ("decode", "visual", "audio", "screen", "match", "desk")


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> MadeTopics:
    made = MadeTopics()
    monkeypatch.setattr(module, "RangeReader", lambda _, topic: made.reader(topic))
    return made


def check(folder: Path, *roles: str, connected: bool = True, **changes: Any) -> Finding:
    return sealing(load_settings(sealing=settings(folder, **changes)), roles or ALL, connected=connected)


def descriptors(folder: Path) -> Descriptors:
    """Return descriptors with a thumbnail that the keys in a folder have sealed."""
    thumbnail = Keyring(settings(folder)).seal("thumbnails", b"small", b"place")
    return Descriptors(
        descriptor_id="d", segment=segment(), modality="visual", model="m", version="1",
        vectors=Matrix(dtype="float32", rows=0, columns=0, data=b""), times_s=[],
        thumbnails=[Thumbnail(time_s=0.5, jpeg=thumbnail)],
    )  # fmt: skip


SEALED: dict[str, tuple[str, str, Callable[[Path], Message]]] = {
    "pictures": ("frames", "visual", lambda folder: MediaSeal(settings(folder)).sealed(FRAMES)),
    "the same for text": ("frames", "screen", lambda folder: MediaSeal(settings(folder)).sealed(FRAMES)),
    "sounds": ("sounds", "audio", lambda folder: MediaSeal(settings(folder)).sealed(SOUNDS)),
    "thumbnails": ("descriptors", "match", descriptors),
}


@pytest.mark.parametrize(("topic", "role", "made"), SEALED.values(), ids=SEALED)
def test_records_that_another_file_has_sealed_are_named(
    topics: MadeTopics, tmp_path: Path, topic: str, role: str, made: Callable[[Path], Message]
) -> None:
    topics.write(topic, "p", made(tmp_path))
    assert check(tmp_path).health == "ok"
    topics.write(topic, "p", made(tmp_path / "other"))
    foreign = {f"{key.key_id:08x}" for key in KeyFile(settings(tmp_path / "other")).read()}
    found = check(tmp_path, role)
    assert (found.health, f"records of {topic} " in found.message) == ("wrong", True)
    assert any(key_id in found.message for key_id in foreign)
    assert check(tmp_path, "decode", "desk").health == "ok", "they do not read the topic"
    assert check(tmp_path, role, connected=False).health == "ok", "nothing is read"


def test_an_unsealed_or_unreadable_newest_record_is_no_matter_of_the_keys(topics: MadeTopics, tmp_path: Path) -> None:
    Keyring(settings(tmp_path))
    topics.write("frames", "p", FRAMES)
    topics.write("sounds", "p", SOUNDS)
    topics.records["sounds"][0] = topics.records["sounds"][0]._replace(value=b"broken")
    topics.records["frames"].append(topics.records["frames"][0]._replace(offset=1, value=None))
    assert check(tmp_path).health == "ok"


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(("create", "health"), [(True, "warn"), (False, "wrong")])
def test_a_file_that_does_not_exist_is_a_fault_unless_workers_create_it(
    tmp_path: Path, *, create: bool, health: str
) -> None:
    assert check(tmp_path, create=create).health == health
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("topics")
def test_a_key_for_media_that_was_not_replaced_for_a_month_is_named(tmp_path: Path) -> None:
    Keyring(settings(tmp_path))
    aged(tmp_path / "keys.json", media=timedelta(days=30), thumbnails=timedelta(days=300))
    assert check(tmp_path).health == "ok"
    aged(tmp_path / "keys.json", media=timedelta(days=2))
    found = check(tmp_path)
    assert (found.health, "32 days" in found.message) == ("warn", True)


@pytest.mark.usefixtures("topics")
def test_a_file_without_a_key_for_media_is_wrong(tmp_path: Path) -> None:
    Keyring(settings(tmp_path))
    file = KeyFile(settings(tmp_path))
    with file.changing() as replace:
        replace([key for key in file.read() if key.purpose != "media"])
    found = check(tmp_path)
    assert (found.health, "no key for media" in found.message) == ("wrong", True)
