"""Media that DASH manifests name, from a server on the loopback."""

import asyncio
from pathlib import Path

import pytest

from streams.decode.fetch.fetcher import Fetcher
from streams.decode.fetch.manifest import parsed
from streams.decode.fetch.pieces import MAX_PARTS, MAX_SEGMENTS, Piece, pieces
from streams.errors import UnprocessableError
from tests.unit.decode.made import moving, tone, video
from tests.unit.decode.served import Server, response, settings
from tests.unit.decode.test_hls import ELSEWHERE, fetched, refusal, scanned

BASE = "http://host/clip/a.mpd"


def manifest(*periods: str, attributes: str = 'mediaPresentationDuration="PT8S"') -> str:
    return f'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}>{"".join(periods)}</MPD>'


def period(*sets: str, attributes: str = "") -> str:
    return f"<Period {attributes}>{''.join(sets)}</Period>"


def group(*content: str, kind: str = "video/mp4") -> str:
    return f'<AdaptationSet mimeType="{kind}">{"".join(content)}</AdaptationSet>'


def representation(content: str = "", size: tuple[int, int] = (640, 360), rate: int = 1000, name: str = "r") -> str:
    width, height = size
    return (
        f'<Representation id="{name}" bandwidth="{rate}" width="{width}" height="{height}">{content}</Representation>'
    )


def single(uri: str, kind: str = "video/mp4") -> str:
    return group(representation(f"<BaseURL>{uri}</BaseURL>"), kind=kind)


def named(text: str) -> list[str]:
    """Return what is fetched of the picture."""
    picture, _ = parsed(text, BASE)
    return [piece.uri.removeprefix("http://host/clip/") for piece in pieces(picture.segments)]


def serve(server: Server, folder: Path) -> None:
    for path in folder.iterdir():
        server.answers[f"/{path.name}"] = response(body=path.read_bytes())


@pytest.mark.parametrize("options", [
    {"use_template": "1", "use_timeline": "1"},
    {"use_template": "1", "use_timeline": "0"},
    {"use_template": "0", "use_timeline": "0"},
    {"single_file": "1"},
    {"dash_segment_type": "webm"},
], ids=["timeline", "numbers", "list", "ranges", "webm"])  # fmt: skip
async def test_what_a_packager_writes_is_fetched_with_its_sound(
    server: Server, fetcher: Fetcher, tmp_path: Path, options: dict[str, str]
) -> None:
    folder = tmp_path / "packaged"
    folder.mkdir()
    is_webm = "dash_segment_type" in options
    video(
        folder / "a.mpd",
        moving(60),
        codec="libvpx-vp9" if is_webm else "libx264",
        sound=tone(6.0),
        sound_codec="libopus" if is_webm else "aac",
        options={"g": "10"},
        format_options={"seg_duration": "2", **options},
    )
    serve(server, folder)
    lanes, missing = await scanned(fetcher, server.url("/a.mpd"))
    assert [(seen, heard) for _, seen, heard in lanes] == [(True, False), (False, True)]
    assert [duration_s for duration_s, *_ in lanes] == pytest.approx([6.0, 6.0], abs=0.2)
    assert missing == []


def test_templates_are_filled_with_number_time_and_representation() -> None:
    template = """<SegmentTemplate timescale="10" startNumber="5" initialization="$RepresentationID$/i.mp4"
        media="$RepresentationID$/$Bandwidth$-$Number%03d$-$Time$-$$.m4s"><SegmentTimeline>{}</SegmentTimeline></SegmentTemplate>"""
    runs = '<S t="100" d="20" r="1"/><S d="30"/><S t="200" d="10" r="-1"/><S t="220" d="5" r="-1"/>'
    text = manifest(period(group(template.format(runs), representation()), attributes='duration="PT23S"'))
    times = [100, 120, 140, 200, 210, 220, 225]
    assert named(text) == [
        "r/i.mp4", *(f"r/1000-{number:03d}-{time}-$.m4s" for number, time in enumerate(times, 5))
    ]  # fmt: skip


def test_numbers_end_with_their_period() -> None:
    template = '<SegmentTemplate timescale="1000" duration="3000" media="$Number$.m4s"/>'
    assert named(manifest(period(group(template, representation())))) == ["1.m4s", "2.m4s", "3.m4s"]
    two = manifest(*(period(group(template, representation()), attributes=f'start="PT{at}S"') for at in (0, 2)))
    assert named(two) == ["1.m4s", "1.m4s", "2.m4s"]
    ended = template.replace("/>", ' endNumber="2"/>')
    assert named(manifest(period(group(ended, representation())), attributes="")) == ["1.m4s", "2.m4s"]


def test_what_a_representation_does_not_give_it_inherits() -> None:
    text = manifest(
        "<BaseURL>x/</BaseURL>",
        period(
            '<BaseURL>y/</BaseURL><SegmentTemplate initialization="i" duration="8" media="wrong"/>',
            group('<BaseURL>z/</BaseURL><SegmentTemplate media="$Number$"/>', representation()),
        ),
    )
    assert named(text) == ["x/y/z/i", "x/y/z/1"]


def test_ranges_include_their_last_byte() -> None:
    listed = """<SegmentList><Initialization range="0-99"/><SegmentURL mediaRange="100-149"/>
        <SegmentURL mediaRange="200-209"/><SegmentURL media="b.mp4"/></SegmentList>"""
    picture, _ = parsed(manifest(period(group(representation(f"<BaseURL>a.mp4</BaseURL>{listed}")))), BASE)
    whole = [Piece("http://host/clip/a.mp4", 0, 150), Piece("http://host/clip/a.mp4", 200, 210)]
    assert list(pieces(picture.segments)) == [*whole, Piece("http://host/clip/b.mp4")]


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [(((1920, 1080), (640, 360), (426, 240)), "1"), (((360, 640), (720, 1280)), "0"), (((256, 144), (426, 240)), "1")],
)
def test_the_smallest_picture_that_is_large_enough_is_chosen(sizes: list[tuple[int, int]], chosen: str) -> None:
    fast = group('<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode"/>', representation(name="f"))
    lines = [representation(f"<BaseURL>{number}</BaseURL>", size) for number, size in enumerate(sizes)]
    assert named(manifest(period(fast, group(*lines)))) == [chosen]


def test_the_main_sound_of_a_sufficient_rate_is_chosen() -> None:
    def sounds(language: str, role: str) -> str:
        lines = (
            representation(f"<BaseURL>{language}{rate}</BaseURL>", rate=rate) for rate in (128_000, 32_000, 64_000)
        )
        return group(f'<Role schemeIdUri="urn:mpeg:dash:role:2011" value="{role}"/>', *lines, kind="audio/mp4")

    _, sound = parsed(manifest(period(sounds("a", "dub"), sounds("b", "main"))), BASE)
    assert [segment.piece.uri for segment in sound.segments] == ["http://host/clip/b64000"]


async def test_periods_follow_each_other_and_single_files_are_parts(
    server: Server, fetcher: Fetcher, tmp_path: Path
) -> None:
    for number, duration_s in enumerate((2, 3)):
        path = video(tmp_path / f"{number}.mp4", moving(10 * duration_s))
        server.answers[f"/{number}.mp4"] = response(body=path.read_bytes())
        path = video(tmp_path / f"s{number}.mp4", sound=tone(float(duration_s)))
        server.answers[f"/s{number}.mp4"] = response(body=path.read_bytes())
    text = manifest(*(period(single(f"{n}.mp4"), single(f"s{n}.mp4", "audio/mp4")) for n in range(2)))
    server.answers["/a.mpd"] = response(body=text.encode())
    lanes, missing = await scanned(fetcher, server.url("/a.mpd"))
    assert [(round(duration_s), seen, heard) for duration_s, seen, heard in lanes] == [
        (2, True, False), (3, True, False), (2, False, True), (3, False, True)
    ]  # fmt: skip
    assert missing == []


async def test_encrypted_media_are_a_reason_and_clear_ones_are_preferred(server: Server, fetcher: Fetcher) -> None:
    locked = '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"/>'
    server.answers["/all.mpd"] = response(body=manifest(period(group(locked, representation()))).encode())
    assert await refusal(fetcher, server.url("/all.mpd")) == "media_encrypted"
    assert len(server.requests) == 1
    text = manifest(
        period(group(locked, representation("<BaseURL>a</BaseURL>", (1280, 720))), single("b")),
        period(group(locked, representation("<BaseURL>c</BaseURL>"))),
    )
    server.answers["/some.mpd"], server.answers["/b"] = response(body=text.encode()), response(body=b"clear")
    assert await fetched(fetcher, server.url("/some.mpd")) == (b"clear", ["media_encrypted"])


async def test_a_live_manifest_is_refused_as_such(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a.mpd"] = response(body=manifest(period(single("a")), attributes='type="dynamic"').encode())
    with pytest.raises(UnprocessableError, match="live") as refused:
        await fetched(fetcher, server.url("/a.mpd"))
    assert refused.value.reason == "media_playlist"


@pytest.mark.parametrize(("target", "reason"), ELSEWHERE.items())
async def test_a_manifest_leads_nowhere_that_a_link_may_not(
    server: Server, fetcher: Fetcher, target: str, reason: str
) -> None:
    inside = target.format(port=server.port)
    template = f'<SegmentTemplate initialization="{inside}" duration="8" media="a"/>'
    based = manifest(f"<BaseURL>{inside}</BaseURL>", period(single("")))
    for text in (manifest(period(single(inside))), manifest(period(group(template, representation()))), based):
        server.answers["/a.mpd"] = response(body=text.encode())
        assert await refusal(fetcher, server.url("/a.mpd")) == reason
    assert not any("secret" in request for request in server.requests)


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_DEEP = "<a>" * 120_000
_NO_TIME = '<SegmentTimeline><S d="0"/></SegmentTimeline>'


@pytest.mark.parametrize("text", [
    f'<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY l0 "lol">{_LAUGHS}]><MPD>&l9;</MPD>',
    '<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY a SYSTEM "file:///etc/passwd">]><MPD>&a;</MPD>',
    "<MPD>" + _DEEP,
    "<MPD>" + "<a/>" * 120_000 + "</MPD>",
    "<MPD>",
    "<MPD></MPD>",
    "<NO><MPD/></NO>",
    manifest(period(group(representation('<SegmentTemplate media="$Number$" duration="1"/>'))), attributes=""),
    manifest(period(group(representation('<SegmentTemplate media="$Number$"/>')))),
    manifest(period(group(representation(f'<SegmentTemplate media="$Number$">{_NO_TIME}</SegmentTemplate>')))),
    manifest(period(group(representation('<SegmentList><SegmentURL media="a" mediaRange="9-1"/></SegmentList>')))),
    manifest(period(group(representation('<SegmentTemplate media="$RepresentationID$"/>', name="x" * 9000)))),
    "<MPD>" + "x" * 5_000_000,
], ids=lambda text: text[:40])  # fmt: skip
async def test_a_manifest_that_cannot_be_read_is_refused(server: Server, tmp_path: Path, text: str) -> None:
    server.answers["/a.mpd"] = response(body=text.encode())
    async with Fetcher(settings(tmp_path, max_bytes=10_000_000)) as fetcher:
        assert await refusal(fetcher, server.url("/a.mpd")) == "media_playlist"


def test_segments_and_parts_beyond_the_limits_are_not_read() -> None:
    endless = '<SegmentTemplate media="$Number$" timescale="1000000" duration="1"/>'
    picture, _ = parsed(manifest(period(group(endless, representation()))), BASE)
    assert (len(picture.segments), picture.is_cut) == (MAX_SEGMENTS, True)
    picture, _ = parsed(manifest(*(period(single(str(n))) for n in range(MAX_PARTS + 1))), BASE)
    assert (len(picture.segments), picture.is_cut) == (MAX_PARTS, True)


async def test_more_than_the_limits_and_what_is_gone_are_reasons(server: Server, fetcher: Fetcher) -> None:
    text = manifest(*(period(single(str(n))) for n in range(MAX_PARTS + 2)))
    server.answers["/a.mpd"] = response(body=text.encode())
    server.answers |= {f"/{n}": response(body=b"x") for n in range(1, MAX_PARTS + 2)}
    assert await fetched(fetcher, server.url("/a.mpd")) == (b"x" * (MAX_PARTS - 1), ["media_too_long", "link_gone"])


async def test_what_came_in_time_is_kept(server: Server, tmp_path: Path) -> None:
    async def hangs(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    text = manifest(period(single("a"), single("b", "audio/mp4")))
    server.answers["/a.mpd"], server.answers["/a"] = response(body=text.encode()), response(body=b"a")
    server.answers["/b"] = hangs
    async with Fetcher(settings(tmp_path, fetch_timeout_s=0.5)) as fetcher:
        assert await fetched(fetcher, server.url("/a.mpd")) == (b"a", ["link_timeout"])
