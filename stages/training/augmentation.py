"""Random crops and flips of a batch, drawn on the CPU so that any device sees the same."""

import numpy as np
import torch
from jaxtyping import Float

from stages.training.recipes import Augmentation


def augment(
    images: Float[torch.Tensor, "image 3 size size"],
    recipe: Augmentation,
    generator: np.random.Generator,
) -> Float[torch.Tensor, "image 3 size size"]:
    """Return every image cropped at random, scaled back (bilinear), and flipped or not.

    The share of the area is uniform between `smallest_crop` and 1 and the logarithm of the ratio
    of the sides between those of 3:4 and 4:3, as in torchvision's `RandomResizedCrop`; a side
    that would leave the image is cut to it.
    """
    if recipe.smallest_crop == 1 and recipe.flip == 0:
        return images
    boxes = torch.from_numpy(affine_maps(len(images), recipe, generator)).to(images.device)
    grid = torch.nn.functional.affine_grid(boxes, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def affine_maps(
    images: int, recipe: Augmentation, generator: np.random.Generator
) -> Float[np.ndarray, "image 2 3"]:
    """Draw the maps from the new image's coordinates (−1..1) to the old one's."""
    area = generator.uniform(recipe.smallest_crop, 1, images)
    ratio = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3), images))
    place = generator.uniform(-1, 1, (images, 2))
    mirror = np.where(generator.random(images) < recipe.flip, -1.0, 1.0)
    if recipe.smallest_crop == 1:
        ratio[:] = 1
    width = np.minimum(1, np.sqrt(area * ratio))
    height = np.minimum(1, np.sqrt(area / ratio))
    maps = np.zeros((images, 2, 3), np.float32)
    maps[:, 0, 0], maps[:, 1, 1] = width * mirror, height
    maps[:, 0, 2], maps[:, 1, 2] = place[:, 0] * (1 - width), place[:, 1] * (1 - height)
    return maps
