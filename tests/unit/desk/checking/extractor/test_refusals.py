"""yt-dlp's errors as reasons: those that its extractors raise, with their words."""

import io

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError

from streams.desk.checking.extractor.refusals import refused


def answered(status: int) -> HTTPError:
    return HTTPError(Response(io.BytesIO(), "https://site.example/", {}, status))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "page_without_media"),
        (UnsupportedError("https://site.example/"), "page_without_media"),
        (ExtractorError("No video formats found!"), "page_without_media"),
        (ExtractorError("This video has been removed", expected=True), "page_without_media"),
        (ExtractorError("This blog post is not a video"), "page_without_media"),
        (ExtractorError("This video is only available for registered users", expected=True), "link_login"),
        (
            ExtractorError("Sign in to confirm that you are no bot. Use --cookies for it"),
            "link_login",
        ),
        (ExtractorError("You need to log in to view this content", expected=True), "link_login"),
        (ExtractorError("Private video", expected=True), "link_forbidden"),
        (ExtractorError("This video is age-restricted; some formats may be missing"), "link_forbidden"),
        (ExtractorError("Join this channel to get access to members-only content"), "link_forbidden"),
        (GeoRestrictedError("Not from here", countries=["KR"]), "link_forbidden"),
        (ExtractorError("Unable to download JSON metadata", cause=answered(403)), "link_forbidden"),
        (ExtractorError("Unable to download JSON metadata", cause=answered(500)), "page_without_media"),
        (KeyError("streamingData"), "page_without_media"),
    ],
)
def test_the_reason_of_an_error(error: BaseException | None, reason: str) -> None:
    assert refused(error).reason == reason


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("This video is only available for registered users. Use --cookies, --username and --password", None),
        ("This video is only available for registered users. See  https://github.com/yt-dlp/yt-dlp/wiki", None),
        ("Private video", "Private video"),
    ],
)
def test_advice_to_users_of_yt_dlp_is_left_out(text: str, detail: str | None) -> None:
    assert refused(ExtractorError(text)).detail == (detail or "This video is only available for registered users")
