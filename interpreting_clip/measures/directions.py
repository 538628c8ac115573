"""Privileged directions: the singular directions of the head and their importance."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float
from msgspec import Meta

from interpreting_clip.measures.chunks import CHUNK_SIZE, chunks
from interpreting_clip.measures.result import Label
from interpreting_clip.quantities import Described, Percents, Seed, StrictStruct


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The steps in which directions are pruned, and the random head that is the null.

    A share is prunable as long as it costs less than `harmless` points of ImageNet accuracy.
    """

    pruning_steps: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "n steps: the shares 0, 1 / n, … (n − 1) / n of the directions are pruned",
            "steps",
            paper="10: shares of 0 to 0.9",
        ),
    ]
    harmless: Annotated[
        Percents,
        Described(
            "how much ImageNet accuracy a prunable share may cost",
            "percentage points",
            paper="not given",
        ),
    ]
    random_head_seed: Annotated[
        Seed,
        Described(
            "of the random head that is the null",
            legal="0 to 2,147,483,647, but not `heads.random.seed`",
        ),
    ]

    @property
    def fractions(self) -> list[float]:
        """The pruned shares of the directions: 0, 1 / n, … up to (n - 1) / n for n steps."""
        return [step / self.pruning_steps for step in range(self.pruning_steps)]


@dataclass(frozen=True)
class Result:
    """The numbers of a head's privileged directions and of their pruning."""

    directions: Annotated[int, Label("privileged directions", 0)]
    prunable: Annotated[
        float, Label("share of the directions that can be pruned", 2, headline="prunable")
    ]
    importance_ratio: Annotated[float, Label("largest importance / median", 1)]


@dataclass(frozen=True, eq=False)
class Directions:
    """Orthonormal directions of the representation space, by descending singular value.

    Attributes
    ----------
    vectors : one unit row per direction
    singular_values : all above 0
    """

    vectors: Float[np.ndarray, "direction feature"]
    singular_values: Float[np.ndarray, " direction"]


def singular_directions(weight: Float[np.ndarray, "class_ feature"]) -> Directions:
    """Find the right singular vectors of the head and their singular values.

    `W = U Σ Vᵀ` (Crabbé et al. 2024); the columns of V are the directions. Only those whose
    singular value exceeds `max(shape) · ε · σ_1`, the rank tolerance of numpy with ε of the head's
    own precision, are directions: the others are rounding errors.

    The sign of a singular vector is arbitrary and the paper does not choose one. Here a direction
    points to its strongest class: the class with the largest `|W v_i|` (the lowest such class) has
    a positive `W v_i`. A direction encodes the concepts on that side.

    Parameters
    ----------
    weight : the head's weights

    Raises
    ------
    ValueError
        The head holds NaN or infinity, or is zero everywhere.
    """
    if not np.isfinite(weight).all() or not np.any(weight):
        raise ValueError("the head is zero everywhere or holds NaN or infinity: build it again")
    left, values, vectors = np.linalg.svd(np.asarray(weight, np.float64), full_matrices=False)
    # ε of the precision that the head is stored in, not that of the SVD: the rounding errors are
    # the stored head's.
    tolerance = max(weight.shape) * np.finfo(weight.dtype).eps * values[0]
    rank = int(np.count_nonzero(values > tolerance))
    # W v_i = σ_i u_i, so the left vectors say which class is strongest. The paper chooses no sign.
    strongest = np.argmax(np.abs(left), axis=0)
    signs = np.sign(left[strongest, np.arange(len(values))])
    return Directions((signs[:, None] * vectors)[:rank], values[:rank])


def project(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions,
    chunk_size: int = CHUNK_SIZE,
) -> Float[np.ndarray, "image direction"]:
    """Project every image onto every direction, `⟨v_i, h⟩`.

    Parameters
    ----------
    activations, directions, chunk_size : as in `importance`

    Raises
    ------
    ValueError
        The directions and the activations differ in the number of features.
    """
    _require_width(activations, directions)
    projections = np.empty((len(activations), len(directions.vectors)))
    for rows, chunk in chunks(activations, chunk_size):
        projections[rows] = chunk @ directions.vectors.T
    return projections


def importance(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions,
    chunk_size: int = CHUNK_SIZE,
) -> Float[np.ndarray, " direction"]:
    """Compute how much each direction contributes to the logits of these images.

    `importance_i = σ_i · mean_n |cos(v_i, h_n)|` (Crabbé et al. 2024), in the units of the head's
    weights. The cosine with an all-zero activation counts as 0.

    Parameters
    ----------
    activations : one row per image
    directions : with as many features
    chunk_size : how many images are held in double precision at a time
    """
    _require_width(activations, directions)
    total = np.zeros(len(directions.vectors))
    for _, chunk in chunks(activations, chunk_size):
        lengths = np.linalg.norm(chunk, axis=1)
        projections = chunk @ directions.vectors.T
        # The projections of an all-zero activation are 0, so any length makes its cosine 0.
        total += (1 / np.where(lengths > 0, lengths, 1.0)) @ np.abs(projections, out=projections)
    return directions.singular_values * total / len(activations)


def _require_width(activations: Float[np.ndarray, "image feature"], directions: Directions) -> None:
    if activations.shape[1] != directions.vectors.shape[1]:
        raise ValueError(
            f"the directions have {directions.vectors.shape[1]} features and the activations "
            f"{activations.shape[1]}: take both from the same encoder"
        )
