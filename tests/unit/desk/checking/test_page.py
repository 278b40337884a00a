"""Media that pages name, as sites write them."""

import time

import pytest

from streams.desk.checking.page import MAX_ADDRESS, media_of, read_page
from tests.unit.desk.checking.trouble import linked, meta

BASE = "https://site.example/watch/7"


def read(*markup: str) -> list[tuple[str, str | None]]:
    page = read_page("".join(markup).encode(), BASE)
    return [(medium.url, medium.kind) for medium in media_of(page, 20, 2)]


@pytest.mark.parametrize("name", ["og:video", "og:video:url", "og:video:secure_url", "twitter:player:stream"])
def test_a_video_is_named_in_the_head(name: str) -> None:
    assert read(meta(name, "/a.mp4")) == [("https://site.example/a.mp4", "video")]
    assert read(f"<META NAME={name} CONTENT='/a.mp4'>") == [("https://site.example/a.mp4", "video")]


def test_a_video_of_the_type_of_a_page_is_a_player() -> None:
    of_youtube = meta("og:video:url", "https://site.example/embed/7") + meta("og:video:type", "text/html")
    page = read_page(of_youtube.encode(), BASE)
    assert (page.media, page.players) == ({}, ["https://site.example/embed/7"])


def test_linked_data_names_videos_wherever_they_are_in_it() -> None:
    nested = (
        '{"@graph": [{"@type": "WebPage", "video": {"@type": "VideoObject", "contentUrl": "https://m.example/a"}}]}'
    )
    assert read(linked(nested)) == [("https://m.example/a", "video")]
    assert read(linked('{"@type": "VideoObject", "contentUrl": 7, "embedUrl": null}')) == []
    assert read(linked("{not json"), meta("og:video", "/a.mp4")) == [("https://site.example/a.mp4", "video")]


def test_elements_name_media_relative_to_the_base() -> None:
    assert read("<base href='/media/'><video src=a.mp4></video><audio><source src='b.ogg'></audio>") == [
        ("https://site.example/media/a.mp4", "video"),
        ("https://site.example/media/b.ogg", "audio"),
    ]
    assert read("<base href='http://['><video src=/a.mp4></video>") == [("https://site.example/a.mp4", "video")]
    assert read("<picture><source srcset='x.webp' type='image/webp' src='y.webp'></picture>") == []


@pytest.mark.parametrize("url", ["", "blob:https://x/1", "data:video/mp4;base64,AA", "file:///etc/passwd", "http://[x"])
def test_addresses_that_are_not_of_the_web_are_left_out(url: str) -> None:
    assert read(meta("og:video", url)) == []
    assert read(meta("og:video", "https://x.example/" + "a" * MAX_ADDRESS)) == []


def test_pictures_come_after_videos_and_each_address_once() -> None:
    found = read(meta("og:image", "/t.jpg"), meta("og:video", "/a.mp4"), meta("og:video:url", "/a.mp4"))
    assert found == [("https://site.example/a.mp4", "video"), ("https://site.example/t.jpg", "image")]


def test_the_words_of_a_page_are_read_in_its_own_character_set() -> None:
    korean = '<meta charset="euc-kr"><title>달빛 영상</title>' + meta("og:description", "댓글에")
    assert read_page(korean.encode("euc-kr"), BASE).words == "달빛 영상\n\n댓글에"
    assert read_page(b"<meta charset='nonsense'><title>moon</title>", BASE).words == "moon"


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "zip", "none"])
def test_a_character_set_that_no_page_has_is_taken_for_utf_8(name: str) -> None:
    assert read_page(f"<meta charset={name}><title>bcher-kva \u00e9</title>".encode(), BASE).words == "bcher-kva \u00e9"


def test_a_hostile_page_takes_linear_time() -> None:
    begun_s = time.process_time()
    for unit in ("<meta property=", "<video src='a", "<!--", '{"@type":', "<source src=a>"):
        read_page((unit * 100_000).encode()[:300_000], BASE)
        read_page(linked(("[" * 50_000) + unit * 1_000).encode(), BASE)
    assert time.process_time() - begun_s < 300
