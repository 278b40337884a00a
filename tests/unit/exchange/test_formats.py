"""Formats of hash lists: what is written is read, and a broken file is refused whole, with the number of its line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.errors import UsageError
from streams.exchange.formats import FORMATS, Format, changes
from streams.exchange.formats.changes import Change, Signal, Skipped
from streams.exchange.import_list import read_changes

AT = datetime(2026, 11, 23, 9, 30, 30, tzinfo=UTC)
MD5, OTHER_MD5 = "b1946ac92492d2347c6235b4d2611184", "591785b794601e212b260e25925636fd"
PDQ = "aa4352a39643b6ab24436c8bcc4398ab3943faaad54a0a951527facf001ffffc"
FILM = Change("film-1", (Signal("md5", bytes.fromhex(MD5)),))
PICTURE = Change("picture-1", (Signal("pdq", bytes.fromhex(PDQ)),), is_film=False)
ALL: tuple[Format, ...] = ("stopncii", "ncmec", "threatexchange", "lines")

STOPNCII = f"""{{"count": 4, "nextPageToken": null, "nextSetTimestamp": 17, "hasMoreRecords": false, "hashRecords": [
{{"signalType": "ImagePDQ", "hashValue": "{PDQ}", "hashStatus": "Active",
 "caseNumbers": {{"c": "Active"}}, "CSPFeedbacks": [{{"source": "A", "feedbackValue": "Blocked", "tags": []}}]}},
{{"signalType": "VideoMD5", "hashValue": "{MD5.upper()}", "caseNumbers": {{}}}},
{{"signalType": "VideoMD5", "hashValue": "{OTHER_MD5}", "hashStatus": "Withdrawn"}},
{{"signalType": "VideoTMK", "hashValue": "x", "hashStatus": "Active", "caseNumbers": {{}}}}
]}}
"""
NCMEC = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
    <images count="2" maxTimestamp="2017-10-24T15:10:00Z">
        <image>
            <member id="42">Example Member</member>
            <timestamp>2017-10-24T15:00:00Z</timestamp>
            <id>image1</id>
            <classification>A1</classification>
            <fingerprints>
                <md5>{MD5}</md5>
                <sha1>a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1</sha1>
                <pdq>{PDQ}</pdq>
            </fingerprints>
            <feedback lastUpdateTimestamp="2023-06-01T12:48:14Z">
                <affirmativeFeedback type="Md5" lastUpdateTimestamp="2023-06-01T12:48:14Z">
                    <members timestamp="2023-06-01T12:48:14Z"><member id="7">Another Member</member></members>
                </affirmativeFeedback>
            </feedback>
        </image>
        <deletedImage>
            <member id="43">Example Member2</member>
            <id>image4</id>
            <timestamp>2017-10-24T15:10:00Z</timestamp>
        </deletedImage>
    </images>
    <videos count="0"/>
</queryResult>
"""
THREATEXCHANGE = f"""{{"data": [
 {{"id": "11", "indicator": "{PDQ}", "type": "HASH_PDQ", "last_updated": 1, "should_delete": false,
   "descriptors": {{"data": [{{"id": "1", "owner": {{"id": "5"}}, "status": "MALICIOUS"}}]}}}},
 {{"id": "12", "indicator": "{MD5}", "type": "HASH_VIDEO_MD5", "last_updated": 1, "should_delete": false,
   "descriptors": {{"data": [{{"id": "2", "owner": {{"id": "5"}}, "status": "NON_MALICIOUS"}}]}}}},
 {{"id": 13, "should_delete": true, "last_updated": 1}},
 {{"id": "14", "indicator": "https://a.example", "type": "URI", "should_delete": false, "descriptors": {{"data": []}}}}
]}}
"""
LINES = f"pdq {PDQ}\nvideo_md5 {MD5}\n\nphotodna 1,2,3\n"
GIVEN: dict[Format, str] = {"stopncii": STOPNCII, "ncmec": NCMEC, "threatexchange": THREATEXCHANGE, "lines": LINES}


def read(folder: Path, form: Format, text: str | bytes, skipped: Skipped | None = None) -> dict[str, Change]:
    file = folder / "list"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_changes([file], form, Skipped() if skipped is None else skipped)


def signals(found: dict[str, Change]) -> set[str]:
    return {signal.name for change in found.values() for signal in change.signals}


def test_a_page_of_stopncii_is_read(tmp_path: Path) -> None:
    skipped = Skipped()
    found = read(tmp_path, "stopncii", STOPNCII, skipped)
    assert signals(found) == {f"pdq-{PDQ}", f"md5-{MD5}"}
    assert found[f"md5-{OTHER_MD5}"].signals == ()
    assert skipped == {"VideoTMK": 1}


def test_a_page_of_ncmec_is_read(tmp_path: Path) -> None:
    skipped = Skipped()
    found = read(tmp_path, "ncmec", NCMEC, skipped)
    assert signals({"": found["42/image1"]}) == {f"pdq-{PDQ}", f"md5-{MD5}"}
    assert found["43/image4"].signals == ()
    assert skipped == {"sha1": 1}


def test_a_page_of_threatexchange_is_read(tmp_path: Path) -> None:
    skipped = Skipped()
    found = read(tmp_path, "threatexchange", THREATEXCHANGE, skipped)
    assert signals(found) == {f"pdq-{PDQ}"}
    assert found["12"].signals == found["13"].signals == ()
    assert skipped == {"URI": 1}


def test_lines_are_read(tmp_path: Path) -> None:
    skipped = Skipped()
    assert signals(read(tmp_path, "lines", LINES, skipped)) == {f"pdq-{PDQ}", f"md5-{MD5}"}
    assert skipped == {"photodna": 1}


@pytest.mark.parametrize("form", ALL)
def test_what_is_written_is_read(tmp_path: Path, form: Format) -> None:
    found = read(tmp_path, form, FORMATS[form].write([FILM, PICTURE], at=AT, member=7))
    assert signals(found) == {f"pdq-{PDQ}", f"md5-{MD5}"}
    assert {change.is_film for change in found.values()} == {True, False}


@pytest.mark.parametrize("form", [form for form in ALL if FORMATS[form].withdraws])
def test_a_withdrawal_has_the_ids_of_what_was_written(tmp_path: Path, form: Format) -> None:
    written = read(tmp_path, form, FORMATS[form].write([FILM, PICTURE], at=AT, member=7))
    gone = read(tmp_path, form, FORMATS[form].write([FILM, PICTURE], at=AT, member=7, withdrawn=True))
    assert gone.keys() == written.keys()
    assert signals(gone) == set()


def test_pages_one_a_line_are_read(tmp_path: Path) -> None:
    pages = [FORMATS["stopncii"].write([each], at=AT).replace(b"\n", b"") for each in (FILM, PICTURE)]
    assert signals(read(tmp_path, "stopncii", b"\n".join(pages))) == {f"pdq-{PDQ}", f"md5-{MD5}"}


BROKEN: list[tuple[Format, str, str, int]] = [
    ("stopncii", f'"{OTHER_MD5}"', f'"{OTHER_MD5[1:]}"', 5),
    ("stopncii", '"Withdrawn"', '"Gone"', 5),
    ("stopncii", '"signalType": "VideoTMK", ', "", 6),
    ("stopncii", '"caseNumbers": {}}', '"caseNumbers" {}}', 4),
    ("ncmec", f"<pdq>{PDQ}", f"<pdq>{PDQ}0", 4),
    ("ncmec", f"<md5>{MD5}", f"<md5>{MD5[:-1]}g", 4),
    ("ncmec", "<id>image4</id>", "", 20),
    ("ncmec", '<member id="43">', "<member>", 20),
    ("ncmec", "</fingerprints>", "", 19),
    ("ncmec", "<queryResult", '<!DOCTYPE a [<!ENTITY b "c">]><queryResult', 2),
    ("ncmec", "queryResult", "status", 1),
    ("threatexchange", f'"{PDQ}"', '"abc"', 2),
    ("threatexchange", '"should_delete": true, ', "", 6),
    ("threatexchange", '"id": "14"', '"id": ""', 7),
    ("lines", "photodna", "fotodna", 4),
    ("lines", MD5, MD5[2:], 2),
]


@pytest.mark.parametrize(("form", "right", "wrong", "line"), BROKEN)
def test_a_broken_list_is_refused_with_its_line(
    tmp_path: Path, form: Format, right: str, wrong: str, line: int
) -> None:
    text = GIVEN[form]
    assert right in text
    with pytest.raises(UsageError, match=rf"list, line {line}: .*nothing was imported"):
        read(tmp_path, form, text.replace(right, wrong))


@pytest.mark.parametrize("form", ["stopncii", "ncmec", "threatexchange"])
def test_a_list_that_is_cut_anywhere_is_refused(tmp_path: Path, form: Format) -> None:
    content = GIVEN[form].strip().encode()
    for length in range(1, len(content), 7):
        with pytest.raises(UsageError, match=r"line \d+: "):
            read(tmp_path, form, content[:length])


@pytest.mark.parametrize("form", ALL)
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, form: Format) -> None:
    with pytest.raises(UsageError, match=r"line 1: "):
        read(tmp_path, form, b"\xff\xfe\x00 \xff")


@pytest.mark.parametrize("form", ALL)
def test_more_signals_than_a_list_may_have_are_refused_with_the_line(
    tmp_path: Path, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_SIGNALS", 3)
    many = [Change(f"id-{n}", (Signal("md5", bytes([n + 1]) * 16),)) for n in range(4)]
    content = FORMATS[form].write(many, at=AT)
    with pytest.raises(UsageError, match=r"line \d+: more than 3 signals; nothing"):
        read(tmp_path, form, content)


@pytest.mark.parametrize("form", ALL)
def test_a_file_larger_than_a_list_may_be_is_not_read(
    tmp_path: Path, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.exchange.import_list.MOST_BYTES", 10)
    with pytest.raises(UsageError, match="import it in parts"):
        read(tmp_path, form, GIVEN[form])


def test_hashes_of_nothing_are_left_out(tmp_path: Path) -> None:
    skipped = Skipped()
    text = f"video_md5 d41d8cd98f00b204e9800998ecf8427e\npdq {'0' * 64}\npdq {'f' * 64}\npdq {'0' * 63}1\n"
    assert signals(read(tmp_path, "lines", text, skipped)) == set()
    assert skipped == {"md5 of nothing": 1, "pdq of nothing": 3}


@pytest.mark.parametrize("form", ALL)
def test_feedback_names_each_entry_and_what_was_found(form: Format) -> None:
    written = FORMATS[form].feedback([(FILM, "confirmed"), (PICTURE, "withdrawn")]).decode()
    words = {
        "stopncii": ('"Blocked"', '"NotBlocked"', MD5, PDQ),
        "ncmec": ("film-1/MD5/feedback", "picture-1/PDQ/feedback", "affirmative", "negative"),
        "threatexchange": ("HELPFUL", "DISAGREE_WITH_TAGS", "film-1", "picture-1"),
        "lines": (f"confirmed video_md5 {MD5}", f"withdrawn pdq {PDQ}"),
    }
    assert all(word in written for word in words[form])


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("ncmec", b"<member/>"),
        ("stopncii", b'{"hashRecords": ' + b"[" * 100_000),
        ("threatexchange", b'{"id": ' + b"[" * 100_000),
        ("stopncii", b'{"hashRecords": [{"signalType": "\xff"}]}'),
    ],
    ids=["member", "nested", "deep", "utf-8"],
)
def test_what_was_made_to_break_a_reader_is_refused_like_any_broken_list(
    tmp_path: Path, form: Format, content: bytes
) -> None:
    with pytest.raises(UsageError, match=r"line \d+: "):
        read(tmp_path, form, content)
