import uuid

import pytest

from schemas.ids import record_id


def test_an_id_never_changes() -> None:
    # If it changed, the records of a replay would be added to the old ones instead of overwriting them.
    assert record_id("verdict", "p1", "case-a", "act", "v1") == "2d6f7759-a07d-5451-b61e-0b35be5f2177"


def test_an_id_is_a_uuid() -> None:
    assert uuid.UUID(record_id("verdict", "p1")).version == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a", "b", ""), ("a", "b")),
        (("a\x1f1:b",), ("a", "b")),
        (("a", "1:b"), ("a", "1", "b")),
        (("", "a"), ("a", "")),
        (("p1", 1, 11), ("p1", 11, 1)),
    ],
)
def test_different_parts_give_different_ids(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert record_id("kind", *one) != record_id("kind", *other)


def test_different_kinds_give_different_ids() -> None:
    assert record_id("scores", "p1") != record_id("verdict", "p1")


def test_parts_may_contain_any_script() -> None:
    assert record_id("post", "게시물", "🎬") != record_id("post", "게시물", "🎞")
