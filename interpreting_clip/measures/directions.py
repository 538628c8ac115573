"""Privileged directions: the singular directions of the head and their importance."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float
from msgspec import Meta

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    HeadLike,
    as_head,
    as_matrix,
    as_progress,
    as_settings,
)
from interpreting_clip.arrays.head import Head
from interpreting_clip.formats.result import Label, Result, beside
from interpreting_clip.quantities import Described, Seed, StrictStruct
from interpreting_clip.statistics.blas import one_blas_thread
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.statistics.nulls import Progress
from interpreting_clip.statistics.singular_directions import (
    CENTRES,
    Centre,
    Directions,
    RankedDirections,
    rank,
    rotated_directions,
    singular_directions,
)


class Settings(StrictStruct, frozen=True, kw_only=True):
    """Which directions are found, the steps in which they are pruned, and the random heads."""

    centre: Annotated[
        Centre,
        Described(
            "the head whose directions are pruned, searched for concepts and shown. `classes`: the "
            "head minus its mean row, so that a vector added to every class, which changes no "
            "prediction, changes no direction either. `none`: the head as it is. Both are compared "
            "in `directions.json` and on the page",
            paper="`none`",
        ),
    ] = "classes"
    pruning_steps: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "n steps: the shares 0, 1 / n, … (n − 1) / n of the directions are pruned",
            "steps",
            paper="10: shares of 0 to 0.9",
        ),
    ] = 10
    random_heads: Annotated[
        int,
        Meta(ge=0, le=1000),
        Described(
            "how many random heads are the null: with the singular values of the encoder's own "
            "and other directions in the same span. 0 leaves the null out",
            "heads",
        ),
    ] = 20
    random_head_seed: Annotated[Seed, Described("of the random heads")] = 1

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
class Candidates:
    """The ranked directions that can be pruned.

    Attributes
    ----------
    heads : of the head by centring, the one that the study asks for and the other
    random : of each random head (`rotated_directions`)
    """

    heads: dict[Centre, RankedDirections]
    random: list[RankedDirections]


def directions(
    activations: ArrayLike,
    *,
    head: HeadLike,
    bias: ArrayLike | None = None,
    normalize_features: bool = False,
    centre: Centre = "classes",
    pruning_steps: int = 10,
    random_heads: int = 20,
    random_head_seed: int = 1,
    progress: Progress = iter,
) -> PrivilegedDirections:
    """Find the directions that a head reads and how important each is (Crabbé et al. 2024).

    They are the right singular vectors `v_i` of the head (`singular_directions`) in the order of
    their importance, `σ_i · mean_n |cos(v_i, h_n)|` over the images.

    Parameters
    ----------
    activations : one row per image
    head : a row of weights for each class and a column for each feature; an object with `weight`
        and `bias`, such as `nn.Linear`, or with `coef_` and `intercept_`; or a `Head`
    bias : of the head, a number for each class; None: that of the object, or none
    normalize_features : whether the head takes activations of unit length, as CLIP's zero-shot
        heads do
    centre : which directions lead: of the head minus its mean row (`classes`), so that a vector
        added to every class changes none, or of the head as it is (`none`, as in the paper)
    pruning_steps : as in `pruning`; they do not change the directions
    random_heads : how many random heads are the null, with the singular values of the head and
        other directions in the same span; 0 leaves the null out
    random_head_seed : of the random heads
    progress : goes through the random heads, such as `tqdm`

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; or the
        head tells no classes apart.
    """
    activations = as_matrix(activations, "activations")
    head = as_head(head, bias, normalize_features, activations.shape[1])
    settings = as_settings(
        Settings,
        centre=centre,
        pruning_steps=pruning_steps,
        random_heads=random_heads,
        random_head_seed=random_head_seed,
    )
    progress = as_progress(progress)
    with one_blas_thread():
        known = find_candidates(activations, head, settings, progress)
        return describe(activations, head, known)


def describe(activations: Features, head: Head, known: Candidates) -> PrivilegedDirections:
    """Return `directions` from ranked ones (`find_candidates`) of the same activations and head."""
    moment = second_moment(activations, head)
    # First, since it refuses logits that are the same for all classes.
    features = logit_variance_shares(moment, head.weight)
    own, other = (
        HeadDirections(
            centre=centre,
            directions=len(found.vectors),
            importance_ratio=importance_ratio(found.importance),
            spectrum=spectrum_participation(found.singular_values),
            importance=found.importance,
            logit_variance=logit_variance_shares(moment, head.weight, found.vectors),
        )
        for centre, found in known.heads.items()
    )
    random = [one.importance for one in known.random]
    ratios = [importance_ratio(one) for one in random]
    return PrivilegedDirections(
        **vars(own),
        mean_row=mean_row(head.weight, known.heads["none"]),
        random_importance_ratio=float(np.mean(ratios)) if ratios else None,
        random_importance=np.mean(random, axis=0) if random else np.empty(0),
        other=other,
        vectors=known.heads[own.centre].vectors,
        singular_values=known.heads[own.centre].singular_values,
        feature_logit_variance=features,
    )


def find_candidates(
    activations: Features, head: Head, settings: Settings, progress: Progress = iter
) -> Candidates:
    """Rank the directions of a head with either centring, and the directions of random heads.

    `directions` and `pruning_curves` need them.

    Parameters
    ----------
    activations : one row per image, on which importance is measured
    head, settings, progress : as in `directions`
    """
    centres: list[Centre] = sorted(CENTRES, key=lambda centre: centre != settings.centre)
    found = [singular_directions(head.weight, centre) for centre in centres]
    drawn = (
        rotated_directions(found[0], settings.random_head_seed, draw)
        for draw in progress(range(settings.random_heads))
    )
    own, other = (rank(activations, one) for one in found)
    return Candidates(
        heads=dict(zip(centres, (own, other), strict=True)),
        random=[rank(activations, one) for one in drawn],
    )


def mean_row(weight: Float[np.ndarray, "class_ feature"], uncentred: Directions) -> MeanRow:
    """Compute how much of the head its mean row is, and how near its first direction is to it.

    Parameters
    ----------
    weight : the head's weights, as they are
    uncentred : its directions, in any order; the first is that with the largest singular value
    """
    first = uncentred.vectors[np.argmax(uncentred.singular_values)]
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
    singular_values : of `Directions`, in any order
    """
    descending = np.sort(singular_values)[::-1]
    squared = (descending / descending[0]) ** 2
    return float(squared.sum() ** 2 / np.sum(squared**2))


def importance_ratio(importance: Float[np.ndarray, " direction"]) -> float:
    """Return the largest importance over the median one; `importance` is descending."""
    return float(importance[0] / np.median(importance))
