"""Search of a post's hashes in lists."""

from datetime import UTC, datetime

import numpy as np

from models.pdq.hash import NEAR_BITS, Bits, distances
from schemas.matrix import pack
from schemas.messages import Descriptors, FrameHash, ListEntry, ListPart, Thumbnail
from streams.describe.exact import keyed
from streams.exchange.formats.changes import Change, Signal
from streams.exchange.list_index import ListIndex, PartHashes
from streams.exchange.lists import PARTS, entries_of, part_of, parts_of
from tests.unit.made_messages import segment

KEY = b"k" * 32
AT = datetime(2026, 11, 23, tzinfo=UTC)
RNG = np.random.default_rng(5)
MANY: Bits = RNG.integers(0, 256, (2_000, 32), dtype=np.uint8)


def flipped(hashed: Bits, bits: int) -> Bits:
    at = RNG.permutation(256)[:bits]
    mask = np.packbits(np.isin(np.arange(256), at))
    return hashed ^ mask


def part(list_id: str = "list-a", pdq: Bits = MANY, md5: tuple[bytes, ...] = ()) -> ListPart:
    entries = [ListEntry(origin=f"p{n}", kind="pdq", value=each.tobytes()) for n, each in enumerate(pdq)]
    entries += [ListEntry(origin=f"m{n}", kind="md5", value=each) for n, each in enumerate(md5)]
    return ListPart(list_id=list_id, part=0, entries=entries, at=AT)


def index(*parts: ListPart) -> ListIndex:
    return ListIndex([PartHashes.of(each, KEY) for each in parts])


def query(frames: list[tuple[float, Bits]] | None = None, digests: tuple[bytes, ...] = ()) -> Descriptors:
    return Descriptors(
        descriptor_id="d",
        segment=segment(),
        modality="visual",
        model="m",
        version="1",
        vectors=pack(np.zeros((0, 4), np.float32)),
        times_s=[],
        digests=[keyed(digest, KEY) for digest in digests],
        thumbnails=[Thumbnail(time_s=2.0, jpeg=b"two"), Thumbnail(time_s=50.0, jpeg=b"fifty")],
        pdq=[FrameHash(time_s=at, hashes=np.resize(one, (8, 32)).tobytes()) for at, one in frames or []],
    )


def test_every_hash_within_the_distance_is_found_and_none_beyond_it() -> None:
    found = index(part())
    for bits in (0, 1, 15, 16, 30, NEAR_BITS):
        queries = np.stack([flipped(each, bits) for each in MANY[:40]])
        near = found.near(queries)
        assert [{(one.signal.value, one.distance) for one in each} for each in near] == [
            {(each.tobytes(), bits)} for each in MANY[:40]
        ]
    assert not any(found.near(np.stack([flipped(each, NEAR_BITS + 1) for each in MANY[:40]])))


def test_the_index_finds_what_a_comparison_with_all_finds() -> None:
    centre = MANY[0]
    close = np.stack([flipped(centre, int(bits)) for bits in RNG.integers(0, 60, 300)])
    near = index(part(pdq=close)).near(centre[None])[0]
    expected = close[distances(centre[None], close)[0] <= NEAR_BITS]
    assert sorted(one.signal.value for one in near) == sorted(each.tobytes() for each in expected)


def test_a_hash_is_one_match_from_its_first_to_its_last_frame() -> None:
    frames = [(0.0, MANY[9] ^ 255), (2.0, flipped(MANY[3], 8)), (4.0, flipped(MANY[3], 20))]
    (match,) = index(part()).search(query(frames))
    assert (match.case_id, match.reference_id) == ("list-a", f"pdq-{MANY[3].tobytes().hex()}")
    assert (match.query.start_s, match.query.end_s, match.thumbnail) == (2.0, 4.0, b"two")
    assert match.score == 1 - 8 / 256


def test_a_file_is_found_by_its_md5_in_every_list_that_has_it() -> None:
    md5 = bytes(range(16))
    found = index(part("list-a", MANY[:0], (md5,)), part("list-b", MANY[:5], (md5, md5)))
    matches = found.search(query(digests=(md5, b"another")))
    assert {(match.case_id, match.reference_id) for match in matches} == {
        ("list-a", f"md5-{md5.hex()}"),
        ("list-b", f"md5-{md5.hex()}"),
    }
    assert len(found) == 8 - 1  # the same MD5 twice in one part is one


def test_without_a_key_no_md5_is_compared() -> None:
    found = ListIndex([PartHashes.of(part(pdq=MANY[:2], md5=(b"m" * 16,)), None)])
    assert len(found) == 2


def test_hashes_of_a_wrong_length_are_left_out() -> None:
    wrong = ListPart(list_id="list-a", part=0, entries=[ListEntry(origin="a", kind="pdq", value=b"short")], at=AT)
    assert len(index(wrong)) == 0
    assert index().search(query([(0.0, MANY[0])])) == []


def test_a_list_is_the_same_after_it_was_written_and_a_change_touches_one_part() -> None:
    entries = {
        f"id-{n}": Change(f"id-{n}", (Signal("pdq", each.tobytes()), Signal("md5", each[:16].tobytes())), is_film=False)
        for n, each in enumerate(MANY[:900])
    }
    parts = parts_of("list-a", entries, AT)
    assert entries_of(parts.values()) == entries
    assert len(parts) > PARTS // 2
    changed = entries | {"id-7": entries["id-7"]._replace(signals=())}
    again = parts_of("list-a", changed, AT)
    assert [at for at in parts if again.get(at) != parts[at]] == [part_of("id-7")]
