"""The outputs of an image tower's layers, pooled, with the largest and median value before that."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from interpreting_clip.arrays.pooled_layer import PooledLayer
from interpreting_clip.encoders.activations import embed, image_tower
from interpreting_clip.encoders.encoder import Encoder, forward_passes, to_array
from interpreting_clip.encoders.layers import forward_hooks, named_layers, per_image
from interpreting_clip.errors import InputError
from interpreting_clip.loading.processes import collect

Pool = Literal["mean", "class_token"]
"""The mean over tokens or positions, class and register tokens included; or the class token."""

CLASS_TOKENS = ("class_embedding", "class_token", "cls_token")
"""The class token's parameter in open_clip, torchvision and timm, where it can be None."""

ADVICE = "leave it out"


@dataclass(frozen=True)
class RecordedLayers:
    """What the layers of a tower have put out, batch by batch.

    Attributes
    ----------
    batches : by layer, in the order of the layers
    """

    batches: dict[str, list[PooledLayer]] = field(default_factory=dict)

    def take(self) -> dict[str, PooledLayer]:
        """Return each layer on all images, and forget its batches."""
        layers: dict[str, PooledLayer] = {}
        for layer, batches in self.batches.items():
            *columns, shapes = zip(*batches, strict=True)
            layers[layer] = PooledLayer(*map(np.concatenate, columns), shape=shapes[0])
            batches.clear()  # so that not all are in memory twice
        return layers


@contextmanager
def recorded_layers(tower: nn.Module, names: Sequence[str], pool: Pool) -> Iterator[RecordedLayers]:
    """Record layers of a tower in every forward pass of a `with` block.

    Whoever makes the passes gets the same results, to the last bit. The numbers of the layers are
    computed on the tower's device and kept in memory, float32 whatever the precision of the pass.
    If a layer runs several times in a pass, its last output counts.

    Parameters
    ----------
    names : some of `named_layers`; none records nothing
    pool : how tokens or positions become one row for each image

    Raises
    ------
    InputError
        A layer is not supported, has no class token, or its output is not finite; names the layer.
    """
    layers = {name: module for name, module in named_layers(tower).items() if name in names}
    recorded = RecordedLayers({name: [] for name in layers})
    have_token, last, size = with_class_token(tower), dict[str, PooledLayer](), [0]

    def begin(_tower: nn.Module, images: tuple[torch.Tensor, ...]) -> None:
        size[0] = len(images[0])
        last.clear()

    def keep(layer: str, output: object) -> None:
        values = per_image(output, size[0], layer, ADVICE).detach()
        if pool == "class_token" and values.ndim > 2 and layer not in have_token:
            raise InputError(f"layer '{layer}': it has no class token; use --pool mean")
        # The hook runs within the pass, whose lower precision is not for these numbers.
        with torch.autocast(values.device.type, enabled=False):
            last[layer] = pooled_layer(values.float(), pool)
        if not np.isfinite(last[layer].largest).all():
            raise InputError(
                f"layer '{layer}': its output holds NaN or infinity; the encoder's training "
                "diverged, its weights are damaged, or its numbers are too large for float16"
            )

    def end(*_: object) -> None:
        for layer, batches in recorded.batches.items():
            if layer not in last:
                per_image(None, size[0], layer, ADVICE)  # refuses a layer that never ran
            batches.append(last[layer])

    first = tower.register_forward_pre_hook(begin)
    try:
        # After the hooks of the layers, since the tower's own output is one.
        with forward_hooks(layers, keep):
            final = tower.register_forward_hook(end)
            try:
                yield recorded
            finally:
                final.remove()
    finally:
        first.remove()


def pooled_layer(values: Float[torch.Tensor, "image ..."], pool: Pool) -> PooledLayer:
    """Return a layer's output pooled, with its largest and median values."""
    axis = 1 + feature_axis(values.shape[1:])
    by_feature = values.movedim(axis, 1).flatten(2) if values.ndim > 2 else values[:, :, None]
    pooled = by_feature.mean(dim=2) if pool == "mean" else by_feature[:, :, 0]
    sizes = by_feature.abs()
    largest, feature = sizes.amax(dim=2).max(dim=1)
    return PooledLayer(
        to_array(pooled),
        to_array(largest),
        to_array(row_medians(sizes.flatten(1))),
        to_array(feature),
        np.array(values.shape[1:]),
    )


def row_medians(rows: Float[torch.Tensor, "image value"]) -> Float[torch.Tensor, " image"]:
    """Return the median of each row, of an even number the mean of the middle two."""
    lower = rows.median(dim=1).values  # torch's median is the lower one
    return lower if rows.shape[1] % 2 else (lower - (-rows).median(dim=1).values) / 2


def feature_axis(shape: Sequence[int]) -> int:
    """Return which axis of one image's output are the features.

    The last one of features, [feature], and of tokens, [token, feature]. In a map, it is the axis
    that is no side of a square, since all images are squares: the first of a convolution's
    [channel, height, width], the last of Swin's [height, width, channel]; the first if all three
    are equal.
    """
    if len(shape) == 3:
        return 2 if shape[0] == shape[1] != shape[2] else 0
    return len(shape) - 1


def axes_of(shape: Sequence[int]) -> list[str]:
    """Return what the axes of one image's output are."""
    if len(shape) == 3:
        sides = ["height", "width"]
        return [*sides, "channel"] if feature_axis(shape) else ["channel", *sides]
    return ["axis"] * (len(shape) - 2) + ["token", "feature"][-len(shape) :]


def with_class_token(tower: nn.Module) -> list[str]:
    """Return the layers whose first token is a class token: of vision transformers with one.

    Register tokens, where a model has some, come after it.
    """
    trunk = tower.get_submodule("trunk") if hasattr(tower, "trunk") else tower
    if all(getattr(trunk, name, None) is None for name in CLASS_TOKENS):
        return []
    layers = list(named_layers(tower))
    return [name for name in layers if name == "embedding" or name.startswith("block")]


def layer_shapes(encoder: Encoder, device: str) -> dict[str, tuple[int, ...] | None]:
    """Return the shape of every layer's output for one image, from a pass of a black one.

    It is None of a layer that is not supported.
    """
    tower, size = image_tower(encoder, device), encoder.card.preprocess.size
    layers = named_layers(tower)
    shapes: dict[str, tuple[int, ...] | None] = dict.fromkeys(layers)

    def keep(layer: str, output: object) -> None:
        with suppress(InputError):
            shapes[layer] = tuple(per_image(output, 1, layer).shape[1:])

    with forward_hooks(layers, keep), forward_passes(device, "float32"):
        embed(tower, torch.zeros(1, 3, size, size, device=device))
    return shapes


def gathered_layers(
    recorded: RecordedLayers, minibatches: int, size: int
) -> dict[str, PooledLayer]:
    """Return each layer on the images of all processes, in the first process; others get nothing.

    Every process has passed its minibatches, as `layer_grams` deals them out; the images come in
    the order of the minibatches.
    """
    shapes = {layer: one[0].shape for layer, one in recorded.batches.items() if one}
    widths = {layer: columns_of(recorded.batches[layer][0]).shape[1] for layer in shapes}
    own = (
        np.concatenate(list(map(columns_of, batches)), axis=1)
        for batches in zip(*recorded.batches.values(), strict=True)
    )
    blocks = list(collect(own, [(size, sum(widths.values()))] * minibatches))
    if not blocks:
        return {}
    ends = np.cumsum(list(widths.values()))[:-1]
    layers: dict[str, PooledLayer] = {}
    for layer, whole in zip(shapes, np.split(np.concatenate(blocks), ends, axis=1), strict=True):
        largest, median, feature = whole.T[-3:].copy()
        pooled = np.ascontiguousarray(whole[:, :-3])
        layers[layer] = PooledLayer(
            pooled, largest, median, feature.astype(np.int64), shapes[layer]
        )
    return layers


def columns_of(layer: PooledLayer) -> Float[np.ndarray, "image column"]:
    """Return a layer's numbers as columns; float32 holds the index of every feature."""
    return np.column_stack(layer[:-1]).astype(np.float32)
