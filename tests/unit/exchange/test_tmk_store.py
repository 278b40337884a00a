"""TMK+PDQF of imported lists: sealed on this machine, bounded, and gone with their entry and their list."""

import base64
from contextlib import suppress
from pathlib import Path

import pytest

from models.tmk.file import FILE_BYTES, tmk_bytes
from models.tmk.score import scores
from streams.errors import UsageError
from streams.exchange import tmk_store
from streams.exchange.formats import Format
from streams.exchange.formats.changes import Skipped
from streams.exchange.import_list import read_changes
from streams.exchange.tmk_beside import add_tmk_files
from streams.exchange.tmk_store import TmkStore, erase_tmk
from streams.settings import Settings, load_settings
from tests.unit.models.test_tmk import CLIPS, clip, descriptor

ONE, OTHER = (tmk_bytes(descriptor(clip(*CLIPS[name]))) for name in "ab")
TEXT = base64.b64encode(ONE).decode()
PAGES: dict[Format, str] = {
    "stopncii": f'{{"hashRecords": [{{"signalType": "VideoTMK", "hashValue": "{TEXT}"}}]}}',
    "threatexchange": f'{{"data": [{{"id": 5, "should_delete": false, "type": "HASH_TMK", "indicator": "{TEXT}", '
    '"descriptors": {"data": []}}]}',
    "ncmec": '<queryResult><videos><video><member id="4"/><id>v</id><fingerprints>'
    f"<tmkPdqf>{TEXT}</tmkPdqf></fingerprints></video></videos></queryResult>",
}
GONE: dict[Format, str] = {
    "stopncii": PAGES["stopncii"].replace('"}]', '", "hashStatus": "Withdrawn"}]'),
    "threatexchange": '{"data": [{"id": 5, "should_delete": true}]}',
    "ncmec": '<queryResult><videos><deletedVideo><member id="4"/><id>v</id></deletedVideo></videos></queryResult>',
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(desk_folder=tmp_path / "desk")


def kept(settings: Settings, list_id: str = "list-a") -> list[str]:
    return sorted(one.origin for one in TmkStore(settings, list_id).read())


def stored(settings: Settings, list_id: str = "list-a", **files: bytes) -> None:
    store = TmkStore(settings, list_id)
    with store.receiving():
        for origin, content in files.items():
            store.add(origin, content)
        store.commit([])


def test_what_is_kept_is_read_again_and_is_unreadable_on_the_disk(settings: Settings, tmp_path: Path) -> None:
    stored(settings, one=ONE, other=OTHER)
    found = {one.origin: one.tmk for one in TmkStore(settings, "list-a").read()}
    assert found.keys() == {"one", "other"}
    assert min(scores(found["one"], found["one"])) == pytest.approx(1.0, abs=1e-5)
    assert tmk_bytes(found["other"]) == OTHER
    files = [file for file in (tmp_path / "desk").rglob("*") if file.is_file()]
    assert len(files) == 2
    assert not any(ONE[-500:] in file.read_bytes() or b"one" in file.name.encode() for file in files)


def test_one_moved_to_another_entry_or_list_is_refused(settings: Settings) -> None:
    stored(settings, one=ONE)
    stored(settings, "list-b", one=OTHER)
    mine, theirs = (next(tmk_store.tmk_folder(settings, name).iterdir()) for name in ("list-a", "list-b"))
    mine.write_bytes(theirs.read_bytes())
    with pytest.raises(UsageError, match="moved"):
        kept(settings)


def test_an_import_that_fails_leaves_nothing_and_neither_does_a_killed_one(settings: Settings) -> None:
    stored(settings, one=ONE)
    store = TmkStore(settings, "list-a")
    with suppress(RuntimeError), store.receiving():
        store.add("other", OTHER)
        raise RuntimeError
    assert kept(settings) == ["one"]
    TmkStore(settings, "list-a").add("other", OTHER)  # and killed before the commit
    stored(settings, third=OTHER)
    assert kept(settings) == ["one", "third"]


def test_one_goes_with_its_entry_and_all_with_their_list(settings: Settings) -> None:
    stored(settings, one=ONE, other=OTHER, third=OTHER)
    stored(settings, "list-b", one=ONE)
    TmkStore(settings, "list-a").commit(["one"])
    assert kept(settings) == ["other", "third"]
    TmkStore(settings, "list-a").commit([], {"third"})
    assert kept(settings) == ["third"]
    erase_tmk(settings, "list-a")
    erase_tmk(settings, "list-a")
    assert (kept(settings), kept(settings, "list-b")) == ([], ["one"])


def test_a_list_has_only_so_many(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tmk_store, "MOST_KEPT", 2)
    stored(settings, one=ONE, other=OTHER)
    with pytest.raises(UsageError, match="more than 2"):
        stored(settings, third=ONE)
    assert kept(settings) == ["one", "other"]


@pytest.mark.parametrize("form", PAGES)
def test_those_in_pages_are_kept_and_withdrawn_with_their_entry(
    settings: Settings, tmp_path: Path, form: Format
) -> None:
    (tmp_path / "page").write_text(PAGES[form])
    (tmp_path / "gone").write_text(GONE[form])
    store, skipped = TmkStore(settings, "list-a"), Skipped()
    with store.receiving():
        (change,) = read_changes([tmp_path / "page"], form, skipped, store).values()
        assert (change.signals, change.tmk, skipped) == ((), b"", {})
        assert store.has_incoming(change.origin)
        store.commit([])
    assert kept(settings) == [change.origin]
    (gone,) = read_changes([tmp_path / "gone"], form, Skipped(), TmkStore(settings, "list-a")).values()
    assert (gone.origin, gone.signals) == (change.origin, ())


def test_a_broken_one_refuses_the_page_and_a_link_is_left_out(settings: Settings, tmp_path: Path) -> None:
    broken = base64.b64encode(b"x" * FILE_BYTES).decode()
    (tmp_path / "page").write_text(PAGES["threatexchange"].replace(TEXT, broken))
    with pytest.raises(UsageError, match="line 1: a broken TMK"):
        read_changes([tmp_path / "page"], "threatexchange", Skipped(), TmkStore(settings, "list-a"))
    (tmp_path / "page").write_text(PAGES["ncmec"].replace(TEXT, "https://a.example/tmk"))
    skipped = Skipped()
    read_changes([tmp_path / "page"], "ncmec", skipped, TmkStore(settings, "list-a"))
    assert skipped == {"tmkPdqf": 1}


def test_files_beside_a_page_are_those_of_its_entries(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tmk").mkdir()
    (tmp_path / "tmk" / "v.tmk").write_bytes(ONE)
    store = TmkStore(settings, "list-a")
    with store.receiving():
        add_tmk_files(store, tmp_path / "tmk", ["4/v", "4/w"])
        store.commit([])
    assert kept(settings) == ["4/v"]
    for entries in (["4/w"], ["4/v", "5/v"]):
        with pytest.raises(UsageError, match="the id of"):
            add_tmk_files(store, tmp_path / "tmk", entries)
