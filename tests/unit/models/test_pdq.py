"""PDQ: the bits of the package pdqhash 0.2.8, which is Meta's implementation."""

import numpy as np
import pytest
from PIL import Image

from models.pdq.hash import NEAR_BITS, distances, picture_hash, turned

# Printed by pdqhash.compute of the same pictures.
OF_PDQHASH = {
    (320, 240, 3, 2, 1): "aa4352a39643b6ab24436c8bcc4398ab3943faaad54a0a951527facf001ffffc",
    (568, 320, 1, 2, 2): "54aaaaaa50aa954a294ada5b26ca4ddab99263328e3678d6801f1ffffff001f0",
    (64, 64, 9, 5, 7): "0c8b32a154ab21b507ab2b95512bc56593cb8535aeaf51390d73a0c1aaa3fffe",
    (100, 37, 5, 9, 3): "1333ca8d25d3438d5953529515537b8de153239d56d3aa9546337be546a32ca7",
    (131, 700, 2, 1, 3): "09d412aa5552a8b5d34d8e1971e3000fffff55d32825dfd92023828ffff2828e",
}
# Printed by pdqhash.compute_dihedral of the first one.
IN_ALL_POSITIONS = {
    "aa4352a39643b6ab24436c8bcc4398ab3943faaad54a0a951527facf001ffffc",
    "b32599929cc58e1287d5c1d2f051ff565555555a41493dec15671fe0ffee0061",
    "ff37f83fc73f1c29719fc631991632116c17d000801fa03f48725765554ad7d6",
    "e6703338c99024b8d2886bfda50555fd0801fff0b41cd7467832f54aaabbbacb",
    "aa77ad5cd66f497d24cb9374cc5367543d438555d54af56a5d270730001f0783",
    "ff0207e28312e3de711639de9906cdfe6c162fff801f5fc00072a99a554aaaa9",
    "b36546659cc571ed87d53e29f05500a95555aaa5514900131567001fffeeff9e",
    "e671eccfc990db47d288b487a505aa070801000ff41cefb97832eab5eabbfdb4",
}


def made(width: int, height: int, a: int, b: int, c: int) -> Image.Image:
    """Return a picture of whole numbers, the same on every machine."""
    y, x = np.mgrid[0:height, 0:width]
    channels = ((a, b, 97), (b, c, 61), (c, a, 131))
    return Image.fromarray(
        np.stack([np.abs((x * k + y * m + (x * y) // n) % 510 - 255) for k, m, n in channels], -1).astype(np.uint8)
    )


@pytest.mark.parametrize("picture", OF_PDQHASH, ids=str)
def test_a_hash_has_the_bits_of_the_reference(picture: tuple[int, int, int, int, int]) -> None:
    found = picture_hash(made(*picture))
    assert found.hashes[0].tobytes().hex() == OF_PDQHASH[picture]
    assert found.quality == 100


def test_all_eight_positions_have_the_bits_of_the_reference() -> None:
    found = picture_hash(made(320, 240, 3, 2, 1))
    assert {each.tobytes().hex() for each in found.hashes} == IN_ALL_POSITIONS


@pytest.mark.parametrize("turn", Image.Transpose, ids=lambda turn: turn.name)
def test_a_turned_or_mirrored_picture_is_near_in_one_position(turn: Image.Transpose) -> None:
    tiny = np.random.default_rng(7).integers(0, 255, (6, 10, 3), dtype=np.uint8)
    picture = Image.fromarray(tiny).resize((640, 360), Image.Resampling.BICUBIC)
    original, other = picture_hash(picture), picture_hash(picture.transpose(turn))
    assert distances(other.hashes[:1], original.hashes[:1])[0, 0] > NEAR_BITS
    assert distances(other.hashes, original.hashes[:1]).min() <= 10


def test_the_positions_of_a_hash_are_near_to_those_of_its_picture() -> None:
    found = picture_hash(made(320, 240, 3, 2, 1)).hashes
    exact = np.bitwise_count(turned(found[:1])[:, 0] ^ found).sum(axis=1)
    assert exact[0] == 0
    assert exact.max() <= NEAR_BITS


def test_turning_a_hash_keeps_distances_and_is_undone_by_another_turn() -> None:
    one, other = np.random.default_rng(3).integers(0, 256, (2, 5, 32), dtype=np.uint8)
    for mine, theirs in zip(turned(one), turned(other), strict=True):
        assert (distances(mine, theirs) == distances(one, other)).all()
        assert sum((back == one).all() for back in turned(mine)) == 1


def test_a_plain_or_tiny_picture_has_no_quality() -> None:
    assert picture_hash(Image.new("RGB", (320, 240), "grey")).quality == 0
    assert picture_hash(Image.new("RGB", (4, 300), "grey")).quality == 0


def test_a_huge_picture_is_near_to_a_small_one() -> None:
    picture = made(9_000, 12, 3, 2, 1)
    assert picture_hash(picture).hashes.shape == (8, 32)
