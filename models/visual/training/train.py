"""Training of the open descriptor: ``python -m models.visual.training.train PICTURES.npz TRUNK.pth --seconds 420``.

Contrastive, after Pizzi et al. 2022 (SSCD): a reposted picture must be nearest to the registered one among all others
of the batch, and descriptors spread (KoLeo, Sablayrolles et al. 2019). No teacher. Needs PyTorch, and minutes on a GPU;
a CPU is slower. Writes models/visual/open.onnx and prints its sha256 and figures of the packages held out.
"""

import copy
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional

from models.visual.network import export
from models.visual.training.augment import HEAVY, LIGHT, drawn_captions, parts, reposted, resized
from models.visual.training.data import HELD_OUT, SIDE, Pictures, decoded
from models.visual.training.evaluate import figures
from models.visual.training.network import Descriptor, load_trunk

PATH = Path(__file__).parents[1] / "open.onnx"
MODEL_SIDE = 160
"""Side of the model's square: at it the network costs what sscd-distilled costs at 224 (card.md)."""

_TEMPERATURE = 0.05
_SPREAD_WEIGHT = 20.0
_TRUNK_RATE, _NEW_RATE, _DECAY = 6e-4, 2e-3, 0.02
_WARM_STEPS = 60
_AVERAGED = 0.99
"""Share of the old weights in the running average, which is what is exported."""
_LEAST_DISTANCE = 1e-4
_TRIED = 4
"""Most implementations tried of each convolution; trying all takes longer than the gain."""
_LEAST_VARIANCE = 0.05
"""Added to variances, as a share of their mean, before they are inverted."""


def train(
    network: Descriptor, pictures: Tensor, seconds: float, *, batch: int, seed: int, channels_last: bool
) -> Descriptor:
    """Return trained weights, after one step at least; the rate falls along a cosine over the time, not over steps.

    Parameters
    ----------
    pictures
        uint8, shape (n, 3, SIDE, SIDE), on the device that trains.
    """
    device, began_s = pictures.device, time.monotonic()
    captions = drawn_captions(SIDE, seed).to(device)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    averaged = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=_averaged, use_buffers=True)
    new = [network.power, *network.linear.parameters()]
    old = [weight for name, weight in network.named_parameters() if not name.startswith(("power", "linear"))]
    groups = [{"params": old, "lr": _TRUNK_RATE}, {"params": new, "lr": _NEW_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=_DECAY)
    peaks = [group["lr"] for group in optimiser.param_groups]
    history: list[tuple[float, float, float]] = []
    for n_steps, rows in enumerate(_batches(len(pictures), batch, seed), start=1):
        passed = min(1.0, (time.monotonic() - began_s) / seconds)
        if passed == 1 and n_steps > 1:
            break
        rate = min(1.0, n_steps / _WARM_STEPS) * (0.495 * (1 + np.cos(np.pi * passed)) + 0.01)
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * rate
        losses = _step(network, optimiser, pictures[rows.to(device)], captions, channels_last=channels_last)
        averaged.update_parameters(network)
        history.append(losses)
        if n_steps % 50 == 0:
            found = "contrast {:.3f}, spread {:.3f}, nearest {:.3f}".format(*np.mean(history[-50:], axis=0))
            sys.stdout.write(f"step {n_steps}, {time.monotonic() - began_s:.0f} s: {found}\n")
            sys.stdout.flush()
    trained: Descriptor = averaged.module
    trained.eval()
    return trained


def _averaged(mine: list[Tensor], theirs: list[Tensor], n_averaged: Tensor) -> None:
    share = min(_AVERAGED, (1 + int(n_averaged)) / (10 + int(n_averaged)))
    for average, now in zip(mine, theirs, strict=True):
        if average.is_floating_point():
            average.lerp_(now.to(average.dtype), 1 - share)


def _batches(n: int, batch: int, seed: int) -> Iterator[Tensor]:
    random = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(n, generator=random).split(min(batch, n)):
            if len(rows) == min(batch, n):
                yield rows


def _step(
    network: Descriptor, optimiser: torch.optim.Optimizer, pictures: Tensor, captions: Tensor, *, channels_last: bool
) -> tuple[float, float, float]:
    with torch.no_grad():
        pictures = parts(pictures)
        others = pictures.roll(1, dims=0)
        views = [reposted(pictures, others, captions, strength, MODEL_SIDE) for strength in (LIGHT, HEAVY)]
        seen = torch.cat(views)
    if channels_last:
        seen = seen.contiguous(memory_format=torch.channels_last)
    with torch.autocast(seen.device.type, torch.bfloat16, enabled=seen.is_cuda):
        rows = network(seen)
    contrast, nearest = contrasted(rows.float())
    spread = spread_out(rows.float())
    optimiser.zero_grad(set_to_none=True)
    (contrast + _SPREAD_WEIGHT * spread).backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return contrast.item(), spread.item(), nearest.item()


def contrasted(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the contrastive loss, and the share of reposts whose own picture is nearest.

    Parameters
    ----------
    rows
        Descriptors of length 1: n pictures, then their n reposts. Neighbours appear as each other's backdrops, so
        they are neither positives nor negatives.
    """
    n = len(rows) // 2
    number = torch.arange(n, device=rows.device).repeat(2)
    apart = (number[:, None] - number[None]) % n
    left_out = (apart == 1) | (apart == n - 1) | torch.eye(2 * n, dtype=torch.bool, device=rows.device)
    logits = (rows @ rows.T / _TEMPERATURE).masked_fill(left_out, float("-inf"))
    own = torch.arange(2 * n, device=rows.device).roll(n)
    return functional.cross_entropy(logits, own), (logits[n:].argmax(dim=1) == own[n:]).float().mean()


def spread_out(rows: Tensor) -> Tensor:
    """Return minus the mean logarithm of the distance to the nearest other picture."""
    number = torch.arange(len(rows) // 2, device=rows.device).repeat(2)
    cosines = (rows @ rows.T).masked_fill(number[:, None] == number[None], -1.0)
    return -(2 - 2 * cosines.amax(dim=1)).clamp(min=_LEAST_DISTANCE).log().mean() / 2


def whitened(network: Descriptor, pictures: Tensor, share: float) -> Descriptor:
    """Return a network with its descriptors centred and partly whitened by these pictures, within the linear map.

    Parameters
    ----------
    share
        0 for centring alone, 1 for descriptors whose values are uncorrelated.
    """
    changed = copy.deepcopy(network)
    with torch.no_grad():
        features = torch.cat([network.features(resized(part, MODEL_SIDE)) for part in pictures.split(256)]).double()
        matrix, bias = network.linear.weight.double(), network.linear.bias.double()
        rows = functional.normalize(features @ matrix.T + bias, dim=1)
        mean = rows.mean(dim=0)
        values, vectors = torch.linalg.eigh(torch.cov((rows - mean).T))
        values = values.clamp(min=0) + _LEAST_VARIANCE * values.mean()
        turn = vectors @ torch.diag(values.pow(-share / 2)) @ vectors.T
        length = (features @ matrix.T + bias).norm(dim=1).mean()
        changed.linear.weight.copy_(turn @ matrix)
        changed.linear.bias.copy_(turn @ (bias - length * mean))
    return changed


def _best_whitened(network: Descriptor, pictures: Tensor, held_out: Tensor, seed: int) -> Descriptor:
    """Return the network whitened as much as the pictures held out are found best, and print their figures."""
    captions = drawn_captions(SIDE, seed + 1).to(pictures.device)
    best, found = network, -1.0
    for share in (None, 0.0, 0.5, 1.0):
        changed = network if share is None else whitened(network, pictures, share)
        torch.manual_seed(seed)
        table, recall = figures(changed, held_out, captions, MODEL_SIDE)
        sys.stdout.write(f"whitened {share}: {recall:.3f} above the threshold\n{table}\n")
        best, found = (changed, recall) if recall > found else (best, found)
    return best


def loaded(path: Path) -> tuple[Tensor, Tensor]:
    """Return the pictures to train on and those held out, uint8, shape (n, 3, SIDE, SIDE)."""
    with np.load(path) as archive:
        stored = Pictures(**archive)
    files = np.split(stored.webp, stored.ends[:-1])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = torch.from_numpy(np.stack(list(pool.map(lambda file: decoded(file.tobytes()), files))))
    held_out = torch.from_numpy(np.isin(stored.names[stored.package], sorted(HELD_OUT)))
    planes = pictures.permute(0, 3, 1, 2).contiguous()
    return planes[~held_out], planes[held_out]


def main(
    pictures: Path,
    trunk: Path,
    *,
    seconds: Annotated[float, typer.Option(help="Duration of the training.")] = 420.0,
    batch: Annotated[int, typer.Option(help="Pictures of a step, each seen twice.")] = 1024,
    seed: int = 1,
    resume: Annotated[Path | None, typer.Option(help="Weights of an earlier run to start from.")] = None,
    out: Annotated[Path, typer.Option(help="File to write; the weights are written beside it, as .pth.")] = PATH,
    channels_last: Annotated[bool, typer.Option(help="Order of values in memory.")] = True,
) -> None:
    """Train, print figures, and write the model."""
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = _TRIED
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seen, held_out = (part.to(device) for part in loaded(pictures))
    sys.stdout.write(f"{len(seen)} pictures to train on, {len(held_out)} held out, {device}\n")
    network = Descriptor()
    load_trunk(network, torch.load(trunk, map_location="cpu", weights_only=True))
    if resume is not None:
        network.load_state_dict(torch.load(resume, map_location="cpu", weights_only=True))
    network = train(network.to(device), seen, seconds, batch=batch, seed=seed, channels_last=channels_last)
    torch.backends.cudnn.benchmark = False
    torch.save(network.state_dict(), out.with_suffix(".pth"))
    network = _best_whitened(network, seen, held_out, seed)
    graph = export({name: value.float().cpu().numpy() for name, value in network.state_dict().items()})
    out.write_bytes(graph)
    sys.stdout.write(f"{out}\nsha256 {hashlib.sha256(graph).hexdigest()}\n")


if __name__ == "__main__":
    typer.run(main)
