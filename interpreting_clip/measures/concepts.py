"""Broden concepts: each direction's average precision for them, and which ones it encodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int
from msgspec import Meta

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    as_labels,
    as_matrix,
    as_progress,
    as_settings,
    as_texts,
    as_value,
    require_width,
)
from interpreting_clip.formats.result import Part, Result
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.quantities import (
    Count,
    Described,
    Seed,
    Share,
    StrictStruct,
    Sweep,
    ThreadCount,
)
from interpreting_clip.statistics.average_precision import Examples, Resample
from interpreting_clip.statistics.blas import one_blas_thread
from interpreting_clip.statistics.chance import fewest_images
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.concept_counts import (
    BasisConcepts,
    Named,
    SpanNull,
    basis_concepts,
    span_null,
)
from interpreting_clip.statistics.concept_labels import (
    ConceptLabels,
    Negatives,
    concept_examples,
    labels_and_numbers,
    positive_images,
    resample_examples,
)
from interpreting_clip.statistics.concept_nulls import RandomBest, score_random_directions
from interpreting_clip.statistics.concept_rows import RowConcepts, row_concepts
from interpreting_clip.statistics.concept_scores import Sign, best_precisions, score_concepts
from interpreting_clip.statistics.nulls import Progress

SWEEP = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""The thresholds at which unique concepts are counted by default."""

ORTHONORMAL = 1e-3
"""How far from 1 the length of a direction may be, and from 0 its product with another."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """A concept's negatives, and the threshold of its average precision, with a sweep.

    `balanced` draws as many negatives as there are positives; `all` takes every other image. With
    `either`, the negative side of a direction counts too. `draws` are the resamples of the images
    for the intervals, `rotations` the draws of the null.
    """

    negatives: Annotated[
        Negatives,
        Described(
            "`balanced`: as many images without the concept as with it, at random. `all`: every "
            "other image",
            paper="`balanced`",
        ),
    ] = "balanced"
    draws: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "how often the images are resampled, and negatives drawn from the resample. Intervals "
            "at 95 % are the count ± t times the standard deviation over draws; with one draw, "
            "there is none",
            "draws",
            paper="not given",
        ),
    ] = 20
    seed: Annotated[Seed, Described("of the draws")] = 0
    sign: Annotated[
        Sign,
        Described(
            "`fixed`: a direction or feature counts as it is, a direction towards its strongest "
            "class. `either`: the larger average precision of both sides counts",
            paper="not given",
        ),
    ] = "fixed"
    threshold: Annotated[
        Share, Described("at which a concept counts as encoded", "average precision", paper="0.9")
    ] = 0.9
    sweep: Annotated[Sweep, Described("further thresholds, for the chart", "average precision")] = (
        msgspec.field(default_factory=lambda: [*SWEEP])
    )
    rotations: Annotated[
        int,
        Meta(ge=0, le=1000),
        Described(
            "random rotations, whose rows are the [random directions](measures.md#chance-levels), "
            "counted with the same negatives. With 50, the standard error of a p near 0.05 is "
            "about 0.01; it falls with the square root. At 0, there is no chance level",
            "rotations",
            paper="not given",
        ),
    ] = 50
    minimum_images: Annotated[
        Count | None,
        Described(
            "concepts on fewer images are left out. By default the least with which chance "
            "expects less than one unique concept (`chance.fewest_images`)",
            "images",
            paper="not given",
            legal="1 to 1,000,000,000",
        ),
    ] = None

    @property
    def sides(self) -> int:
        """How many sides of a direction count."""
        return 2 if self.sign == "either" else 1


OF_NULLS = ("negatives", "rotations", "seed", "sign")
"""The settings that a null depends on."""


def null_settings(values: Mapping[str, Any]) -> Settings:
    """Return settings with these of a null, which concepts on few images have, too."""
    return msgspec.convert({**values, "minimum_images": 1}, Settings)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Concepts(Result):
    """The concepts that directions and features encode, with their chance levels.

    Attributes
    ----------
    directions : of the head's directions; None without these
    features : of single features
    concepts : names of the concepts that were measured, in the order of the columns
    left_out : names of those on too few images, or on all
    minimum_images, threshold, rotations : see `Settings`
    in_span : random directions in the span of the head's; None where they are not drawn, as in a
        study's encoders
    rows : of each concept's own row; None without rows
    """

    CAPTION: ClassVar[str] = (
        "Interval, at 95 %: over images and negatives. Chance: the mean over sets of as many "
        "random directions. p: the share of these sets that encode at least as many concepts."
    )

    directions: Annotated[BasisConcepts | None, Part("directions")]
    features: Annotated[BasisConcepts, Part("features", headline=False)]
    concepts: list[str]
    left_out: list[str]
    minimum_images: int
    threshold: float
    rotations: int
    in_span: Annotated[SpanNull | None, Part("directions")] = None
    rows: Annotated[RowConcepts | None, Part("rows")] = None

    @property
    def bases(self) -> dict[str, BasisConcepts]:
        """The counts by basis, `directions` if there are any and `features`."""
        known = {"directions": self.directions} if self.directions else {}
        return {**known, "features": self.features}

    @property
    def notes(self) -> list[str]:
        """Which concepts are encoded, how many were measured, and the caption."""
        from interpreting_clip.errors import listed

        found = [
            f"Encoded by {k}: {listed(one.names)}." for k, one in self.bases.items() if one.names
        ]
        rare = f"; {len(self.left_out)} left out, on fewer than {self.minimum_images} or all images"
        measured = f"{len(self.concepts)} concepts measured{rare if self.left_out else ''}."
        return [*found, measured, *super().notes]


def concepts(
    activations: ArrayLike,
    *,
    labels: ArrayLike | Mapping[str, ArrayLike],
    directions: ArrayLike | PrivilegedDirections | None = None,
    rows: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    negatives: Negatives = "balanced",
    draws: int = 20,
    seed: int = 0,
    sign: Sign = "fixed",
    threshold: float = 0.9,
    sweep: Sequence[float] = SWEEP,
    rotations: int = 50,
    minimum_images: int | None = None,
    workers: int = 1,
    progress: Progress = iter,
) -> Concepts:
    """Count the concepts that single features encode, and directions if they are given.

    A direction encodes a concept if the projection on it ranks images with the concept above
    others: the average precision is at least the threshold (Crabbé et al. 2024).

    Parameters
    ----------
    activations : one row per image
    labels : which image shows which concept: a row for each image and a column for each concept, or
        an array with an entry for each image by the name of each concept
    directions : the result of `directions`, or orthonormal rows; None: features alone are measured
    rows : a vector for each concept, such as the text embedding of its name (`row_concepts`)
    names : of the concepts; None: the keys of `labels`, or "concept 0" and so on
    categories : that of each concept, such as "color"; None: they have none
    negatives : `balanced`: as many images without a concept as with it, at random, as in the paper;
        `all`: every other image
    draws : how often the images are resampled, and negatives drawn anew, for the interval
    seed : of the draws
    sign : `fixed`: a direction or feature counts as it is; `either`: the better side counts
    threshold : average precision at which a concept counts as encoded; 0.9 in the paper
    sweep : further thresholds, for a chart
    rotations : random rotations, whose rows are the random directions; 0: no chance level
    minimum_images : concepts on fewer images are left out; None: the least with which chance
        expects less than one unique concept (`chance.fewest_images`)
    workers : threads; they do not affect the result
    progress : goes through the random rotations, which take longest, such as `tqdm`

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; no
        concept is on enough images and not on all; or the directions are not orthonormal.
    """
    activations = as_matrix(activations, "activations")
    images, features = activations.shape
    if names is None and isinstance(labels, Mapping):
        names = list(map(str, labels))
    settings = as_settings(
        Settings,
        negatives=negatives,
        draws=draws,
        seed=seed,
        sign=sign,
        threshold=threshold,
        sweep=sweep,
        rotations=rotations,
        minimum_images=minimum_images,
    )
    shown = as_labels(labels, "labels", images)
    with one_blas_thread():
        return count_concepts(
            activations,
            shown,
            None if directions is None else as_directions(directions, features),
            rows=None if rows is None else as_rows(rows, shown.shape[1], features),
            names=None if names is None else as_texts(names, "names"),
            categories=None if categories is None else as_texts(categories, "categories"),
            settings=settings,
            workers=as_value(workers, ThreadCount, "workers"),
            progress=as_progress(progress),
        )


def count_concepts(
    activations: Features,
    labels: Bool[np.ndarray, "image concept"] | ConceptLabels,
    directions: Float[np.ndarray, "direction feature"] | None,
    *,
    rows: Float[np.ndarray, "concept feature"] | None = None,
    names: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    numbers: Sequence[int] | None = None,
    random: Sequence[RandomBest] | None = None,
    in_span: RandomBest | None = None,
    settings: Settings,
    workers: int = 1,
    progress: Progress = iter,
) -> Concepts:
    """Return `concepts` of arrays that fit, with what a study knows already.

    Parameters
    ----------
    activations : one row per image; may be memory-mapped
    numbers : of the concepts, which seed the draws of their negatives; None: their columns
    random : of directions, if there are any, and of features, what `random_concepts` returns; None:
        computed here
    in_span : the same of random directions in the span of the directions; None: computed here if
        `random` is
    """
    found = choose_concepts(
        activations, labels, names=names, categories=categories, numbers=numbers, settings=settings
    )
    # Directions are numbered by importance, from 1, features as in the activations, from 0.
    bases = {0: None} if directions is None else {1: directions, 0: None}
    how: dict[str, Any] = {"settings": settings, "workers": workers}
    if random is None:
        sizes = [activations.shape[1] if one is None else len(one) for one in bases.values()]
        random = random_concepts(activations, found, sizes, progress=progress, **how)
        if directions is not None:
            (in_span,) = random_concepts(
                activations, found, sizes[:1], span=directions, progress=progress, **how
            )
    measured, rare = found.split_examples(len(activations), settings)
    resamples = found.resamples(len(activations), settings)
    sign = {"sign": settings.sign, "workers": workers}
    *of_directions, of_features = (
        basis_concepts(
            score_concepts(
                activations, vectors, measured, settings.threshold, resamples=resamples, **sign
            ),
            best_precisions(activations, vectors, rare, **sign),
            by_chance,
            found.measured,
            enough=found.enough,
            threshold=settings.threshold,
            sweep=settings.sweep,
            first=first,
        )
        for (first, vectors), by_chance in zip(bases.items(), random, strict=True)
    )
    known = of_directions[0] if of_directions else None
    unique = int(known.unique.value) if known else 0
    return Concepts(
        directions=known,
        features=of_features,
        concepts=[name for name, _ in found.measured],
        left_out=found.left_out,
        minimum_images=found.minimum_images,
        threshold=settings.threshold,
        rotations=settings.rotations,
        in_span=in_span and span_null(unique, in_span, found.enough, settings.threshold),
        rows=None
        if rows is None
        else row_concepts(
            activations,
            rows,
            found.places[found.enough],
            measured,
            settings.threshold,
            resamples=resamples,
            workers=workers,
        ),
    )


@dataclass(frozen=True, eq=False)
class ChosenConcepts:
    """The concepts that can be probed: on some image, and not on all.

    Attributes
    ----------
    labels : which image shows which concept, those of other concepts too
    numbers, named : of each concept
    places : of each among all concepts that were given
    enough : whether it is on enough images
    left_out : names of those that are not, and of concepts that cannot be probed
    minimum_images : how many are enough
    """

    labels: ConceptLabels
    numbers: Int[np.ndarray, " concept"]
    places: Int[np.ndarray, " concept"]
    named: list[Named]
    enough: Bool[np.ndarray, " concept"]
    left_out: list[str]
    minimum_images: int

    @property
    def measured(self) -> list[Named]:
        """Name and category of the concepts on enough images."""
        return [one for one, enough in zip(self.named, self.enough, strict=True) if enough]

    def examples(self, images: int, settings: Settings) -> list[Examples]:
        """Return the positives and the negatives of each concept."""
        how = settings.negatives, settings.seed
        return concept_examples(self.labels, self.numbers, images, *how)

    def split_examples(
        self, images: int, settings: Settings
    ) -> tuple[list[Examples], list[Examples]]:
        """Return the examples of the concepts on enough images, and of the others."""
        both = list(zip(self.examples(images, settings), self.enough.tolist(), strict=True))
        measured, rare = ([one for one, kept in both if kept is which] for which in (True, False))
        return measured, rare

    def resamples(self, images: int, settings: Settings) -> list[Resample]:
        """Return each resample of the images, for the concepts on enough images."""
        how = settings.negatives, settings.seed
        numbers = self.numbers[self.enough]
        return resample_examples(self.labels, numbers, images, *how, draws=settings.draws)


def choose_concepts(
    activations: Features,
    labels: Bool[np.ndarray, "image concept"] | ConceptLabels,
    *,
    names: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    numbers: Sequence[int] | None = None,
    settings: Settings = Settings(),
) -> ChosenConcepts:
    """Choose the concepts to probe; arguments and errors are as in `concepts`."""
    pairs, columns = labels_and_numbers(labels, numbers)
    every, (images, features) = _named(names, categories, len(columns)), activations.shape
    minimum = settings.minimum_images or fewest_images(
        settings.threshold, features, len(columns), sides=settings.sides
    )
    positives = np.array([len(each) for each in positive_images(pairs, columns, images)])
    probed = (positives > 0) & (positives < images)
    kept = probed & (positives >= minimum)
    if not kept.any():
        most = int(np.argmax(np.where(positives < images, positives, 0)))
        raise ValueError(
            f"labels: expected a concept on {minimum} images or more, and not on all of "
            f"{images:,}; the most frequent, {every[most][0]}, is on {positives[most]:,}; pass "
            "more images, or a lower `minimum_images`, with which chance alone finds concepts"
        )
    named = [one for one, is_probed in zip(every, probed, strict=True) if is_probed]
    left_out = [name for (name, _), is_kept in zip(every, kept, strict=True) if not is_kept]
    places = np.flatnonzero(probed)
    return ChosenConcepts(pairs, columns[probed], places, named, kept[probed], left_out, minimum)


def random_concepts(
    activations: Features,
    chosen: ChosenConcepts,
    sizes: Sequence[int],
    *,
    span: Float[np.ndarray, "direction feature"] | None = None,
    settings: Settings,
    workers: int = 1,
    progress: Progress = iter,
) -> list[RandomBest]:
    """Return what sets of random directions encode, for each size of a set.

    It depends neither on the threshold nor on the number of draws. With `span`, orthonormal rows,
    the random directions lie in it. Other parameters are as in `concepts`.
    """
    return score_random_directions(
        activations,
        sizes,
        chosen.examples(len(activations), settings),
        rotations=settings.rotations,
        seed=settings.seed,
        sign=settings.sign,
        span=span,
        workers=workers,
        progress=progress,
    )


def _named(
    names: Sequence[str] | None, categories: Sequence[str] | None, concepts: int
) -> list[Named]:
    names = [f"concept {place}" for place in range(concepts)] if names is None else names
    categories = [""] * concepts if categories is None else categories
    for given, what in ((names, "names"), (categories, "categories")):
        if len(given) != concepts:
            raise ValueError(f"{what}: expected {concepts}, one for each concept, got {len(given)}")
    return list(zip(names, categories, strict=True))


def as_directions(
    value: ArrayLike | PrivilegedDirections, features: int
) -> Float[np.ndarray, "direction feature"]:
    """Return orthonormal rows with so many features, also from a result of `directions`."""
    known = isinstance(value, PrivilegedDirections)
    vectors = value.vectors if known else as_matrix(value, "directions", "direction")
    require_width("directions", vectors, features)
    error = np.abs(vectors @ vectors.T - np.eye(len(vectors))).max()
    if error > ORTHONORMAL:
        raise ValueError(
            "directions: expected unit rows at right angles, as `directions` returns them; got "
            f"products that differ from these by up to {error:.2g}; take the right singular "
            "vectors, or np.linalg.qr(rows.T).Q.T"
        )
    return vectors


def as_rows(value: ArrayLike, concepts: int, features: int) -> Float[np.ndarray, "concept feature"]:
    """Return a row for each concept, at least two of them, with so many features."""
    rows = as_matrix(value, "rows", "concept")
    require_width("rows", rows, features)
    if len(rows) != concepts or concepts < 2:
        raise ValueError(
            f"rows: expected {max(concepts, 2):,}, one for each concept in `labels` and at least "
            f"two, got {len(rows):,}"
        )
    return rows
