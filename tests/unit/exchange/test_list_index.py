"""Search of a post's hashes in lists."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from models.pdq.hash import NEAR_BITS, Bits, distances
from schemas.matrix import pack
from schemas.messages import Descriptors, FrameHash, ListEntry, ListPart, Thumbnail
from streams.describe.exact import keyed
from streams.exchange.formats.changes import Change, Signal
from streams.exchange.hash_rows import NOBODY, HashRows
from streams.exchange.list_index import ListIndex
from streams.exchange.lists import PARTS, entries_of, microseconds, part_key, part_of, parts_of
from tests.unit.made_messages import segment

KEY = b"k" * 32
AT = datetime(2026, 11, 23, tzinfo=UTC)
RNG = np.random.default_rng(5)
MANY: Bits = RNG.integers(0, 256, (2_000, 32), dtype=np.uint8)


def flipped(hashed: Bits, bits: int) -> Bits:
    at = RNG.permutation(256)[:bits]
    mask = np.packbits(np.isin(np.arange(256), at))
    return hashed ^ mask


def part(list_id: str = "list-a", pdq: Bits = MANY, md5: Iterable[bytes] = ()) -> ListPart:
    entries = [ListEntry(origin=f"p{n}", kind="pdq", value=each.tobytes()) for n, each in enumerate(pdq)]
    entries += [ListEntry(origin=f"m{n}", kind="md5", value=each) for n, each in enumerate(md5)]
    return ListPart(list_id=list_id, part=0, entries=entries, at=AT)


def index(*parts: ListPart) -> ListIndex:
    made = ListIndex(KEY)
    for number, each in enumerate(parts):
        made.put(str(number), each)
    return made


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
    assert sorted(one.signal.value for one in near) == sorted({each.tobytes() for each in expected})


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
    found = ListIndex(None)
    found.put("a", part(pdq=MANY[:2], md5=(b"m" * 16,)))
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
    assert PARTS // 8 < len(parts) < 900
    changed = entries | {"id-7": entries["id-7"]._replace(signals=())}
    again = parts_of("list-a", changed, AT)
    assert [at for at in parts if again.get(at) != parts[at]] == [part_key("list-a", part_of("id-7"))]


def test_after_any_changes_the_index_finds_what_a_comparison_with_all_finds() -> None:
    """Many parts of three lists are put and erased at random, with compactions in between."""
    found, held = ListIndex(KEY), dict[str, ListPart]()
    pool = np.concatenate([MANY[:60], *(np.stack([flipped(each, 20) for each in MANY[:60]]) for _ in range(3))])
    for _ in range(400):
        key = f"part-{RNG.integers(12)}"
        if RNG.random() < 0.2:
            found.erase(key)
            held.pop(key, None)
        else:
            chosen = pool[RNG.permutation(len(pool))[: RNG.integers(0, 120)]]
            md5 = [each[:16].tobytes() for each in chosen[::3]]
            held[key] = part(f"list-{RNG.integers(3)}", chosen, md5)
            found.put(key, held[key])
        check(found, held.values(), pool[RNG.integers(len(pool))])
    for key in list(held):
        found.erase(key)
    assert len(found) == 0
    assert found.near(pool) == [[] for _ in pool]


def check(found: ListIndex, held: Iterable[ListPart], asked: Bits) -> None:
    """Compare what is found with a comparison with every entry."""
    near = {(one.list_id, one.signal.value, one.distance) for one in found.near(asked[None])[0]}
    equal = {(one.list_id, one.signal.value) for one in found.equal([keyed(asked[:16].tobytes(), KEY)])}
    entries = [(part.list_id, each) for part in held for each in part.entries]
    values = [(name, each.value) for name, each in entries if each.kind == "pdq"]
    bits = [int(distances(asked[None], np.frombuffer(value, np.uint8)[None])[0, 0]) for _, value in values]
    assert near == {(*one, n) for one, n in zip(values, bits, strict=True) if n <= NEAR_BITS}
    assert equal == {(name, each.value) for name, each in entries if each.kind == "md5"} & {
        (name, asked[:16].tobytes()) for name, _ in entries
    }


def test_a_change_of_a_few_hashes_leaves_all_other_rows_where_they_are() -> None:
    rows = HashRows()
    before = rows.replaced(np.zeros(0, np.int64), dict.fromkeys((each.tobytes() for each in MANY), 5), 0)
    wanted = dict.fromkeys((each.tobytes() for each in [*MANY[3:], flipped(MANY[0], 9)]), 5)
    after = rows.replaced(before, wanted, 0)
    assert len(np.setdiff1d(before, after)) == 3
    assert np.setdiff1d(after, before).tolist() == [len(MANY)]
    assert {rows.value(row) for row in after.tolist()} == wanted.keys()
    assert {rows.owner(row) for row in np.setdiff1d(before, after).tolist()} == {NOBODY}
    assert not any(rows.value(row).strip(b"\0") for row in np.setdiff1d(before, after).tolist())


def test_what_a_list_has_since_an_import_is_known_and_is_an_index_of_its_own() -> None:
    old = [ListEntry(origin=f"p{n}", kind="pdq", value=each.tobytes(), since=5) for n, each in enumerate(MANY[:4])]
    new = [ListEntry(origin="new", kind="pdq", value=MANY[9].tobytes(), since=7)]
    new += [ListEntry(origin="file", kind="md5", value=b"m" * 16, since=7)]
    found = index(ListPart(list_id="list-a", part=0, entries=old + new, at=AT), part("list-b", MANY[9:12]))
    assert (found.newest(), found.n_added("list-a", 5, 7), found.n_added("list-a", 5, 6)) == (
        {"list-a": 7, "list-b": 0},
        2,
        0,
    )
    recent = found.only("list-a", 5, 7)
    assert len(recent) == 2
    assert [one.list_id for near in recent.near(MANY[:12]) for one in near] == ["list-a"]
    assert len(recent.equal([keyed(b"m" * 16, KEY)])) == 1
    assert found.n_added("list-gone", 0, 9) == 0


def test_an_entry_keeps_the_time_of_the_import_that_brought_it() -> None:
    entries = {n: Change(n, (Signal("pdq", each.tobytes()),)) for n, each in zip("ab", MANY, strict=False)}
    first = parts_of("list-a", {"a": entries["a"]}, AT)
    later = parts_of("list-a", entries, AT + timedelta(days=1), first.values())
    since = {entry.origin: entry.since for each in later.values() for entry in each.entries}
    assert since["b"] - since["a"] == 86_400_000_000
    assert since["a"] == microseconds(AT)


def test_removed_rows_are_left_out_once_they_are_more_than_the_others() -> None:
    rows = HashRows()
    held = rows.replaced(np.zeros(0, np.int64), dict.fromkeys((each.tobytes() for each in MANY), 5), 0)
    rows.remove(held[: len(MANY) // 2])
    before = rows.is_wasteful
    rows.remove(held[len(MANY) // 2 : -10])
    assert (before, rows.is_wasteful) == (False, True)
    made, moved = rows.compacted()
    assert len(made) == 10
    assert [made.value(row) for row in moved[held[-10:]].tolist()] == [rows.value(row) for row in held[-10:].tolist()]
