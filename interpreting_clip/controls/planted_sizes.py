"""Features of planted sizes, whose numbers follow by arithmetic, and what must change nothing."""

from dataclasses import astuple

import numpy as np

from interpreting_clip.controls.control import STANDARD_ERRORS, Control, controls
from interpreting_clip.controls.features import IMAGES, most_equal_outliers
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.privileged_basis import (
    BasisNumbers,
    Settings,
    basis_numbers,
    privileged_basis,
)
from interpreting_clip.measures.random_numbers import generator

RAISED = 100.0
"""The value of the features that hide each other; all others are Gaussian, of variance 1."""

LARGE = 50.0
"""The size of a few features, where the others have 1."""

EPS = float(np.finfo(np.float64).eps)


def basis_controls(
    activations: Features, sigma: float, share: float, settings: Settings, seed: int
) -> list[Control]:
    """Measure features of planted sizes, and an encoder's own after changes that must not count.

    Parameters
    ----------
    activations : of an encoder; at most 2,000 images are taken, evenly spaced
    sigma, share : beyond how many σ, and in which share of the images, an outlier feature is
    settings : of the measure
    seed : of the draws
    """
    features = activations.shape[1]
    limits = sigma, share, settings.robust_deviations
    rng = generator(seed, "planted sizes")
    return [
        *hidden_outliers(features, limits, rng),
        *large_features(features, limits, rng),
        *single_features(features, sigma, share, settings),
        unchanged_numbers(activations, limits, rng),
    ]


Limits = tuple[float, float, float]
"""The three limits that `basis_numbers` takes: σ, the share of images, robust deviations."""


def hidden_outliers(features: int, limits: Limits, rng: np.random.Generator) -> list[Control]:
    """Return what is found of the fewest equal outliers that hide each other at `sigma`.

    Half of the features or more are no outliers for the median either, so nothing is planted if
    `sigma` is so low.
    """
    raised = most_equal_outliers(features, limits[0]) + 1
    if 2 * raised >= features:
        return []
    values = rng.standard_normal((IMAGES, features))
    values[:, rng.permutation(features)[:raised]] = RAISED
    found = basis_numbers(values, *limits)
    by_means = -1 if found.robust_outliers is None else found.robust_outliers
    return controls(
        f"{raised} of {features:,} Gaussian features set to {RAISED:g} in every image",
        (
            f", which hide each other: outlier features beyond {limits[0]:g} σ",
            *(0, found.outlier_features, 0.0),
        ),
        (f": features with a mean beyond {limits[2]:g} robust deviations", raised, by_means, 0.0),
    )


def large_features(features: int, limits: Limits, rng: np.random.Generator) -> list[Control]:
    """Return the ratio and the fourth moment of features of ±1, one in eight of which are larger.

    With k of n features of size a, the kurtosis of the root mean squares is
    `n (k a⁴ + n - k) / (k a² + n - k)²`.
    """
    large = max(features // 8, 1)
    sizes = np.ones(features)
    sizes[rng.permutation(features)[:large]] = LARGE
    found = basis_numbers(rng.choice([-1.0, 1.0], (IMAGES, features)) * sizes, *limits)
    rest = features - large
    moment = features * (large * LARGE**4 + rest) / (large * LARGE**2 + rest) ** 2
    ratio, error = LARGE / np.median(sizes), features * EPS * moment
    return controls(
        f"{large} of {features:,} features of ±{LARGE:g}, all others of ±1",
        (": largest / median |value|", ratio, found.max_to_median or 0.0, 0.0),
        (": kurtosis of the features' root mean squares", moment, found.rms_kurtosis, error),
    )


def single_features(features: int, sigma: float, share: float, settings: Settings) -> list[Control]:
    """Return the kurtosis of images that have one feature each, as they are and after rotations.

    One feature of n has a kurtosis of `(n² - 3 n + 3) / (n - 1)`. Rotated, the images are the rows
    of a random rotation, each of which points anywhere with equal probability, as n Gaussian
    features do: their kurtosis has the mean `3 (n - 1) / (n + 1)` and the variance
    `24 n (n - 2) (n - 3) / ((n + 1)² (n + 3) (n + 5))` (Fisher 1930). The rows are orthogonal,
    which makes the variance of their mean smaller, if anything.
    """
    single = np.eye(features)
    rotated = privileged_basis(
        single, outlier_sigma=sigma, outlier_share=share, settings=settings
    ).rotated_kurtosis
    own = (features**2 - 3 * features + 3) / (features - 1)
    found = basis_numbers(single, sigma, share, settings.robust_deviations).kurtosis
    n = features
    variance = 24 * n * (n - 2) * max(n - 3, 0) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    error = STANDARD_ERRORS * np.sqrt(variance / (n * settings.rotations)) + n * EPS
    return controls(
        f"{features:,} images with one feature each, another in every image: mean kurtosis",
        ("", own, found, features * EPS * own),
        (
            f" after a random rotation, mean of {settings.rotations}",
            *(3 * (n - 1) / (n + 1), rotated.value, error),
        ),
    )


def unchanged_numbers(activations: Features, limits: Limits, rng: np.random.Generator) -> Control:
    """Return how much scale and the order of features and images change an encoder's numbers."""
    count, features = min(len(activations), IMAGES), activations.shape[1]
    values = np.asarray(activations[np.arange(count) * len(activations) // count], np.float64)
    shuffled = 3 * values[rng.permutation(count)][:, rng.permutation(features)]
    one, other = (basis_numbers(each, *limits) for each in (values, shuffled))
    return Control(
        "The encoder's activations times 3, with features and images in another order: largest "
        "relative change of the five numbers",
        0.0,
        largest_change(one, other),
        values.size * EPS,
    )


def largest_change(one: BasisNumbers, other: BasisNumbers) -> float:
    """Return the largest relative difference of two sets of numbers; 1 if only one has a number."""
    changes = [0.0]
    for first, second in zip(astuple(one), astuple(other), strict=True):
        if first is None or second is None:
            changes.append(float(first is not second))
        elif first != second:
            changes.append(abs(first - second) / max(abs(first), abs(second)))
    return max(changes)
