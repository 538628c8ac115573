"""Privileged directions: the singular directions of the head and their importance."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from jaxtyping import Float
from msgspec import Meta

from interpreting_clip.measures.chunks import CHUNK_SIZE, chunks
from interpreting_clip.measures.head import center_classes
from interpreting_clip.measures.random_rotation import random_rotation
from interpreting_clip.measures.result import Label, Result, beside
from interpreting_clip.quantities import Described, Percents, Seed, StrictStruct

Centre = Literal["none", "classes"]
"""What is subtracted from the head before its directions are found: nothing, or its mean row."""

CENTRES: tuple[Centre, ...] = get_args(Centre)

TIE = 1e-9
"""Classes whose weights along a direction differ by less than this share are equally strong."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """Which directions are found, the steps in which they are pruned, and the random heads.

    A share is prunable as long as it costs less than `harmless` points of accuracy on ImageNet and
    of mean effective robustness.
    """

    centre: Annotated[
        Centre,
        Described(
            "the head whose directions are pruned, searched for concepts and shown. `classes`: the "
            "head minus its mean row, so that a vector added to every class, which changes no "
            "prediction, changes no direction either. `none`: the head as it is. Both are compared "
            "in `directions.json` and on the page",
            paper="`none`",
        ),
    ]
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
            "how much accuracy on ImageNet, and how much mean effective robustness, a prunable "
            "share may cost",
            "percentage points",
            paper="not given",
        ),
    ]
    random_heads: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "how many random heads are drawn, which are the null: heads with the singular values "
            "of the encoder's own and other directions in the same span",
            "heads",
        ),
    ]
    random_head_seed: Annotated[Seed, Described("of the random heads")]

    @property
    def fractions(self) -> list[float]:
        """The pruned shares of the directions: 0, 1 / n, … up to (n - 1) / n for n steps."""
        return [step / self.pruning_steps for step in range(self.pruning_steps)]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class MeanRow(Result):
    """The mean of a head's rows, which says nothing of how the classes differ.

    Attributes
    ----------
    energy : the share, 0 to 1, of the head's squared Frobenius norm that is lost without it
    cosine : its |cosine| with the first direction of the head as it is, 0 to 1; 0 if the mean row
        is zero
    """

    energy: Annotated[float, Label("share of the head's energy in its mean row", 2)]
    cosine: float


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class HeadDirections(Result):
    """What is said of a head's directions with one centring, the most important first.

    Attributes
    ----------
    centre : what was subtracted from the head
    directions : how many there are
    importance_ratio : the largest importance over the median one
    spectrum : participation ratio of the squared singular values
    importance : `σ_i · mean_n |cos(v_i, h_n)|`, descending
    logit_variance : the share of the logits' variance over classes that runs through each
    """

    centre: Centre
    directions: int
    importance_ratio: float
    spectrum: float
    importance: Float[np.ndarray, " _direction"]
    logit_variance: Float[np.ndarray, " _direction"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PrivilegedDirections(HeadDirections):
    """The directions that a head reads, the most important first, centred as the study asks.

    Attributes
    ----------
    mean_row : of the uncentred head, whatever the study centres
    random_importance_ratio : mean of `importance_ratio` over random heads; None without them
    random_importance : mean importance of the directions of random heads, descending
    other : the directions with the other centring
    vectors : a unit row for each direction
    singular_values : of the head, one for each
    feature_logit_variance : the share of the logits' variance that runs through each feature
    """

    CAPTION: ClassVar[str] = (
        "Chance: the mean of random heads with the same singular values, whose directions lie in "
        "the same span."
    )

    directions: Annotated[int, Label("privileged directions", 0)]
    importance_ratio: Annotated[
        float, Label("largest importance / median", 1, chance="random_importance_ratio")
    ]
    spectrum: Annotated[float, Label("participation ratio of the squared singular values", 1)]
    mean_row: MeanRow
    random_importance_ratio: float | None
    random_importance: Float[np.ndarray, " _ranked"]
    other: HeadDirections
    vectors: Float[np.ndarray, "_direction _feature"] = beside(2)
    singular_values: Float[np.ndarray, " _direction"] = beside()
    feature_logit_variance: Float[np.ndarray, " _feature"] = beside()

    @property
    def heads(self) -> dict[Centre, HeadDirections]:
        """The directions by centring, this one's and the other."""
        return {self.centre: self, self.other.centre: self.other}


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


def singular_directions(
    weight: Float[np.ndarray, "class_ feature"], centre: Centre = "none"
) -> Directions:
    """Find the right singular vectors of the head and their singular values.

    `W = U Σ Vᵀ` (Crabbé et al. 2024); the columns of V are the directions. Only those whose
    singular value exceeds `max(shape) · ε · σ_1`, NumPy's rank tolerance with ε and `σ_1` of
    the stored head, are directions: the others are rounding errors.

    A vector added to every row of W changes no prediction, but it changes these directions. With
    `centre="classes"`, W is taken minus the mean of its rows, which undoes any such vector; this is
    ours. C classes then have C - 1 directions at most.

    The sign of a singular vector is arbitrary and the paper does not choose one. Here a direction
    points to its strongest class: the class with the largest `|W v_i|` (the lowest such class) has
    a positive `W v_i`. A direction encodes the concepts on that side.

    Parameters
    ----------
    weight : the head's weights
    centre : `none` or `classes`

    Raises
    ------
    ValueError
        The head holds NaN or infinity, is zero everywhere, or has equal rows and is centred.
    """
    if not np.isfinite(weight).all() or not np.any(weight):
        raise ValueError("the head is zero everywhere or holds NaN or infinity: build it again")
    matrix = np.asarray(weight, np.float64) if centre == "none" else center_classes(weight)
    left, values, vectors = np.linalg.svd(matrix, full_matrices=False)
    # ε of the precision that the head is stored in, not that of the SVD, and the size of what is
    # stored, of which little may be left without its mean row: the rounding errors are the stored
    # head's. The mean row has a singular value of its own, and both together bound σ_1.
    removed = np.sqrt(len(weight)) * np.linalg.norm(weight.mean(axis=0, dtype=np.float64))
    largest = values[0] if centre == "none" else np.hypot(values[0], removed)
    tolerance = max(weight.shape) * np.finfo(weight.dtype).eps * largest
    rank = int(np.count_nonzero(values > tolerance))
    if not rank:
        raise ValueError(
            "all rows of the head are equal, so that it tells no classes apart: build it again, or "
            "set `directions.centre` to `none`"
        )
    # W v_i = σ_i u_i, so the left vectors say which class is strongest. The paper chooses no sign.
    # Rounding must not: two centred classes are always equally strong.
    strength = np.abs(left)
    strongest = np.argmax(strength >= (1 - TIE) * strength.max(axis=0), axis=0)
    signs = np.sign(left[strongest, np.arange(len(values))])
    return Directions((signs[:, None] * vectors)[:rank], values[:rank])


def mean_row(weight: Float[np.ndarray, "class_ feature"]) -> MeanRow:
    """Compute how much of the head its mean row is, and how near its first direction is to it.

    Parameters
    ----------
    weight : the head's weights, as they are

    Raises
    ------
    ValueError
        As `singular_directions`.
    """
    first = singular_directions(weight).vectors[0]
    mean = weight.mean(axis=0, dtype=np.float64)
    squared = float(mean @ mean)
    total = float(np.sum(np.asarray(weight, np.float64) ** 2))
    cosine = abs(float(first @ mean)) / np.sqrt(squared) if squared else 0.0
    return MeanRow(energy=len(weight) * squared / total, cosine=min(float(cosine), 1.0))


def spectrum_participation(singular_values: Float[np.ndarray, " direction"]) -> float:
    """Compute the participation ratio of the squared singular values, `(Σ σ²)² / Σ σ⁴`.

    It is 1 if one direction has all of the head's energy, and their number if all have as much.

    Parameters
    ----------
    singular_values : of `Directions`
    """
    squared = (singular_values / singular_values[0]) ** 2
    return float(squared.sum() ** 2 / np.sum(squared**2))


def rotated_directions(directions: Directions, seed: int, draw: int) -> Directions:
    """Draw the directions of a random head, with the same span and singular values.

    The random head is `U Σ R Vᵀ`, with the left singular vectors and the singular values of the
    encoder's head `U Σ Vᵀ`, and a random rotation R from the uniform (Haar) distribution. Its
    directions are arbitrary within the span of the encoder's own. A random direction of the whole
    space would be no null: it lies mostly where a head of few classes reads nothing, and costs next
    to nothing to prune. Where a head has as many directions as features, both are the same.

    This null, which is ours, shows whether the head's own directions are special within the space
    that the head reads. It shows nothing about that space or the singular values, which every draw
    shares.

    Parameters
    ----------
    directions : of the encoder's head
    seed, draw : of the draws, and the number of this one
    """
    rotation = random_rotation(len(directions.vectors), np.random.default_rng((seed, draw)))
    return Directions(rotation.T @ directions.vectors, directions.singular_values)


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
