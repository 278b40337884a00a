from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from schemas.codec import Codec
from schemas.messages import Case, Descriptors, Match, Thumbnail
from streams.cases.open_cases import OpenCases
from streams.match.evidence_thumbnails import EvidenceThumbnails
from streams.sealing.case_key import CaseSeal, Scene, new_case_key
from streams.sealing.media import MediaSeal
from streams.settings import load_settings
from tests.unit.made_messages import NOW, POLICY, match
from tests.unit.match.test_reference_index import excerpt
from tests.unit.sealing.made import FRAMES, JPEG, settings


@pytest.fixture
def seal(tmp_path: Path) -> MediaSeal:
    return MediaSeal(settings(tmp_path))


@pytest.fixture
def cases() -> OpenCases:
    return OpenCases(load_settings(bootstrap_servers="127.0.0.1:9"), Codec(), lambda error: pytest.fail(repr(error)))


def opened(cases: OpenCases, data_key: bytes, case_id: str = "case-a") -> None:
    cases._put(case_id, Case(case_id=case_id, name="", opened_at=NOW, policy=POLICY, data_key=data_key), 0)


def described(seal: MediaSeal) -> Descriptors:
    """Return descriptors with thumbnails as decode has sealed them."""
    return excerpt(30, 50, segment=FRAMES.segment, thumbnails=seal.sealed(FRAMES).thumbnails)


def found(descriptors: Descriptors) -> Match:
    return match(thumbnail=descriptors.thumbnails[0].jpeg)


def scene(descriptors: Descriptors) -> Scene:
    return Scene("case-a", descriptors.segment.post.post_id, descriptors.segment.medium)


def test_a_matched_thumbnail_unseals_with_the_cases_key_alone(seal: MediaSeal, cases: OpenCases) -> None:
    key, descriptors = new_case_key(seal.keyring, "case-a"), described(seal)
    opened(cases, key)
    (sealed,) = EvidenceThumbnails(seal, cases).sealed(descriptors, [found(descriptors)])
    assert sealed.thumbnail is not None
    assert JPEG[:4] not in sealed.thumbnail
    assert CaseSeal(seal.keyring).unseal(key, sealed.thumbnail, scene(descriptors)) == FRAMES.thumbnails[0].jpeg


def test_a_repeated_record_makes_the_same_match_also_after_a_repeated_decode(seal: MediaSeal, cases: OpenCases) -> None:
    opened(cases, new_case_key(seal.keyring, "case-a"))
    once, again = described(seal), described(seal)
    assert once.thumbnails != again.thumbnails
    thumbnails = EvidenceThumbnails(seal, cases)
    assert thumbnails.sealed(once, [found(once)]) == thumbnails.sealed(again, [found(again)])


def test_without_a_key_the_match_stays_and_its_thumbnail_goes(seal: MediaSeal, cases: OpenCases) -> None:
    opened(cases, b"")
    descriptors = described(seal)
    (bare,) = EvidenceThumbnails(seal, cases).sealed(descriptors, [found(descriptors)])
    assert bare == msgspec.structs.replace(found(descriptors), thumbnail=None)


def test_an_erased_case_has_no_key_any_more(seal: MediaSeal, cases: OpenCases) -> None:
    opened(cases, new_case_key(seal.keyring, "case-a"))
    cases._erase("case-a")
    assert cases.data_key("case-a") == b""
    descriptors = described(seal)
    (bare,) = EvidenceThumbnails(seal, cases).sealed(descriptors, [found(descriptors)])
    assert bare.thumbnail is None


@pytest.mark.parametrize("jpeg", [b"JS1 not sealed by anybody", JPEG])
def test_a_thumbnail_that_does_not_unseal_is_left_out_with_a_reason(
    seal: MediaSeal, cases: OpenCases, jpeg: bytes
) -> None:
    opened(cases, new_case_key(seal.keyring, "case-a"))
    descriptors = msgspec.structs.replace(described(seal), thumbnails=[Thumbnail(time_s=0.5, jpeg=jpeg)])
    with capture_logs() as lines:
        (bare,) = EvidenceThumbnails(seal, cases).sealed(descriptors, [found(descriptors)])
    assert bare.thumbnail is None
    assert lines[-1]["reason"] in {"seal_unknown_key", "seal_missing"}


def test_a_case_whose_key_is_anothers_gets_no_thumbnail(seal: MediaSeal, cases: OpenCases, tmp_path: Path) -> None:
    opened(cases, new_case_key(MediaSeal(settings(tmp_path / "other")).keyring, "case-a"))
    descriptors = described(seal)
    assert EvidenceThumbnails(seal, cases).sealed(descriptors, [found(descriptors)])[0].thumbnail is None
