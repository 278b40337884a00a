from datetime import UTC, datetime
from typing import Any, cast

import numpy as np

from models.text.model import TextModel
from models.text.terms import Named, named, term_digests
from schemas.messages import Descriptors, Parts, PostRef, Segment, Text, Texts
from streams.describe.text import describe_texts

KEY = b"k" * 32
AT = datetime(2026, 1, 1, tzinfo=UTC)
POST = PostRef(post_id="p", platform="x", url="http://x/p", published_at=AT, seen_at=AT)
SEGMENT = Segment(post=POST, parts=Parts(visual=0, audio=0, text=1), segment=0, medium=-1, start_s=0, duration_s=0)


class Constant:
    """Model with the same vector for every text."""

    name, version = "constant", "1"

    def describe(self, texts: list[str]) -> Any:
        return np.ones((len(texts), 4), np.float32)


def described(*texts: str) -> Descriptors:
    message = Texts(segment=SEGMENT, texts=[Text(source="caption", text=text) for text in texts])
    return cast("Descriptors", describe_texts(cast("TextModel", Constant()), message, KEY).message)


def test_links_in_the_texts_are_extracted() -> None:
    assert described("풀버전 t.me/Room", "문의 @somebody", "again T.me/room").links == ["t.me/room", "@somebody"]


def test_a_name_split_over_two_texts_is_found() -> None:
    assert named(term_digests("김민지", KEY), described("김", "민지 영상").digests) == Named(1, 0)
    assert described("").vectors.rows == 0
