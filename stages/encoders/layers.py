"""The layers of an image tower, and their centred Gram matrices for CKA."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn

from stages.encoders.backbone import ModifiedResNet
from stages.encoders.encoder import Encoder
from stages.encoders.preprocess import to_tower
from stages.encoders.state import to_array
from stages.measures.cka import gram, u_center
from stages.storage.errors import InputError

SMALLEST = 4
"""The unbiased HSIC divides by n (n − 3): fewer images than four have none."""


def layer_modules(encoder: Encoder) -> dict[str, nn.Module]:
    """Return the layers that CKA compares, in order, each with the module whose output it is.

    A modified ResNet has its stem, four stages and attention pool; a vision transformer its
    embedding (patches, positions and first norm), every block, and its projected output.
    """
    visual = encoder.visual
    if isinstance(encoder.card.architecture.vision, ModifiedResNet):  # pyright: ignore
        names = {"stem": "avgpool", "stage1": "layer1", "stage2": "layer2", "stage3": "layer3"}
        names |= {"stage4": "layer4", "attention_pool": "attnpool"}
        return {layer: visual.get_submodule(module) for layer, module in names.items()}
    blocks = visual.get_submodule("transformer.resblocks").children()
    layers = {f"block{i:02d}": block for i, block in enumerate(blocks, start=1)}
    return {"embedding": visual.get_submodule("ln_pre"), **layers, "output": visual}


@contextmanager
def captured(layers: dict[str, nn.Module]) -> Iterator[dict[str, torch.Tensor]]:
    """Fill a dictionary with what the layers last returned; the hooks go with the block."""
    outputs: dict[str, torch.Tensor] = {}
    with ExitStack() as hooks:
        for layer, module in layers.items():
            hook = module.register_forward_hook(
                lambda _module, _input, output, layer=layer: outputs.update({layer: output})
            )
            hooks.callback(hook.remove)
        yield outputs


def layer_features(
    encoder: Encoder,
    images: UInt8[np.ndarray, "image height width 3"],
    device: torch.device | str = "cpu",
) -> dict[str, Float[np.ndarray, "image feature"]]:
    """Return every layer's output for a few images, positions and channels in one row each."""
    layers = layer_modules(encoder)
    tower = encoder.visual.to(device).eval()
    with captured(layers) as outputs, torch.inference_mode():
        tower(to_tower(images, encoder.card.preprocess, device))
    return {layer: to_array(outputs[layer].flatten(1)).astype(np.float32) for layer in layers}


def layer_grams(
    encoder: Encoder,
    images: UInt8[np.ndarray, "images height width 3"],
    minibatch: int,
    device: torch.device | str = "cpu",
) -> dict[str, Float[np.ndarray, "minibatch image image"]]:
    """Return the U-centred Gram matrices of every layer, one per minibatch of images.

    HSIC_1 of two layers is then a dot product of their matrices (Nguyen et al. 2021, equation 3),
    so any two encoders are compared without another forward pass.

    Raises
    ------
    InputError
        The images do not make whole minibatches of at least four.
    """
    if minibatch < SMALLEST or len(images) % minibatch or not len(images):
        raise InputError(
            f"expected whole minibatches of at least {SMALLEST} images for CKA, got "
            f"{len(images)} images in minibatches of {minibatch}; change cka's numbers of images"
        )
    grams: dict[str, list[np.ndarray]] = {layer: [] for layer in layer_modules(encoder)}
    for begin in range(0, len(images), minibatch):
        features = layer_features(encoder, images[begin : begin + minibatch], device)
        for layer, rows in features.items():
            grams[layer].append(u_center(gram(rows)).astype(np.float32))
    return {layer: np.stack(matrices) for layer, matrices in grams.items()}
