"""What is found live is found late: the same pairs of segment and reference with the same scores, of every kind."""

from collections.abc import Iterator

import numpy as np
import pytest

from models.text.terms import digests, term_digests
from ops.bench.late import LateSearch, archive_all, live_pairs
from schemas.messages import Case, Descriptors, Reference
from streams.match import merge_order, slices, space_index
from streams.match.milvus_archive import MilvusArchive
from streams.match.reference_index import ReferenceIndex
from tests.unit.made_messages import NOW
from tests.unit.match.test_reference_index import Vectors, entry, near, piece, query, unit

COLUMNS = 96
"""Few: rows of unrelated recordings resemble each other by chance as often as real ones do."""
KEY = b"0123456789abcdef"
FILE = b"f" * 16
FILM, CLIP = unit(150, COLUMNS, seed=1), unit(40, COLUMNS, seed=2)
ROOM, PHOTO, VOICE = unit(COLUMNS, seed=3), unit(1, COLUMNS, seed=4), unit(COLUMNS, seed=5)
SOUND, PHRASE = unit(160, COLUMNS, seed=6), unit(1, COLUMNS, seed=7)
_HARDLY = 0.2
"""Score below which nothing follows: codes may miss it."""
type Entry = tuple[str, Case, Reference]


def of_length_one(rows: Vectors) -> Vectors:
    made: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def times(n: int, step_s: float) -> list[float]:
    return [step_s * at for at in range(n)]


def recording(seed: int, seconds: int = 40) -> Vectors:
    """Return one recording of the room: the room, and who is in it."""
    moving = np.cumsum(unit(seconds + 4, COLUMNS, seed=seed), axis=0)
    return of_length_one(ROOM + 0.2 * of_length_one((moving[4:] - moving[:-4]).astype(np.float32)))


def speech(seed: int, share: float) -> Vectors:
    return of_length_one(share * VOICE + unit(12, COLUMNS, seed=seed) * np.float32(0.3))


def references() -> Iterator[Entry]:
    for number in range(3):
        cut = slice(60 * number, min(150, 60 * number + 60))
        times_s = [float(time_s) for time_s in range(cut.start, cut.stop)]
        yield entry(piece(FILM[cut], times_s, number, duration_s=float(len(times_s))), "film")
    yield entry(piece(CLIP, range(40), duration_s=40.0, digests=[FILE]), "clip")
    yield entry(piece(near(CLIP, 0.8, seed=8), range(40), duration_s=40.0), "look-alike")
    yield entry(piece(recording(10), range(40), duration_s=40.0), "room")
    yield entry(piece(recording(11), range(40), duration_s=40.0), "other recording")
    yield entry(piece(recording(10)[8:9], [0.0], duration_s=12.0), "room of one frame")
    yield entry(piece(PHOTO, [0.0], duration_s=0.0), "photo")
    yield entry(piece(SOUND, times(160, 0.25), modality="audio", duration_s=40.0), "sound")
    named = sorted(set[bytes]().union(*(term_digests(term, KEY) for term in ("byeolhaneul", "silent orchard"))))
    yield entry(piece(PHRASE, [0.0], modality="text", duration_s=0.0, digests=named), "words")
    yield entry(piece(speech(20, 1.0), range(12), modality="voice", duration_s=12.0), "voice")


def benign() -> Entry:
    intro = piece(FILM[:5], range(5), reference_id="intro", duration_s=5.0)
    return "allow/intro", Case(case_id="allow", name="x", opened_at=NOW, reference=intro, benign=True), intro


def posts() -> Iterator[tuple[str, Descriptors]]:
    """Yield segments and their kinds."""
    for at, cosine in enumerate((0.9, 0.6, 0.5, 0.45, 0.4, 0.36)):
        yield "edit", query(near(FILM[20:80], cosine, seed=100 + at), range(60))
        yield "edit", query(near(FILM[:60:4], cosine, seed=110 + at), times(15, 4.0))
        yield "excerpt", query(near(CLIP[10:14], cosine, seed=120 + at), range(4))
        yield "faster", query(near(CLIP, cosine, seed=130 + at), times(40, 0.8))
        yield "reversed", query(near(CLIP[::-1], cosine, seed=140 + at), range(40))
        yield "across pieces", query(near(FILM[57:63], cosine, seed=150 + at), range(6))
        yield "still", query(near(FILM[70:71], cosine, seed=160 + at), [0.0])
        yield "still of a photo", query(near(PHOTO, cosine, seed=170 + at), [0.0])
        yield "photo in a film", query(np.concatenate([unit(3, COLUMNS, seed=180), near(PHOTO, cosine)]), range(4))
        yield "fixed camera", query(near(recording(10)[5:30], cosine, seed=190 + at), range(25))
        yield "still of a room", query(near(recording(10)[5:6], cosine, seed=200 + at), [0.0])
        yield "sound", query(near(SOUND[20:80:2], cosine, seed=210 + at), times(30, 0.5), "audio")
        yield "short sound", query(near(SOUND[20:26:2], cosine, seed=220 + at), times(3, 0.5), "audio")
        yield "phrase", query(near(PHRASE, cosine, seed=230 + at), [0.0], "text")
        yield "voice", query(speech(30 + at, cosine), range(12), "voice")
    yield "another recording of the room", query(recording(12), range(40))
    yield "dark room", query(of_length_one(0.35 * ROOM + recording(10) - ROOM + unit(40, COLUMNS, seed=13)), range(40))
    yield "intro", query(FILM[:5], range(5))
    yield "exact", query(unit(2, COLUMNS, seed=14), [0.0, 1.0], digests=[FILE])
    yield "exact without frames", query(unit(0, COLUMNS), [], digests=[FILE])
    for text in ("byeolhaneul is here", "silent orchard", "b.y.e.o.l", "nothing of the kind"):
        yield "name", query(unit(1, COLUMNS, seed=15), [0.0], "text", digests=sorted(digests(text, KEY)))
    for seed in range(15):
        yield "unrelated", query(unit(20, COLUMNS, seed=300 + seed), range(20))
        yield "unrelated still", query(unit(1, COLUMNS, seed=400 + seed), [0.0])
        yield "unrelated sound", query(unit(40, COLUMNS, seed=500 + seed), times(40, 0.5), "audio")


KINDS, SEGMENTS = zip(*posts(), strict=True)


@pytest.fixture(scope="module", params=["exact", "coded"])
def archive(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[MilvusArchive]:
    made = MilvusArchive(tmp_path_factory.mktemp("archive"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "ROWS", 200)  # some slices are files, the others are in the engine
        patch.setattr(merge_order, "_TRAINED", 2 if request.param == "coded" else len(SEGMENTS))
        archive_all(made, SEGMENTS)
    assert is_coded(made) == (request.param == "coded")
    yield made
    made.close()


def is_coded(archive: MilvusArchive) -> bool:
    coded = {one.space.partition("_")[0] for one in archive._files.existing if archive._files.is_coded(one)}
    assert coded in ({"visual", "audio"}, set())
    return bool(coded)


@pytest.mark.parametrize("many", [64, 3], ids=["compared with all", "indexed"])
def test_live_and_late_find_the_same_pairs(many: int, archive: MilvusArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space_index, "MANY", many)
    index = ReferenceIndex([*references(), benign()])
    late = LateSearch(index, archive, SEGMENTS)
    live, found = live_pairs(index, SEGMENTS), late.pairs()
    assert {key: score for key, score in live.items() if key in found} == pytest.approx(found)
    missed = [score for key, score in live.items() if key not in found]
    assert [score for score in missed if score >= _HARDLY or not is_coded(archive)] == []
    assert len(missed) <= 0.05 * len(live)
    missing = {*KINDS} - {KINDS[number] for number, _, _ in live}
    assert {kind for kind in missing if not kind.startswith("unrelated")} <= {"intro"}
    n_pictures = sum(one.modality == "visual" for one in SEGMENTS)
    assert late.candidates["visual"] < 0.5 * late.pieces["visual"] * n_pictures
