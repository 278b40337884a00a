"""Notice as a record: its laws, kind, codes and filer, and the fields without which none is written."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.messages import CaseKind, Law, Notice
from streams.delivery.notices.required import MAX_POSTS
from streams.delivery.notices.write import MAX_KNOWN_COPIES, NoticeError
from tests.unit.delivery.notices.made_notices import (
    BODY,
    EMAIL,
    LAWS,
    evidence,
    filer,
    made_takedown,
    notice,
    post,
    text_evidence,
)
from tests.unit.made_messages import NOW


@pytest.mark.parametrize(
    ("laws", "fields", "named"),
    [
        (("US_TIDA",), {"body": " "}, "JIKIMI_FILER_BODY"),
        (("US_TIDA",), {"email": ""}, "JIKIMI_FILER_EMAIL"),
        (("EU_DSA16",), {"email": "nobody"}, "JIKIMI_FILER_EMAIL"),
        (("UK_OSA",), {"body": ""}, "JIKIMI_FILER_BODY"),
        (("PLATFORM_TOS",), {"email": ""}, "JIKIMI_FILER_EMAIL"),
        (("EU_DSA16", "KR_TBA22_5"), {"phone": ""}, "JIKIMI_FILER_PHONE"),
        (("KR_TBA22_5",), {"role": "designated_body"}, "JIKIMI_FILER_AUTHORITY"),
        (("EU_DSA16",), {"role": "trusted_flagger"}, "JIKIMI_FILER_AUTHORITY"),
    ],
)
def test_a_missing_field_is_named_in_one_line(laws: tuple[Law, ...], fields: dict[str, Any], named: str) -> None:
    with capture_logs() as logs, pytest.raises(NoticeError, match=named) as refused:
        notice(laws, filed_by=filer(**fields))
    assert "\n" not in str(refused.value)
    assert logs == []


def test_a_post_without_a_url_gets_no_notice() -> None:
    with pytest.raises(NoticeError, match="t1: its post has no URL"):
        notice(takedowns=[made_takedown(post=post(url=""))])


@pytest.mark.parametrize(
    ("takedowns", "reason"),
    [
        ([made_takedown(1), made_takedown(2, case_id="case-b")], "belongs to one case"),
        ([made_takedown(1), made_takedown(2, evidence=[text_evidence()])], "a notice of its own"),
        ([made_takedown(number) for number in range(MAX_POSTS + 1)], f"1 to {MAX_POSTS}"),
    ],
)
def test_takedowns_that_do_not_belong_together_are_refused(takedowns: list[Any], reason: str) -> None:
    with pytest.raises(NoticeError, match=reason):
        notice(takedowns=takedowns)


def test_the_strictest_law_comes_first() -> None:
    assert notice(("PLATFORM_TOS", "EU_DSA16", "UK_OSA", "US_TIDA", "KR_TBA22_5")).laws == list(LAWS)


@pytest.mark.parametrize(
    ("laws", "left"),
    [
        (("US_TIDA", "EU_DSA16", "KR_TBA22_5"), ["KR_TBA22_5", "EU_DSA16"]),
        (("US_TIDA", "UK_OSA"), ["PLATFORM_TOS"]),
    ],
)
def test_laws_on_images_do_not_cover_a_text_that_names_the_victim(laws: tuple[Law, ...], left: list[Law]) -> None:
    written = notice(laws, takedowns=[made_takedown(evidence=[text_evidence()])])
    assert (written.kind, written.laws, written.items[0].content_types) == ("personal_data", left, ["TEXT"])


@pytest.mark.parametrize(
    ("kind", "minor", "written_as", "codes"),
    [
        ("filmed_without_consent", False, "filmed_without_consent", "CYBER_VIOLENCE NON_CONSENSUAL_IMAGE_SHARING"),
        ("shared_without_consent", False, "shared_without_consent", "CYBER_VIOLENCE NON_CONSENSUAL_IMAGE_SHARING"),
        ("synthetic", False, "synthetic", "CYBER_VIOLENCE NON_CONSENSUAL_MATERIAL_DEEPFAKE"),
        ("shared_without_consent", True, "child_exploitation", "PROTECTION_OF_MINORS CHILD_SEXUAL_ABUSE_MATERIAL"),
        ("synthetic", True, "child_exploitation", "PROTECTION_OF_MINORS CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE"),
        ("child_exploitation", False, "child_exploitation", "PROTECTION_OF_MINORS CHILD_SEXUAL_ABUSE_MATERIAL"),
        ("personal_data", True, "personal_data", "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS"),
    ],
)
def test_a_kind_has_its_codes(kind: CaseKind, minor: bool, written_as: CaseKind, codes: str) -> None:
    written = notice(("EU_DSA16",), kind, minor=minor)
    category, *keyword = codes.split()
    assert written.kind == written_as
    assert written.codes == [f"STATEMENT_CATEGORY_{category}", *(f"KEYWORD_{word}" for word in keyword)]
    assert written.minor == (minor or kind == "child_exploitation")


@pytest.mark.parametrize(
    ("laws", "kind", "minor", "left_out"),
    [
        (("EU_DSA16",), "shared_without_consent", True, True),
        (("EU_DSA16",), "child_exploitation", False, True),
        (("EU_DSA16", "PLATFORM_TOS"), "synthetic", True, True),
        (("EU_DSA16",), "shared_without_consent", False, False),
        (("PLATFORM_TOS",), "shared_without_consent", True, False),
        (("EU_DSA16", "US_TIDA"), "shared_without_consent", True, False),
        (("EU_DSA16", "KR_TBA22_5"), "shared_without_consent", True, False),
        (("EU_DSA16", "UK_OSA"), "shared_without_consent", True, False),
        (("EU_DSA16",), "personal_data", True, False),
    ],
)
def test_the_filer_is_left_out_where_the_dsa_says_so_and_no_other_law_asks(
    laws: tuple[Law, ...], kind: CaseKind, minor: bool, left_out: bool
) -> None:
    written = notice(laws, kind, minor=minor)
    assert (written.filer.body, written.filer.email) == (("", "") if left_out else (BODY, EMAIL))
    assert (written.signed_by == "") == left_out
    assert (written.filer.phone, written.filer.authority) == ("", "") or not left_out


def test_a_notice_without_its_filer_needs_none() -> None:
    assert notice(("EU_DSA16",), minor=True, filed_by=filer(body="", email="", phone="")).filer.body == ""


def test_a_notice_has_one_id_whatever_the_order_of_its_takedowns() -> None:
    one, two = made_takedown(1), made_takedown(2)
    first = notice(takedowns=[one, two])
    assert first.notice_id == notice(takedowns=[two, one]).notice_id
    others = [notice(takedowns=[one]), notice(takedowns=[one, two], attempt=2)]
    assert len({first.notice_id, *(other.notice_id for other in others)}) == 3


def test_known_copies_are_named_once_without_the_posts_themselves_and_up_to_a_limit() -> None:
    own = post(1).url
    copies = [own, "https://a.example/1", "https://a.example/1", *(f"https://b.example/{n}" for n in range(200))]
    written = notice(known_copies=copies)
    assert written.known_copies[:2] == ["https://a.example/1", "https://b.example/0"]
    assert own not in written.known_copies
    assert len(written.known_copies) == MAX_KNOWN_COPIES


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, {"at_uri": "at://did:plc:abc/app.bsky.feed.post/3lb1"}),
        (
            {"url": "https://bsky.app/profile/name.example/post/3k"},
            {"at_uri": "at://did:plc:abc/app.bsky.feed.post/3k"},
        ),
        ({"platform": "mastodon", "url": "https://m.example/@who/1123"}, {"status_id": "1123"}),
        ({"platform": "mastodon", "url": "https://m.example/users/who/statuses/1123"}, {"status_id": "1123"}),
        ({"platform": "board", "url": "https://board.example/1"}, {}),
    ],
)
def test_native_ids_are_read_from_the_post(changes: dict[str, Any], ids: dict[str, str]) -> None:
    assert notice(takedowns=[made_takedown(post=post(**changes))]).items[0].native_ids == ids


@pytest.mark.parametrize(
    ("found", "types"),
    [
        ([evidence("visual")], ["VIDEO"]),
        ([evidence("visual", end_s=0.0)], ["IMAGE"]),
        ([evidence("audio"), evidence("visual")], ["VIDEO", "AUDIO"]),
        ([evidence("voice")], ["AUDIO"]),
        ([evidence("text", medium=0, end_s=0.0)], ["VIDEO"]),
        ([evidence("visual"), text_evidence()], ["VIDEO", "TEXT"]),
    ],
)
def test_content_types_follow_the_evidence(found: list[Any], types: list[str]) -> None:
    assert notice(("EU_DSA16",), takedowns=[made_takedown(evidence=found)]).items[0].content_types == types


def test_passages_are_the_most_probable_ones_up_to_a_limit() -> None:
    found = [evidence(probability=number / 100) for number in range(50)]
    matches = notice(takedowns=[made_takedown(evidence=found)]).items[0].matches
    assert [match.probability for match in matches] == [number / 100 for number in range(49, 39, -1)]


def test_who_filed_and_who_signed_are_both_named() -> None:
    written: Notice = notice(filed_by=filer(signed_by="A. Officer", authority="designation 7"))
    assert (written.filer.body, written.signed_by, written.signed_at) == (BODY, "A. Officer", NOW)
    assert written.filer.authority == "designation 7"
