"""Feed commands: posts are written, malformed entries are dead letters, and repeated entries are the same posts."""

import json
from collections.abc import Iterable
from pathlib import Path

from streams.feeds.files.folder import PLATFORM
from tests.integration.system import Kept, System
from tests.unit.decode.made import image, scene

LINES = [
    b'{"platform": "made", "url": "https://made.example/1", "caption": "one", "media": ["https://made.example/1.mp4"]}',
    b'{"platform": "made", "url": ',
    b'{"platform": "made", "url": "https://made.example/2", "caption": "\xec\xa7\x80\xed\x82\xb4\xec\x9d\xb4"}',
    b"",
    b'{"caption": "three", "medai": []}',
]
FED = b"\n".join(LINES) + b"\n"


def ids(kept: Iterable[Kept]) -> list[str]:
    assert all(record.key == record.message.post_id for record in kept)
    return sorted(record.message.post_id for record in kept)


def test_lines_become_posts_and_the_malformed_ones_dead_letters(system: System, tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_bytes(FED)
    answer = system.jikimi_here("feed", "jsonl", str(file))
    assert (answer.code, answer.out, answer.err) == (0, "2 posts, 2 refused\n", "")
    posts = system.records("posts")
    assert {kept.message.caption for kept in posts} == {"one", "지킴이"}
    letters = {kept.message.offset: kept.message for kept in system.records("dead-letters")}
    assert {line: letter.value for line, letter in letters.items()} == {2: LINES[1], 5: LINES[4]}
    assert letters[2].reason == "feed_entry_malformed"
    assert letters[2].detail.startswith(f"{file} line 2: ")
    assert "medai" in letters[5].detail


def test_a_file_resumes_after_the_last_line_read(system: System, tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_bytes(FED)
    assert system.jikimi_here("feed", "jsonl", str(file)).out == "2 posts, 2 refused\n"
    assert system.jikimi_here("feed", "jsonl", str(file)).out == "0 posts, 0 refused\n"
    with file.open("ab") as more:
        more.write(b'{"caption": "four"}\n')
    assert system.jikimi_here("feed", "jsonl", str(file)).out == "1 posts, 0 refused\n"


def test_a_pipe_is_a_file_and_the_same_lines_are_the_same_posts(system: System, tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_bytes(FED)
    assert system.jikimi_here("feed", "jsonl", str(file)).code == 0
    assert system.jikimi("feed", "jsonl", "-", stdin=FED).code == 0
    once = ids(system.records("posts"))[::2]
    assert ids(system.records("posts")) == sorted(once * 2)
    assert len(once) == 2


def test_a_folder_becomes_posts_with_the_fields_of_sidecars(system: System, tmp_path: Path) -> None:
    image(tmp_path / "one.png", scene(1))
    image(tmp_path / "two.png", scene(2))
    image(tmp_path / "three.png", scene(3))
    (tmp_path / "two.png.json").write_text(json.dumps({"caption": "beside it", "platform": "made"}))
    (tmp_path / "three.png.json").write_text("{")
    (tmp_path / "notes.txt").write_text("no medium")
    for output in ("3 posts, 1 refused\n", "0 posts, 0 refused\n"):
        answer = system.jikimi_here("feed", "folder", str(tmp_path), "--once")
        assert (answer.code, answer.out) == (0, output)
        assert f"JIKIMI_MEDIA_FILE_ROOTS names the folder: {tmp_path}\n" in answer.err
    posts = {kept.message.post_id: kept.message for kept in system.records("posts")}
    assert len(system.records("posts")) == 3
    assert {(post.platform, post.caption) for post in posts.values()} == {(PLATFORM, ""), ("made", "beside it")}
    assert {post.media[0].url for post in posts.values()} == {
        (tmp_path / name).as_uri() for name in ("one.png", "two.png", "three.png")
    }
    assert len(system.records("dead-letters")) == 1


def test_a_folder_or_a_file_that_is_not_there_is_one_line(system: System, tmp_path: Path) -> None:
    for arguments in (["folder", str(tmp_path / "none")], ["jsonl", str(tmp_path / "none")]):
        answer = system.jikimi_here("feed", *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert len(answer.err.splitlines()) == 1


def test_no_broker_is_one_line(system: System) -> None:
    no_broker = {"JIKIMI_BOOTSTRAP_SERVERS": "127.0.0.1:1", "JIKIMI_START_GRACE_S": "2"}
    answer = system.jikimi("feed", "jsonl", "-", stdin=FED, environment=no_broker)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1, answer.err
    assert "127.0.0.1:1" in answer.err
