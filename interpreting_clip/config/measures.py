"""The settings of the measures and of the report, a section of params.yaml each."""

from typing import Annotated, Literal

from msgspec import Meta

from interpreting_clip.config.quantities import (
    LINES,
    Confidence,
    Fraction,
    Key,
    Name,
    Percents,
    Positive,
    Resamples,
    Seed,
    Share,
    StrictStruct,
)

Sweep = Annotated[list[Share], Meta(min_length=1, max_length=1000)]
"""Further thresholds at which counts are given."""


class BaselineSettings(StrictStruct, frozen=True, kw_only=True):
    """Where the standard models come from, and the bootstrap of the lines fitted to them.

    `trained`: classifiers of pixels and edges, trained here; `published`: the testbed's standard
    models in `data/reference/`. The lines start at ImageNet accuracy on the classes of the shift or
    on all of them (`abscissa`).
    """

    source: Literal["trained", "published"]
    abscissa: Literal["shift_classes", "all_classes"]
    seed: Seed
    resamples: Resamples


class RobustnessSettings(StrictStruct, frozen=True, kw_only=True):
    """The confidence of the interval and the seed of its draws, one per line of the baseline."""

    seed: Seed
    confidence: Confidence


class KurtosisSettings(StrictStruct, frozen=True, kw_only=True):
    """The bootstrap over images, and the outlier features, with a sweep over shares.

    A feature is an outlier feature when it lies beyond `outlier_sigma` standard deviations of its
    image's features in at least the share `outlier_share` of the images.
    """

    resamples: Resamples
    seed: Seed
    confidence: Confidence
    outlier_sigma: Positive
    sweep: Sweep
    outlier_share: Share


class DirectionsSettings(StrictStruct, frozen=True, kw_only=True):
    """The steps in which directions are pruned, and the random head that is the null.

    A share is prunable as long as it costs less than `harmless` points of ImageNet accuracy.
    """

    pruning_steps: Annotated[int, Meta(ge=1, le=1000)]
    harmless: Percents
    random_head_seed: Seed

    @property
    def fractions(self) -> list[float]:
        """The pruned shares of the directions: 0, 1 / n, … up to (n - 1) / n for n steps."""
        return [step / self.pruning_steps for step in range(self.pruning_steps)]


class ConceptsSettings(StrictStruct, frozen=True, kw_only=True):
    """A concept's negatives, and the threshold of its average precision, with a sweep.

    `balanced` draws as many negatives as there are positives, `draws` times; `all` takes every
    other image. With `either`, the negative side of a direction counts too.
    """

    negatives: Literal["balanced", "all"]
    draws: Annotated[int, Meta(ge=1, le=1000)]
    seed: Seed
    sign: Literal["fixed", "either"]
    threshold: Share
    sweep: Sweep


class BrowseSettings(StrictStruct, frozen=True, kw_only=True):
    """How many images of the highest and of the lowest scores the direction browser shows."""

    images: Annotated[int, Meta(ge=1, le=100)]


class PresenceSettings(StrictStruct, frozen=True, kw_only=True):
    """A segmented concept is present in an image if it covers at least the share `pixels` of it."""

    pixels: Fraction


class CorrelationSettings(StrictStruct, frozen=True, kw_only=True):
    """The bootstrap over encoders, for the report's rank correlations."""

    resamples: Resamples
    seed: Seed
    confidence: Confidence


class PublishedSettings(StrictStruct, frozen=True, kw_only=True):
    """The number of resamples, their seed and the interval's confidence."""

    resamples: Resamples
    seed: Seed
    confidence: Confidence


class ControlsSettings(StrictStruct, frozen=True, kw_only=True):
    """The encoder in whose activations outlier features are planted, and the draws.

    Intervals are computed `repetitions` times, from `resamples` lines each.
    """

    encoder: Key
    seed: Seed
    repetitions: Resamples
    resamples: Resamples


class Study(StrictStruct, frozen=True, kw_only=True):
    """The report's title and the paragraph under it."""

    title: Name
    description: Annotated[str, Meta(max_length=5000), LINES]
