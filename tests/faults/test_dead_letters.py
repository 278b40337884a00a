"""One run of 160 good records and every kind of bad one: each bad one lies in the dead letters, nothing else does."""

from collections.abc import Iterator

import pytest

from schemas.messages import DeadLetter
from tests.faults.conftest import end
from tests.faults.rig import UNHURRIED, Fed, Rig, post, posts
from tests.support.brokers import make_topics, new_prefix

_GOOD = posts(160)
_BAD = {
    "refused": (post("refused", "refuse 1", 0), "instructed", "unprocessable", 1),
    "bug": (post("bug", "bug 1", 1), "bug", "bug", 1),
    "noise": (Fed(2, "noise", b"\x17 no message"), "wire_not_avro", "unprocessable", 1),
    "cut": (Fed(3, "cut", (post("cut").value or b"")[:40]), "wire_truncated", "unprocessable", 1),
    "tombstone": (Fed(4, "tombstone", None), "wire_empty", "unprocessable", 1),
    "hopeless": (post("hopeless", "transient 99", 5), "instructed", "transient", 4),
    # the topic takes 1 MiB, the producer 12 MiB
    "too big for the topic": (post("too big for the topic", "big 2000000", 6), "output_too_large", "unprocessable", 1),
    "too big to send": (post("too big to send", "big 13000000", 7), "output_too_large", "unprocessable", 1),
}
_PASSING = post("passing", "transient 2", 1)


@pytest.fixture(scope="module")
def rig(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("rig"), kafka, new_prefix(), dict(UNHURRIED))
    make_topics(kafka, rig.prefix)
    bad = [fed for fed, *_ in _BAD.values()]
    rig.feed([*_GOOD[:80], *bad, _PASSING, *_GOOD[80:]])
    rig.worker()
    rig.wait_until_committed()
    yield rig
    end(rig)


@pytest.fixture(scope="module")
def letters(rig: Rig) -> dict[str, DeadLetter]:
    letters = rig.dead_letters()
    assert len(letters) == len(_BAD)
    return {(letter.key or b"").decode(): letter for letter in letters}


def test_every_good_record_comes_out_once(rig: Rig) -> None:
    keys = rig.keys()
    assert all(keys[fed.key] == 1 for fed in _GOOD)
    assert set(keys) == {fed.key for fed in _GOOD} | {"passing"}


def test_a_record_that_fails_twice_for_now_comes_out_once(rig: Rig) -> None:
    assert rig.keys()["passing"] == 1


@pytest.mark.parametrize("key", _BAD)
def test_a_bad_record_is_a_dead_letter_that_says_why(letters: dict[str, DeadLetter], key: str) -> None:
    _, reason, fate, attempts = _BAD[key]
    letter = letters[key]
    assert (letter.reason, letter.fate, letter.attempts, letter.stage) == (reason, fate, attempts, "decode")
    assert (letter.traceback is not None) == (fate == "bug")


@pytest.mark.parametrize("key", _BAD)
def test_a_dead_letter_leads_back_to_the_original(rig: Rig, letters: dict[str, DeadLetter], key: str) -> None:
    letter = letters[key]
    (original,) = (found for found in rig.read("posts") if found.key == key)
    assert (letter.topic, letter.partition, letter.offset) == ("posts", original.partition, original.offset)
    assert letter.value == original.value == _BAD[key][0].value


def test_the_worker_lives_on(rig: Rig) -> None:
    (worker,) = rig.workers
    assert worker.alive
    assert worker.terminate() == 0
