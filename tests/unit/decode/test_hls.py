"""Media that HLS playlists name, from a server on the loopback."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from streams.decode.fetch.fetcher import Fetcher
from streams.decode.fetch.pieces import MAX_SEGMENTS, Piece, pieces
from streams.decode.fetch.playlist import parsed
from streams.decode.fetch.received import Received
from streams.decode.fetch.turns import Share, Turn
from streams.decode.fetch.unnamed import unnamed_file
from streams.decode.media.probe import scan
from streams.errors import RecordError, TransientError
from tests.unit.decode.made import moving, tone, video
from tests.unit.decode.served import Server, response, settings
from tests.unit.decode.test_probe import SAMPLING

ELSEWHERE = {
    "http://localhost:{port}/secret": "link_private_address",
    "http://169.254.169.254/": "link_private_address",
    "file:///etc/passwd": "link_scheme",
    "s3://bucket/key": "link_scheme",
    "data:,a": "link_scheme",
    "http://[::1/": "link_malformed",
}
"""Links that nothing on the web leads to, and why."""
_FRAGMENTED = {"movflags": "empty_moov+default_base_moof+frag_keyframe"}


def playlist(*lines: str) -> bytes:
    return response(body="\n".join(["#EXTM3U", *lines, "#EXT-X-ENDLIST"]).encode())


def segments(*uris: str) -> bytes:
    return playlist(*(line for uri in uris for line in ("#EXTINF:2.0,", uri)))


async def fetched(fetcher: Fetcher, url: str) -> tuple[bytes, list[str]]:
    """Return the fetched bytes, and the reasons of what is missing."""
    missing: list[RecordError] = []
    async with fetcher.fetch(url, missing=missing) as path:
        return path.read_bytes(), [error.reason for error in missing]


async def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(RecordError) as refused:
        await fetched(fetcher, url)
    return refused.value.reason


async def scanned(fetcher: Fetcher, url: str) -> tuple[list[tuple[float, bool, bool]], list[str]]:
    """Return duration, picture and sound of each lane, and the reasons of what is missing."""
    missing: list[RecordError] = []
    async with fetcher.fetch(url, missing=missing) as path:
        with path.open("rb") as file:
            info = scan(file.fileno(), SAMPLING)
    lanes = [(round(lane.duration_s, 1), lane.picture is not None, lane.sound is not None) for lane in info.lanes]
    return lanes, [error.reason for error in missing]


def transport_stream(folder: Path, start_s: float) -> bytes:
    times_s = [start_s + number / 10 for number in range(20)]
    return video(folder / "part.ts", moving(20), times_s=times_s, sound=tone(2.0), sound_start_s=start_s).read_bytes()


def fragments(path: Path, *, picture: bool = True, sound: bool = True) -> tuple[bytes, list[bytes]]:
    """Return initialization section and fragments of a new film of 4 s."""
    content = video(
        path,
        moving(40) if picture else (),
        sound=tone(4.0) if sound else None,
        options={"g": "10"},
        format_options=_FRAGMENTED if picture else {**_FRAGMENTED, "frag_duration": "1000000"},
    ).read_bytes()
    starts, at = [], 0
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if kind in (b"moof", b"mfra"):
            starts.append(at)
        at += size
    return content[: starts[0]], [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)]


async def test_a_film_in_transport_streams_is_one_medium(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    server.answers["/moved"] = response("302 Found", Location="/clip/index.m3u8")
    server.answers["/clip/index.m3u8"] = segments("0.ts", "../clip/1.ts?a=b", server.url("/clip/2.ts"))
    for number, path in enumerate(("/clip/0.ts", "/clip/1.ts?a=b", "/clip/2.ts")):
        server.answers[path] = response(body=transport_stream(tmp_path, 2.0 * number))
    ((duration_s, seen, heard),), missing = await scanned(fetcher, server.url("/moved"))
    assert duration_s == pytest.approx(6.0, abs=0.2)
    assert (seen, heard, missing) == (True, True, [])


async def test_a_film_in_fragments_follows_its_initialization_section(
    server: Server, fetcher: Fetcher, tmp_path: Path
) -> None:
    init, parts = fragments(tmp_path / "a.mp4")
    server.answers["/init.mp4"] = response(body=init)
    for number, part in enumerate(parts):
        server.answers[f"/{number}.m4s"] = response(body=part)
    uris = [line for number in range(len(parts)) for line in ("#EXTINF:1,", f"{number}.m4s")]
    server.answers["/a.m3u8"] = playlist('#EXT-X-MAP:URI="init.mp4"', *uris)
    assert await fetched(fetcher, server.url("/a.m3u8")) == ((tmp_path / "a.mp4").read_bytes(), [])
    assert len(server.requests) == 2 + len(parts)


async def test_sound_apart_from_its_picture_is_a_further_part(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    for name, (init, parts) in {
        "picture": fragments(tmp_path / "a.mp4", sound=False),
        "sound": fragments(tmp_path / "b.mp4", picture=False),
    }.items():
        server.answers[f"/{name}/init.mp4"] = response(body=init)
        server.answers[f"/{name}/rest.m4s"] = response(body=b"".join(parts))
        server.answers[f"/{name}.m3u8"] = playlist(
            f'#EXT-X-MAP:URI="{name}/init.mp4"', "#EXTINF:4,", f"{name}/rest.m4s"
        )
    server.answers["/master.m3u8"] = playlist(
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="English, ""HD""",URI="none.m3u8"',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="Korean",DEFAULT=YES,URI="sound.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=640x360,AUDIO="s"',
        "picture.m3u8",
    )
    lanes, missing = await scanned(fetcher, server.url("/master.m3u8"))
    assert [(seen, heard) for _, seen, heard in lanes] == [(True, False), (False, True)]
    assert [duration_s for duration_s, *_ in lanes] == pytest.approx([4.0, 4.0], abs=0.2)
    assert missing == []


async def test_sound_apart_that_cannot_be_joined_is_a_reason(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a.ts"] = response(body=b"picture")
    server.answers["/picture"] = server.answers["/sound"] = segments("a.ts")
    server.answers["/master"] = playlist(
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",URI="sound"', '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="s"', "picture"
    )
    assert await fetched(fetcher, server.url("/master")) == (b"picture", ["media_partial"])


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        (("1920x1080", "640x360", "426x240", "1280x720"), 1),
        (("360x640", "720x1280"), 0),
        (("256x144", "426x240"), 1),
    ],
)
def test_the_smallest_variant_that_is_large_enough_is_chosen(sizes: tuple[str, ...], chosen: int) -> None:
    lines = [
        line for i, size in enumerate(sizes) for line in (f"#EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION={size}", f"{i}")
    ]
    assert parsed("\n".join(["#EXTM3U", *lines])).variant().uri == str(chosen)


async def test_a_master_leads_to_one_variant(server: Server, fetcher: Fetcher) -> None:
    server.answers["/master"] = playlist(
        "#EXT-X-STREAM-INF:BANDWIDTH=9000,RESOLUTION=1280x720", "large", "#EXT-X-STREAM-INF:BANDWIDTH=1000", "small"
    )
    server.answers["/large"] = segments("a.ts")
    server.answers["/a.ts"] = response(body=b"a")
    assert await fetched(fetcher, server.url("/master")) == (b"a", [])
    server.answers["/large"] = server.answers["/master"]
    assert await refusal(fetcher, server.url("/master")) == "media_playlist"


def test_ranges_of_bytes_follow_each_other_and_adjacent_ones_are_one_request() -> None:
    text = """#EXTM3U
#EXT-X-MAP:URI="a.mp4",BYTERANGE="100@0"
#EXT-X-BYTERANGE:50@100
a.mp4
#EXT-X-BYTERANGE:25
a.mp4
#EXT-X-BYTERANGE:10@500
a.mp4
b.mp4
"""
    assert list(pieces(parsed(text).segments)) == [Piece("a.mp4", 0, 175), Piece("a.mp4", 500, 510), Piece("b.mp4")]


async def test_only_the_ranges_named_are_taken(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a.m3u8"] = playlist("#EXT-X-BYTERANGE:3@4", "a.ts", "#EXT-X-BYTERANGE:2@0", "b.ts")
    server.answers["/a.ts"] = response("206 Partial Content", b"456", Content_Range="bytes 4-6/10")
    server.answers["/b.ts"] = response(body=b"0123456789")
    assert await fetched(fetcher, server.url("/a.m3u8")) == (b"45601", [])
    assert "Range: bytes=4-6" in server.requests[1]
    for wrong in (response(body=b"0123456789"), response("206 Partial Content", b"0", Content_Range="bytes 0-2/10")):
        server.answers["/a.ts"] = wrong
        assert await fetched(fetcher, server.url("/a.m3u8")) == (b"01", ["link_refused"])
    server.answers["/a.ts"] = response("206 Partial Content", b"45", Content_Range="bytes 4-5/6")
    assert await fetched(fetcher, server.url("/a.m3u8")) == (b"4501", ["media_partial"])


async def test_encrypted_segments_are_a_reason(server: Server, fetcher: Fetcher) -> None:
    key = '#EXT-X-KEY:METHOD=AES-128,URI="key"'
    server.answers["/a.ts"] = response(body=b"clear")
    server.answers["/all"] = playlist(key, "a.ts", "a.ts")
    server.answers["/some"] = playlist("a.ts", key, "b.ts", "#EXT-X-KEY:METHOD=NONE", "a.ts")
    assert await refusal(fetcher, server.url("/all")) == "media_encrypted"
    assert len(server.requests) == 1
    assert await fetched(fetcher, server.url("/some")) == (b"clearclear", ["media_encrypted"])


@pytest.mark.parametrize(("target", "reason"), ELSEWHERE.items())
async def test_a_playlist_leads_nowhere_that_a_link_may_not(
    server: Server, fetcher: Fetcher, target: str, reason: str
) -> None:
    inside = target.format(port=server.port)
    server.answers["/a.ts"] = response(body=b"a")
    for lines in ([inside], [f'#EXT-X-MAP:URI="{inside}"', inside], ["#EXT-X-STREAM-INF:BANDWIDTH=1", inside]):
        server.answers["/a.m3u8"] = playlist(*lines)
        assert await refusal(fetcher, server.url("/a.m3u8")) == reason
    server.answers["/a.m3u8"] = playlist("a.ts", inside)
    assert await fetched(fetcher, server.url("/a.m3u8")) == (b"a", [reason])
    assert not any("secret" in request for request in server.requests)


async def test_a_missing_segment_is_a_reason_beside_the_others(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a.ts"], server.answers["/c.ts"] = response(body=b"a"), response(body=b"c")
    server.answers["/a.m3u8"] = segments("a.ts", "b.ts", "c.ts")
    assert await fetched(fetcher, server.url("/a.m3u8")) == (b"ac", ["link_gone"])
    server.answers["/none.m3u8"] = segments(*(f"{number}.ts" for number in range(100)))
    n_before = len(server.requests)
    assert await refusal(fetcher, server.url("/none.m3u8")) == "link_gone"
    assert len(server.requests) == n_before + 17


async def test_a_segment_whose_server_fails_is_tried_again_with_all(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a.ts"], server.answers["/b.ts"] = response(body=b"a"), response("503 Service Unavailable")
    server.answers["/a.m3u8"] = segments("a.ts", "b.ts")
    with pytest.raises(TransientError):
        await fetched(fetcher, server.url("/a.m3u8"))


async def test_all_segments_together_have_the_bytes_of_one_medium(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a.ts"] = response(body=bytes(400_000))
    server.answers["/a.m3u8"] = segments("a.ts", "a.ts", "a.ts", "a.ts")
    content, missing = await fetched(fetcher, server.url("/a.m3u8"))
    assert 800_000 <= len(content) <= 1_000_000
    assert missing == ["media_too_large", "media_partial"]
    assert len(server.requests) == 4


async def test_what_came_in_time_is_kept(server: Server, tmp_path: Path) -> None:
    async def hangs(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.answers["/a.ts"], server.answers["/b.ts"] = response(body=b"a"), hangs
    server.answers["/a.m3u8"] = segments("a.ts", "b.ts")
    async with Fetcher(settings(tmp_path, fetch_timeout_s=0.5)) as fetcher:
        assert await fetched(fetcher, server.url("/a.m3u8")) == (b"a", ["link_timeout"])


def test_segments_beyond_the_limit_are_not_read() -> None:
    found = parsed("#EXTM3U\n" + "a.ts\n" * (MAX_SEGMENTS + 1))
    assert (len(found.segments), found.is_cut) == (MAX_SEGMENTS, True)
    assert not parsed("#EXTM3U\n" + "a.ts\n" * MAX_SEGMENTS).is_cut


async def test_more_segments_than_the_limit_are_a_reason(
    server: Server, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.decode.fetch.pieces.MAX_SEGMENTS", 2)
    server.answers["/a.ts"] = response(body=b"a")
    server.answers["/a.m3u8"] = segments("a.ts", "a.ts", "a.ts")
    assert await fetched(fetcher, server.url("/a.m3u8")) == (b"aa", ["media_too_long"])


@pytest.mark.parametrize(
    "lines", [(), ("#EXT-X-GAP", "a.ts"), ("#EXT-X-BYTERANGE:soon", "a.ts"), ("#" + "x" * 5_000_000,)]
)
async def test_a_playlist_that_names_nothing_readable_is_refused(
    server: Server, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    server.answers["/a.m3u8"] = playlist(*lines)
    async with Fetcher(settings(tmp_path, max_bytes=10_000_000)) as fetcher:
        assert await refusal(fetcher, server.url("/a.m3u8")) == "media_playlist"


def test_hostile_text_takes_time_in_proportion_to_its_length() -> None:
    for hostile in ("A" * 60_000, 'A="' * 20_000, '#EXT-X-KEY:METHOD=AES-128,URI="a"\n' * 3_000):
        assert parsed(f"#EXTM3U\n#EXT-X-STREAM-INF:{hostile}").segments == []


async def test_only_a_mediums_own_declared_size_is_reserved(tmp_path: Path) -> None:
    async def chunks(*content: bytes) -> AsyncGenerator[bytes]:
        for chunk in content:
            yield chunk

    reserved: list[int] = []
    with unnamed_file(tmp_path) as file:
        received = Received(file, Turn("host", Share(), 0.0, 0), 1000, reserved.append)
        received.declare(60)
        await received.write(chunks(b"#EXTM3U\n", b"#" * 52))
        assert len(received.taken()) == 60
        await received.write(chunks(bytes(100)))
    assert reserved == []
    with unnamed_file(tmp_path) as file:
        received = Received(file, Turn("host", Share(), 0.0, 0), 1000, reserved.append)
        received.declare(60)
        await received.write(chunks(bytes(10), bytes(50)))
    assert reserved == [60]
