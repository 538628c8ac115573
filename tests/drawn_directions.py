"""Pages of directions from drawn numbers and images, of any size."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from jaxtyping import AbstractArray

from interpreting_clip.browser.direction_entries import Browser, Probe, make_browser
from interpreting_clip.datasets.broden.thumbnails import (
    GRID,
    Thumbnail,
    Thumbnails,
    small_jpeg,
    write_thumbnails,
)
from interpreting_clip.measures.concepts import BasisConcepts, Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxis
from interpreting_clip.statistics.concept_labels import ConceptLabels

CATEGORIES = ("object", "color", "scene", "part")
THRESHOLD = 0.9
Kind = TypeVar("Kind")


def draw_browser(folder: Path, **sizes: Any) -> Browser:
    """Draw what an encoder's pages show; the sizes are those of `draw_results`."""
    return make_browser(*draw_results(folder, **sizes))


def draw_results(
    folder: Path,
    *,
    directions: int = 7,
    concepts: int = 9,
    images: int = 30,
    shown: int = 4,
    features: int = 12,
    outliers: int = 2,
    name: str = "concept {}",
) -> tuple[PrivilegedDirections, list[OutlierAxis], Probe]:
    """Draw an encoder's results; of the categories, only scenes are not segmented."""
    rng = np.random.default_rng(0)
    named = [
        {"number": n + 1, "name": name.format(n), "category": CATEGORIES[n % len(CATEGORIES)]}
        for n in range(concepts)
    ]
    holds = rng.random((images, concepts)) < 0.3
    folder.mkdir(exist_ok=True)
    write_thumbnails(folder, (draw_thumbnail(rng, named, row) for row in holds))
    sizes = {"directions": directions, "features": features}
    bases = {basis: draw_basis(rng, n, concepts) for basis, n in sizes.items()}
    bases["directions"].precisions[0] = np.linspace(0.5, 0.89, concepts)  # encodes nothing
    image, column = np.nonzero(holds)
    probe = Probe(
        found=filled(Concepts, **bases, threshold=THRESHOLD),
        concepts=pd.DataFrame(named),
        labels=ConceptLabels(image, column + 1),
        thumbnails=Thumbnails.read(folder),
        activations=rng.standard_normal((images, features)),
        shown=shown,
    )
    vectors = np.linalg.qr(rng.standard_normal((max(sizes.values()), directions))).Q.T
    importance = np.sort(rng.uniform(0.01, 1, directions))[::-1]
    ranks = rng.integers(1, directions + 1, max(outliers, 1)).tolist()
    axes = draw_axes(list(range(3, 3 + len(ranks))), ranks, outlier=outliers > 0)
    return directions_of(vectors[:, :features], importance), axes, probe


def draw_basis(rng: np.random.Generator, directions: int, concepts: int) -> BasisConcepts:
    """Draw what directions encode, some of it by their negative sides."""
    precisions, draws = (
        rng.uniform(0.4, 0.97, (directions, concepts)),
        rng.random((directions, concepts)),
    )
    return filled(BasisConcepts, precisions=precisions, negative=draws < 0.3)


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


def directions_of(vectors: np.ndarray, importance: np.ndarray) -> PrivilegedDirections:
    """Return directions whose shares of the logits' variance are those of their importance."""
    shares = importance / importance.sum()
    known = {"importance": importance, "logit_variance": shares, "vectors": vectors}
    return filled(PrivilegedDirections, directions=len(vectors), **known)


def draw_axes(features: list[int], ranks: list[int], *, outlier: bool = True) -> list[OutlierAxis]:
    """Return the axes of features, with the rank of the direction nearest to each."""
    numbers = np.linspace(0.1, 0.7, len(features)).tolist()
    return [
        filled(OutlierAxis, feature=feature, rank=rank, share=n, cosine=n, outlier=outlier)
        for feature, rank, n in zip(features, ranks, numbers, strict=True)
    ]


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
