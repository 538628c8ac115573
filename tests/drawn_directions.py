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
from interpreting_clip.measures.extremes import extreme_images
from page.direction_entries import (
    ProbeResults,
    by_importance,
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
    bases = {"directions": directions, "features": features}
    precisions = {
        basis: rng.uniform(0.4, 0.97, (count, concepts)) for basis, count in bases.items()
    }
    precisions["directions"][0] = np.linspace(0.5, 0.89, concepts)  # encodes nothing
    negative = {f"{basis}_negative": found < 0.5 for basis, found in precisions.items()}
    extremes = {
        f"{basis}_{end}": values
        for basis, count in bases.items()
        for end, values in vars(extreme_images(rng.standard_normal((images, count)), shown)).items()
    }
    probe = ProbeResults(
        concepts=named,
        precisions=precisions | {key: one.astype(np.uint8) for key, one in negative.items()},
        extremes=extremes,
        label_images=image,
        label_concepts=column + 1,
        thumbnails=Thumbnails.read(folder),
        threshold=THRESHOLD,
    )
    return browser_of(
        probe, label=label, directions=directions, features=features, outliers=outliers
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
    arrays = {
        "directions": vectors[:, :features],
        "singular_values": np.linspace(3, 1, directions),
        "importance": rng.uniform(0.01, 1, directions),
        "logit_variance": np.full(directions, 1 / directions),
    }
    fractions = [step / 10 for step in range(10)]
    accuracies = [60.0 - 5 * step for step in range(10)]
    heads = {"classes": {"accuracy": {"imagenet": accuracies}}}
    pruning = {"fractions": fractions, "centre": "classes", "heads": heads}
    examined = list(range(3, 3 + max(outliers, 1)))
    ranks = rng.integers(1, directions + 1, len(examined)).tolist()
    numbers = np.linspace(0.1, 0.7, len(examined)).tolist()
    axes = {"feature": examined, "share": numbers, "cosine": numbers, "rank": ranks}
    axes |= {"within": numbers, "costs": {name: {"value": numbers} for name in NAMES}}
    kurtosis = {"axes": axes, "outlier_features": {"feature": examined if outliers else []}}
    return Browser(
        label=label,
        centred=True,
        threshold=THRESHOLD,
        directions=direction_entries(arrays, pruning, axes, probe),
        features=feature_entries(kurtosis, probe),
        others=other_features(arrays, axes, probe) if probe else [],
        outliers=outliers,
        concepts=probe.found(by_importance(arrays["importance"])) if probe else [],
        probe=probe,
    )
