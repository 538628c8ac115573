"""The layers of an image tower, and their centred Gram matrices for CKA."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from stages.encoders.encoder import Encoder
from stages.encoders.forward import forward_passes
from stages.encoders.layer_names import named_layers
from stages.encoders.pictures import Pictures, fitted_batches
from stages.encoders.preprocess import to_tower
from stages.measures.gram import gram
from stages.measures.u_center import FEWEST_IMAGES, u_center
from stages.settings.precision import ComputeType
from stages.storage.errors import InputError


def layer_modules(encoder: Encoder) -> dict[str, nn.Module]:
    """Return the layers that CKA compares, see `named_layers`."""
    return named_layers(encoder.visual)


@contextmanager
def watched(layers: Mapping[str, nn.Module], see: Callable[[str, object], None]) -> Iterator[None]:
    """Show each layer's output as soon as it is there; the hooks go with the block, also on errors.

    What comes after a layer may change its output in its place, so it counts only while it is seen.
    """
    with ExitStack() as hooks:
        for layer, module in layers.items():

            def show(
                _module: nn.Module, _input: object, output: object, layer: str = layer
            ) -> None:
                see(layer, output)

            hooks.callback(module.register_forward_hook(show).remove)
        yield


def per_image(output: object, images: int, layer: str) -> Float[torch.Tensor, "image ..."]:
    """Return a layer's output, of several the first, that has an entry per image.

    Raises
    ------
    InputError
        The layer did not run, or its first axis is not the images.
    """
    values = output[0] if isinstance(output, tuple) else output
    if isinstance(values, torch.Tensor) and values.ndim > 1 and len(values) == images:
        return values
    came = f"the shape {tuple(values.shape)}" if isinstance(values, torch.Tensor) else "no tensor"
    raise InputError(
        f"layer '{layer}': expected an output of {images} images, got {came}; the layers of "
        "this architecture are not supported: leave the encoder out of comparisons"
    )


def layer_gram(
    features: Float[torch.Tensor, "image ..."], layer: str
) -> Float[np.ndarray, "image image"]:
    """Return the U-centred Gram matrix of a layer's output for one minibatch, float32.

    Raises
    ------
    InputError
        The output is not finite; names the layer.
    """
    products = gram(features)
    if not np.isfinite(products).all():
        raise InputError(
            f"layer '{layer}': expected finite features, got NaN, an infinity or a number too "
            "large to be squared; the encoder's training diverged (lower its learning rate) or "
            "its weights are damaged"
        )
    return u_center(products).astype(np.float32)


def minibatch_grams(
    tower: nn.Module,
    layers: Mapping[str, nn.Module],
    images: Float[torch.Tensor, "image ..."],
    precision: ComputeType = "float32",
) -> dict[str, Float[np.ndarray, "image image"]]:
    """Return the U-centred Gram matrix of every layer of a tower, from one forward pass.

    Each is computed when its layer returns, on the tower's device, so that the pass holds no more
    than it would of itself, and a block of one layer's features. Of a layer that runs several
    times, the last output counts.

    Parameters
    ----------
    images : one minibatch as the tower sees it, of at least 4 images

    Raises
    ------
    InputError
        A layer has no output with an entry per image, or one that is not finite.
    """
    grams: dict[str, np.ndarray] = {}

    def keep(layer: str, output: object) -> None:
        grams[layer] = layer_gram(per_image(output, len(images), layer), layer)

    with watched(layers, keep), forward_passes(images.device, precision):
        tower(images)
    for layer in layers:
        if layer not in grams:
            per_image(None, len(images), layer)
    return {layer: grams[layer] for layer in layers}


def layer_grams(
    encoder: Encoder,
    pictures: Pictures,
    minibatch: int,
    device: torch.device | str = "cpu",
    workers: int = 1,
    *,
    which: Int[np.ndarray, " chosen"] | None = None,
    precision: ComputeType = "float32",
) -> dict[str, Float[np.ndarray, "minibatch image image"]]:
    """Return the U-centred Gram matrices of every layer, one per minibatch of images.

    HSIC_1 of two layers is then a dot product of their matrices (Nguyen et al. 2021, equation 3),
    so any two encoders are compared without another forward pass. The pictures
    `which` are taken, or all, one minibatch after the other.

    Raises
    ------
    InputError
        The images do not make whole minibatches of at least four, a layer has no output with an
        entry per image, or one that is not finite.
    """
    rows = np.arange(len(pictures)) if which is None else which
    if minibatch < FEWEST_IMAGES or len(rows) % minibatch or not len(rows):
        raise InputError(
            f"expected whole minibatches of at least {FEWEST_IMAGES} images for CKA, got "
            f"{len(rows)} images in minibatches of {minibatch}; change `layers`"
        )
    layers, preprocess = layer_modules(encoder), encoder.card.preprocess
    tower = encoder.visual.to(device).eval()
    grams: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    for batch in fitted_batches(pictures, rows, preprocess, minibatch, workers):
        images = to_tower(batch, preprocess, device)
        found = minibatch_grams(tower, layers, images, precision)
        for layer, matrix in found.items():
            grams[layer].append(matrix)
    return {layer: np.stack(matrices) for layer, matrices in grams.items()}
