"""One format of several, such that the decode stage can fetch it."""

from typing import Any

import pytest

from streams.desk.checking.extractor.formats import media_of

BOTH: dict[str, Any] = {"protocol": "https", "vcodec": "avc1", "acodec": "mp4a"}
PICTURE: dict[str, Any] = {"protocol": "https", "vcodec": "avc1", "acodec": "none"}
SOUND: dict[str, Any] = {"protocol": "https", "vcodec": "none", "acodec": "mp4a"}
HLS: dict[str, Any] = {"protocol": "m3u8_native", "vcodec": "avc1", "acodec": "mp4a"}
DASH: dict[str, Any] = {"protocol": "http_dash_segments", "vcodec": "avc1", "acodec": "none", "manifest_url": "mpd"}


@pytest.mark.parametrize(
    ("formats", "media"),
    [
        ([{"url": "a", "protocol": "https"}], [("a", "video")]),
        ([{"url": "a", "height": 1080, **BOTH}, {"url": "b", "height": 360, **BOTH}], [("b", "video")]),
        ([{"url": "a", "height": 144, **BOTH}, {"url": "b", "height": 240, **BOTH}], [("b", "video")]),
        ([{"url": "a", "height": 1920, "width": 1080, **BOTH}, {"url": "b", "width": 480, **BOTH}], [("b", "video")]),
        ([{"url": "a", "height": 720, **PICTURE}, {"url": "b", **HLS}], [("b", "video")]),
        ([{"url": "a", **HLS, "manifest_url": "all"}], [("all", "video")]),
        (
            [{"url": "a", **DASH, "manifest_url": "mpd"}, {"url": "b", **DASH, "manifest_url": "mpd"}],
            [("mpd", "video")],
        ),
        ([{"url": "a", "height": 720, **PICTURE}, {"url": "s", **SOUND}], [("a", "video"), ("s", "audio")]),
        ([{"url": "s", **SOUND}], [("s", "audio")]),
        ([{"url": "a", **BOTH, "has_drm": True}, {"url": "b", "protocol": "rtmp"}], []),
        ([{"protocol": "https"}, {"url": None, "protocol": "https"}], []),
    ],
)
def test_the_format_of_a_video(formats: list[dict[str, Any]], media: list[tuple[str, str]]) -> None:
    assert [(one.url, one.kind) for one in media_of({"formats": formats})] == media


def test_a_video_without_a_list_of_formats_is_its_own() -> None:
    assert [one.url for one in media_of({"url": "a", "protocol": "https"})] == ["a"]
