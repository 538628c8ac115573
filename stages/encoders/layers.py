"""The layers of an image tower, and their centred Gram matrices for CKA."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import nn

from stages.encoders.encoder import Encoder
from stages.encoders.layer_names import named_layers
from stages.encoders.pictures import Pictures, fitted, fitted_batches
from stages.encoders.preprocess import to_tower
from stages.encoders.state import to_array
from stages.measures.cka import gram, u_center
from stages.storage.errors import InputError

SMALLEST = 4
"""The unbiased HSIC divides by n (n − 3): fewer images than four have none."""


def layer_modules(encoder: Encoder) -> dict[str, nn.Module]:
    """Return the layers that CKA compares, see `named_layers`."""
    return named_layers(encoder.visual)


@contextmanager
def captured(layers: dict[str, nn.Module]) -> Iterator[dict[str, torch.Tensor]]:
    """Fill a dictionary with what the layers last returned; the hooks go with the block.

    Of several results the first counts. It is copied, for what comes after a layer may change it
    in its place.
    """
    outputs: dict[str, torch.Tensor] = {}
    with ExitStack() as hooks:
        for layer, module in layers.items():

            def keep(_module: nn.Module, _input: object, output: Any, layer: str = layer) -> None:
                outputs[layer] = (output[0] if isinstance(output, tuple) else output).clone()

            hooks.callback(module.register_forward_hook(keep).remove)
        yield outputs


def layer_rows(output: torch.Tensor | None, images: int, layer: str) -> torch.Tensor:
    """Return a layer's output as one row per image.

    Raises
    ------
    InputError
        The layer did not run, or its first axis is not the images.
    """
    if output is None or output.ndim < 2 or len(output) != images:
        came = "nothing" if output is None else f"the shape {tuple(output.shape)}"
        raise InputError(
            f"layer '{layer}': expected an output of {images} images, got {came}; the layers of "
            "this architecture are not supported: leave the encoder out of comparisons"
        )
    return output.flatten(1)


def layer_features(
    encoder: Encoder,
    pictures: Pictures,
    device: torch.device | str = "cpu",
    workers: int = 1,
) -> dict[str, Float[np.ndarray, "image feature"]]:
    """Return every layer's output for a few pictures, positions and channels in one row each.

    Raises
    ------
    InputError
        A layer has no output with a row per image.
    """
    every = np.arange(len(pictures))
    return fitted_features(
        encoder, fitted(pictures, every, encoder.card.preprocess, workers), device
    )


def fitted_features(
    encoder: Encoder,
    images: UInt8[np.ndarray, "image size size 3"],
    device: torch.device | str,
) -> dict[str, Float[np.ndarray, "image feature"]]:
    """Return every layer's output for images of the tower's size."""
    layers = layer_modules(encoder)
    tower = encoder.visual.to(device).eval()
    with captured(layers) as outputs, torch.inference_mode():
        tower(to_tower(images, encoder.card.preprocess, device))
    rows = {layer: layer_rows(outputs.get(layer), len(images), layer) for layer in layers}
    return {layer: to_array(values).astype(np.float32) for layer, values in rows.items()}


def layer_grams(
    encoder: Encoder,
    pictures: Pictures,
    minibatch: int,
    device: torch.device | str = "cpu",
    workers: int = 1,
    *,
    which: Int[np.ndarray, " image"] | None = None,
) -> dict[str, Float[np.ndarray, "minibatch image image"]]:
    """Return the U-centred Gram matrices of every layer, one per minibatch of images.

    HSIC_1 of two layers is then a dot product of their matrices (Nguyen et al. 2021, equation 3),
    so any two encoders are compared without another forward pass. The pictures
    `which` are taken, or all, one minibatch after the other.

    Raises
    ------
    InputError
        The images do not make whole minibatches of at least four.
    """
    rows = np.arange(len(pictures)) if which is None else which
    if minibatch < SMALLEST or len(rows) % minibatch or not len(rows):
        raise InputError(
            f"expected whole minibatches of at least {SMALLEST} images for CKA, got "
            f"{len(rows)} images in minibatches of {minibatch}; change `layers`"
        )
    grams: dict[str, list[np.ndarray]] = {layer: [] for layer in layer_modules(encoder)}
    for batch in fitted_batches(pictures, rows, encoder.card.preprocess, minibatch, workers):
        for layer, features in fitted_features(encoder, batch, device).items():
            grams[layer].append(u_center(gram(features)).astype(np.float32))
    return {layer: np.stack(matrices) for layer, matrices in grams.items()}
