import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.registry import Registry
from models.visual.cuts import FIRST_RECTANGLE, FIRST_TILE, MIRRORED
from models.visual.model import VisualModel
from models.visual.views import content, is_blank, trim_bars
from tests.unit.models.made import jpeg, picture


@pytest.fixture(params=["sscd-distilled", "open-copy"])
def model(registry: Registry, request: pytest.FixtureRequest) -> VisualModel:
    return registry.visual(request.param)


def describe(model: VisualModel, *images: Image.Image, views: bool = False) -> npt.NDArray[np.float32]:
    return model.embed(model.prepare([jpeg(image) for image in images], views=views).pixels)


def whole(model: VisualModel, *images: Image.Image) -> npt.NDArray[np.float32]:
    prepared = model.prepare([jpeg(image) for image in images], views=True)
    return model.embed(prepared.pixels[prepared.view == 0])


def test_a_picture_is_described_by_a_row_of_length_one(model: VisualModel) -> None:
    vectors = whole(model, picture(1), picture(2))
    assert vectors.shape == (2, 512)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_stretched_recompressed_copy_is_closer_than_another_picture(model: VisualModel) -> None:
    original, other = picture(1), picture(2)
    copy = Image.open(io.BytesIO(jpeg(original.resize((300, 300)), quality=20)))
    first, second, third = whole(model, original, copy, other)
    assert first @ second > 0.7
    assert first @ third < 0.5


def test_copies_without_colours_are_closer_than_other_pictures(model: VisualModel) -> None:
    originals = [picture(seed) for seed in range(12)]
    cosines = whole(model, *(image.convert("L").convert("RGB") for image in originals)) @ whole(model, *originals).T
    assert cosines.diagonal().min() > 0.6
    assert cosines.diagonal().min() > cosines[~np.eye(12, dtype=bool)].max() + 0.05


def test_a_reference_has_many_views_a_post_few(model: VisualModel) -> None:
    frames = [jpeg(picture(seed)) for seed in range(8)]
    reference, post = model.prepare(frames, views=False), model.prepare(frames, views=True)
    assert np.bincount(reference.frame).tolist() == [11] * 8
    assert len(post.view) < 2 * len(frames)
    assert set(post.frame[post.view == 0].tolist()) == set(range(8))
    assert post.pixels.dtype == np.uint8
    assert len(post.pixels) == len(post.view) == len(post.frame)


@pytest.mark.parametrize(
    ("edited", "least"),
    [
        (lambda image: image.transpose(Image.Transpose.ROTATE_90), 0.85),
        (lambda image: image.transpose(Image.Transpose.ROTATE_270), 0.85),
        (lambda image: image.crop((164, 0, 316, 270)), 0.85),
        (lambda image: image.crop((0, 0, 250, 140)), 0.5),
    ],
)
def test_a_part_and_a_turned_copy_are_found_by_a_view_of_the_reference(
    model: VisualModel, edited: Callable[[Image.Image], Image.Image], least: float
) -> None:
    reference, other = describe(model, picture(1)), describe(model, picture(2))
    copy = describe(model, edited(picture(1)))[0]
    assert (reference @ copy).max() > least
    assert (reference @ copy).max() > (other @ copy).max() + 0.2


def test_a_picture_inside_a_picture_is_found_by_a_view(model: VisualModel) -> None:
    reference, screen = picture(1), picture(2, (640, 360))
    screen.paste(reference.resize((320, 180)), (310, 170))
    views = describe(model, screen, views=True) @ describe(model, reference)[0]
    assert views.max() > 0.9
    assert views.max() > views[0] + 0.15


def test_an_inset_of_many_frames_is_described_in_two_of_the_first_pass_and_in_all_of_a_second_look(
    model: VisualModel,
) -> None:
    screens = [picture(seed, (640, 360)) for seed in range(8)]
    for seed, screen in enumerate(screens):
        screen.paste(picture(50 + seed, (320, 180)), (310, 170))
    frames = [jpeg(screen) for screen in screens]
    first, look = model.prepare(frames, views=True), model.prepare(frames, views=True, sides=True)
    assert set(first.view.tolist()) <= {0, *range(FIRST_RECTANGLE, MIRRORED)}
    assert set(first.frame[first.view >= FIRST_RECTANGLE].tolist()) == {2, 5}
    assert set(look.frame[look.view >= FIRST_RECTANGLE].tolist()) == set(range(8))


def test_a_first_pass_has_tiles_of_a_single_frame_only(model: VisualModel) -> None:
    spots = np.random.default_rng(1).integers(0, 256, (8, 6, 6, 3), np.uint8)
    frames = [jpeg(Image.fromarray(each).resize((480, 270), Image.Resampling.BICUBIC)) for each in spots]  # no lines
    tiles = set(range(FIRST_TILE, FIRST_TILE + 5))
    assert not set(model.prepare(frames, views=True).view.tolist()) & tiles
    assert tiles <= set(model.prepare(frames[:1], views=True).view.tolist())
    assert tiles <= set(model.prepare(frames, views=True, sides=True).view.tolist())


def test_a_wide_picture_in_a_filled_tall_frame_is_found_by_a_view(model: VisualModel) -> None:
    reference, screen = picture(1), picture(2, (360, 640))
    screen.paste(reference.resize((360, 202)), (0, 219))
    assert (describe(model, screen, views=True) @ describe(model, reference)[0]).max() > 0.7


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 40)])
def test_blank_frames_are_left_out(model: VisualModel, colour: tuple[int, int, int]) -> None:
    blank = jpeg(Image.new("RGB", (320, 180), colour), quality=30)
    prepared = model.prepare([blank, jpeg(picture(3)), blank], views=False)
    assert set(prepared.frame.tolist()) == {1}


def test_blank_parts_of_a_frame_give_no_views(model: VisualModel) -> None:
    screen = Image.new("RGB", (480, 480))
    screen.paste(picture(1, (200, 200)), (240, 240))
    screen.paste((255, 255, 255), (0, 0, 480, 8))  # so that no bar is trimmed from the top
    prepared = model.prepare([jpeg(screen)], views=True)
    assert len(prepared.view)
    assert not any(is_blank(pixels) for pixels in prepared.pixels)


def test_black_bars_do_not_change_the_description(model: VisualModel) -> None:
    original = picture(4)
    boxed = Image.new("RGB", (480, 480))
    boxed.paste(original, (0, 105))
    first, second = describe(model, original)[0], describe(model, boxed)[0]
    assert first @ second > 0.95


def test_bars_are_cut_at_most_to_a_third_of_the_side() -> None:
    assert trim_bars(np.zeros((100, 100, 3), dtype=np.uint8)).shape == (30, 30, 3)
    assert trim_bars(np.zeros((1, 1, 3), dtype=np.uint8)).shape == (1, 1, 3)


def test_a_dark_scene_has_no_bars() -> None:
    bright, dark = np.asarray(picture(1)), np.zeros((270, 480, 3), dtype=np.uint8)
    assert content([dark, bright]) == content([bright])


def test_no_frames_give_no_rows(model: VisualModel) -> None:
    prepared = model.prepare([], views=True)
    assert model.embed(prepared.pixels).shape == (0, 512)


def test_the_error_of_a_broken_jpeg_has_its_index(model: VisualModel) -> None:
    with pytest.raises(ValueError, match="frame 1 is not a readable JPEG"):
        model.prepare([jpeg(picture(1)), b"\xff\xd8 nothing more"], views=False)


def test_a_tiny_frame_is_described(model: VisualModel) -> None:
    prepared = model.prepare([jpeg(picture(5).resize((3, 2)))], views=True)
    assert np.isfinite(model.embed(prepared.pixels)).all()


def test_batches_describe_as_one_by_one(model: VisualModel) -> None:
    frames = [picture(seed, (120, 90)) for seed in range(20)]
    together = whole(model, *frames)
    alone = np.concatenate([whole(model, frame) for frame in frames[-2:]])
    assert np.abs(together[-2:] - alone).max() < 1e-4
