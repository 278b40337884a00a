"""A case opened in the browser: asked once, written once, and no file left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from schemas.matrix import pack
from schemas.messages import Reference
from streams.console.opening import Opening
from streams.console.openings import Openings
from streams.console.site import Site
from streams.console.uploads import safe_name, store_uploads, sweep, upload_folder
from streams.console.words import words
from streams.describe.file_kinds import NoMediumError
from streams.desk.case_book import CaseBook
from streams.desk.concerns import Concern
from streams.desk.new_case import Ask, NewCase, OpenedCase, Preview, Progress
from streams.errors import UsageError
from streams.settings import Settings, load_settings
from tests.support.deadline import DEADLINE_S
from tests.unit.console.made_site import MINA, ago, browser, case, made_site, nothing, put, token

PIECE = Reference(
    reference_id="r1", segment=0, modality="visual", model="m", version="1", start_s=0, duration_s=1,
    vectors=pack(np.ones((3, 4), np.float16)), times_s=[0.0],
)  # fmt: skip


class Desk:
    """Opens cases as the desk does, without models and broker."""

    def __init__(self) -> None:
        self.opened: list[NewCase] = []
        self.contents: list[bytes] = []
        self.early: list[Concern] = []
        self.fault = ""
        self.wrong: Path | None = None
        self.may_describe = threading.Event()
        self.may_describe.set()

    def open(self, _: Settings, new: NewCase, progress: Progress, ask: Ask, preview: Preview) -> OpenedCase:
        self.contents = [file.read_bytes() for file in new.references]
        ask(self.early)
        if self.wrong is not None:
            raise NoMediumError(self.wrong, "nothing in it")
        if self.fault:
            raise UsageError(f"{new.references[0]} {self.fault}")
        self.may_describe.wait()
        for file in new.references:
            progress(f"describing {file.name}", 1.0, 2.0)
        preview([PIECE])
        ask([])
        self.opened.append(new)
        files = {"r1": new.references[-1].name} if new.references else {}
        return OpenedCase(new.case_id or "case-x", new.name, datetime.now(UTC), files)


def uploads(folder: Path) -> list[Path]:
    return list(folder.glob("upload-*"))


def found(site: Site) -> Opening:
    """Return the opening of the first form."""
    opening = site.openings.find("d1", MINA.person)
    assert opening is not None
    return opening


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def client(tmp_path: Path, desk: Desk) -> AsyncIterator[tuple[Site, httpx.AsyncClient]]:
    settings = load_settings(desk_folder=tmp_path)
    openings = Openings(settings, nothing, desk.open, desk.open)
    with made_site(folder=tmp_path, openings=openings) as (site, _):
        async with browser(site) as one:
            yield site, one
        desk.may_describe.set()
        await openings.stop()
    assert uploads(tmp_path) == []


async def send(site: Site, client: httpx.AsyncClient, draft: str = "d1", **fields: str) -> httpx.Response:
    data = {"token": token(site), "draft": draft, "name": "violet", "terms": "one\n\n two ", "minor": "on"} | fields
    files = [("files", ("클립.mp4", b"film", "video/mp4")), ("files", ("../../클립.mp4", b"other", "video/mp4"))]
    return await client.post("/open", data=data, files=files)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.01)


async def test_nothing_is_written_before_the_person_agrees(client: tuple[Site, httpx.AsyncClient], desk: Desk) -> None:
    site, browsing = client
    sent = await send(site, browsing)
    opening = site.openings.find("d1", MINA.person)
    assert opening is not None
    await until(lambda: opening.stage == "asking")
    html = (await browsing.get(sent.headers["location"])).text
    assert "Frames as numbers: 3" in html
    assert "0.0 kB" in html
    assert desk.opened == []
    await browsing.post("/open/d1", data={"token": token(site), "answer": "yes"})
    await until(lambda: opening.stage == "opened")
    (new,) = desk.opened
    assert (new.name, new.terms, new.minor) == ("violet", ["one", "two"], True)
    assert [file.name for file in new.references] == ["클립.mp4", "2-클립.mp4"]
    assert desk.contents == [b"film", b"other"]
    assert set(opening.progress) == {"클립.mp4", "2-클립.mp4"}
    assert CaseBook(site.settings).file_names("case-x") == {"r1": "2-클립.mp4"}
    assert "/cases/case-x" in (await browsing.get("/open/d1")).text


async def test_files_and_terms_are_added_to_an_open_case_when_the_person_agrees(
    client: tuple[Site, httpx.AsyncClient], desk: Desk
) -> None:
    site, browsing = client
    put(site.store, "cases", case(opened_by="account"))
    CaseBook(site.settings).add_files("case-a", "violet", ago(days=9), {"r0": "first.mp4"})
    assert "/cases/case-a/extend" in (await browsing.get("/cases/case-a")).text
    assert "Add to violet" in (await browsing.get("/cases/case-a/extend")).text
    data = {"token": token(site), "draft": "d1", "terms": "other name", "name": "ignored"}
    files = [("files", ("둘째.mp4", b"film", "video/mp4"))]
    sent = await browsing.post("/cases/case-a/extend", data=data, files=files)
    opening = found(site)
    await until(lambda: opening.stage == "asking")
    html = (await browsing.get(sent.headers["location"])).text
    assert "violet: files and terms are being added" in html
    assert "Add them" in html
    assert desk.opened == []
    await browsing.post("/open/d1", data={"token": token(site), "answer": "yes"})
    await until(lambda: opening.stage == "opened")
    (new,) = desk.opened
    assert (new.case_id, new.name, new.terms, new.opened_by) == ("case-a", "violet", ["other name"], "account")
    assert CaseBook(site.settings).file_names("case-a") == {"r0": "first.mp4", "r1": "둘째.mp4"}
    assert "other name" not in (await browsing.get("/open/d1")).text + (await browsing.get("/cases/case-a")).text


@pytest.mark.parametrize(
    ("fields", "n_files", "sentence"),
    [
        ({"name": " "}, 1, "The case has no pseudonym"),
        ({"terms": " \n "}, 0, "There is no file, no search term and no sentence"),
        ({}, 51, "More than 50 files at once"),
        ({"terms": "a name\n" * 201}, 0, "More than 200 lines in one field"),
    ],
)
async def test_a_form_that_cannot_be_a_case_is_refused_in_words_and_nothing_is_cut_off(
    client: tuple[Site, httpx.AsyncClient], fields: dict[str, str], n_files: int, sentence: str
) -> None:
    site, browsing = client
    files = [("files", (f"{number}.mp4", b"film", "video/mp4")) for number in range(n_files)]
    data = {"token": token(site), "draft": "d1", "name": "violet"} | fields
    answer = await browsing.post("/open", data=data, files=files or None)
    assert (answer.status_code, sentence in answer.text) == (409, True)
    assert site.openings.running(MINA.person) == []


async def test_nothing_is_added_to_a_closed_case_or_an_allow_list(client: tuple[Site, httpx.AsyncClient]) -> None:
    site, browsing = client
    put(site.store, "cases", case("allow-a", benign=True, opened_by="account"))
    for case_id, status in (("allow-a", 404), ("gone", 403)):
        assert (await browsing.get(f"/cases/{case_id}/extend")).status_code == status
        sent = {"token": token(site), "terms": "other name"}
        assert (await browsing.post(f"/cases/{case_id}/extend", data=sent)).status_code == status
    assert site.openings.running(MINA.person) == []


async def test_a_person_who_says_no_opens_nothing(client: tuple[Site, httpx.AsyncClient], desk: Desk) -> None:
    site, browsing = client
    await send(site, browsing)
    opening = site.openings.find("d1", MINA.person)
    assert opening is not None
    await until(lambda: opening.stage == "asking")
    await browsing.post("/open/d1", data={"token": token(site), "answer": "no"})
    await until(lambda: opening.stage == "dropped")
    twice = await browsing.post("/open/d1", data={"token": token(site), "answer": "yes"})
    assert (twice.status_code, desk.opened) == (409, [])
    assert "Nothing was done twice" in twice.text


async def test_concerns_are_asked_before_the_files_are_described(
    client: tuple[Site, httpx.AsyncClient], desk: Desk
) -> None:
    site, browsing = client
    desk.early = [Concern("name_like_term", {"name": "violet", "term": "viola"}, is_severe=True)]
    await send(site, browsing)
    opening = site.openings.find("d1", MINA.person)
    assert opening is not None
    await until(lambda: opening.stage == "asking")
    html = (await browsing.get("/open/d1")).text
    assert "The pseudonym violet resembles the term viola." in html
    korean = await browsing.get("/open/d1", headers={"accept-language": "ko"})
    assert "가명 violet이(가) 검색어 viola과(와) 비슷합니다." in korean.text
    assert "Go on anyway" in html
    assert opening.progress == {}


async def test_a_form_sent_twice_describes_once(client: tuple[Site, httpx.AsyncClient], desk: Desk) -> None:
    site, browsing = client
    desk.may_describe.clear()
    await send(site, browsing)
    await send(site, browsing)
    assert len(site.openings.running(MINA.person)) == 1
    await send(site, browsing, "d2")
    third = await send(site, browsing, "d3")
    assert (third.status_code, "Two cases are being opened already" in third.text) == (409, True)


async def test_a_wrong_file_is_a_sentence_without_this_machines_folders(
    client: tuple[Site, httpx.AsyncClient], desk: Desk, tmp_path: Path
) -> None:
    site, browsing = client
    desk.fault = "is no medium"
    await send(site, browsing)
    opening = site.openings.find("d1", MINA.person)
    assert opening is not None
    await until(lambda: opening.stage == "failed")
    html = (await browsing.get("/open/d1")).text
    assert "클립.mp4 is no medium" in html
    assert str(tmp_path) not in html


async def test_a_file_that_is_no_medium_is_named_in_the_language_of_the_page(
    client: tuple[Site, httpx.AsyncClient], desk: Desk, tmp_path: Path
) -> None:
    site, browsing = client
    desk.wrong = tmp_path / "계약서.pdf"
    desk.wrong.write_bytes(b"%PDF-1.7")
    await send(site, browsing)
    await until(lambda: found(site).stage == "failed")
    html = (await browsing.get("/open/d1", headers={"accept-language": "ko"})).text
    assert "계약서.pdf: 영상, 사진, 소리로 읽을 수 없는 파일입니다." in html
    assert "not a picture, video or sound but a PDF document" in html


async def test_a_refusal_is_one_sentence_that_says_once_that_nothing_was_changed(
    client: tuple[Site, httpx.AsyncClient],
) -> None:
    site, browsing = client
    html = (await browsing.post("/open", data={"token": token(site), "draft": "d1", "name": " ", "terms": "a"})).text
    assert html.count("Nothing was changed") == 1
    assert words("en")("fault.refused") not in html


async def test_a_console_that_stops_drops_what_is_not_agreed(tmp_path: Path, desk: Desk) -> None:
    openings = Openings(load_settings(desk_folder=tmp_path), nothing, desk.open)
    opening = await openings.begin("d1", NewCase("violet", ()), [], MINA.person)
    await until(lambda: opening.stage == "asking")
    await openings.stop()
    assert desk.opened == []
    assert uploads(tmp_path) == []


def test_folders_of_a_killed_console_are_deleted_and_those_of_a_running_one_kept(tmp_path: Path) -> None:
    settings = load_settings(desk_folder=tmp_path)
    left = tmp_path / "upload-left"
    left.mkdir()
    (left / "clip.mp4").write_bytes(b"film")
    with upload_folder(settings) as held:
        assert sweep(settings) == 1
        assert held.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\클립.mp4", "클립.mp4"),
        ("..", "file-1"),
        ("", "file-1"),
        ("a\x00b\n.mp4", "ab.mp4"),
        (".hidden.png", "hidden.png"),
    ],
)
def test_a_files_name_is_one_that_a_disk_can_hold(name: str, safe: str) -> None:
    assert safe_name(name, 1) == safe


def test_a_long_name_of_any_script_is_cut_and_keeps_its_ending() -> None:
    safe = safe_name("가" * 300 + ".mp4", 1)
    assert safe.endswith("가.mp4")
    assert len(safe.encode()) < 200


async def test_a_full_disk_is_an_error_of_the_form(tmp_path: Path) -> None:
    class Upload:
        filename = "a.mp4"

        async def read(self, size: int = -1) -> bytes:
            raise OSError(28, f"No space left on device, {size}")

    with pytest.raises(OSError, match="No space"):
        await store_uploads(tmp_path, [Upload()])
