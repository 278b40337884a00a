"""Playlists and manifests in files and in buckets."""

from pathlib import Path
from typing import Any

import pytest

from streams.decode.fetch.fetcher import Fetcher
from tests.unit.decode.served import Server, response, settings
from tests.unit.decode.test_dash import manifest, period, single
from tests.unit.decode.test_hls import fetched, refusal
from tests.unit.decode.test_object_store import OBJECT_HEADERS


def hls(*uris: str) -> str:
    return "\n".join(["#EXTM3U", *uris, "#EXT-X-ENDLIST"])


@pytest.mark.parametrize(("name", "text"), [("a.m3u8", hls("b.mp4")), ("a.mpd", manifest(period(single("b.mp4"))))])
async def test_a_playlist_in_a_file_leads_to_the_files_beside_it(tmp_path: Path, name: str, text: str) -> None:
    folder = tmp_path / "내 영상"
    folder.mkdir()
    (folder / name).write_text(text)
    (folder / "b.mp4").write_bytes(b"clip")
    async with Fetcher(settings(tmp_path, file_roots=(folder,))) as fetcher:
        assert await fetched(fetcher, (folder / name).as_uri()) == (b"clip", [])


async def test_a_playlist_in_a_file_leads_to_no_other_folder_and_no_private_address(
    server: Server, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    refusals = {
        "../secret": "link_forbidden",
        f"file://{tmp_path}/secret": "link_forbidden",
        f"file://host{root}/a.m3u8": "link_forbidden",
        "s3://clips/a": "link_scheme",
        server.url("/secret", "localhost"): "link_private_address",
    }
    async with Fetcher(settings(tmp_path, file_roots=(root,))) as fetcher:
        for uri, reason in refusals.items():
            (root / "a.m3u8").write_text(hls(uri))
            assert await refusal(fetcher, (root / "a.m3u8").as_uri()) == reason
    assert server.requests == []


async def test_ranges_of_a_file_are_taken_as_named(tmp_path: Path) -> None:
    (tmp_path / "a.m3u8").write_text(hls("#EXT-X-BYTERANGE:3@4", "b", "#EXT-X-BYTERANGE:8@6", "b"))
    (tmp_path / "b").write_bytes(b"0123456789")
    async with Fetcher(settings(tmp_path, file_roots=(tmp_path,))) as fetcher:
        assert await fetched(fetcher, (tmp_path / "a.m3u8").as_uri()) == (b"4566789", ["media_partial"])


async def test_a_playlist_in_a_bucket_leads_to_its_objects(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "key")
    store: dict[str, Any] = {"s3_buckets": ("clips",), "s3_endpoint": server.url("")}
    ranged = response("206 Partial Content", b"lip", Content_Range="bytes 1-3/4", **OBJECT_HEADERS)
    server.answers["/clips/2026/b/c.mp4"] = response(body=b"clip", **OBJECT_HEADERS)
    server.answers["/clips/d.mp4"] = ranged
    text = hls("b/c.mp4", "#EXT-X-BYTERANGE:3@1", "/d.mp4", "s3://backups/e", "file:///etc/passwd")
    server.answers["/clips/2026/a.m3u8"] = response(body=text.encode(), **OBJECT_HEADERS)
    async with Fetcher(settings(tmp_path, **store)) as fetcher:
        found = await fetched(fetcher, "s3://clips/2026/a.m3u8")
    assert found == (b"cliplip", ["link_forbidden", "link_scheme"])
