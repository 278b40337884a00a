"""Packs: what is in them, what never is, and their bounds."""

import re
import zipfile
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path

import msgspec
import pytest

from schemas.messages import Delivery, Filer, Takedown
from streams.audit.signing import Signer
from streams.delivery.evidence import pack_file
from streams.delivery.evidence.moments import stretch
from streams.delivery.evidence.pack import POSTS_PER_PAGE, write_pack
from streams.delivery.evidence.pack_file import FolderReader, ZipReader
from streams.delivery.evidence.verify import verify_pack
from streams.delivery.platforms.registry import Platform, Registry
from streams.errors import UsageError
from streams.takedown.life import chained, step
from streams.takedown.signed import signed
from tests.unit.delivery.evidence.conftest import KEY
from tests.unit.delivery.evidence.made_history import (
    delivery,
    evidence,
    hostile,
    issued,
    jpeg,
    life,
    notice,
    removal,
    source,
    span,
)
from tests.unit.made_messages import NOW

FOUND, OWN = stretch(span(12.2, 31)), stretch(span(3.4, 22.1))
SIGNED_AT = NOW + timedelta(days=3)


def text(pack: Path, name: str = "index.en.html") -> str:
    """Return a page's words without its tags."""
    page = re.sub(r"<br>|</td>|</p>|</h\d>", "\n", (pack / name).read_text())
    return unescape(re.sub(r"<[^>]+>", "", page.partition("</style>")[2]))


def all_bytes(pack: Path) -> bytes:
    return b"".join((pack / name).read_bytes() for name in FolderReader(pack).names())


def test_a_page_tells_in_words_what_agrees_and_where(pack: Path) -> None:
    page = text(pack)
    assert f"The picture agrees: {FOUND} of attachment 1 of the post with {OWN} of reference 2." in page
    assert "This alone gives a probability of 0.991 (program sscd-distilled, version 0.1.0)." in page
    assert "All together: probability 0.987; threshold 0.95" in page
    assert "contains 2 of the words or names searched for" in page
    korean = text(pack, "index.ko.html")
    assert f"화면 일치: 게시물 첨부 1의 {FOUND} 구간이 기준 파일 2의 {OWN} 구간과 일치합니다." in korean


def test_a_page_names_no_moment_of_a_place_that_another_recording_may_show(tmp_path: Path) -> None:
    at = span(4, 4)
    of_place = issued(1, evidence=[evidence(query=at, reference=at, passages=[], score=0.75)])
    write_pack(tmp_path / "pack", source(([of_place], [])), KEY, ("ko", "en"), pdf_posts=0)
    assert "shows the place of reference 2; at which of its moments is not known." in text(tmp_path / "pack")
    assert "기준 파일 2과(와) 같은 장소를 보여 줍니다." in text(tmp_path / "pack", "index.ko.html")


def test_a_page_has_address_account_ids_times_and_decisions(pack: Path) -> None:
    page = text(pack)
    for part in (
        "https://bsky.app/profile/did:plc:uploader1/post/3k00001",
        "at_uri: at://did:plc:uploader1/app.bsky.feed.post/3k00001",
        "2026-03-01 21:31:15 +09:00\n2026-03-01 12:31:15 UTC",
        "Decided by officer-3. Reason: clear match",
        "receipt confirmed by the platform",
        "R-2026-0042",
        "BlobNotFound",
        "33" * 32,
        "t.me/moreofthis",
        "Example Support Centre",
        "The video was published without the consent of the person shown.",
        "4 h left",
    ):
        assert part in page, part
    for event in life(1)[0]:
        assert event.hash.hex() in page


@pytest.mark.parametrize("thumbnails", [False, True])
def test_a_picture_is_in_a_pack_only_where_it_was_asked_for(tmp_path: Path, thumbnails: bool) -> None:
    write_pack(tmp_path / "pack", source(life(), thumbnails=thumbnails), KEY, ("en",), pdf_posts=0)
    content, name = all_bytes(tmp_path / "pack"), f"thumbnails/{sha256(jpeg()).hexdigest()}.jpg"
    assert (jpeg() in content) is thumbnails
    assert b64encode(jpeg()) not in content
    assert (name in FolderReader(tmp_path / "pack").names()) is thumbnails
    assert (f'src="{name}"' in (tmp_path / "pack" / "index.en.html").read_text()) is thumbnails


def test_a_pack_names_the_keys_of_its_events_and_the_last_checkpoint(tmp_path: Path) -> None:
    first, signer = issued(1), Signer(KEY)
    events = [signed(first, signer), signed(step(first, "sent", "x"), signer)]
    history: tuple[list[Takedown], list[Delivery]] = (events, [])
    write_pack(tmp_path / "pack", source(history)._replace(anchor="jikimi-anchor-v1 7"), KEY, ("en",), pdf_posts=0)
    (line,) = (tmp_path / "pack" / "data" / "chains.jsonl").read_bytes().splitlines()
    links = msgspec.json.decode(line)["events"]
    assert [(link["key_id"], link["sequence"]) for link in links] == [(signer.key_id, 1), (signer.key_id, 2)]
    found = verify_pack(tmp_path / "pack")
    assert (found.faults, found.statement["anchor"]) == ([], "jikimi-anchor-v1 7")


def test_no_pack_has_the_cases_name_or_the_name_of_a_victim_who_filed(tmp_path: Path) -> None:
    filer = Filer(body="REAL NAME", role="victim", email="real@name.example", phone="010-1", address="Street 1")
    first = issued(1)
    attempt = delivery(first, "attempt", "delivered", notice=notice([first], filer=filer, signed_by="REAL NAME"))
    sent = step(first, "sent", "x", delivery=attempt)
    write_pack(tmp_path / "pack", source(([first, sent], [attempt]), filer=filer), KEY, ("ko", "en"), pdf_posts=0)
    content = all_bytes(tmp_path / "pack")
    for name in (b"NAME OF THE CASE", b"REAL NAME", b"real@name.example", b"010-1", b"Street 1"):
        assert name not in content
    found = verify_pack(tmp_path / "pack")
    assert found.faults == []
    assert "event 2 (sent)" in found.notes[0]


def test_equal_histories_make_equal_packs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pack(tmp_path / f"{name}.zip", source(life(), hostile()), KEY, ("ko",), pdf_posts=9, signed_at=SIGNED_AT)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_zip_has_the_files_of_the_folder(tmp_path: Path) -> None:
    for name in ("pack", "pack.zip"):
        write_pack(tmp_path / name, source(life()), KEY, ("en",), pdf_posts=0, signed_at=SIGNED_AT)
    folder, file = FolderReader(tmp_path / "pack"), ZipReader(tmp_path / "pack.zip")
    assert folder.names() == file.names()
    assert all(folder.read(name) == file.read(name) for name in folder.names())


def test_the_data_are_the_messages(pack: Path) -> None:
    lines = (pack / pack_file.EVENTS).read_bytes().splitlines()
    decoded = [msgspec.json.decode(line, type=Takedown) for line in lines]
    assert [event.event_id for event in decoded[:4]] == [event.event_id for event in life(1)[0]]
    steps = [msgspec.json.decode(line) for line in (pack / pack_file.DELIVERIES).read_bytes().splitlines()]
    notices = {sha256(line).hexdigest() for line in (pack / pack_file.NOTICES).read_bytes().splitlines()}
    assert {one["notice"]["sha256"] for one in steps if one["notice"]} == notices
    assert "by" in steps[0]
    case = msgspec.json.decode((pack / pack_file.CASE).read_bytes())
    assert [reference["reference_id"] for reference in case["references"]] == ["ref-a", "ref-b"]


def many(count: int) -> list[tuple[list[Takedown], list[Delivery]]]:
    return [([issued(number)], []) for number in range(1, count + 1)]


def test_a_large_case_has_an_overview_and_pages_of_posts(tmp_path: Path) -> None:
    total = 2 * POSTS_PER_PAGE + 1
    written = write_pack(tmp_path / "pack", source(*many(total)), KEY, ("en",), pdf_posts=0)
    assert (written.takedowns, written.pdf_posts) == (total, 0)
    pages = [name for name in FolderReader(tmp_path / "pack").names() if name.startswith("pages/")]
    assert pages == ["pages/000001.en.html", "pages/000051.en.html", "pages/000101.en.html"]
    index = (tmp_path / "pack" / "index.en.html").read_text()
    links = re.findall(r'href="(pages/[^"#]+)#(post-\d+)"', index)
    assert len(links) == total
    for page, anchor in links:
        assert f'id="{anchor}"' in (tmp_path / "pack" / page).read_text()
    assert 'href="../index.en.html"' in (tmp_path / "pack" / pages[1]).read_text()
    assert verify_pack(tmp_path / "pack").faults == []


def test_a_pack_of_one_takedown_has_no_other(tmp_path: Path) -> None:
    first, second = life(1), life(2)
    bundle = delivery(
        first[0][0], "attempt", "delivered", notice=notice([first[0][0], second[0][0]], notice_id="bundle")
    )
    write_pack(
        tmp_path / "pack", source(first, second, ([], [bundle]), identifier="takedown-1"), KEY, ("en",), pdf_posts=0
    )
    page = text(tmp_path / "pack")
    assert "takedown-2" not in (tmp_path / "pack" / pack_file.EVENTS).read_text()
    assert "This request named 2 posts; only this one is printed here." in page
    assert "uploader2" not in page


def test_a_dry_run_is_never_called_sent(tmp_path: Path) -> None:
    first = issued(1)
    dry = delivery(first, "attempt", "dry_run", channel="webhook", notice=notice([first]))
    write_pack(tmp_path / "pack", source(([first], [dry])), KEY, ("ko", "en"), pdf_posts=0)
    assert "Request 1 by webhook — NOT SENT (dry run)" in text(tmp_path / "pack")
    assert "발송하지 않음(시험 실행)" in text(tmp_path / "pack", "index.ko.html")


def test_regulator_and_platforms_removal_are_named(tmp_path: Path) -> None:
    bluesky = Platform(
        title="Bluesky", posts=("bluesky",), regulator="https://regulator.example", contact="abuse@bsky.example"
    )
    registry = Registry({"bluesky": bluesky, "other": Platform(title="?")})
    first = issued(1)
    gone = step(first, "gone_before_notice", "x", removal=removal(first))
    write_pack(tmp_path / "pack", source(([first, gone], []), registry=registry), KEY, ("en",), pdf_posts=0)
    page = text(tmp_path / "pack")
    assert "https://regulator.example" in page
    assert "abuse@bsky.example" in page
    assert "The platform reported that the account is gone" in page


def test_a_withdrawn_case_still_has_its_pack(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", source(life(), open_case=False), KEY, ("en",), pdf_posts=0)
    page = text(tmp_path / "pack")
    assert "The case has been withdrawn since" in page
    assert f"with {OWN} of reference 1" in page


def test_many_looks_are_cut_in_the_page_and_whole_in_the_data(tmp_path: Path) -> None:
    first = issued(1)
    looks = [
        delivery(first, "look", "present", number=number, at=first.at + timedelta(hours=number))
        for number in range(100)
    ]
    write_pack(tmp_path / "pack", source(([first], looks)), KEY, ("en",), pdf_posts=0)
    assert "60 looks in between are left out here" in text(tmp_path / "pack")
    assert len((tmp_path / "pack" / pack_file.DELIVERIES).read_text().splitlines()) == 100


def test_records_that_do_not_follow_the_chain_are_counted_and_left_out(tmp_path: Path) -> None:
    events, deliveries = life()
    fork = chained(msgspec.structs.replace(events[1], event_id="fork", state="withdrawn"), events[0])
    write_pack(
        tmp_path / "pack", source(([*events, fork, events[1]], [*deliveries, *deliveries])), KEY, ("en",), pdf_posts=0
    )
    assert "1 further records in the system's log do not follow this chain" in text(tmp_path / "pack")
    assert len((tmp_path / "pack" / pack_file.EVENTS).read_text().splitlines()) == 4
    assert len((tmp_path / "pack" / pack_file.DELIVERIES).read_text().splitlines()) == 5


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_nothing_is_overwritten_and_nothing_is_left_of_a_failed_pack(tmp_path: Path, name: str) -> None:
    out, made = tmp_path / name, source(life())
    made.history.close()
    with pytest.raises(Exception, match="closed database"):
        write_pack(out, made, KEY, ("en",), pdf_posts=0)
    assert list(tmp_path.iterdir()) == []
    out.mkdir() if name == "pack" else out.touch()
    (tmp_path / "pack" / "file").touch() if name == "pack" else None
    with pytest.raises(UsageError, match="exists"):
        write_pack(out, source(life()), KEY, ("en",), pdf_posts=0)


def test_every_zipped_file_has_the_same_time(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack.zip", source(life()), KEY, ("en",), pdf_posts=0)
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {pack_file.FIRST_TIME}
