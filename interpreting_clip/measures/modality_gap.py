"""The modality gap: how far images lie from their captions, and which features carry it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.arrays.conversions import ArrayLike, as_matrix, as_settings, require_width
from interpreting_clip.formats.result import Estimate, Label, Part, Result, beside
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.mutual_neighbours import mutual_neighbours, unit_rows
from interpreting_clip.quantities import (
    Confidence,
    Count,
    Described,
    Resamples,
    Seed,
    Share,
    StrictStruct,
)
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.intervals import bootstrap_mean

NO_GAP = 1e-12
"""A shorter gap between rows of unit length is a rounding error."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """Which features separate images from captions, the neighbours, and the bootstrap."""

    separates: Annotated[
        Share,
        Described(
            "the least area under the curve, between images and captions, of a feature that "
            "separates them",
            "probability",
            paper="not in the paper; ours",
        ),
    ] = 0.99
    k: Annotated[
        Count,
        Described(
            "how many nearest neighbours each image has",
            "images",
            legal="1 or more, below the number of images",
        ),
    ] = 10
    resamples: Annotated[Resamples, Described("bootstrap resamples of the pairs", "resamples")] = (
        1000
    )
    seed: Annotated[
        Seed, Described("of the resamples, and of the order of equally similar images")
    ] = 0
    confidence: Annotated[Confidence, Described("of the intervals", "probability")] = 0.95

    @property
    def least_images(self) -> int:
        """How many images are needed: an image and its neighbours."""
        return self.k + 1


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Remaining(Result):
    """Images and captions after part of the gap is removed and rows have unit length again.

    Attributes
    ----------
    length : of the gap that remains
    accuracy : percentage of images whose own caption has the highest cosine of all captions, with
        Wilson's score interval
    neighbours : share, 0 to 1, of each image's nearest images whose captions are also nearest to
        its own caption (`mutual_neighbours`); without an interval
    guessing, unrelated : what chance gives for these two
    """

    length: Annotated[float, Label("length of the gap", 3)]
    accuracy: Annotated[
        Estimate, Label("images that find their own caption", 1, unit="%", chance="guessing")
    ]
    neighbours: Annotated[float, Label("share of common nearest neighbours", 3, chance="unrelated")]
    guessing: float
    unrelated: float


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ModalityGap(Result):
    """The gap between the mean image and the mean caption, and the features that carry it.

    Attributes
    ----------
    length : ‖Δ‖, 0 to 2, with a bootstrap interval over pairs
    share_of_distance : ‖Δ‖² as a share, 0 to 1, of the mean squared distance within pairs
    exchanged, share_if_exchanged : root mean square of ‖Δ‖, and mean of the share, if the two sides
        of each pair are exchanged at random
    separating : how many features separate images from captions
    largest_share : the largest share, 0 to 1, of ‖Δ‖² that one feature carries
    half : the fewest features that together carry half of ‖Δ‖²
    whole, without_largest, without_separating, centred : what removing nothing, or part of the gap,
        leaves (see `modality_gap`); None if it leaves a row 0, or all rows of a side the same
    largest : index of the feature with the largest share, from 0
    separates : the least area of a feature that separates
    feature : index of each feature that separates, from 0, the one with the largest share first
    share, area : their shares of ‖Δ‖², and their areas under the curve, 0.5 to 1
    share_of_every_feature, area_of_every_feature : the same of each feature
    """

    CAPTION: ClassVar[str] = (
        "Intervals: bootstrap over pairs; of percentages, Wilson's score interval; common "
        "neighbours have none. Chance: the sides of each pair exchanged at random; guessing; for "
        "neighbours, the images of one side permuted."
    )

    length: Annotated[Estimate, Label("length of the modality gap", 3, chance="exchanged")]
    share_of_distance: Annotated[
        float,
        Label("gap's share of the squared distance within pairs", 3, chance="share_if_exchanged"),
    ]
    separating: Annotated[int, Label("features that separate images from captions", 0)]
    largest_share: Annotated[float, Label("largest share of the squared gap in one feature", 3)]
    half: Annotated[int, Label("features that carry half of the squared gap", 0)]
    whole: Annotated[Remaining, Part("with nothing removed")]
    without_largest: Annotated[Remaining | None, Part("without the feature of the largest share")]
    without_separating: Annotated[Remaining | None, Part("without the features that separate")]
    centred: Annotated[Remaining | None, Part("with each side minus its mean")]
    exchanged: float
    share_if_exchanged: float
    largest: int
    separates: float
    feature: Int[np.ndarray, " _separating"]
    share: Float[np.ndarray, " _separating"]
    area: Float[np.ndarray, " _separating"]
    share_of_every_feature: Float[np.ndarray, " _feature"] = beside()
    area_of_every_feature: Float[np.ndarray, " _feature"] = beside()

    @property
    def notes(self) -> list[str]:
        """What the intervals are, and which features separate images from captions."""
        from interpreting_clip.errors import listed

        named = [
            f"{feature} ({share:.3f} of the squared gap)"
            for feature, share in zip(self.feature, self.share, strict=True)
        ]
        first = [f"Features that separate images from captions: {listed(named)}."] if named else []
        return [*super().notes, *first, f"Feature {self.largest} has the largest share."]


def modality_gap(
    activations: ArrayLike,
    *,
    captions: ArrayLike,
    separates: float = 0.99,
    k: int = 10,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> ModalityGap:
    """Measure the gap between images and their captions, and find the features that carry it.

    With all rows scaled to unit length, `Δ = mean_i x_i - mean_i y_i` for images x and captions y;
    the length of the gap is `‖Δ‖` (Liang et al. 2022, "Mind the Gap", arXiv 2203.02053). Its
    interval resamples pairs and keeps the direction of Δ (ours). By chance, if the two sides of
    each pair are exchanged at random, the mean of `‖Δ‖²` is `Σ_i ‖x_i - y_i‖² / n²`. The gap's
    share of the squared distance within pairs is `‖Δ‖² / mean_i ‖x_i - y_i‖²`: 1 if all pairs
    differ by the same vector.

    Feature j carries `Δ_j² / ‖Δ‖²` of the squared gap; few features carry most of it (Schrodi et
    al. 2024, "Two Effects, One Trigger", arXiv 2404.07983). It *separates* images from captions if
    the area A under the curve between them, with ties counted half, has `max(A, 1 - A) >=
    separates` (ours).

    Four cases show what removing does, each scaled to unit length again: `whole`, with nothing
    removed; `without_largest`, with the feature of the largest share set to 0;
    `without_separating`, with all that separate set to 0; `centred`, with each side minus its mean.

    Parameters
    ----------
    activations : one row per image, of any length above 0
    captions : for each image, in the same order, the embedding of what belongs to it in the same
        space, such as its caption
    separates : the least area of a feature that separates, above 0 to 1
    k : how many nearest neighbours each image has; 1 or more, below the number of images
    resamples : bootstrap resamples of the pairs
    seed : of the resamples, and of the order of equally similar images
    confidence : of the intervals, above 0 and below 1

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range; the numbers of rows or of
        features differ, or there are not more rows than `k`; a row is 0, or all rows of a side have
        the same direction; or both sides have the same mean.
    """
    images, texts = as_pairs(activations, captions)
    settings = as_settings(
        Settings, separates=separates, k=k, resamples=resamples, seed=seed, confidence=confidence
    )
    within = images - texts
    gap = within.mean(axis=0)
    length = float(np.linalg.norm(gap))
    if length < NO_GAP:
        raise ValueError(
            "captions: their mean is that of the activations, so there is no gap; expected "
            "embeddings of something else than these images"
        )
    distance = float(np.mean(np.sum(within**2, axis=1)))
    share, area = (gap / length) ** 2, areas(images, texts)
    order = np.argsort(-share, kind="stable")
    feature = order[area[order] >= settings.separates]
    return ModalityGap(
        length=bootstrap_mean(
            within @ (gap / length), settings.resamples, settings.confidence, settings.seed
        ),
        share_of_distance=length**2 / distance,
        separating=len(feature),
        largest_share=float(share[order[0]]),
        half=int(np.count_nonzero(np.cumsum(share[order]) < 0.5)) + 1,
        whole=measure_again(images, texts, settings),
        without_largest=measure_without(images, texts, order[:1], settings),
        without_separating=measure_without(images, texts, feature, settings),
        centred=measure_if_directed(
            images - images.mean(axis=0), texts - texts.mean(axis=0), settings
        ),
        exchanged=float(np.sqrt(distance / len(within))),
        share_if_exchanged=1 / len(within),
        largest=int(order[0]),
        separates=settings.separates,
        feature=feature,
        share=share[feature],
        area=area[feature],
        share_of_every_feature=share,
        area_of_every_feature=area,
    )


def as_pairs(activations: ArrayLike, captions: ArrayLike) -> tuple[Features, Features]:
    """Return both sides with rows of unit length, in double precision."""
    images, texts = as_matrix(activations, "activations"), as_matrix(captions, "captions")
    if len(images) != len(texts):
        raise ValueError(
            f"captions: expected a row for each of {len(images):,} images, in their order, got "
            f"{len(texts):,}"
        )
    require_width("captions", texts, images.shape[1])
    return unit_rows(images, "activations"), unit_rows(texts, "captions")


def areas(images: Features, captions: Features) -> Float[np.ndarray, " feature"]:
    """Return each feature's area under the curve, from 0.5: whichever side is larger.

    It is `max(A, 1 - A)` with A the probability that the feature is larger in an image than in a
    caption, both drawn at random; ties count half (Mann & Whitney 1947).
    """
    found = np.empty(images.shape[1])
    for j, (image, caption) in enumerate(zip(images.T, captions.T, strict=True)):
        ordered = np.sort(caption)
        below = np.searchsorted(ordered, image, "left") + np.searchsorted(ordered, image, "right")
        found[j] = below.sum() / (2 * len(image) * len(caption))
    return np.maximum(found, 1 - found)


def measure_without(
    images: Features, captions: Features, features: Int[np.ndarray, " _removed"], settings: Settings
) -> Remaining | None:
    """Measure both sides again with some features set to 0."""
    kept = np.ones(images.shape[1])
    kept[features] = 0
    return measure_if_directed(images * kept, captions * kept, settings)


def measure_if_directed(
    images: Features, captions: Features, settings: Settings
) -> Remaining | None:
    """Measure both sides again, unless a row is 0 or all rows of a side have one direction."""
    for side in (images, captions):
        lengths = np.linalg.norm(side, axis=1, keepdims=True)
        if not (lengths.all() and np.ptp(side / lengths, axis=0).any()):
            return None
    return measure_again(images, captions, settings)


def measure_again(images: Features, captions: Features, settings: Settings) -> Remaining:
    """Measure the gap, the accuracy and the common neighbours of what is left of both sides."""
    images, captions = unit_rows(images, "activations"), unit_rows(captions, "captions")
    found = accuracy(
        images,
        head=captions,
        classes=np.arange(len(images)),
        normalize_features=True,
        confidence=settings.confidence,
    )
    near = mutual_neighbours(images, captions, k=settings.k, seed=settings.seed)
    return Remaining(
        length=float(np.linalg.norm(images.mean(axis=0) - captions.mean(axis=0))),
        accuracy=found.accuracy,
        neighbours=near.alignment,
        guessing=found.guessing,
        unrelated=near.chance,
    )
