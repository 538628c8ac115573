"""A direction browser of drawn numbers and images, of any size."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import AbstractArray
from page.extreme_images import extreme_images

from interpreting_clip.datasets.broden.thumbnails import (
    GRID,
    Thumbnail,
    Thumbnails,
    small_jpeg,
    write_thumbnails,
)
from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.concepts import BasisConcepts, Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import OutlierFeatures
from interpreting_clip.measures.outlier_axes import OutlierAxes, OutlierAxis
from interpreting_clip.measures.pruning import PruningCurves
from interpreting_clip.statistics.concept_labels import ConceptLabels
from page.direction_entries import (
    ProbeResults,
    direction_entries,
    feature_entries,
)
from page.direction_pages import Browser

CATEGORIES = ("object", "color", "scene", "part")
THRESHOLD = 0.9
Kind = TypeVar("Kind")
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
    sizes = {"directions": directions, "features": features}
    bases = {
        name: draw_basis(rng.uniform(0.4, 0.97, (count, concepts))) for name, count in sizes.items()
    }
    ends = {
        name: extreme_images(rng.standard_normal((images, count)), shown)
        for name, count in sizes.items()
    }
    bases["directions"].precisions[0] = np.linspace(0.5, 0.89, concepts)  # encodes nothing
    names = [concept["name"] for concept in named]
    found = filled(Concepts, **bases, concepts=names, threshold=THRESHOLD)
    labels = ConceptLabels(image, column + 1)
    probe = ProbeResults(found, named, labels, Thumbnails.read(folder), ends)
    return browser_of(
        probe, label=label, directions=directions, features=features, outliers=outliers
    )


def draw_basis(precisions: np.ndarray) -> BasisConcepts:
    """Return what directions encode; low precisions are those of their negative sides."""
    return filled(BasisConcepts, precisions=precisions, negative=precisions < 0.5)


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
    numbers = np.array(examined[:outliers], np.int64)
    extreme = filled(OutlierFeatures, outlier_features=outliers, feature=numbers)
    curve = curve_of([step / 10 for step in range(10)], [60.0 - 5 * step for step in range(10)])
    return Browser(
        label=label,
        centred=True,
        threshold=THRESHOLD,
        directions=direction_entries(privileged, curve, axes, probe),
        features=feature_entries(extreme, axes, probe),
        outliers=outliers,
        concepts=probe.found_concepts() if probe else [],
        probe=probe,
    )


def directions_of(
    vectors: np.ndarray, singular_values: np.ndarray, importance: np.ndarray
) -> PrivilegedDirections:
    """Return directions whose shares of the logits' variance are those of their importance."""
    return filled(
        PrivilegedDirections,
        centre="classes",
        importance=importance,
        logit_variance=importance / importance.sum(),
        vectors=vectors,
        directions=len(vectors),
        singular_values=singular_values,
    )


def curve_of(fractions: list[float], accuracies: list[float]) -> PruningCurves:
    """Return the accuracy at each pruned share."""
    own = np.array(accuracies)
    curves = {"accuracy": own, "other_accuracy": own, "random_accuracy": own[None]}
    return filled(PruningCurves, fractions=np.array(fractions), **curves)


def draw_axes(features: list[int], ranks: list[int]) -> OutlierAxes:
    """Return the axes of features, with the rank of the direction nearest to each."""
    numbers = np.linspace(0.1, 0.7, len(features)).tolist()
    axes = [
        filled(
            OutlierAxis,
            feature=feature,
            rank=rank,
            **dict.fromkeys(("share", "cosine", "within"), number),
            costs={name: Estimate(number) for name in NAMES},
        )
        for feature, rank, number in zip(features, ranks, numbers, strict=True)
    ]
    return filled(OutlierAxes, axes=axes)


def filled(kind: type[Kind], **known: Any) -> Kind:
    """Return a result with these fields, and nothing in all others."""
    hints = get_type_hints(kind)
    rest = (one.name for one in fields(cast("Any", kind)) if one.name not in known)
    return kind(**known, **{name: nothing(hints[name]) for name in rest})


def nothing(hint: Any) -> Any:
    """Return zero, None or an empty array, list or mapping: the least of a type."""
    if is_dataclass(hint):
        return filled(cast("type", hint))
    origin, members = get_origin(hint), get_args(hint)
    if origin is Literal:
        return members[0]
    if members:
        return None if type(None) in members else (origin if origin in {dict, list} else int)()
    if issubclass(hint, AbstractArray):
        dtypes = {"Bool": np.bool_, "Int": np.int64, "Float": np.float64}
        return np.empty((0,) * len(hint.dims), dtypes[hint.dtype.__name__])
    return hint()
