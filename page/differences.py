"""Differences between two encoders, on what their numbers have in common.

The intervals of two encoders say little about their order. They were compared with the same lines,
on the same images and with the same negatives, so their numbers rise and fall together, and the
difference is known better than either of them. The choice is ours; the paper has no intervals.
"""

from typing import Any

import msgspec
import numpy as np

from interpreting_clip.measures.effective_robustness import Settings
from interpreting_clip.measures.intervals import Estimate, percentile_interval
from page.claim_charts import dot_row
from page.names import TRAININGS, format_estimate, mark
from page.replicas import Replicated, difference_over_seeds, over_replicas, spread_in_words
from page.results import StudyEncoder

ROBUSTNESS, CONCEPTS = "robustness.robustness", "concepts.directions.unique"
"""The numbers that claims compare, by the names that their replicas have."""

NO_DIFFERENCE = (0.0, "no difference")
"""The reference in a chart of differences."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A number of an encoder minus that of another.

    Attributes
    ----------
    first, second : the encoders
    estimate : the difference with its interval over the draws that both share
    over_seeds : the differences of their replicas, None if one of them has none
    family : the name of the family that both are in; empty if their own names tell them apart
    unit, digits : for the text
    extrapolated : whether a line is extrapolated to one of them
    """

    first: StudyEncoder
    second: StudyEncoder
    estimate: Estimate
    over_seeds: Replicated | None
    family: str = ""
    unit: str = ""
    digits: int = 0
    extrapolated: bool = False

    @property
    def widest(self) -> Estimate:
        """The difference with its interval widened to hold that of every seed that counts."""
        return over_replicas(self.estimate, self.over_seeds)

    @property
    def name(self) -> str:
        """What is subtracted from what."""
        pair = [e.entry for e in (self.first, self.second)]
        return " minus ".join(TRAININGS[e.training] if self.family else e.label for e in pair)

    @property
    def text(self) -> str:
        """The difference in words, with its interval and its spread over seeds."""
        value = f"{format_estimate(self.estimate, self.digits)}{self.unit}"
        text = f"{self.name} {value}{spread_in_words(self.over_seeds)}"
        seeds = [*self.over_seeds.by_seed.values()] if self.over_seeds else []
        if other := sum(one * self.estimate.value < 0 for one in seeds):
            text += f" ({other} of {len(seeds)} seeds have the other sign)"
        return text

    @property
    def row(self) -> dict[str, Any]:
        """The row of a claim's chart, in the family's panel or in one of its own."""
        value = format_estimate(self.estimate, self.digits) + mark(self.extrapolated)
        name, group = (self.name, self.family) if self.family else ("difference", self.name)
        training, widest = self.first.entry.training, self.widest
        return dot_row(name, training, self.estimate, value, widest=widest, group=group)


def robustness_difference(
    first: StudyEncoder, second: StudyEncoder, family: str = ""
) -> Difference:
    """Subtract the mean effective robustness of two encoders that both have one.

    Draw by draw on common resampled lines and weights of the images.
    """
    results = [e.results.robustness for e in (first, second)]
    values = [one.robustness.value for one in results if one.robustness]
    draws = np.subtract(results[0].draws, results[1].draws)
    return Difference(
        first=first,
        second=second,
        estimate=percentile_interval(float(values[0] - values[1]), draws, Settings().confidence),
        over_seeds=difference_over_seeds(first, second, ROBUSTNESS),
        family=family,
        unit=" points",
        digits=1,
        extrapolated=any(one.extrapolated for one in results),
    )


def concept_difference(first: StudyEncoder, second: StudyEncoder, family: str) -> Difference:
    """Subtract the unique concepts of two encoders' directions, which both have.

    The interval holds the smallest and the largest difference over the draws of the negatives.
    """
    results = [e.results.concepts for e in (first, second)]
    one, other = (x.directions for x in results if x and x.directions)
    estimate = Estimate(one.unique.value - other.unique.value)
    if len(one.draws) > 1:
        draws = np.subtract(one.draws, other.draws).tolist()
        estimate = Estimate(estimate.value, min(draws), max(draws))
    over_seeds = difference_over_seeds(first, second, CONCEPTS)
    return Difference(
        first=first, second=second, estimate=estimate, over_seeds=over_seeds, family=family
    )
