"""Broden concepts: each direction's average precision for them, and which ones it encodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from msgspec import Meta

from interpreting_clip.measures.average_precision import (
    Examples,
    Precisions,
    SparseTargets,
    permuted_average_precisions,
    sparse_targets,
)
from interpreting_clip.measures.chance import (
    ChanceLevel,
    best_direction_chance,
    chance_level,
    discoveries,
)
from interpreting_clip.measures.directions import Directions, project
from interpreting_clip.measures.encoding import encodes_concepts
from interpreting_clip.measures.extremes import Extremes, extreme_images, joined
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.result import Label, Part, Result, beside
from interpreting_clip.quantities import Count, Described, Seed, Share, StrictStruct, Sweep

Negatives = Literal["balanced", "all"]

Sign = Literal["fixed", "either"]

NUMBERS_AT_A_TIME = 2**24
"""How many scores, and how many average precisions, are held at a time: 128 MiB of each."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """A concept's negatives, and the threshold of its average precision, with a sweep.

    `balanced` draws as many negatives as there are positives, `draws` times; `all` takes every
    other image. With `either`, the negative side of a direction counts too. `null_draws` is the
    number of draws of each null.
    """

    negatives: Annotated[
        Negatives,
        Described(
            "`balanced`: as many images without the concept as there are with it, drawn at random. "
            "`all`: every other image",
            paper="`balanced`",
        ),
    ]
    draws: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "how often these negatives are drawn. Counts are those of the first draw, with the "
            "smallest and the largest of all draws as interval: with n draws, another one falls "
            "between them with a probability of (n − 1) / (n + 1), 90 % for 20. The interval is "
            "over negatives alone, not over images or encoders. With one draw, or with `all`, "
            "which draws nothing, there is no interval",
            "draws",
            paper="not given",
        ),
    ]
    seed: Annotated[Seed, Described("of the draws")]
    sign: Annotated[
        Sign,
        Described(
            "which side of a direction or a feature counts. `fixed`: as it is; a direction points "
            "to its strongest class. `either`: the larger of the average precisions of both sides. "
            "`either` finds more concepts, by chance too",
            paper="not given",
        ),
    ]
    threshold: Annotated[
        Share,
        Described(
            "the average precision that a concept needs to count as encoded",
            "average precision",
            paper="0.9",
        ),
    ]
    sweep: Annotated[Sweep, Described("further thresholds, for the chart", "average precision")]
    null_draws: Annotated[
        int,
        Meta(ge=0, le=1000),
        Described(
            "draws of each [null](measures.md#chance-levels): permuted images, and random "
            "directions. Each is counted in every draw of the negatives. At 0, counts have no "
            "chance level. A draw of both takes about twice as long as the count itself",
            "draws",
            paper="not given",
        ),
    ]
    minimum_images: Annotated[
        Count,
        Described(
            "concepts on fewer images are left out. The default of each study is the least with "
            "which chance expects less than one unique concept over all directions "
            "(`chance.fewest_images`)",
            "images",
            paper="not given",
        ),
    ]
    false_discovery_rate: Annotated[
        float,
        Meta(gt=0.0, lt=1.0),
        Described(
            "of the concepts that are counted beside those at the threshold: on average at most "
            "this share of them is there by chance",
            "share",
        ),
    ]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ConceptCounts(Result):
    """How many concepts the directions, or features, of a basis encode, beside what chance gives.

    The values come from the first draw of the negatives, not from medians, so that counts,
    categories and average precisions agree and all encoders have the same negatives. An interval
    has the smallest and the largest value over all draws: with n draws, another draw falls between
    them with a probability of at least (n - 1) / (n + 1). The paper has no interval; the choice is
    ours.

    Attributes
    ----------
    unique : concepts that some direction encodes; no interval with a single draw
    random : the same of as many random directions, the mean and the middle 90 % of the draws
    over_all : the count if all other images are negatives
    permuted, over_all_permuted, over_all_random : chance levels of `unique` and of `over_all`, with
        permuted images and with random directions: the mean and the middle 90 % of the draws. None
        without draws of a null
    encoding_directions : how many directions encode some concept
    polysemanticity : mean number of concepts per direction that encodes any; 0 where none does
    """

    unique: Annotated[Estimate, Label("unique concepts", 0, chance="permuted", headline="concepts")]
    random: Annotated[
        Estimate | None,
        Label("unique concepts of as many random directions", 1, chance="permuted"),
    ]
    over_all: Annotated[
        int, Label("unique concepts against all images", 0, chance="over_all_permuted")
    ]
    permuted: Estimate | None
    over_all_permuted: Estimate | None
    over_all_random: Estimate | None
    encoding_directions: int
    polysemanticity: Estimate


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ThresholdCounts(ConceptCounts):
    """The counts at another threshold of the average precision."""

    threshold: float


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EncodedPair(Result):
    """A direction (by importance, from 1) or feature (from 0) and a concept that it encodes.

    `side` says whether the concept is on the images with high scores or, if either side of a
    direction counts, on those with low ones; `precision` is the average precision.
    """

    number: int
    side: Literal["positive", "negative"]
    concept: str
    category: str
    precision: float


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class BasisConcepts(ConceptCounts):
    """The concepts that directions, or features, encode.

    Attributes
    ----------
    discovered : concepts that the best direction tells from chance at the false discovery rate
    categories : the counts of each category of concepts; empty where concepts have none
    sweep : the counts at further thresholds
    pairs : how many pairs of a direction and a concept that it encodes there are
    encoded : the strongest of them, in the order of directions and concepts
    names : the concepts that any direction encodes, as `name (category)`
    precisions : average precision of each direction for each concept, in the first draw
    negative : whether it is that of the negated scores
    top, bottom : images with the highest and the lowest scores of each direction; empty unless
        asked for
    top_scores, bottom_scores : their scores
    """

    discovered: Annotated[int, Label("concepts at the false discovery rate", 0)]
    categories: dict[str, ConceptCounts]
    sweep: list[ThresholdCounts]
    pairs: int
    encoded: list[EncodedPair]
    names: list[str]
    precisions: Float[np.ndarray, "_direction _concept"] = beside(2)
    negative: Bool[np.ndarray, "_direction _concept"] = beside(2)
    top: Int[np.ndarray, "_direction _place"] = beside(2)
    bottom: Int[np.ndarray, "_direction _place"] = beside(2)
    top_scores: Float[np.ndarray, "_direction _place"] = beside(2)
    bottom_scores: Float[np.ndarray, "_direction _place"] = beside(2)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Concepts(Result):
    """The concepts that directions and features encode, with their chance levels.

    Attributes
    ----------
    directions : of the head's directions; None without these
    features : of single features
    concepts : names of the concepts that were measured, in the order of the columns
    left_out : names of those on too few images, or on all but too few
    minimum_images, threshold, null_draws, false_discovery_rate : see `Settings`
    """

    CAPTION: ClassVar[str] = (
        "Interval: the lowest and the highest count over draws of the negatives. Chance: the mean "
        "over permuted images."
    )

    directions: Annotated[BasisConcepts | None, Part("directions")]
    features: Annotated[BasisConcepts, Part("features", headline=False)]
    concepts: list[str]
    left_out: list[str]
    minimum_images: int
    threshold: float
    null_draws: int
    false_discovery_rate: float

    @property
    def bases(self) -> dict[str, BasisConcepts]:
        """The counts by basis, `directions` if there are any and `features`."""
        known = {"directions": self.directions} if self.directions else {}
        return {**known, "features": self.features}


@dataclass(frozen=True, eq=False)
class ConceptLabels:
    """Which image shows which concept, one entry per pair, in any order.

    Attributes
    ----------
    image : index of the image
    concept : number of the concept; the same number is the same concept in every selection
    """

    image: Int[np.ndarray, " pair"]
    concept: Int[np.ndarray, " pair"]


@dataclass(frozen=True)
class EncodedConcepts:
    """The concepts that a set of directions encodes.

    The values come from the first draw of the negatives, not from medians, so that counts,
    categories and average precisions agree and all encoders have the same negatives. `low`
    and `high` are the smallest and the largest value over all draws, None if there is only one:
    with n draws, another draw falls between them with a probability of at least
    (n - 1) / (n + 1). The paper has no interval; the choice is ours.

    Attributes
    ----------
    unique_concepts : number of concepts that some direction encodes
    encoding_directions : number of directions that encode some concept
    polysemanticity : mean number of concepts per direction that encodes any; 0 where none does
    """

    unique_concepts: int
    encoding_directions: int
    polysemanticity: float
    unique_low: int | None = None
    unique_high: int | None = None
    polysemanticity_low: float | None = None
    polysemanticity_high: float | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """Concepts that are counted together, at a threshold of the average precision.

    `concepts` marks those that belong to the group; a direction encodes a concept if its average
    precision is at least `threshold`, which is above 0 and at most 1.
    """

    concepts: Bool[np.ndarray, " concept"]
    threshold: float

    def __post_init__(self) -> None:
        """Refuse a threshold that cannot be a precision."""
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold}: expected a precision above 0, at most 1")


@dataclass(frozen=True)
class ByChance:
    """The unique concepts of a group by chance, in the draws of the negatives and over all images.

    Each draw of a null is counted in every draw of the negatives.
    """

    drawn: ChanceLevel
    over_all: ChanceLevel


@dataclass(frozen=True, eq=False)
class Probe:
    """What the directions or features of an encoder encode.

    Attributes
    ----------
    precisions : average precision in the first draw of the negatives
    negative : whether it is that of the negated scores
    counts : those of each group
    over_all : the same if all other images are negatives
    permuted : those of each group with permuted images; none without permutations
    extremes : the images with the highest and lowest scores, None if not requested
    """

    precisions: Float[np.ndarray, "direction concept"]
    negative: Bool[np.ndarray, "direction concept"]
    counts: list[EncodedConcepts]
    over_all: list[EncodedConcepts]
    permuted: list[ByChance]
    extremes: Extremes | None = None


def concept_targets(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
    *,
    draws: int = 1,
) -> SparseTargets:
    """Prepare the targets that `average_precisions` needs for any scores of these images.

    Parameters
    ----------
    labels, images, negatives, seed, draws : as in `concept_examples`
    concepts : the numbers of the concepts, in the order of the results
    """
    examples = concept_examples(labels, concepts, images, negatives, seed, draws=draws)
    return sparse_targets(examples, images)


def probe(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions | None,
    targets: SparseTargets,
    groups: Sequence[Group],
    *,
    sign: Sign = "fixed",
    workers: int = 1,
    images: int = 0,
    permutations: Sequence[Int[np.ndarray, " image"]] = (),
) -> Probe:
    """Count the concepts that directions encode by their projections `⟨v_i, h⟩`, in every draw.

    The sign of a direction is arbitrary (`singular_directions`), and the paper does not say whether
    its negative side counts. `fixed` takes the scores unchanged; `either` takes the larger of the
    average precisions of the scores and of the negated scores, in each draw.

    At most 2^24 scores and 2^24 average precisions are held at a time, or those of one direction if
    that is more.

    Parameters
    ----------
    activations : one row per image; may be memory-mapped
    directions : with as many features; None: each feature is a direction
    targets, workers : as in `average_precisions`
    groups : the concepts to count
    sign : `fixed` or `either`
    images : how many images with the highest, and with the lowest, scores to keep; 0: none
    permutations : of the images, each of which gives a count by chance (`concept_nulls`)
    """
    count = activations.shape[1] if directions is None else len(directions.vectors)
    concepts = len(targets.positives)
    precisions, negative = np.empty((count, concepts)), np.zeros((count, concepts), np.bool_)
    tallies = [Tally.none(groups, targets.draws) for _ in range(1 + len(permutations))]
    extremes: list[Extremes] = []
    scored = scored_parts(
        activations, directions, targets, sign=sign, workers=workers, permutations=permutations
    )
    for part in scored:
        if images:
            extremes.append(extreme_images(part.scores, images))
        precisions[part.directions] = part.found.drawn[0, 0]
        negative[part.directions] = part.negative
        # Part by part, so that the average precisions of all draws are never held at once.
        tallies = [
            tally + Tally.of(*each, groups)
            for tally, *each in zip(tallies, part.found.drawn, part.found.over_all, strict=True)
        ]
    own, *permuted = tallies
    return Probe(
        precisions,
        negative,
        [each.summary() for each in own.drawn],
        [each.summary() for each in own.over_all],
        by_chance(permuted),
        joined(extremes) if extremes else None,
    )


@dataclass(frozen=True, eq=False)
class ScoredPart:
    """Some of the directions: the scores of the images, and what they encode.

    `negative` says in the first draw of the negatives which precision is of the negated scores.
    """

    directions: slice
    scores: Float[np.ndarray, "image direction"]
    found: Precisions
    negative: Bool[np.ndarray, "direction concept"]


def scored_parts(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions | None,
    targets: SparseTargets,
    *,
    sign: Sign,
    workers: int,
    permutations: Sequence[Int[np.ndarray, " image"]] = (),
) -> Iterator[ScoredPart]:
    """Score directions a few at a time; all parameters as in `probe`."""
    count = activations.shape[1] if directions is None else len(directions.vectors)
    held = (1 + len(permutations)) * (targets.draws + 1) * len(targets.positives)
    step = max(1, NUMBERS_AT_A_TIME // max(len(activations), held))
    for first in range(0, count, step):
        part = slice(first, first + step)
        if directions is None:
            scores = np.asarray(activations[:, part], np.float64)
        else:
            some = Directions(directions.vectors[part], directions.singular_values[part])
            scores = project(activations, some)
        found = permuted_average_precisions(scores, targets, permutations, workers)
        negative = np.zeros(found.over_all.shape[1:], np.bool_)
        if sign == "either":
            negated = permuted_average_precisions(-scores, targets, permutations, workers)
            # Of two equal precisions, that of the scores as they are counts.
            negative = negated.drawn[0, 0] > found.drawn[0, 0]
            np.maximum(found.drawn, negated.drawn, out=found.drawn)
            np.maximum(found.over_all, negated.over_all, out=found.over_all)
        yield ScoredPart(part, scores, found, negative)


@dataclass(frozen=True, eq=False)
class Counts:
    """What a set of directions encodes in each draw; `+` gives that of two sets together."""

    shown: Bool[np.ndarray, "draw concept"]
    pairs: Int[np.ndarray, " draw"]
    encoding: Int[np.ndarray, " draw"]

    @classmethod
    def none(cls, group: Group, draws: int) -> "Counts":
        """Return the counts of no direction."""
        shown = np.zeros((draws, np.count_nonzero(group.concepts)), np.bool_)
        return cls(shown, np.zeros(draws, np.int64), np.zeros(draws, np.int64))

    @classmethod
    def of(cls, precisions: Float[np.ndarray, "draw direction concept"], group: Group) -> "Counts":
        """Count what some directions encode of a group."""
        encodes = encodes_concepts(precisions[:, :, group.concepts], group.threshold)
        per_direction = np.count_nonzero(encodes, axis=2)
        shown = np.logical_or.reduce(encodes, axis=1)
        return cls(shown, per_direction.sum(axis=1), np.count_nonzero(per_direction, axis=1))

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both sets of directions together."""
        shown = np.logical_or(self.shown, other.shown)
        return Counts(shown, self.pairs + other.pairs, self.encoding + other.encoding)

    @property
    def unique(self) -> Int[np.ndarray, " draw"]:
        """The number of unique concepts in each draw."""
        return np.count_nonzero(self.shown, axis=1)

    def summary(self) -> EncodedConcepts:
        """Return the counts of the first draw, with the ends over all of them."""
        unique = self.unique
        # 0 where no direction encodes anything, and not NaN, which JSON does not have.
        mean = self.pairs / np.maximum(self.encoding, 1)
        ends = (unique.min(), unique.max(), mean.min(), mean.max())
        return EncodedConcepts(
            # The first draw, not a median: so counts agree with the average precisions that are
            # kept.
            int(unique[0]),
            int(self.encoding[0]),
            float(mean[0]),
            *([end.item() for end in ends] if len(unique) > 1 else []),
        )


@dataclass(frozen=True, eq=False)
class Tally:
    """The counts of each group, in each draw of the negatives and over all images."""

    drawn: list[Counts]
    over_all: list[Counts]

    @classmethod
    def none(cls, groups: Sequence[Group], draws: int) -> "Tally":
        """Return the counts of no direction."""
        return cls([Counts.none(g, draws) for g in groups], [Counts.none(g, 1) for g in groups])

    @classmethod
    def of(
        cls,
        drawn: Float[np.ndarray, "draw direction concept"],
        over_all: Float[np.ndarray, "direction concept"],
        groups: Sequence[Group],
    ) -> "Tally":
        """Count what some directions encode of each group."""
        return cls(
            [Counts.of(drawn, group) for group in groups],
            [Counts.of(over_all[None], group) for group in groups],
        )

    def __add__(self, other: "Tally") -> "Tally":
        """Return the counts of both sets of directions together."""
        return Tally(
            [a + b for a, b in zip(self.drawn, other.drawn, strict=True)],
            [a + b for a, b in zip(self.over_all, other.over_all, strict=True)],
        )


def by_chance(draws: Sequence[Tally]) -> list[ByChance]:
    """Return the chance level of each group from the draws of a null; none without draws."""
    groups = range(len(draws[0].drawn)) if draws else ()
    return [
        ByChance(
            chance_level([n for each in draws for n in each.drawn[group].unique.tolist()]),
            chance_level([n for each in draws for n in each.over_all[group].unique.tolist()]),
        )
        for group in groups
    ]


def discovered_concepts(
    found: Probe, positives: Int[np.ndarray, " concept"], images: int, settings: Settings
) -> int:
    """Count the concepts that the best direction tells from chance, in the first draw.

    Parameters
    ----------
    found : what the directions encode
    positives : on how many of the `images` each concept is
    """
    probabilities = best_direction_chance(
        found.precisions,
        positives,
        images - positives,
        sides=2 if settings.sign == "either" else 1,
    )
    return int(np.count_nonzero(discoveries(probabilities, settings.false_discovery_rate)))


def result_fields(
    basis: str,
    found: Probe,
    random: Sequence[ByChance],
    discovered: int,
) -> dict[str, Any]:
    """Return the fields of `Result` for directions or for features, of the first group.

    Parameters
    ----------
    basis : `directions` or `features`
    found : what they encode
    random : what as many random directions encode; none without draws
    discovered : of `discovered_concepts`
    """
    nothing = ByChance(ChanceLevel(), ChanceLevel())
    counts, permuted = found.counts[0], found.permuted[0] if found.permuted else nothing
    drawn = (random[0] if random else nothing).drawn
    return {
        basis: counts.unique_concepts,
        f"{basis}_low": counts.unique_low,
        f"{basis}_high": counts.unique_high,
        f"{basis}_permuted": permuted.drawn.mean,
        f"{basis}_random": drawn.mean,
        f"{basis}_random_low": drawn.low,
        f"{basis}_random_high": drawn.high,
        f"{basis}_over_all": found.over_all[0].unique_concepts,
        f"{basis}_over_all_permuted": permuted.over_all.mean,
        f"{basis}_discovered": discovered,
    }


def encoded_concepts(
    precisions: Float[np.ndarray, "draw direction concept"], threshold: float
) -> EncodedConcepts:
    """Count the concepts that directions encode.

    A direction encodes a concept if its average precision is at least the threshold (0.9 in Crabbé
    et al. 2024).

    Parameters
    ----------
    precisions : average precision, 0 to 1 (`average_precisions`)
    threshold : above 0, at most 1

    Raises
    ------
    ValueError
        The threshold is not above 0 and at most 1.
    """
    every = np.ones(precisions.shape[2], np.bool_)
    return Counts.of(precisions, Group(every, threshold)).summary()


def concept_examples(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
    *,
    draws: int = 1,
) -> Iterator[Examples]:
    """Choose the positives and negatives of each concept.

    Positives are the images labelled with the concept. `balanced` draws as many negatives from the
    other images, without replacement, or takes all of these if there are fewer. Draws are
    independent. `all` takes all other images, once.

    Parameters
    ----------
    labels : which image shows which concept
    concepts : the numbers of the concepts, not negative
    images : number of images
    negatives : `balanced` or `all`
    seed : not negative
    draws : how often `balanced` draws negatives

    Yields
    ------
    the examples of each concept, in order

    Raises
    ------
    ValueError
        A label's image does not exist, or a concept has no positive or no negative.
    """
    if len(labels.image) and not 0 <= labels.image.min() <= labels.image.max() < images:
        raise ValueError(
            f"a label is of an image outside 0 to {images - 1}: build the concept labels again"
        )
    # Sorted once, so that each concept's labels are one slice.
    order = np.argsort(labels.concept, kind="stable")
    sorted_concepts = labels.concept[order]
    starts = np.searchsorted(sorted_concepts, concepts, side="left")
    stops = np.searchsorted(sorted_concepts, concepts, side="right")
    for concept, start, stop in zip(concepts.tolist(), starts, stops, strict=True):
        # In ascending order, so that the negatives drawn do not depend on the order of the labels.
        positives = np.unique(labels.image[order[start:stop]])
        if not 0 < len(positives) < images:
            raise ValueError(
                f"concept {concept} is on {len(positives)} of {images} images: expected at least "
                "one image with it and one without; leave it out"
            )
        if negatives == "all":
            yield Examples(positives, None)
            continue
        candidates = np.setdiff1d(np.arange(images), positives, assume_unique=True)
        count = min(len(positives), len(candidates))
        # A generator per concept and draw: a concept's negatives do not depend on which other
        # concepts are measured, nor a draw on the number of draws.
        generators = (np.random.default_rng((seed, concept, draw)) for draw in range(draws))
        drawn = [
            # Negatives are a set, so shuffling them would only cost time.
            each.choice(candidates, count, replace=False, shuffle=False)
            for each in generators
        ]
        yield Examples(positives, np.stack(drawn))
