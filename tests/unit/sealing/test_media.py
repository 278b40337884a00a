from pathlib import Path

import msgspec
import pytest

from schemas.messages import Descriptors, Frames, Message, Sounds
from streams.errors import UnprocessableError
from streams.sealing.case_key import CaseSeal, Scene, new_case_key
from streams.sealing.media import MediaSeal
from tests.unit.made_messages import segment
from tests.unit.match.test_reference_index import excerpt
from tests.unit.sealing.made import FRAMES, JPEG, PCM, SOUNDS, byte_fields, settings

SCENE = Scene("case-1", "post-1", 0)


@pytest.fixture
def seal(tmp_path: Path) -> MediaSeal:
    return MediaSeal(settings(tmp_path))


def test_no_byte_field_of_sealed_frames_and_sounds_holds_media(seal: MediaSeal) -> None:
    assert any(JPEG[:12] in field for field in byte_fields(FRAMES))
    assert not any(JPEG[:12] in field for field in byte_fields(seal.sealed(FRAMES)))
    assert any(PCM[:64] in field for field in byte_fields(SOUNDS))
    assert not any(PCM[:64] in field for field in byte_fields(seal.sealed(SOUNDS)))


def test_frames_and_sounds_come_back_as_they_were_but_for_sealed_thumbnails(seal: MediaSeal) -> None:
    sealed = seal.sealed(FRAMES)
    assert seal.frames(sealed) == msgspec.structs.replace(FRAMES, thumbnails=sealed.thumbnails)
    assert seal.sounds(seal.sealed(SOUNDS)) == SOUNDS


def test_messages_without_media_are_not_touched(seal: MediaSeal) -> None:
    message: Message = excerpt(0, 5)
    assert seal.sealed(message) is message


def test_a_thumbnail_unseals_in_the_descriptors_of_its_segment(seal: MediaSeal) -> None:
    (thumbnail,) = seal.sealed(FRAMES).thumbnails
    descriptors = _descriptors()
    assert seal.thumbnail(descriptors, thumbnail) == FRAMES.thumbnails[0].jpeg
    with pytest.raises(UnprocessableError):
        seal.thumbnail(_descriptors(post="another"), thumbnail)


def _descriptors(post: str | None = None) -> Descriptors:
    where = segment()
    if post is not None:
        where = msgspec.structs.replace(where, post=msgspec.structs.replace(where.post, post_id=post))
    return msgspec.structs.replace(excerpt(0, 5), segment=where)


@pytest.mark.parametrize("number", [0, 1])
def test_a_frame_cannot_take_the_place_of_another(seal: MediaSeal, number: int) -> None:
    sealed = seal.sealed(FRAMES)
    frames = [msgspec.structs.replace(frame, jpeg=sealed.frames[number].jpeg) for frame in sealed.frames]
    with pytest.raises(UnprocessableError) as raised:
        seal.frames(msgspec.structs.replace(sealed, frames=frames))
    assert raised.value.reason == "seal_broken"


def test_sounds_do_not_unseal_in_another_post_or_at_another_rate(seal: MediaSeal) -> None:
    sealed = seal.sealed(SOUNDS)
    where = msgspec.structs.replace(sealed.segment, medium=7)
    for moved in (msgspec.structs.replace(sealed, segment=where), msgspec.structs.replace(sealed, rate_hz=8_000)):
        with pytest.raises(UnprocessableError):
            seal.sounds(moved)


@pytest.mark.parametrize("message", [FRAMES, SOUNDS])
def test_plain_media_are_refused_unless_an_upgrade_accepts_them(
    seal: MediaSeal, tmp_path: Path, message: Frames | Sounds
) -> None:
    upgrading = MediaSeal(settings(tmp_path, accept_plain=True))
    if isinstance(message, Frames):
        assert upgrading.frames(message) == message
        assert upgrading.frames(upgrading.sealed(message)).frames == message.frames
    else:
        assert upgrading.sounds(message) == message
    with pytest.raises(UnprocessableError) as raised:
        seal.frames(message) if isinstance(message, Frames) else seal.sounds(message)
    assert raised.value.reason == "seal_missing"


def test_a_thumbnail_is_sealed_for_a_case_the_same_way_every_time(seal: MediaSeal) -> None:
    cases, key = CaseSeal(seal.keyring), new_case_key(seal.keyring, "case-1")
    sealed = cases.seal(key, JPEG, SCENE)
    assert sealed == CaseSeal(seal.keyring).seal(key, JPEG, SCENE)
    assert JPEG not in sealed
    assert cases.unseal(key, sealed, SCENE) == JPEG


def test_a_thumbnail_of_a_case_needs_its_key_and_its_scene(seal: MediaSeal) -> None:
    cases, key = CaseSeal(seal.keyring), new_case_key(seal.keyring, "case-1")
    sealed = cases.seal(key, JPEG, SCENE)
    assert cases.unseal(new_case_key(seal.keyring, "case-1"), sealed, SCENE) is None
    assert cases.unseal(b"", sealed, SCENE) is None
    for scene in (SCENE._replace(post_id="post-2"), SCENE._replace(medium=1), SCENE._replace(case_id="case-2")):
        assert cases.unseal(key, sealed, scene) is None
