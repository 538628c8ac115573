"""Images in groups, some of which two representations have in common."""

import numpy as np
from jaxtyping import Int

from interpreting_clip.controls.control import STANDARD_ERRORS, Control, controls
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.grams import u_center
from interpreting_clip.measures.mutual_neighbours import Settings, mutual_neighbours
from interpreting_clip.measures.random_numbers import generator

GROUPS = 60

FEATURES = 64

SPREAD = 0.01
"""How far images lie from the centre of their group, which has a length of about 8."""

ROUNDING = 1e-3
"""The share of neighbours that rounding may decide in a rotated copy."""


def neighbour_controls(
    activations: Features, images: int, settings: Settings, seed: int
) -> list[Control]:
    """Measure how many neighbours a rotated copy shares, and images whose groups are known.

    Neighbours depend on cosines alone, so a rotated and scaled copy has the same. In the second
    control, the neighbours of an image are the others of its group of k + 1. Half of the groups are
    the same on both sides, and the images of the others are dealt out to groups anew on one side.
    Of m such images, each shares `k / (m - 1)` of its neighbours on average, with a variance as in
    `cka_controls`, of the matrices that say which two images are in one group.

    Parameters
    ----------
    activations : of an encoder
    images : so many of the first ones are used, or as many as the measure needs
    settings : how many neighbours
    seed : of the rotation and the groups
    """
    rng = generator(seed, "planted neighbours")
    own = np.asarray(activations[: max(images, settings.least_images)], np.float64)
    rotation = np.linalg.qr(rng.standard_normal((own.shape[1], own.shape[1]))).Q
    copied = mutual_neighbours(own, 3 * own @ rotation, settings=settings)
    size = settings.k + 1
    groups = np.repeat(np.arange(GROUPS), size)
    moved = groups.copy()
    half = slice(len(groups) // 2, None)
    moved[half] = rng.permutation(groups[half])
    found = mutual_neighbours(grouped(groups, rng), grouped(moved, rng), settings=settings)
    dealt = len(groups[half])
    together = [
        u_center((one[half, None] == one[half]).astype(np.float64)) for one in (groups, moved)
    ]
    variance = 2 * np.prod([np.sum(one**2) for one in together]) / (dealt * (dealt - 3))
    error = STANDARD_ERRORS * np.sqrt(variance) / (len(groups) * settings.k)
    return controls(
        "Neighbours that ",
        (
            f"{len(own):,} of the encoder's activations share with a rotated and scaled copy",
            *(1.0, copied.alignment, ROUNDING),
        ),
        (
            f"{len(groups):,} images in groups of {size} share with a copy in which half of the "
            "images change their groups",
            *(0.5 + 0.5 * settings.k / (dealt - 1), found.alignment, error),
        ),
    )


def grouped(groups: Int[np.ndarray, " image"], rng: np.random.Generator) -> Features:
    """Draw images close to the centre of their group."""
    centres = rng.standard_normal((GROUPS, FEATURES))
    return centres[groups] + SPREAD * rng.standard_normal((len(groups), FEATURES))
