import contextlib
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest

from models.text.terms import digests, named, term_digests
from streams.demo.posts import build_posts
from streams.demo.scenario import CASES, CLOVER, HAZEL, MEDIA, SCENES, WILLOW
from streams.demo.server import MOVED, MOVED_TO, serve
from streams.evaluation.edits import EDITS

KEY = b"a key for tests!"
REQUIRED_EDITS = {
    "reencoded",
    "cropped",
    "mirrored",
    "captioned",
    "sped_up",
    "picture_in_picture",
    "excerpt_inside_another",
    "sound_only",
    "silent",
}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_the_scenario_has_the_required_posts() -> None:
    kinds = Counter(scene.kind for scene in SCENES)
    assert len(SCENES) >= 24
    assert kinds["unrelated"] + kinds["broken"] >= kinds["copy"]
    assert {scene.edit for scene in SCENES if scene.kind == "copy"} >= REQUIRED_EDITS
    assert any(scene.case == WILLOW.name and scene.kind == "copy" for scene in SCENES)
    assert len({scene.name for scene in SCENES}) == len(SCENES)


def test_copies_are_of_references_of_their_case_and_other_videos_of_none() -> None:
    references = {case.name: {path.stem for path in case.references} for case in CASES}
    for scene in SCENES:
        if scene.kind == "copy":
            assert scene.clip in references[str(scene.case)]
        used = {scene.other} | ({scene.clip} if scene.kind == "unrelated" else set())
        assert not used & set[str]().union(*references.values())


def test_of_one_room_a_copy_acts_a_screenshot_asks_and_the_recording_of_another_person_does_neither() -> None:
    expected = {(scene.clip, scene.edit): scene.expected for scene in SCENES if str(scene.clip).startswith("room")}
    assert expected == {
        ("room", "captioned"): "act",
        ("room", "excerpt"): "act",
        ("room", "still"): "review",
        ("room-again", "captioned"): "none",
    }
    assert HAZEL.references == (MEDIA / "room.mp4",)


def test_only_the_mentions_name_a_term() -> None:
    terms = set[bytes]().union(*(term_digests(term, KEY) for term in CLOVER.terms))
    naming = {scene.name: named(terms, digests(scene.caption, KEY)) for scene in SCENES}
    sure = {scene.name for scene in SCENES if scene.kind == "mention"} - {"paraphrase"}
    assert {name for name, found in naming.items() if found.surely} == sure
    assert not any(found.perhaps for found in naming.values())


def test_a_disguised_mention_does_not_contain_its_term_in_plain_text() -> None:
    captions = {scene.name: scene.caption.casefold() for scene in SCENES}
    assert "byeolhaneul" not in captions["lookalikes"].replace(" ", "")
    assert "별하늘" not in captions["jamo"]
    assert captions["paraphrase"] not in CLOVER.phrases


def test_the_committed_media_are_short_credited_and_small() -> None:
    clips = sorted(MEDIA.glob("*.mp4"))
    assert sum(clip.stat().st_size for clip in clips) < 7_000_000
    assert "Blender Foundation" in (MEDIA / "CREDITS.md").read_text()
    for clip in clips:
        with av.open(clip) as container:
            assert container.duration == pytest.approx(14_000_000, abs=100_000)
            assert (len(container.streams.video), len(container.streams.audio)) == (1, 1)


def test_every_file_a_post_links_to_is_served_except_those_that_must_fail(tmp_path: Path) -> None:
    scenes = [scene for scene in SCENES if scene.edit in (None, "still")]
    progress: list[tuple[int, int]] = []
    with serve(tmp_path) as base_url:
        posts = build_posts(base_url, tmp_path, scenes=scenes, progress=lambda made, of: progress.append((made, of)))
        links = [m.url for demo in posts for m in demo.post.media if m.url.startswith(base_url)]
        missing = []
        for link in links:
            if urlsplit(link).path != f"/{MOVED}":
                try:
                    urllib.request.urlopen(link).close()
                except urllib.error.HTTPError as error:
                    missing.append((urlsplit(link).path, error.code))
                    error.close()
    assert missing == [("/gone.mp4", 404)]
    n_stills = sum(scene.edit == "still" for scene in SCENES)
    assert progress[-1] == (n_stills, n_stills)
    assert [demo.post.post_id for demo in posts] == [
        demo.post.post_id for demo in build_posts("http://x", tmp_path, scenes=scenes)
    ]


def test_the_corrupt_file_has_the_head_of_a_video_and_no_picture(tmp_path: Path) -> None:
    build_posts("http://x", tmp_path, scenes=[])
    corrupt = tmp_path / "corrupt.mp4"
    assert b"ftyp" in corrupt.read_bytes()[:16]
    with contextlib.suppress(av.error.FFmpegError), av.open(corrupt) as container:
        assert list(container.decode(video=0)) == []


def test_the_server_redirects_to_a_private_address_once(tmp_path: Path) -> None:
    opener = urllib.request.build_opener(NoRedirect)
    with serve(tmp_path) as base_url, pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(f"{base_url}/{MOVED}")
    assert caught.value.code == 302
    assert caught.value.headers["Location"] == MOVED_TO
    caught.value.close()


def test_every_scene_names_an_edit_and_clips_that_exist() -> None:
    for scene in SCENES:
        if scene.edit:
            assert scene.edit in EDITS
            assert (MEDIA / f"{scene.clip}.mp4").is_file()
            assert (MEDIA / f"{scene.other}.mp4").is_file()
