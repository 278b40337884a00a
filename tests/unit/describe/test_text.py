from typing import Any, cast

import numpy as np

from models.text.model import TextModel
from models.text.terms import Named, named, term_digests
from schemas.messages import Descriptors, Text, Texts
from streams.describe.text import describe_texts
from tests.unit.made_messages import segment

KEY = b"k" * 32


class Constant:
    """Model with the same vector for every text."""

    name, version = "constant", "1"

    def describe(self, texts: list[str]) -> Any:
        return np.ones((len(texts), 4), np.float32)


def described(*texts: str) -> Descriptors:
    message = Texts(segment=segment(medium=-1), texts=[Text(source="caption", text=text) for text in texts])
    return cast("Descriptors", describe_texts(cast("TextModel", Constant()), message, KEY).message)


def test_links_in_the_texts_are_extracted() -> None:
    assert described("풀버전 t.me/Room", "문의 @somebody", "again T.me/room").links == ["t.me/room", "@somebody"]


def test_a_name_split_over_two_texts_is_found() -> None:
    assert named(term_digests("김민지", KEY), described("김", "민지 영상").digests) == Named(1, 0)
    assert described("").vectors.rows == 0
