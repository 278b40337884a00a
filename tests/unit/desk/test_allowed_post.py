"""Posts that are no copies and become an allow-list."""

from pathlib import Path

import msgspec
import pytest

from schemas.messages import Medium, Post
from streams.desk.allowed_post import fetched_media, found_elsewhere
from streams.errors import UsageError
from streams.settings import load_settings
from tests.unit.made_messages import NOW, takedown, verdict


def test_a_post_of_another_case_is_not_allowed() -> None:
    own, others = verdict(), verdict(case_id="case-b", decision="review")
    assert found_elsewhere([own, takedown()], "p1", "case-a") == []
    assert found_elsewhere([own, others], "p1", "case-a") == ["case-b"]
    assert found_elsewhere([takedown(case_id="case-c", state="removed")], "p1", "case-a") == ["case-c"]


def test_what_no_longer_counts_or_is_another_posts_does_not_stop_it() -> None:
    gone = [verdict(case_id="case-b", decision="dismiss"), takedown(case_id="case-b", state="issued")]
    assert found_elsewhere(gone, "p1", "case-a") == ["case-b"]
    assert found_elsewhere([verdict(case_id="case-b", decision="dismiss")], "p1", "case-a") == []
    other = msgspec.structs.replace(verdict().post, post_id="p2")
    assert found_elsewhere([verdict(case_id="case-b", post=other)], "p1", "case-a") == []


def post(*links: str, kind: str | None = None) -> Post:
    return Post(
        post_id="p1",
        platform="demo",
        url="https://made.example/1",
        published_at=NOW,
        seen_at=NOW,
        media=[Medium(url=link, kind=kind) for link in links],
    )


async def test_its_media_are_fetched_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"medium")
    settings = load_settings(media={"file_roots": (tmp_path,)})
    there, gone = (tmp_path / "a.mp4").as_uri(), (tmp_path / "b.mp4").as_uri()
    async with fetched_media(settings, post(there)) as files:
        assert [file.read_bytes() for file in files] == [b"medium"]
    with pytest.raises(UsageError, match="a medium of p1 cannot be fetched"):
        async with fetched_media(settings, post(there, gone)):
            pytest.fail("it must not begin")
    async with fetched_media(settings, post(there, kind="captions")) as files:
        assert files == []
