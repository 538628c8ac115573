"""The layers of an image tower, and their centred Gram matrices for CKA."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.activations import image_tower
from interpreting_clip.encoders.encoder import Encoder, forward_passes
from interpreting_clip.encoders.encoder_entries import ComputeType
from interpreting_clip.errors import InputError
from interpreting_clip.loading.batches import ImageDataset, image_batches
from interpreting_clip.loading.preprocess import to_tower
from interpreting_clip.loading.processes import collect, is_first, place
from interpreting_clip.statistics.grams import (
    LayerGrams,
    MinibatchGrams,
    OutlierLimits,
    minibatch_grams,
)

STAGES = {f"stage{i}": f"layer{i}" for i in range(1, 5)}
"""The four stages of every ResNet, by the names that open_clip, torchvision and timm share."""


def named_layers(tower: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a tower, in order, each with the module whose output it is.

    A modified ResNet has its stem, four stages and attention pool, any other ResNet its stem, four
    stages and pooled output. A vision transformer has its embedding (patches, positions and, where
    there is one, the first norm), every block, and its output. Any other architecture has
    its children with weights, the parts of a Sequential or ModuleList, and its output.
    """
    if hasattr(tower, "attnpool"):
        return resnet_layers(tower, "avgpool") | {"attention_pool": tower.get_submodule("attnpool")}
    # open_clip wraps timm's towers; the layers belong to the trunk.
    trunk = tower.get_submodule("trunk") if hasattr(tower, "trunk") else tower
    if all(hasattr(trunk, name) for name in ("maxpool", *STAGES.values())):
        layers = resnet_layers(trunk, "maxpool")
    else:
        layers = transformer_layers(trunk) or weighted_parts(trunk)
    return layers | {"output": tower}


def resnet_layers(tower: nn.Module, stem: str) -> dict[str, nn.Module]:
    """Return a ResNet's stem, by the name of its last module, and its stages."""
    return {layer: tower.get_submodule(name) for layer, name in ({"stem": stem} | STAGES).items()}


def transformer_layers(tower: nn.Module) -> dict[str, nn.Module]:
    """Return the embedding and the blocks of a vision transformer, or nothing for another tower."""
    for embedding, blocks in (
        ("ln_pre", "transformer.resblocks"),  # open_clip
        ("encoder.dropout", "encoder.layers"),  # torchvision
        ("norm_pre", "blocks"),  # timm
    ):
        names = dict(tower.named_modules())
        if embedding in names and blocks in names:
            numbered = enumerate(names[blocks].children(), start=1)
            layers = {f"block{i:02d}": block for i, block in numbered}
            return {"embedding": names[embedding], **layers}
    return {}


def weighted_parts(tower: nn.Module) -> dict[str, nn.Module]:
    """Return the children of a tower that have weights; sequences are split into their parts."""
    parts: dict[str, nn.Module] = {}
    for name, child in tower.named_children():
        opened = isinstance(child, nn.Sequential | nn.ModuleList)
        for key, part in child.named_children() if opened else [("", child)]:
            if any(True for _ in part.parameters()):
                parts[f"{name}{key}"] = part
    return parts


@contextmanager
def forward_hooks(
    layers: Mapping[str, nn.Module], hook: Callable[[str, object], None]
) -> Iterator[None]:
    """Call `hook` with each layer's name and output; remove the hooks after the block.

    Later layers may change an output in place, so it is valid only during the call.
    """
    with ExitStack() as hooks:
        for layer, module in layers.items():

            def call(
                _module: nn.Module, _input: object, output: object, layer: str = layer
            ) -> None:
                hook(layer, output)

            # `layer` is bound above as a default, since a closure would see the last name in every
            # hook.
            hooks.callback(module.register_forward_hook(call).remove)
        yield


def per_image(
    output: object,
    images: int,
    layer: str,
    advice: str = "leave the encoder out of comparisons",
) -> Float[torch.Tensor, "image ..."]:
    """Return a layer's output (the first of several), which must have an entry per image.

    `advice` ends the message if it has not.

    Raises
    ------
    InputError
        The layer did not run, or its first axis is not the images.
    """
    values = output[0] if isinstance(output, tuple) else output
    if isinstance(values, torch.Tensor) and values.ndim > 1 and len(values) == images:
        return values
    shape = f"the shape {tuple(values.shape)}" if isinstance(values, torch.Tensor) else "no tensor"
    raise InputError(
        f"layer '{layer}': expected an output of {images} images, got {shape}; the layers of "
        f"this architecture are not supported: {advice}"
    )


def in_memory_order(
    features: Float[torch.Tensor, "image ..."],
) -> Float[torch.Tensor, "image feature"]:
    """Return each image's features as one row, in the order in which they lie in memory.

    Gram matrices do not depend on the order of the features, and  a mere `flatten` would copy the
    output of a convolution in channels-last layout.
    """
    axes = sorted(range(1, features.ndim), key=features.stride, reverse=True)
    return features.permute(0, *axes).flatten(1)


def layer_gram(
    features: Float[torch.Tensor, "image ..."], layer: str, limits: OutlierLimits
) -> MinibatchGrams:
    """Return the Gram matrices of a layer's output for one minibatch, computed where it is.

    Raises
    ------
    InputError
        The output is not finite; names the layer.
    """
    rows = in_memory_order(features.detach())
    # Half precision is too coarse to centre and multiply in.
    dtype = torch.promote_types(rows.dtype, torch.float32)
    try:
        # The hook runs within the pass, whose lower precision is not for these products.
        with torch.autocast(rows.device.type, enabled=False):
            return minibatch_grams(rows, limits, dtype)
    except ValueError as error:
        raise InputError(
            f"layer '{layer}': {error}; the encoder's training diverged (lower its learning rate) "
            "or its weights are damaged"
        ) from None


def tower_grams(
    tower: nn.Module,
    layers: Mapping[str, nn.Module],
    images: Float[torch.Tensor, "image ..."],
    limits: OutlierLimits,
    precision: ComputeType = "float32",
) -> dict[str, MinibatchGrams]:
    """Return the U-centred Gram matrices of every layer of a tower, from one forward pass.

    Each is computed when its layer returns, on the tower's device: beyond a plain forward pass,
    memory holds one block of one layer's features. If a layer runs several times, its last output
    counts.

    Parameters
    ----------
    images : one minibatch as the tower sees it, of at least 4 images
    """
    grams: dict[str, MinibatchGrams] = {}

    def keep(layer: str, output: object) -> None:
        grams[layer] = layer_gram(per_image(output, len(images), layer), layer, limits)

    with forward_hooks(layers, keep), forward_passes(images.device, precision):
        tower(images)
    for layer in layers.keys() - grams.keys():
        per_image(None, len(images), layer)  # refuses a layer that never ran
    return {layer: grams[layer] for layer in layers}


def layer_grams(
    encoder: Encoder,
    images: ImageDataset,
    minibatches: Int[np.ndarray, "minibatch image"],
    machine: Machine,
    precision: ComputeType,
    *,
    limits: OutlierLimits,
) -> LayerGrams:
    """Return the U-centred Gram matrices of every layer, one per minibatch of images.

    HSIC_1 of two layers is then a dot product of their matrices (Nguyen et al. 2021, equation 3),
    so any two encoders are compared without another forward pass. Several processes take the
    minibatches in turn; the first returns the matrices of all, the others none.

    Outlier features are found in each minibatch by itself, as minibatch CKA centres each by itself:
    to find them among all images first would take a second pass. So a feature that is extreme in
    about the required share of the images is left out in some minibatches and not in others.

    Parameters
    ----------
    minibatches : the images of each minibatch, at least four, as indices into `images`
    """
    device, preprocess = machine.device, encoder.card.preprocess
    layers, tower = named_layers(encoder.visual), image_tower(encoder, device)
    (rank, processes), (count, size) = place(), minibatches.shape
    # Whole minibatches in turn, since each has its own Gram matrices.
    chosen = minibatches[rank::processes].ravel()
    numbers: list[np.ndarray] = []

    def stacks() -> Iterator[np.ndarray]:
        workers = machine.workers
        for batch in image_batches(images, chosen, preprocess, size, workers, device=device):
            pixels = to_tower(batch, preprocess, device)
            grams = tower_grams(tower, layers, pixels, limits, precision)
            numbers.append(np.array([gram.outliers for gram in grams.values()], np.float32))
            # Centred in double precision; after that, float32 is exact enough to store.
            yield np.stack([[gram.whole, gram.rest] for gram in grams.values()]).astype(np.float32)

    every = list(collect(stacks(), [(len(layers), 2, size, size)] * count))
    # After the matrices: those arrive while they are computed, and these wait in their process.
    outliers = list(collect(numbers, [(len(layers),)] * count))
    if not is_first():
        return LayerGrams({}, {}, {})
    most = dict(zip(layers, np.max(outliers, axis=0).astype(int).tolist(), strict=True))
    numbered = list(enumerate(layers))
    return LayerGrams(
        {layer: np.stack([batch[n, 0] for batch in every]) for n, layer in numbered},
        {layer: np.stack([batch[n, 1] for batch in every]) for n, layer in numbered if most[layer]},
        most,
    )


def evenly_spaced_minibatches(
    total: int, images: int, minibatch: int
) -> Int[np.ndarray, "minibatch image"]:
    """Return `images` of `total` rows, evenly spaced, dealt out to the minibatches in turn.

    Real sets are sorted by class: the first rows, and so a minibatch, would show a single class.

    Raises
    ------
    InputError
        There are fewer rows than images, or they do not make whole minibatches.
    """
    if images > total or images % minibatch:
        raise InputError(
            f"expected whole minibatches of {minibatch} of the {total} images that there are, "
            f"got {images} images; change `layers` in params.yaml"
        )
    # Dealt out like cards, so that neighbours in a sorted set are in different minibatches.
    return (np.arange(images) * total // images).reshape(minibatch, -1).T
