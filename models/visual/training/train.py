"""Training of the open descriptor: ``python -m models.visual.training.train TRUNK.pth PICTURES.npz --seconds 420``.

Contrastive, after Pizzi et al. 2022 (SSCD): a reposted picture must be nearest to the registered one among all others
of the batch, and descriptors spread (KoLeo, Sablayrolles et al. 2019). No teacher. Needs PyTorch, and minutes on a GPU;
a CPU is slower. Writes models/visual/open.onnx and prints its sha256 and figures of the packages held out.
"""

import hashlib
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional

from models.visual.network import export
from models.visual.training.augment import HEAVY, LIGHT, drawn_captions, parts, reposted
from models.visual.training.data import HELD_OUT, SIDE, Pictures, decoded
from models.visual.training.evaluate import figures
from models.visual.training.network import Descriptor, load_trunk

PATH = Path(__file__).parents[1] / "open.onnx"
MODEL_SIDE = 160
"""Side of the model's square: at it the network costs what sscd-distilled costs at 224 (card.md)."""

_TEMPERATURE = 0.05
_SPREAD_WEIGHT = 20.0
_TRUNK_RATE, _NEW_RATE, _DECAY = 6e-4, 2e-3, 0.02
_WARM_STEPS = 100
_CHUNK = 8
"""Pictures of one package that are in a batch together: what a picture is most easily taken for."""
_SMALL_SIDE, _SMALL_SHARE = 128, 0.5
"""Side of the square in the first part of the time, and that part: steps are faster."""
_SAVED_S = 100.0
"""Seconds from one saved state to the next."""
_TOLD = (1, 10)
"""Steps after which figures are printed, in addition to each hundredth."""
_AVERAGED = 0.99
"""Share of the old weights in the running average, which is what is exported."""
_LEAST_DISTANCE = 1e-4
_TRIED = 4
"""Most implementations tried of each convolution; trying all takes longer than the gain."""


@dataclass(frozen=True)
class Plan:
    """Settings of one training."""

    seconds: float
    batch: int
    """Pictures of a step, each seen twice."""
    seed: int
    channels_last: bool = False
    """Order of values in memory."""
    saved: Path | None = None
    """File to which the averaged weights are written now and then."""


def train(network: Descriptor, pictures: Tensor, packages: Tensor, plan: Plan) -> Descriptor:
    """Return trained weights, after one step at least; the rate falls along a cosine over the time, not over steps.

    Parameters
    ----------
    pictures
        uint8, shape (n, 3, SIDE, SIDE), on the device that trains.
    packages
        int64, shape (n,): which pictures are of one package.
    """
    began_s, saved_s = time.monotonic(), 0.0
    if plan.channels_last:
        network = network.to(memory_format=torch.channels_last)
    averaged = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=_averaged, use_buffers=True)
    step = Step(network, drawn_captions(SIDE, plan.seed).to(pictures.device), plan)
    history: deque[Tensor] = deque(maxlen=100)
    for n_steps, rows in enumerate(batches(packages, plan.batch, plan.seed), start=1):
        passed_s = time.monotonic() - began_s
        passed = min(1.0, passed_s / plan.seconds)
        if passed == 1 and n_steps > 1:
            break
        rate = min(1.0, n_steps / _WARM_STEPS) * (0.495 * (1 + np.cos(np.pi * passed)) + 0.01)
        history.append(step(pictures[rows.to(pictures.device)], rate, small=passed < _SMALL_SHARE))
        averaged.update_parameters(network)
        if n_steps % 100 == 0 or n_steps in _TOLD:
            found = torch.stack(list(history)).mean(dim=0).tolist()
            sys.stdout.write(
                "step {}, {:.0f} s: contrast {:.3f}, spread {:.3f}, nearest {:.3f}\n".format(
                    n_steps, time.monotonic() - began_s, *found
                )
            )
            sys.stdout.flush()
        if plan.saved is not None and passed_s - saved_s > _SAVED_S:
            saved_s = passed_s
            torch.save(averaged.module.state_dict(), plan.saved)
    trained: Descriptor = averaged.module
    trained.eval()
    return trained


def _averaged(mine: list[Tensor], theirs: list[Tensor], n_averaged: Tensor) -> None:
    share = min(_AVERAGED, (1 + int(n_averaged)) / (10 + int(n_averaged)))
    for average, now in zip(mine, theirs, strict=True):
        if average.is_floating_point():
            average.lerp_(now.to(average.dtype), 1 - share)


def batches(packages: Tensor, batch: int, seed: int) -> Iterator[Tensor]:
    """Yield rows without end, each once in a round but for a rest, in chunks of one package where it has enough."""
    random, n = torch.Generator().manual_seed(seed), len(packages)
    batch = min(batch, n)
    while True:
        order = torch.randperm(n, generator=random)
        order = order[packages[order].argsort(stable=True)]
        chunks = order.split(_CHUNK)
        mixed = torch.cat([chunks[index] for index in torch.randperm(len(chunks), generator=random)])
        yield from (rows for rows in mixed.split(batch) if len(rows) == batch)


class Step:
    """One step of training."""

    def __init__(self, network: Descriptor, captions: Tensor, plan: Plan) -> None:
        self._network, self._captions, self._plan = network, captions, plan
        new = [network.power, *network.linear.parameters()]
        old = [weight for name, weight in network.named_parameters() if not name.startswith(("power", "linear"))]
        groups = [{"params": old, "lr": _TRUNK_RATE}, {"params": new, "lr": _NEW_RATE}]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=_DECAY)

    def __call__(self, pictures: Tensor, rate: float, *, small: bool) -> Tensor:
        """Change the weights; return the contrastive loss, the spread and the share found nearest, shape (3,)."""
        for group, peak in zip(self._optimiser.param_groups, (_TRUNK_RATE, _NEW_RATE), strict=True):
            group["lr"] = peak * rate
        seen = self._seen(pictures, _SMALL_SIDE if small else MODEL_SIDE)
        with torch.autocast(seen.device.type, torch.bfloat16, enabled=seen.is_cuda):
            rows = self._network(seen)
        contrast, nearest = contrasted(rows.float())
        spread = spread_out(rows.float())
        self._optimiser.zero_grad(set_to_none=True)
        (contrast + _SPREAD_WEIGHT * spread).backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimiser.step()
        return torch.stack([contrast.detach(), spread.detach(), nearest])

    def _seen(self, pictures: Tensor, side: int) -> Tensor:
        with torch.no_grad():
            pictures = parts(pictures)
            others = pictures.roll(len(pictures) // 2, dims=0)
            views = [reposted(pictures, others, self._captions, strength, side) for strength in (LIGHT, HEAVY)]
            seen = torch.cat(views)
        return seen.contiguous(memory_format=torch.channels_last) if self._plan.channels_last else seen


def contrasted(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the contrastive loss, and the share of reposts whose own picture is nearest.

    Parameters
    ----------
    rows
        Descriptors of length 1: n pictures, then their n reposts. Pictures half a batch apart appear as each other's
        backdrops, so they are neither positives nor negatives.
    """
    n = len(rows) // 2
    number = torch.arange(n, device=rows.device).repeat(2)
    apart = (number[:, None] - number[None]) % n
    left_out = (apart == n // 2) | (apart == n - n // 2) | torch.eye(2 * n, dtype=torch.bool, device=rows.device)
    logits = (rows @ rows.T / _TEMPERATURE).masked_fill(left_out, float("-inf"))
    own = torch.arange(2 * n, device=rows.device).roll(n)
    return functional.cross_entropy(logits, own), (logits[n:].argmax(dim=1) == own[n:]).float().mean()


def spread_out(rows: Tensor) -> Tensor:
    """Return minus the mean logarithm of the distance to the nearest other picture."""
    number = torch.arange(len(rows) // 2, device=rows.device).repeat(2)
    cosines = (rows @ rows.T).masked_fill(number[:, None] == number[None], -1.0)
    return -(2 - 2 * cosines.amax(dim=1)).clamp(min=_LEAST_DISTANCE).log().mean() / 2


class Loaded(NamedTuple):
    """Pictures, uint8, shape (n, 3, SIDE, SIDE), and the name of the package of each."""

    planes: Tensor
    package: npt.NDArray[np.str_]


def loaded(path: Path) -> Loaded:
    """Return the pictures of one archive."""
    with np.load(path) as archive:
        stored = Pictures(**archive)
    files = np.split(stored.webp, stored.ends[:-1])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = torch.from_numpy(np.stack(list(pool.map(lambda file: decoded(file.tobytes()), files))))
    return Loaded(pictures.permute(0, 3, 1, 2).contiguous(), stored.names[stored.package])


def main(
    trunk: Path,
    pictures: Annotated[list[Path], typer.Argument(help="Archives of models.visual.training.data.")],
    *,
    seconds: Annotated[float, typer.Option(help="Duration of the training.")] = 420.0,
    batch: Annotated[int, typer.Option(help="Pictures of a step, each seen twice.")] = 1024,
    seed: int = 1,
    out: Annotated[Path, typer.Option(help="File to write; the weights are written beside it, as .pth.")] = PATH,
    channels_last: Annotated[bool, typer.Option(help="Order of values in memory.")] = True,
) -> None:
    """Train, print figures, and write the model."""
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = _TRIED
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    archives = [loaded(path) for path in pictures]
    planes = torch.cat([each.planes for each in archives])
    names = np.concatenate([each.package for each in archives])
    kept = torch.from_numpy(np.isin(names, sorted(HELD_OUT)))
    seen, held_out = planes[~kept].to(device), planes[kept].to(device)
    sys.stdout.write(f"{len(seen)} pictures to train on, {len(held_out)} held out, {device}\n")
    network = Descriptor()
    load_trunk(network, torch.load(trunk, map_location="cpu", weights_only=True))
    packages = torch.from_numpy(np.unique(names, return_inverse=True)[1])[~kept]
    plan = Plan(seconds, batch, seed, channels_last, out.with_suffix(".pth"))
    network = train(network.to(device), seen, packages, plan)
    torch.backends.cudnn.benchmark = False
    torch.save(network.state_dict(), out.with_suffix(".pth"))
    table, recall = figures(network, held_out, drawn_captions(SIDE, seed + 1).to(device), MODEL_SIDE)
    sys.stdout.write(f"{recall:.3f} above the threshold\n{table}\n")
    graph = export({name: value.float().cpu().numpy() for name, value in network.state_dict().items()})
    out.write_bytes(graph)
    sys.stdout.write(f"{out}\nsha256 {hashlib.sha256(graph).hexdigest()}\n")


if __name__ == "__main__":
    typer.run(main)
