"""Match on a real Kafka: a copy is found in either order of post and reference, over every crash."""

import random
import shutil
import time
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest

from models.registry import Registry
from schemas.matrix import pack
from schemas.messages import Descriptors, Scores
from streams.cases.entries import reference_key
from streams.demo.processes import Worker
from streams.describe.audio import describe_sounds
from tests.integration.made import COLUMNS, copied, described, entry, footage, reference
from tests.integration.system import Kept, System
from tests.support.deadline import DEADLINE_S
from tests.unit.match.test_landmarks import pieces_of, sounds
from tests.unit.models.voices import voice


def write_post(system: System, post_id: str, seed: int, segment: int = 0) -> None:
    message = described(post_id, copied(footage(seed)), segment=segment)
    system.write("descriptors", f"{post_id}/{segment}/visual", message)


def write_reference(system: System, case_id: str, seed: int) -> None:
    piece = reference(footage(seed))
    system.write("cases", reference_key(case_id, piece), entry(case_id, piece))


def erase_reference(system: System, case_id: str) -> None:
    system.write("cases", reference_key(case_id, reference(footage(0))), None)


def scores_of(kept: Iterable[Kept], post_id: str, *, late: bool) -> list[Scores]:
    return [record.message for record in kept if record.key == post_id and record.message.late is late]


def pairs(kept: Iterable[Kept]) -> set[tuple[str, str]]:
    return {(record.key, match.case_id) for record in kept for match in record.message.matches}


def cases_in(scores: Iterable[Scores]) -> list[str]:
    return [match.case_id for record in scores for match in record.matches]


def live_matches(system: System, post_id: str) -> list[str]:
    """Return the cases that a post matched live, once it was scored."""
    system.flush()
    found = system.wait("scores", lambda kept: scores_of(kept, post_id, late=False))
    return cases_in(found)


@pytest.fixture(scope="module")
def match(shared: System) -> Worker:
    return shared.worker("match")


@pytest.mark.usefixtures("match")
def test_a_post_after_its_reference_is_found(shared: System) -> None:
    write_reference(shared, "first", 1)
    shared.flush()
    deadline, number = time.monotonic() + DEADLINE_S, 0
    while True:  # time until a reference is live: one new post after the other until one matches
        write_post(shared, f"after-{number}", 1)
        if live_matches(shared, f"after-{number}") == ["first"]:
            break
        assert time.monotonic() < deadline
        number += 1
    (found,) = scores_of(shared.records("scores"), f"after-{number}", late=False)
    assert found.matches[0].score > 0.9
    assert (found.matches[0].query.start_s, found.matches[0].reference.end_s) == pytest.approx((0.0, 7.5), abs=0.1)


@pytest.mark.usefixtures("match")
def test_a_post_before_its_reference_is_found(shared: System) -> None:
    write_post(shared, "before", 2)
    assert live_matches(shared, "before") == []
    write_reference(shared, "second", 2)
    shared.flush()
    found = shared.wait("scores", lambda kept: scores_of(kept, "before", late=True))
    assert cases_in(found) == ["second"]
    assert found[0].matches[0].score > 0.9


@pytest.mark.usefixtures("match")
def test_landmarks_of_a_sound_raise_the_score_of_a_copy_and_lower_that_of_other_words(shared: System) -> None:
    (piece,) = pieces_of(voice(1, 1))
    (spoken,) = pieces_of(voice(1, 2))
    references = {"same": piece.landmarks, "unknown": None, "other": spoken.landmarks}
    for case_id, landmarks in references.items():
        changed = msgspec.structs.replace(piece, landmarks=landmarks)
        shared.write("cases", reference_key(case_id, changed), entry(case_id, changed))
    noise = np.random.default_rng(1).normal(0, 4000, len(voice(1, 1)))
    sound = describe_sounds(Registry().audio(), sounds((voice(1, 1) + noise).astype(np.int16))).message
    assert isinstance(sound, Descriptors)
    shared.write("descriptors", "spoken/0/audio", sound)
    shared.flush()
    found = shared.wait("scores", lambda kept: _of_cases(kept, sound.segment.post.post_id, set(references)))
    assert found["same"] > found["unknown"] > found["other"]


def _of_cases(kept: Iterable[Kept], key: str, cases: set[str]) -> dict[str, float]:
    """Return the score of each case, live or late; nothing before all have one."""
    scores = {one.case_id: one.score for record in kept if record.key == key for one in record.message.matches}
    return scores if cases <= scores.keys() else {}


@pytest.mark.usefixtures("match")
def test_a_segment_without_a_match_still_has_its_one_record(shared: System) -> None:
    for segment in range(3):
        write_post(shared, "nobody", 3, segment)
    shared.flush()
    shared.wait("scores", lambda kept: len(scores_of(kept, "nobody", late=False)) == 3)
    write_post(shared, "nobody-else", 3)
    live_matches(shared, "nobody-else")
    found = scores_of(shared.records("scores"), "nobody", late=False)
    assert sorted(scores.segment.segment for scores in found) == [0, 1, 2]
    assert all(scores.matches == [] for scores in found)
    assert scores_of(shared.records("scores"), "nobody", late=True) == []


@pytest.mark.usefixtures("match")
def test_an_empty_segment_still_has_its_one_record(shared: System) -> None:
    shared.write("descriptors", "empty/0/visual", described("empty", np.zeros((0, COLUMNS), np.float32)))
    assert live_matches(shared, "empty") == []


@pytest.mark.usefixtures("match")
def test_an_erased_reference_finds_nothing_more(shared: System) -> None:
    write_reference(shared, "erased", 4)
    shared.flush()
    write_post(shared, "before-erasure", 4)
    shared.flush()
    shared.wait("scores", lambda kept: ("before-erasure", "erased") in pairs(kept))
    erase_reference(shared, "erased")
    # A marker reference written after the tombstone: once it is live, the tombstone has been applied.
    write_post(shared, "marker-post", 40)
    write_reference(shared, "marker", 40)
    shared.flush()
    shared.wait("scores", lambda kept: ("marker-post", "marker") in pairs(kept))
    write_post(shared, "after-erasure", 4)
    assert live_matches(shared, "after-erasure") == []


@pytest.mark.usefixtures("match")
def test_a_replaced_reference_is_another_one(shared: System) -> None:
    write_post(shared, "old-copy", 5)
    write_post(shared, "new-copy", 6)
    write_reference(shared, "replaced", 5)
    shared.flush()
    shared.wait("scores", lambda kept: ("old-copy", "replaced") in pairs(kept))
    assert ("new-copy", "replaced") not in pairs(shared.records("scores"))
    write_reference(shared, "replaced", 6)
    shared.flush()
    shared.wait("scores", lambda kept: ("new-copy", "replaced") in pairs(kept))
    write_post(shared, "old-copy-again", 5)
    assert live_matches(shared, "old-copy-again") == []


@pytest.mark.usefixtures("match")
def test_a_reference_written_again_finds_the_posts_in_between(shared: System) -> None:
    write_post(shared, "seed-post", 7)
    write_reference(shared, "returning", 7)
    shared.flush()
    shared.wait("scores", lambda kept: ("seed-post", "returning") in pairs(kept))
    write_post(shared, "seed-post-8", 8)
    write_reference(shared, "returning", 8)
    shared.flush()
    shared.wait("scores", lambda kept: ("seed-post-8", "returning") in pairs(kept))
    write_post(shared, "meanwhile", 7)
    assert live_matches(shared, "meanwhile") == []
    write_reference(shared, "returning", 7)
    shared.flush()
    shared.wait("scores", lambda kept: ("meanwhile", "returning") in pairs(kept))


@pytest.mark.usefixtures("match")
def test_descriptors_that_cannot_be_compared_are_a_dead_letter_and_the_next_is_unharmed(shared: System) -> None:
    broken = described("broken", footage(9))
    for number, vectors in enumerate(
        [
            pack(footage(9)[:3]),  # fewer than its times
            pack(np.full((8, COLUMNS), np.nan, np.float32)),
            type(broken.vectors)(dtype="float16", rows=8, columns=COLUMNS, data=b"short"),
            type(broken.vectors)(dtype="float99", rows=0, columns=COLUMNS, data=b""),
        ]
    ):
        values = {name: getattr(broken, name) for name in broken.__struct_fields__} | {"vectors": vectors}
        shared.write("descriptors", f"broken-{number}", type(broken)(**values))
    write_post(shared, "unharmed", 9)
    assert live_matches(shared, "unharmed") == []
    letters = shared.wait("dead-letters", lambda kept: kept if len(kept) == 4 else [])
    assert {letter.message.reason for letter in letters} == {"descriptors_malformed"}
    assert {letter.message.fate for letter in letters} == {"unprocessable"}


@pytest.mark.usefixtures("match")
def test_a_malformed_reference_does_not_affect_others(shared: System) -> None:
    piece = reference(footage(10))
    broken = type(piece.vectors)(dtype="float16", rows=8, columns=COLUMNS, data=b"short")
    values = {name: getattr(piece, name) for name in piece.__struct_fields__} | {"vectors": broken}
    shared.write("cases", "malformed/r1/visual/0", entry("malformed", type(piece)(**values)))
    narrow = reference(footage(10)[:, :32], "narrow")
    shared.write("cases", "malformed/narrow/visual/0", entry("malformed", narrow))
    write_post(shared, "seen-clearly", 10)
    write_reference(shared, "clear", 10)
    shared.flush()
    shared.wait("scores", lambda kept: ("seen-clearly", "clear") in pairs(kept))


def _mixed(system: System, first: int, n: int, order: random.Random) -> set[tuple[str, str]]:
    """Write n references and two copies of each, all in random order; return the true pairs."""
    writes = [(seed, kind) for seed in range(first, first + n) for kind in ("reference", "a", "b")]
    order.shuffle(writes)
    for seed, kind in writes:
        if kind == "reference":
            write_reference(system, f"case-{seed}", seed)
        else:
            write_post(system, f"post-{seed}{kind}", seed)
    system.flush()
    return {(f"post-{seed}{copy}", f"case-{seed}") for seed in range(first, first + n) for copy in "ab"}


@pytest.mark.parametrize("lost", [False, True], ids=["archive kept", "archive lost"])
def test_no_pair_is_lost_in_a_race_with_a_kill_amid(system: System, lost: bool) -> None:
    order = random.Random(7)
    true = _mixed(system, 100, 40, order)
    # Its copies are committed before the kill and its references come after the restart: only the archive has them.
    for seed in range(300, 320):
        write_post(system, f"early-{seed}", seed)
    system.flush()
    worker = system.worker("match")
    system.wait("scores", lambda kept: sum(record.key.startswith("early-") for record in kept) == 20)
    true |= _mixed(system, 200, 40, order)
    system.wait("scores", lambda kept: len(kept) >= 60 + len(true) // 3)
    worker.kill()
    if lost:
        shutil.rmtree(system.folder / "one" / "match-archive")
    true |= _mixed(system, 400, 20, order)
    worker.start()
    for seed in range(300, 320):
        write_reference(system, f"case-{seed}", seed)
    system.flush()
    true |= {(f"early-{seed}", f"case-{seed}") for seed in range(300, 320)}
    system.wait("scores", lambda kept: true <= pairs(kept))
    assert pairs(system.records("scores")) == true
    assert system.records("dead-letters") == []
    live = {record.message.score_id for record in system.records("scores") if not record.message.late}
    assert len(live) == 220


def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_dies(system: System) -> None:
    order = random.Random(11)
    one, two = system.worker("match", "one"), system.worker("match", "two")
    true = _mixed(system, 100, 30, order)
    system.wait("scores", lambda kept: true <= pairs(kept))
    for seed in range(300, 320):
        write_post(system, f"early-{seed}", seed)
    true |= _mixed(system, 200, 10, order)
    system.wait("scores", lambda kept: sum(record.key.startswith("early-") for record in kept) >= 20)
    two.kill()
    for seed in range(300, 320):
        write_reference(system, f"case-{seed}", seed)
    true |= _mixed(system, 400, 10, order)
    true |= {(f"early-{seed}", f"case-{seed}") for seed in range(300, 320)}
    system.wait("scores", lambda kept: true <= pairs(kept))
    two.start()
    two.wait_until_ready()
    true |= _mixed(system, 500, 10, order)
    system.wait("scores", lambda kept: true <= pairs(kept))
    assert pairs(system.records("scores")) == true
    one.check()
    two.check()
