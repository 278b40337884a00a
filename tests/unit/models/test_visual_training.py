"""Training data and network of the open descriptor; what needs PyTorch is skipped where it is missing."""

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from PIL import Image

from models.visual.network import BLOCKS, DIMENSIONS, FEATURES, STEM, export
from models.visual.training.data import SIDE, Pictures, collect, decoded
from tests.unit.models.made import picture

Weights = dict[str, npt.NDArray[np.float32]]


def saved(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def files(found: Pictures) -> list[bytes]:
    return [part.tobytes() for part in np.split(found.webp, found.ends[:-1])]


def test_each_picture_of_the_packages_is_kept_once(tmp_path: Path) -> None:
    saved(picture(1), tmp_path / "one" / "a.png")
    saved(picture(1).resize((400, 300)), tmp_path / "one" / "again.jpg")
    saved(picture(2), tmp_path / "two" / "deep" / "b.jpg")
    saved(picture(1), tmp_path / "two" / "of-another-package.png")
    found = collect(tmp_path)
    assert found.names[found.package].tolist() == ["one", "two"]
    assert [decoded(file).shape for file in files(found)] == [(SIDE, SIDE, 3)] * 2


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("small.png", picture(3, (100, 100))),
        ("plain.png", Image.new("RGB", (300, 300), (200, 40, 40))),
        ("strip.png", picture(3, (800, 130))),
        ("wall_norm.png", picture(3)),
    ],
)
def test_what_nobody_posts_is_left_out(tmp_path: Path, name: str, image: Image.Image) -> None:
    saved(picture(4), tmp_path / "package" / "kept.png")
    saved(image, tmp_path / "package" / name)
    assert len(collect(tmp_path).ends) == 1


def test_pictures_inside_archives_and_resources_are_read_and_broken_ones_left_out(tmp_path: Path) -> None:
    webp = io.BytesIO()
    picture(5).save(webp, "WEBP")
    (tmp_path / "package").mkdir()
    with zipfile.ZipFile(tmp_path / "package" / "textures.pk3", "w") as archive:
        archive.writestr("inside.webp", webp.getvalue())
        archive.writestr("broken.png", b"\x89PNG and nothing more")
    other = io.BytesIO()
    picture(6).save(other, "WEBP")
    (tmp_path / "package" / "resources.rcc").write_bytes(b"qres" + other.getvalue() + b"more")
    assert len(collect(tmp_path).ends) == 2


def test_a_large_picture_may_be_kept_as_its_quarters(tmp_path: Path) -> None:
    for seed in range(6):
        saved(picture(seed, (1200, 1000)), tmp_path / "package" / f"{seed}.png")
    assert 6 < len(collect(tmp_path).ends) < 24


def test_a_transparent_picture_gets_a_colour_behind_it(tmp_path: Path) -> None:
    image = picture(7, (300, 300))
    opacity = Image.new("L", image.size, 0)
    opacity.paste(255, (0, 0, 150, 300))
    image.putalpha(opacity)
    saved(image, tmp_path / "package" / "shape.png")
    (file,) = files(collect(tmp_path))
    assert decoded(file)[:, -20:].mean(axis=(0, 1)).min() >= 25


def random_weights() -> Weights:
    random, weights = np.random.default_rng(0), {}

    def layer(name: str, *shape: int) -> None:
        fan = np.prod(shape[1:])
        weights[f"{name}.1.weight"] = random.normal(0, np.sqrt(2 / fan), shape).astype(np.float32)
        for kind in ("weight", "running_var"):
            weights[f"{name}.2.{kind}"] = random.uniform(0.5, 1.5, shape[0]).astype(np.float32)
        for kind in ("bias", "running_mean"):
            weights[f"{name}.2.{kind}"] = random.normal(0, 0.1, shape[0]).astype(np.float32)

    layer("stem", STEM, 3, 3, 3)
    n_in = STEM
    for index, block in enumerate(BLOCKS):
        n_wide = n_in * block.expansion
        if block.expansion > 1:
            layer(f"blocks.{index}.expand", n_wide, n_in, 1, 1)
        layer(f"blocks.{index}.depthwise", n_wide, 1, block.kernel, block.kernel)
        layer(f"blocks.{index}.project", block.n_out, n_wide, 1, 1)
        n_in = block.n_out
    layer("head", FEATURES, n_in, 1, 1)
    weights["power"] = np.array(3.0, np.float32)
    weights["linear.weight"] = random.normal(0, 0.03, (DIMENSIONS, FEATURES)).astype(np.float32)
    weights["linear.bias"] = random.normal(0, 0.1, DIMENSIONS).astype(np.float32)
    return weights


def described(graph: bytes, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = ort.InferenceSession(graph).run(["embedding"], {"image": pixels})[0]
    return rows


def test_the_graph_takes_any_batch_and_side_and_is_the_same_file_each_time() -> None:
    weights = random_weights()
    graph = export(weights)
    assert graph == export(weights)
    assert len(graph) < 8_000_000
    for shape in ((1, 160, 160, 3), (3, 96, 128, 3)):
        rows = described(graph, np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8))
        assert rows.shape == (shape[0], DIMENSIONS)
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-4)


def test_the_graph_computes_what_was_trained() -> None:
    torch = pytest.importorskip("torch")
    from models.visual.training.network import Descriptor  # noqa: PLC0415 - needs PyTorch

    weights, network = random_weights(), Descriptor().eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=False)
    pixels = np.stack([np.asarray(picture(seed, (160, 160))) for seed in range(3)])
    with torch.no_grad():
        wanted = network(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).numpy()
    assert (wanted * described(export(weights), pixels)).sum(axis=1).min() > 0.98


def test_a_few_steps_of_training_change_the_weights_and_keep_them_finite() -> None:
    torch = pytest.importorskip("torch")
    from models.visual.training.network import Descriptor  # noqa: PLC0415 - needs PyTorch
    from models.visual.training.train import Plan, train  # noqa: PLC0415 - needs PyTorch

    torch.manual_seed(0)
    pictures = torch.from_numpy(np.stack([np.asarray(picture(seed, (SIDE, SIDE))) for seed in range(4)]))
    network = Descriptor()
    before = network.linear.weight.detach().clone()
    trained = train(network, pictures.permute(0, 3, 1, 2), torch.zeros(4, dtype=torch.int64), Plan(0.1, 4, 1))
    assert not torch.equal(before, trained.linear.weight)
    assert all(bool(torch.isfinite(value).all()) for value in trained.state_dict().values())


def test_a_batch_has_several_pictures_of_each_package_and_a_round_has_each_picture_once() -> None:
    torch = pytest.importorskip("torch")
    from models.visual.training.train import batches  # noqa: PLC0415 - needs PyTorch

    packages = torch.arange(640) % 40
    found = batches(packages, 64, 1)
    first = [next(found) for _ in range(10)]
    assert sorted(torch.cat(first).tolist()) == list(range(640))
    assert all(torch.bincount(packages[rows]).max() >= 8 for rows in first)
    assert not torch.equal(next(found), first[0])


def test_a_share_of_the_reposts_has_no_colours() -> None:
    torch = pytest.importorskip("torch")
    from models.visual.training.augment import HEAVY, drawn_captions, reposted  # noqa: PLC0415 - needs PyTorch

    torch.manual_seed(0)
    pictures = torch.from_numpy(np.stack([np.asarray(picture(seed % 4, (SIDE, SIDE))) for seed in range(128)]))
    pictures = pictures.permute(0, 3, 1, 2).float()
    edited = reposted(pictures, pictures.roll(64, 0), drawn_captions(SIDE, 1), HEAVY, 64)
    assert edited.shape == (128, 3, 64, 64)
    assert edited.min() >= 0
    assert edited.max() <= 255
    colour = (edited.amax(dim=1) - edited.amin(dim=1)).mean(dim=(1, 2))
    assert 0.08 < (colour < 8).float().mean() < 0.4
