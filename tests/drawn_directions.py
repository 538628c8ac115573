"""A direction browser of drawn numbers and images, of any size."""

from pathlib import Path

import numpy as np

from interpreting_clip.datasets.broden.thumbnails import (
    GRID,
    Thumbnail,
    Thumbnails,
    small_jpeg,
    write_thumbnails,
)
from interpreting_clip.measures.concept_labels import ConceptLabels
from interpreting_clip.measures.concepts import BasisConcepts, Concepts
from interpreting_clip.measures.directions import HeadDirections, MeanRow, PrivilegedDirections
from interpreting_clip.measures.extremes import extreme_images
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.kurtosis import Kurtosis, OutlierFeatures
from interpreting_clip.measures.outlier_axes import OutlierAxes, OutlierAxis
from interpreting_clip.measures.pruning import Pruning
from page.direction_entries import (
    ProbeResults,
    direction_entries,
    feature_entries,
    other_features,
)
from page.direction_pages import Browser

CATEGORIES = ("object", "color", "scene", "part")
THRESHOLD = 0.9
NAMES = ("imagenet", "imagenet_r")


def draw_browser(
    folder: Path,
    *,
    label: str = "an encoder",
    directions: int = 7,
    concepts: int = 9,
    images: int = 30,
    shown: int = 4,
    features: int = 12,
    outliers: int = 2,
    name: str = "concept {}",
) -> Browser:
    """Draw what an encoder's browser shows; of the categories, scenes alone are not segmented."""
    rng = np.random.default_rng(0)
    named = [
        {"number": n + 1, "name": name.format(n), "category": CATEGORIES[n % len(CATEGORIES)]}
        for n in range(concepts)
    ]
    holds = rng.random((images, concepts)) < 0.3
    folder.mkdir(exist_ok=True)
    write_thumbnails(folder, (draw_thumbnail(rng, named, row) for row in holds))
    image, column = np.nonzero(holds)
    bases = {
        name: draw_basis(rng, rng.uniform(0.4, 0.97, (count, concepts)), images, shown)
        for name, count in (("directions", directions), ("features", features))
    }
    bases["directions"].precisions[0] = np.linspace(0.5, 0.89, concepts)  # encodes nothing
    found = Concepts(
        **bases,
        concepts=[concept["name"] for concept in named],
        left_out=[],
        minimum_images=1,
        threshold=THRESHOLD,
        null_draws=0,
        false_discovery_rate=0.05,
    )
    labels = ConceptLabels(image, column + 1)
    probe = ProbeResults(found, named, labels, Thumbnails.read(folder))
    return browser_of(
        probe, label=label, directions=directions, features=features, outliers=outliers
    )


def draw_basis(
    rng: np.random.Generator, precisions: np.ndarray, images: int, shown: int
) -> BasisConcepts:
    """Draw the images at both ends of directions; their counts are not on the pages."""
    return BasisConcepts(
        unique=Estimate(0),
        random=None,
        over_all=0,
        permuted=None,
        over_all_permuted=None,
        over_all_random=None,
        encoding_directions=0,
        polysemanticity=Estimate(0.0),
        discovered=0,
        categories={},
        sweep=[],
        pairs=0,
        encoded=[],
        names=[],
        precisions=precisions,
        negative=precisions < 0.5,
        **vars(extreme_images(rng.standard_normal((images, len(precisions))), shown)),
    )


def draw_thumbnail(rng: np.random.Generator, concepts: list[dict], holds: np.ndarray) -> Thumbnail:
    """Draw an image of some colours, and a square mask of each segmented concept that it holds."""
    pixels = np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    masks = {}
    for column in np.flatnonzero(holds).tolist():
        if concepts[column]["category"] != "scene":
            top, left = rng.integers(0, GRID // 2, 2)
            masks[concepts[column]["number"]] = mask = np.zeros((GRID, GRID), np.bool_)
            mask[top : top + GRID // 2, left : left + GRID // 2] = True
    return Thumbnail(small_jpeg(pixels), masks)


def browser_of(
    probe: ProbeResults | None, *, label: str, directions: int, features: int, outliers: int
) -> Browser:
    """Draw the directions and the outlier features that go with what the probe images say."""
    rng = np.random.default_rng(1)
    vectors = np.linalg.qr(rng.standard_normal((max(features, directions), directions))).Q.T
    importance = np.sort(rng.uniform(0.01, 1, directions))[::-1]
    privileged = directions_of(vectors[:, :features], np.linspace(3, 1, directions), importance)
    examined = list(range(3, 3 + max(outliers, 1)))
    axes = draw_axes(examined, rng.integers(1, directions + 1, len(examined)).tolist())
    extreme = draw_kurtosis(examined[:outliers], features).outliers
    curve = curve_of([step / 10 for step in range(10)], [60.0 - 5 * step for step in range(10)])
    return Browser(
        label=label,
        centred=True,
        threshold=THRESHOLD,
        directions=direction_entries(privileged, curve, axes, probe),
        features=feature_entries(extreme, axes, probe),
        others=other_features(privileged, axes, probe) if probe else [],
        outliers=outliers,
        concepts=probe.found_concepts() if probe else [],
        probe=probe,
    )


def directions_of(
    vectors: np.ndarray, singular_values: np.ndarray, importance: np.ndarray
) -> PrivilegedDirections:
    """Return directions whose shares of the logits' variance are those of their importance."""
    said = {
        "directions": len(vectors),
        "importance_ratio": 1.0,
        "spectrum": 1.0,
        "importance": importance,
        "logit_variance": importance / importance.sum(),
    }
    return PrivilegedDirections(
        **said,
        centre="classes",
        mean_row=MeanRow(energy=0.0, cosine=0.0),
        random_importance_ratio=None,
        random_importance=importance,
        other=HeadDirections(**said, centre="none"),
        vectors=vectors,
        singular_values=singular_values,
        feature_logit_variance=np.zeros(vectors.shape[1]),
    )


def curve_of(fractions: list[float], accuracies: list[float]) -> Pruning:
    """Return the accuracy at each pruned share."""
    accuracy = np.array(accuracies)
    return Pruning(
        by_accuracy=0.0,
        whole=accuracies[0],
        accuracy_chance=None,
        other_by_accuracy=0.0,
        fractions=np.array(fractions),
        accuracy=accuracy,
        other_accuracy=accuracy,
        random_accuracy=accuracy[None],
    )


def draw_axes(features: list[int], ranks: list[int]) -> OutlierAxes:
    """Return the axes of features, with the rank of the direction nearest to each."""
    axes = [
        OutlierAxis(
            feature=feature,
            share=number,
            outlier=True,
            cosine=number,
            rank=rank,
            within=number,
            within_top=[],
            logit_variance=number,
            costs={name: Estimate(number) for name in NAMES},
        )
        for feature, rank, number in zip(
            features, ranks, np.linspace(0.1, 0.7, len(features)).tolist(), strict=True
        )
    ]
    return OutlierAxes(axes=axes, typical_cosine=0.1, typical_logit_variance=0.1, tops=[])


def draw_kurtosis(outliers: list[int], features: int) -> Kurtosis:
    """Return the kurtosis of an encoder with these outlier features."""
    return Kurtosis(
        kurtosis=Estimate(5.0),
        isotropic=3.0,
        outliers=OutlierFeatures(
            outlier_features=len(outliers),
            largest_share=0.5,
            hiding=1,
            features=features,
            outlier_sigma=6.0,
            outlier_share=0.5,
            feature=np.array(outliers, np.int64),
            share=np.full(len(outliers), 0.5),
            mean_abs_z=np.full(len(outliers), 6.0),
            sweep=[],
            share_of_every_feature=np.zeros(features),
            mean_abs_z_of_every_feature=np.zeros(features),
        ),
        per_image=np.full(2, 5.0),
    )
