"""From pixels to what an image tower sees."""

import msgspec
import numpy as np
import torch
from jaxtyping import Float, UInt8

from stages.storage.quantities import Count, Fraction, Positive


class Preprocess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How pixels reach a tower: square `size`, then (pixel / 255 − `mean`) / `std` per channel."""

    size: Count
    mean: tuple[Fraction, Fraction, Fraction]
    std: tuple[Positive, Positive, Positive]


def to_tower(
    images: UInt8[np.ndarray, "image height width 3"],
    preprocess: Preprocess,
    device: torch.device | str = "cpu",
) -> Float[torch.Tensor, "image 3 size size"]:
    """Return images as a tower sees them, as CLIP's own preprocessing has it.

    Images of another size are scaled to `size` along the shorter side (bicubic, antialiased) and
    cropped about the centre. The memory stays in the order height, width, channel, which is
    the faster one for convolutions.
    """
    pixels = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device)
    return standardise(resize(pixels.permute(0, 3, 1, 2), preprocess.size), preprocess)


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Scale images to `size` along the shorter side and crop them about the centre."""
    height, width = images.shape[2:]
    if height == width == size:
        return images
    scale = size / min(height, width)
    shape = (max(size, round(height * scale)), max(size, round(width * scale)))
    scaled = torch.nn.functional.interpolate(
        images.float(), shape, mode="bicubic", antialias=True, align_corners=False
    )
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    return scaled.clamp(0, 255)[:, :, top : top + size, left : left + size]


def standardise(images: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
    """Return (pixel / 255 − mean) / std, in one multiplication and one addition."""
    mean = images.new_tensor(preprocess.mean, dtype=torch.float32).view(1, 3, 1, 1)
    std = images.new_tensor(preprocess.std, dtype=torch.float32).view(1, 3, 1, 1)
    return images.to(torch.float32).mul(1 / (255 * std)).sub_(mean / std)
