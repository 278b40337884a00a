"""One thumbnail of a verdict: found in the verdict's record, and unsealed with the key of its case."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import Case, Verdict
from streams.desk import thumbnail
from streams.desk.thumbnail import read_thumbnail
from streams.errors import UsageError
from streams.kafka.topic_scan import ScannedRecord
from streams.sealing.case_key import CaseSeal, Scene, new_case_key
from streams.sealing.keyring import Keyring
from streams.settings import Settings, load_settings
from tests.unit.console.made_site import case, evidence, waiting
from tests.unit.sealing.made import settings as sealing_settings

JPEG = b"\xff\xd8\xff\xe0 blurred"
POST = "post-1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(sealing=sealing_settings(tmp_path))


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[ScannedRecord]:
    """Return the records of the topic, which has one partition."""
    kept: list[ScannedRecord] = []

    class Scan:
        def __init__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

        def records(self, *_: Any, **__: Any) -> Iterator[ScannedRecord]:
            yield from kept

    monkeypatch.setattr(thumbnail, "TopicScan", Scan)
    return kept


def record(verdict: Verdict, key: str = POST) -> ScannedRecord:
    return ScannedRecord(0, 0, Codec().encode("verdicts", verdict), key.encode())


def sealed(settings: Settings, scene: Scene) -> tuple[Case, Verdict]:
    """Return a case with a key, and a verdict whose thumbnail is sealed with it, as of a scene."""
    keyring = Keyring(settings.sealing)
    key = new_case_key(keyring, "case-a")
    picture = CaseSeal(keyring).seal(key, JPEG, scene)
    entry = msgspec.structs.replace(case()[1], data_key=key)
    return entry, waiting(POST, evidence=[evidence(thumbnail=picture), evidence(thumbnail=None)])


def test_a_thumbnail_is_unsealed_with_the_key_of_its_case(settings: Settings, records: list[ScannedRecord]) -> None:
    entry, verdict = sealed(settings, Scene("case-a", POST, 0))
    broken = ScannedRecord(0, 0, b"broken", POST.encode())
    records += [record(waiting("post-2"), "post-2"), broken, record(waiting(POST, verdict_id="v0")), record(verdict)]
    assert read_thumbnail(settings, verdict, 0, [entry]) == JPEG
    assert read_thumbnail(settings, verdict, 1, [entry]) is None
    assert read_thumbnail(settings, verdict, 2, [entry]) is None


def test_a_thumbnail_of_another_post_or_of_a_withdrawn_case_is_none(
    settings: Settings, records: list[ScannedRecord]
) -> None:
    entry, verdict = sealed(settings, Scene("case-a", "post-2", 0))
    records.append(record(verdict))
    assert read_thumbnail(settings, verdict, 0, [entry]) is None
    assert read_thumbnail(settings, verdict, 0, []) is None


def test_a_verdict_that_is_no_longer_retained_is_named(settings: Settings, records: list[ScannedRecord]) -> None:
    assert records == []
    with pytest.raises(UsageError, match="no longer retained"):
        read_thumbnail(settings, waiting(POST), 0, [])
