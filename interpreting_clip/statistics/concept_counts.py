"""How many concepts directions encode, with an interval, and how many by chance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from interpreting_clip.formats.result import Estimate, Label, Result, beside
from interpreting_clip.statistics.average_precision import encodes_concepts
from interpreting_clip.statistics.concept_nulls import RandomBest
from interpreting_clip.statistics.concept_scores import ConceptScores
from interpreting_clip.statistics.intervals import deviation_interval
from interpreting_clip.statistics.nulls import grouped_p_value

Named = tuple[str, str]
"""The name of a concept, and its category; empty where it has none."""

CONFIDENCE = 0.95
"""Of the intervals of concept counts."""

STRONGEST = 300
"""At most this many encoded pairs of each basis are listed in its result."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ThresholdCount(Result):
    """The unique concepts at another threshold of the average precision."""

    threshold: float
    unique: int


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
class BasisConcepts(Result):
    """The concepts that directions, or features, encode.

    Values come from the images themselves and one draw of the negatives, the same for all
    encoders. An interval, at 95 %, is the value ± t times the standard deviation over resamples of
    the images, with negatives of their own (`resample_examples`, `deviation_interval`). It would be
    too narrow over negatives only, and percentiles would repeat the bias that a count at a
    threshold has in resamples. The paper has no interval; the choice is ours.

    Attributes
    ----------
    unique : concepts that some direction encodes; no interval with a single draw
    random : the same of as many random directions, the mean and the middle 90 % of the sets; None
        without rotations
    over_all, over_all_random : both counts if all other images are negatives
    with_rare, with_rare_random : both counts with the concepts on fewer images than
        `minimum_images`, which the paper counts, too. With few images chance is enough: a random
        direction reaches an average precision of 0.9 for 5 positives with a probability of 0.03
    encoding_directions : how many directions encode some concept
    polysemanticity : mean number of concepts per direction that encodes any; 0 where none does
    random_p : share of the sets of as many random directions that encode at least as many concepts
        with the same negatives; None without rotations
    random_p_error : its standard error; None with fewer than two rotations
    categories : the unique concepts of each category; empty where concepts have none
    sweep : the unique concepts at further thresholds
    pairs : how many pairs of a direction and a concept that it encodes there are
    encoded : the strongest of them, in the order of directions and concepts
    names : the concepts that any direction encodes, as `name (category)`
    draws : the count of unique concepts in each resample. Images and negatives are the same for all
        encoders, so the counts of two encoders can be subtracted
    precisions : average precision of each direction for each concept
    negative : whether it is that of the negated scores
    """

    unique: Annotated[Estimate, Label("unique concepts", 0, chance="random", headline="concepts")]
    random: Annotated[Estimate | None, Label("unique concepts of as many random directions", 1)]
    over_all: Annotated[
        int, Label("unique concepts against all images", 0, chance="over_all_random")
    ]
    over_all_random: Estimate | None
    with_rare: Annotated[
        int, Label("unique concepts, on few images too", 0, chance="with_rare_random")
    ]
    with_rare_random: Estimate | None
    encoding_directions: Estimate
    polysemanticity: Estimate
    random_p: Annotated[float | None, Label("p among random directions", 3)]
    random_p_error: Annotated[float | None, Label("standard error of this p", 3)]
    categories: dict[str, int]
    sweep: list[ThresholdCount]
    pairs: int
    encoded: list[EncodedPair]
    names: list[str]
    draws: list[int] = field(default_factory=list)
    precisions: Float[np.ndarray, "_direction _concept"] = beside(2)
    negative: Bool[np.ndarray, "_direction _concept"] = beside(2)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SpanNull(Result):
    """What random directions encode that lie in the span of the directions themselves.

    Random directions of the whole space ask whether the directions are privileged, by their span or
    within it. These ask whether they are privileged within their span. The choice is ours.

    Attributes
    ----------
    random : unique concepts of as many of them, the mean and the middle 90 % of the sets
    over_all_random : the same if all other images are negatives
    random_p, random_p_error : as in `BasisConcepts`
    """

    random: Annotated[Estimate, Label("unique concepts of random directions in their span", 1)]
    over_all_random: Annotated[Estimate, Label("unique concepts of these against all images", 1)]
    random_p: Annotated[float, Label("p in their span", 3)]
    random_p_error: float | None


def span_null(
    unique: int, random: RandomBest, enough: Bool[np.ndarray, " probed"], threshold: float
) -> SpanNull | None:
    """Compare a count of unique concepts with random directions in the same span.

    Parameters
    ----------
    unique : the count
    random : of as many random directions in the span, for all concepts
    enough : which of these are counted
    threshold : of the average precision
    """
    by_chance, over_all = (
        encodes_concepts(best[..., enough], threshold).sum(axis=-1)
        for best in (random.drawn, random.over_all)
    )
    levels = chance_level(by_chance), chance_level(over_all)
    if levels[0] is None or levels[1] is None:
        return None
    p_value, error = grouped_p_value(unique, by_chance)
    return SpanNull(
        random=levels[0], over_all_random=levels[1], random_p=p_value, random_p_error=error
    )


def basis_concepts(
    scores: ConceptScores,
    rare: Float[np.ndarray, " rare"],
    random: RandomBest,
    named: Sequence[Named],
    *,
    enough: Bool[np.ndarray, " probed"],
    threshold: float,
    sweep: Sequence[float],
    first: int,
) -> BasisConcepts:
    """Return what the directions or features of a basis encode.

    Parameters
    ----------
    scores : of the directions, for the concepts on enough images
    rare : the highest average precision of any direction, for the others
    random : of as many random directions, for all
    named : the concepts on enough images, in the order of the columns
    enough : which of all are
    threshold, sweep : of the average precision, above 0, at most 1
    first : number of the first direction or feature
    """
    draws = encodes_concepts(scores.best, threshold)
    unique = [named[place] for place in np.flatnonzero(draws[0]).tolist()]
    with_rare_by_chance = encodes_concepts(random.drawn, threshold).sum(axis=-1)
    by_chance, over_all_by_chance = (
        encodes_concepts(best[..., enough], threshold).sum(axis=-1)
        for best in (random.drawn, random.over_all)
    )
    p_value, error = grouped_p_value(len(unique), by_chance) if by_chance.size else (None, None)
    encoding = np.count_nonzero(scores.encoded, axis=1)
    categories = sorted({kind for _, kind in named if kind})
    return BasisConcepts(
        unique=_over_draws(draws.sum(axis=1)),
        random=chance_level(by_chance),
        over_all=int(encodes_concepts(scores.best_over_all, threshold).sum()),
        over_all_random=chance_level(over_all_by_chance),
        with_rare=len(unique) + int(encodes_concepts(rare, threshold).sum()),
        with_rare_random=chance_level(with_rare_by_chance),
        encoding_directions=_over_draws(encoding),
        # 0 where no direction encodes anything, and not NaN, which JSON does not have.
        polysemanticity=_over_draws(scores.encoded.sum(axis=1) / np.maximum(encoding, 1)),
        random_p=p_value,
        random_p_error=error,
        categories={each: sum(kind == each for _, kind in unique) for each in categories},
        sweep=[
            ThresholdCount(
                threshold=level, unique=int(encodes_concepts(scores.best[0], level).sum())
            )
            for level in sweep
        ],
        pairs=int(scores.encoded[0].sum()),
        encoded=list(encoded_pairs(scores, threshold, named, first=first, most=STRONGEST)),
        names=sorted(name + (f" ({kind})" if kind else "") for name, kind in unique),
        draws=draws[1:].sum(axis=1).tolist(),
        precisions=scores.precisions,
        negative=scores.negative,
    )


def encoded_pairs(
    scores: ConceptScores | BasisConcepts,
    threshold: float,
    named: Sequence[Named],
    *,
    first: int,
    most: int | None = None,
) -> Iterator[EncodedPair]:
    """Yield each pair of a direction and a concept that it encodes, in the order of both.

    Parameters
    ----------
    scores : has the precisions of the directions, by importance, or of the features
    threshold : above 0, at most 1
    named, first : as in `basis_concepts`
    most : yield only so many pairs, those with the highest average precisions
    """
    pairs = np.argwhere(encodes_concepts(scores.precisions, threshold))
    if most is not None:
        by_strength = np.argsort(-scores.precisions[tuple(pairs.T)], kind="stable")
        pairs = pairs[np.sort(by_strength[:most])]
    # One at a time: low thresholds give a million.
    for direction, concept in pairs.tolist():
        name, category = named[concept]
        yield EncodedPair(
            number=first + direction,
            side="negative" if scores.negative[direction, concept] else "positive",
            concept=name,
            category=category,
            precision=float(scores.precisions[direction, concept]),
        )


def chance_level(counts: Int[np.ndarray, "*draw"]) -> Estimate | None:
    """Return the mean of the counts that the draws of a null gave, and the middle 90 % of them.

    The ends are counts that were drawn, not values between two of them. None without draws.
    """
    if not counts.size:
        return None
    low, high = np.quantile(counts, [0.05, 0.95], method="inverted_cdf").tolist()
    return Estimate(float(counts.mean()), low, high)


def _over_draws(counts: Shaped[np.ndarray, " sample"]) -> Estimate:
    """Return the images' own number with the interval that the resamples give, not below 0."""
    found = deviation_interval(counts[0].item(), counts[1:], CONFIDENCE)
    return found if found.low is None else replace(found, low=max(0.0, found.low))
