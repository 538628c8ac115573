"""The cost of comparing encoders by CKA, beside bare forward passes: the table of cka.md.

All pairs of four encoders of real architectures, with random weights, are compared on the same
images, which are in memory. Bare is one forward pass of each encoder. Ours adds the Gram matrices
of every layer, and the comparisons. The package torch-cka passes the images through both encoders
of every pair. Here it runs without gradients, and its hooks, which it leaves in the encoders, are
removed after every pair.
"""

import importlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import combinations
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import MagicMock, patch

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.tables import Cost, Row, alone, seconds, write_table
from interpreting_clip.config.encoders import (
    AnyBackbone,
    OpenClipModel,
    TimmModel,
    TorchvisionModel,
)
from interpreting_clip.encoders.encoder import initialise
from interpreting_clip.encoders.layers import minibatch_grams, named_layers
from interpreting_clip.measures.cka import cka

BACKBONES: tuple[OpenClipModel | TorchvisionModel | TimmModel, ...] = (
    OpenClipModel(model="RN50-quickgelu"),
    OpenClipModel(model="ViT-B-32"),
    TorchvisionModel(model="resnet50"),
    TimmModel(model="vit_small_patch16_224"),
)
SIZE, IMAGES, MINIBATCH, ROUNDS = 224, 64, 64, 3

Grams = dict[str, np.ndarray]


class Round(NamedTuple):
    """Seconds of a pass of every encoder, bare and with Gram matrices, and of all comparisons."""

    bare: float
    passes: float
    comparisons: float

    @property
    def ours(self) -> float:
        """The seconds of ours, passes and comparisons."""
        return self.passes + self.comparisons


class Package(NamedTuple):
    """The seconds that torch-cka took for some pairs, and the matrix of each."""

    seconds: float
    matrices: list[np.ndarray]


class Batches(Dataset):
    """A loader of minibatches that are in memory already."""

    def __init__(self, batches: Sequence[torch.Tensor]) -> None:
        """Keep the minibatches."""
        self.batches = batches

    def __len__(self) -> int:
        """Return the number of minibatches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[torch.Tensor]:
        """Return a minibatch."""
        return (self.batches[index],)


def main() -> None:
    """Measure, print and write the table."""
    memory = [memory_row(backbone) for backbone in BACKBONES[:2]]
    towers, batches = [build(backbone) for backbone in BACKBONES], draw(IMAGES, MINIBATCH, SIZE)
    # warm up: the first passes are not timed
    grams = [all_grams(tower, batches) for tower in towers]
    rounds = [measure_round(towers, batches) for _ in range(ROUNDS)]
    single = package(towers, batches)
    double = package([deepcopy(tower).double() for tower in towers[:2]], batches)
    title = f"CKA of all pairs of {len(towers)} encoders, {IMAGES} images at {SIZE} pixels"
    write_table("cka", title, rows(rounds, grams, single, double) + memory)


def build(backbone: AnyBackbone) -> nn.Module:
    """Return an image tower with random weights, ready to be evaluated."""
    return initialise(backbone, 0).visual.eval()


def draw(images: int, minibatch: int, size: int) -> list[torch.Tensor]:
    """Return minibatches of smooth random images, in memory as towers see them, channels last.

    To random weights, all images of white noise look the same.
    """
    coarse = torch.randn(images, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    return list(pixels.contiguous(memory_format=torch.channels_last).split(minibatch))


def bare_pass(tower: nn.Module, batches: Sequence[torch.Tensor]) -> None:
    """Pass the minibatches through a tower."""
    with torch.inference_mode():
        for batch in batches:
            tower(batch)


def all_grams(tower: nn.Module, batches: Sequence[torch.Tensor]) -> Grams:
    """Return the Gram matrices of a tower's layers, as the stage computes them."""
    layers = named_layers(tower)
    found = [minibatch_grams(tower, layers, batch) for batch in batches]
    return {layer: np.stack([grams[layer] for grams in found]) for layer in layers}


def compare(grams: Sequence[Grams]) -> list[np.ndarray]:
    """Return the CKA of all pairs."""
    return [cka(first, second) for first, second in combinations(grams, 2)]


def measure_round(towers: Sequence[nn.Module], batches: Sequence[torch.Tensor]) -> Round:
    """Time every tower bare and with its Gram matrices, in turn, and then all comparisons."""
    bare, grams, passes = 0.0, [], 0.0
    for tower in towers:
        bare += seconds(lambda tower=tower: bare_pass(tower, batches))
        passes += seconds(lambda tower=tower: grams.append(all_grams(tower, batches)))
    return Round(bare, passes, seconds(lambda: compare(grams)))


@contextmanager
def quiet_package() -> Iterator[ModuleType]:
    """Yield the package's module without progress bars and plots, which are not needed."""
    absent = dict.fromkeys(("matplotlib", "matplotlib.pyplot", "mpl_toolkits"), MagicMock())
    with patch.dict(sys.modules, absent):
        module = importlib.import_module("torch_cka.cka")
        with patch.object(module, "tqdm", lambda batches, **_: batches):
            yield module


def package(towers: Sequence[nn.Module], batches: Sequence[torch.Tensor]) -> Package:
    """Compare all pairs with torch-cka, in the precision of the towers."""
    dtype, default = next(towers[0].parameters()).dtype, torch.get_default_dtype()
    given = [batch.to(dtype) for batch in batches]
    matrices: list[np.ndarray] = []
    torch.set_default_dtype(dtype)
    try:
        with quiet_package() as module, torch.inference_mode():
            elapsed = seconds(
                lambda: matrices.extend(
                    package_pair(module.CKA, one, two, given)
                    for one, two in combinations(towers, 2)
                )
            )
    finally:
        torch.set_default_dtype(default)
    return Package(elapsed, matrices)


def package_pair(
    package_cka: Any, first: nn.Module, second: nn.Module, batches: Sequence[torch.Tensor]
) -> np.ndarray:
    """Compare a pair with torch-cka, layer by layer; some of its values may be NaN."""
    layers = [layer_paths(tower) for tower in (first, second)]
    comparison = package_cka(first, second, "first", "second", *layers)
    loader = DataLoader(Batches(batches), batch_size=None)
    try:
        comparison.compare(loader, loader)
    except AssertionError:
        if not torch.isnan(comparison.hsic_matrix).any():
            raise
    for tower in (first, second):
        for module in tower.modules():
            module._forward_hooks.clear()
    return comparison.hsic_matrix.numpy()


def layer_paths(tower: nn.Module) -> list[str]:
    """Return the paths of a tower's layers, by which torch-cka finds them."""
    paths = {module: path for path, module in tower.named_modules()}
    return [paths[module] for module in named_layers(tower).values()]


def rows(
    rounds: Sequence[Round], grams: Sequence[Grams], single: Package, double: Package
) -> list[Row]:
    """Return the lines of the table except memory; `double` is of the first two encoders."""
    bare = statistics.median(one.bare for one in rounds)
    ratio = statistics.median(one.ours / one.bare for one in rounds)
    comparisons = statistics.median(one.comparisons / one.bare for one in rounds)
    found, pairs = compare(grams), len(single.matrices)
    return [
        Row(f"a bare forward pass of {len(grams)} encoders", f"{bare:.1f} s"),
        Row(f"ours over bare: all {pairs} pairs", f"{ratio:.3f}", "at most 1.10"),
        Row("… of which the comparisons", f"{comparisons:.4f}"),
        Row(f"torch-cka over bare: all {pairs} pairs", f"{single.seconds / bare:.2f}"),
        Row("torch-cka over ours", f"{single.seconds / bare / ratio:.2f}"),
        Row("largest difference from torch-cka in double precision", gap(found[:1], double)),
        Row("… in single precision, which it has by default", gap(found, single)),
    ]


def gap(found: Sequence[np.ndarray], package: Package) -> str:
    """Return the largest difference of a CKA, and how many of torch-cka's values are NaN."""
    ours, theirs = (
        np.concatenate([matrix.ravel() for matrix in matrices])
        for matrices in (found, package.matrices)
    )
    missing = int(np.isnan(theirs).sum())
    note = f", {missing} of {len(theirs)} are no numbers" if missing else ""
    return f"{np.nanmax(np.abs(ours - theirs)):.1e}{note}"


def memory_row(backbone: OpenClipModel | TorchvisionModel | TimmModel) -> Row:
    """Return the ratio of the peak memory of our pass of one encoder to that of a bare pass."""
    bare, ours = (peak(backbone, with_grams=with_grams) for with_grams in (False, True))
    name = f"peak memory of a process over that of a bare pass, {backbone.model}"
    return Row(name, f"{ours / bare:.3f} of {bare:.0f} MiB")


def peak(backbone: AnyBackbone, *, with_grams: bool) -> float:
    """Return the peak memory of a process that passes a minibatch through an encoder, in MiB."""
    cost: Cost = alone(build_and_pass, backbone, with_grams, MINIBATCH, SIZE)
    return cost.memory


def build_and_pass(backbone: AnyBackbone, with_grams: bool, images: int, size: int) -> None:
    """Build a tower and pass one minibatch through it."""
    one_pass = all_grams if with_grams else bare_pass
    one_pass(build(backbone), draw(images, images, size))


if __name__ == "__main__":
    main()
