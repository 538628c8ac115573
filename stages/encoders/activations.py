"""The activations of an encoder: what feeds the head, before it is brought to unit length."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, UInt8

from stages.encoders.encoder import Encoder, to_array
from stages.encoders.preprocess import to_tower
from stages.storage.errors import InputError


def activation_batches(
    encoder: Encoder,
    images: UInt8[np.ndarray, "image height width 3"],
    batch_size: int,
    device: torch.device | str = "cpu",
) -> Iterator[Float[np.ndarray, "image feature"]]:
    """Yield the activations h = f_v(x) of images, a batch at a time (Crabbé et al. 2024).

    The towers built here end in their own linear layer, so h is the tower's output: the projected
    image embedding of a CLIP, the input of the linear head of a classifier. float32, in the order
    of the images.

    Raises
    ------
    InputError
        An activation is NaN or infinite: names the image.
    """
    tower = encoder.visual.to(device).eval()
    for begin in range(0, len(images), batch_size):
        with torch.inference_mode():
            batch = to_tower(images[begin : begin + batch_size], encoder.card.preprocess, device)
            rows = to_array(tower(batch)).astype(np.float32, copy=False)
        require_finite_rows(rows, begin)
        yield rows


def activations(
    encoder: Encoder,
    images: UInt8[np.ndarray, "image height width 3"],
    batch_size: int,
    device: torch.device | str = "cpu",
) -> Float[np.ndarray, "image feature"]:
    """Return the activations of all images, see `activation_batches`.

    Raises
    ------
    InputError
        An activation is NaN or infinite: names the image.
    """
    rows = np.empty((len(images), encoder.card.feature_width), np.float32)
    begin = 0
    for batch in activation_batches(encoder, images, batch_size, device):
        rows[begin : begin + len(batch)] = batch
        begin += len(batch)
    return rows


def require_finite_rows(rows: Float[np.ndarray, "image feature"], first: int) -> None:
    """Refuse activations that are not finite.

    Raises
    ------
    InputError
        Names the first such image by its index; `first` is the index of the first row.
    """
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InputError(
            f"image {first + int(np.argmin(finite))}: its activation is NaN or infinite; "
            "the encoder's training diverged (lower its learning rate) or its weights are damaged"
        )
