"""Features of known kurtosis, raised in an encoder's real activations, or constant or varying."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.controls.control import STANDARD_ERRORS, Control, controls
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.kurtosis import Settings, kurtosis, outlier_features
from interpreting_clip.measures.random_numbers import generator

IMAGES = 2000
"""How many images are drawn, and how many real ones are taken at most."""

SIMULATED = 3
"""How many times as many images the expected kurtosis is simulated on."""

DISTRIBUTIONS: dict[str, tuple[float, Callable[..., np.ndarray]]] = {
    "Gaussian": (3.0, lambda rng, shape: rng.standard_normal(shape)),
    "uniform": (1.8, lambda rng, shape: rng.uniform(-1.0, 1.0, shape)),
    "Laplace": (6.0, lambda rng, shape: rng.laplace(size=shape)),
}
"""By name, the kurtosis of infinitely many features, and the function that draws them."""

SIZES = (2 / 3, 1, 4 / 3, 5 / 3, 2, 3, 5, 10, 20)
"""By how much features are raised, as multiples of the limit beyond which they are outliers."""

SHOWN_SIZE = 5
"""The one of these that the controls report."""


def kurtosis_controls(features: int, sigma: float, seed: int) -> list[Control]:
    """Measure the mean kurtosis of images whose features are drawn from known distributions.

    The kurtosis of n features is biased: of a Gaussian `3 (n - 1) / (n + 1)` is expected (Fisher
    1930). For the others, a plain computation on other images gives the expected value. Each image
    has a scale and an offset of its own, which change no image's kurtosis.

    Parameters
    ----------
    features : n
    sigma : the limit of outlier features, which shares a pass with the kurtosis
    seed : of the draws
    """
    rows = []
    for number, (name, (limit, draw)) in enumerate(DISTRIBUTIONS.items()):
        rng = generator(seed, "features of known kurtosis", number)
        scale, offset = rng.lognormal(size=(IMAGES, 1)), rng.standard_normal((IMAGES, 1))
        values = (scale * (draw(rng, (IMAGES, features)) + offset)).astype(np.float32)
        found = kurtosis(values, settings=Settings(outlier_sigma=sigma)).kurtosis.value
        plain = [plain_kurtosis(draw(rng, values.shape)) for _ in range(SIMULATED)]
        spread, drawn = np.std(plain), 1 / IMAGES
        how = "simulated"
        expected = float(np.mean(plain))
        if name == "Gaussian":
            how, expected = "exactly", 3 * (features - 1) / (features + 1)
        else:
            drawn += 1 / (SIMULATED * IMAGES)
        what = (
            f"Mean kurtosis of {IMAGES:,} images of {features:,} {name} features; of infinitely "
            f"many it is {limit:g}, of so many {expected:.3f} ({how})"
        )
        error = float(STANDARD_ERRORS * spread * np.sqrt(drawn))
        rows.append(Control(what, expected, found, error))
    return rows


def plain_kurtosis(values: Features) -> Float[np.ndarray, " image"]:
    """Compute each image's kurtosis as its definition says."""
    deviations = values - values.mean(axis=1, keepdims=True)
    return (deviations**4).mean(axis=1) / (deviations**2).mean(axis=1) ** 2


ROUNDING = 1e-9
"""How far, relative to its size, what follows by arithmetic may be off."""

ENERGY = 400
"""The energy of a planted outlier feature, as a multiple of that of all others together."""

PLANTED = {
    "that is the same in every image": 1.0,
    "of mean 0, whose sign differs between images": 0.0,
    "with 80 % of its energy the same in every image": 0.8,
}
"""By kind of outlier feature, how much of its energy is constant."""


def constant_controls(features: int, sigma: float, share: float, seed: int) -> list[Control]:
    """Plant one outlier feature, and measure whether it is a constant or tells images apart.

    Half of the other features are 1 and half are -1, in an order drawn for each image, so that
    their energy is n - 1 and none is an outlier. The planted feature has `ENERGY` times as much. It
    is `a + b` in half of the images and `a - b` in the others, so `a² / (a² + b²)` of its energy is
    constant, and `b` is left of it minus the mean image. It lies about `sqrt(n)` σ from its image's
    mean, so it is found unless n features are too few for any outlier.

    Parameters
    ----------
    features : n
    sigma, share : beyond how many σ, and in which share of the images, an outlier feature is
    seed : of the draws
    """
    rng = generator(seed, "constant features")
    settings = Settings(outlier_sigma=sigma, outlier_share=share)
    possible = int(most_equal_outliers(features, sigma) > 0)
    size, signs = np.sqrt(ENERGY * (features - 1)), np.repeat([1.0, -1.0], IMAGES // 2)
    rows = []
    for kind, constant in PLANTED.items():
        values = np.tile((-1.0) ** np.arange(features), (IMAGES, 1))
        rng.permuted(values[:, 1:], axis=1, out=values[:, 1:])
        values[:, 0] = size * (np.sqrt(constant) + np.sqrt(1 - constant) * signs)
        found, rest = kurtosis(values, settings=settings), values - values.mean(axis=0)
        without = found.centred.value if found.centred else 0.0
        numbers = {
            "outlier features": (possible, found.outliers.outlier_features),
            "outlier features minus the mean image": (
                *(possible if constant < 1 else 0, found.centred_outliers or 0),
            ),
            "kurtosis minus the mean image": (plain_kurtosis(rest).mean(), without),
            "its share of the energy": (
                *(ENERGY / (ENERGY + 1), found.outliers.energy_of_every_feature[0]),
            ),
            "how much of its energy is constant": (
                *(constant, found.outliers.constant_of_every_feature[0]),
            ),
        }
        rows += controls(
            f"An outlier feature {kind}, one of {features:,} features: ",
            *((name, *pair, ROUNDING * max(1, pair[0])) for name, pair in numbers.items()),
        )
    return rows


@dataclass(frozen=True)
class Raised:
    """Features raised in every image: the share of images in which they are outliers.

    Attributes
    ----------
    axes : how many features were raised
    size : by how many standard deviations of the image
    found, arithmetic : the share of images in which such a feature lies beyond the limit, by the
        measure and by `raised_deviations`
    typical : how many standard deviations such a feature is off if it was at its image's mean
    found_features, expected_features : how many of them are outlier features
    """

    axes: int
    size: float
    found: float
    arithmetic: float
    typical: float
    found_features: int
    expected_features: int


@dataclass(frozen=True)
class Limit:
    """What a number of equal outliers among an image's features can reach.

    Attributes
    ----------
    axes : how many, k of n features
    highest : `sqrt((n - k) / k)` standard deviations, however far they are raised
    raised_by : the size from which on they are beyond the limit of outlier features; None if never
    """

    axes: int
    highest: float
    raised_by: float | None


def outlier_controls(
    activations: Features, sigma: float, share: float, seed: int
) -> tuple[list[Control], list[Raised], list[Limit]]:
    """Raise features of real activations, and measure in how many images they are outliers.

    The raised features are one, as many as can be found among n features, and one more than that.
    Each is raised by `size · σ`, with the σ that its image had before. `raised_deviations` computes
    the resulting deviation.

    Parameters
    ----------
    activations : of an encoder; at most 2,000 images are taken, evenly spaced
    sigma, share : beyond how many σ, and in which share of the images, an outlier feature is
    seed : of the choice of features
    """
    count = min(len(activations), IMAGES)
    values = np.asarray(activations[np.arange(count) * len(activations) // count], np.float64)
    features = values.shape[1]
    order = generator(seed, "raised features").permutation(features)
    most = most_equal_outliers(features, sigma)
    curve, limits, doubtful = [], [], 0.0
    for axes in sorted({1, max(most, 1), most + 1} & set(range(1, features))):
        for point, unclear in raised_curve(values, order[:axes], sigma, share):
            curve.append(point)
            doubtful = max(doubtful, unclear)
        limits.append(limit(features, axes, sigma))
    return outlier_rows(curve, limits, features, sigma, doubtful), curve, limits


def most_equal_outliers(features: int, sigma: float) -> int:
    """Return how many equal outliers can lie beyond `sigma`: `sqrt((n - k) / k) > sigma`."""
    return int(np.ceil(features / (sigma**2 + 1))) - 1


def raised_curve(
    values: Features, axes: Int[np.ndarray, " axis"], sigma: float, share: float
) -> Iterator[tuple[Raised, float]]:
    """Yield what is found at each size, and the share of images where rounding decides."""
    mean, spread = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
    features, settings = values.shape[1], Settings(outlier_sigma=sigma, outlier_share=share)
    own = ((values - mean) / spread)[:, axes]
    for size in (sigma * multiple for multiple in SIZES):
        raised = values.copy()
        raised[:, axes] += size * spread
        outliers = outlier_features(raised, settings=settings)
        distance = np.abs(raised_deviations(own, size, features))
        beyond = (distance > sigma).mean(axis=0)
        yield (
            Raised(
                axes=len(axes),
                size=size,
                found=float(outliers.share_of_every_feature[axes].mean()),
                arithmetic=float(beyond.mean()),
                typical=float(raised_deviations(np.zeros((1, len(axes))), size, features)[0, 0]),
                found_features=int(np.isin(axes, outliers.feature).sum()),
                expected_features=int((beyond >= share).sum()),
            ),
            float((np.abs(distance - sigma) < 1e-9 * sigma).mean()),
        )


def raised_deviations(
    own: Float[np.ndarray, "image axis"], size: float, features: int
) -> Float[np.ndarray, "image axis"]:
    """Compute the deviations of k raised features among all n of their image.

    With `z` a feature's deviation before, a the size and S the sum of the k deviations before, it
    is `(z + a (1 - k / n)) / sqrt(1 + 2 a S / n + a² (k / n) (1 - k / n))` after: the raised
    features move their image's mean and widen its standard deviation. For large a that is
    `sqrt((n - k) / k)`, whatever they were.

    Parameters
    ----------
    own : each raised feature's deviation before, in standard deviations of its image
    size : a
    features : n
    """
    part = own.shape[1] / features
    variance = 1 + 2 * size * own.sum(axis=1) / features + size**2 * part * (1 - part)
    return (own + size * (1 - part)) / np.sqrt(variance)[:, None]


def limit(features: int, axes: int, sigma: float) -> Limit:
    """Return what a number of equal outliers reach, and the size at which they pass `sigma`."""
    part = axes / features
    room = (1 - part) ** 2 - sigma**2 * part * (1 - part)
    raised_by = float(sigma / np.sqrt(room)) if room > 0 else None
    return Limit(axes, float(np.sqrt((features - axes) / axes)), raised_by)


def outlier_rows(
    curve: list[Raised], limits: list[Limit], features: int, sigma: float, doubtful: float
) -> list[Control]:
    """Return the controls of a curve; `doubtful` is the largest share where rounding decides."""
    rows = []
    for one in limits:
        points = [point for point in curve if point.axes == one.axes]
        shown, largest = points[SIZES.index(SHOWN_SIZE)], points[-1].size
        found = max(point.found_features for point in points)
        expected = max(point.expected_features for point in points)
        rows += controls(
            f"{one.axes} of {features:,} features raised by ",
            (
                f"{shown.size:g} σ: share of images in which they lie beyond {sigma:g} σ",
                *(shown.arithmetic, shown.found, doubtful),
            ),
            (
                f"up to {largest:g} σ: outlier features among them, most at any size",
                *(expected, found, 0.0),
            ),
        )
    off = max(abs(point.found - point.arithmetic) for point in curve)
    what = f"All {len(curve)} points of the curve: largest difference from the arithmetic"
    return [*rows, Control(what, 0.0, off, doubtful)]
