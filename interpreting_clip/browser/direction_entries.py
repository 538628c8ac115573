"""What the pages of an encoder's directions show: directions, outlier features and concepts."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int

from interpreting_clip.datasets.broden.thumbnails import Thumbnails
from interpreting_clip.measures.concepts import BasisConcepts, Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxis
from interpreting_clip.statistics.average_precision import encodes_concepts
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.concept_labels import ConceptLabels
from interpreting_clip.statistics.concept_scores import Vectors, score_parts

FEWEST_LISTED = 3
"""The fewest concepts of a direction, or directions of a concept, encoded or not."""

KINDS = ("scene", "object", "part", "material", "texture", "color")
"""Broden's categories, in the order in which an image's concepts are named; others come last."""

NAMED = 6
"""The most concepts that are named of an image."""


@dataclass(frozen=True, eq=False)
class Probe:
    """Images with labelled concepts, and what stage `broden` found on them.

    `concepts` has the number, name and category of each measured concept, in the order of the
    columns of `found`. `activations` has a row per image. `shown` images are shown of each end of a
    direction or feature.
    """

    found: Concepts
    concepts: pd.DataFrame
    labels: ConceptLabels
    thumbnails: Thumbnails
    activations: Features
    shown: int


class LoneFeature(NamedTuple):
    """A feature of an encoder without a head, as `OutlierAxis` has it: there are no directions."""

    feature: int
    share: float
    outlier: bool


class Entry(NamedTuple):
    """A direction or feature, with its row of `direction_facts` or `feature_facts`.

    `concepts` are rows of `concept_pairs`, and `outlined` is the first that is encoded and
    segmented. `images` are those with the highest values and then as many with the lowest.
    """

    number: int
    facts: Mapping[Hashable, Any]
    concepts: list[Any]
    outlined: Any | None
    images: list[int]


@dataclass(frozen=True, eq=False)
class Browser:
    """What the pages show; without a head, there are no directions.

    `outliers`: whether the features are outlier features, or just the most extreme one.
    `concepts`: rows of `concept_pairs` for each concept, by its name, with directions or, without
    these, with features. `names`: of the concepts that
    an image shows.
    """

    threshold: float
    outliers: bool
    directions: list[Entry]
    features: list[Entry]
    concepts: list[list[Any]]
    names: dict[int, str]
    thumbnails: Thumbnails


def make_browser(
    directions: PrivilegedDirections | None,
    axes: Sequence[OutlierAxis] | Sequence[LoneFeature],
    probe: Probe,
) -> Browser:
    """Collect what the pages show.

    Parameters
    ----------
    directions : with vectors; None: the encoder has no head
    axes : of the examined features, at least one; `LoneFeature` without a head
    probe : images with labelled concepts
    """
    features, shown_directions = feature_facts(axes), list[Entry]()
    pairs = examined = concept_pairs(features, probe.found.features, probe)
    examined_ends = extreme_images(probe.activations[:, features.index], None, probe.shown)
    if directions is not None:
        facts = direction_facts(directions, axes)
        pairs = concept_pairs(facts, probe.found.bases["directions"], probe)
        ends = extreme_images(probe.activations, directions.vectors, probe.shown)
        shown_directions = make_entries(facts, pairs, ends, probe.thumbnails)
    by_concept = listed_pairs(pairs, "concept").values()
    return Browser(
        threshold=probe.found.threshold,
        outliers=axes[0].outlier,
        directions=shown_directions,
        features=make_entries(features, examined, examined_ends, probe.thumbnails),
        concepts=sorted(by_concept, key=lambda listed: (listed[0].name, listed[0].category)),
        names=name_images(probe.labels, probe.concepts),
        thumbnails=probe.thumbnails,
    )


def direction_facts(
    directions: PrivilegedDirections, axes: Sequence[OutlierAxis] | Sequence[LoneFeature]
) -> pd.DataFrame:
    """Return a row per direction, numbered by importance from 1.

    `share` is its part of the sum of all importances, `logit_variance` the share of the variance of
    the logits over classes that it carries, and `nearest` the feature in `axes` with the largest
    |cos|.
    """
    features = np.array([axis.feature for axis in axes])
    cosines = np.abs(directions.vectors[:, features])
    return pd.DataFrame(
        {
            "number": np.arange(len(cosines)) + 1,
            "importance": directions.importance,
            "share": directions.importance / directions.importance.sum(),
            "logit_variance": directions.logit_variance,
            "nearest": features[cosines.argmax(axis=1)],
            "cosine": cosines.max(axis=1),
        }
    )


def feature_facts(axes: Sequence[OutlierAxis] | Sequence[LoneFeature]) -> pd.DataFrame:
    """Return a row per feature, with the feature as its index.

    `nearest` is the number of the nearest direction, and `cosine` its |cos|, if there are any.

    `share` is the fraction of images in which the feature is extreme.
    """
    names = {"feature": "number", "share": "share"}
    if not isinstance(axes[0], LoneFeature):
        names |= {"rank": "nearest", "cosine": "cosine"}
    rows = [{to: getattr(axis, name) for name, to in names.items()} for axis in axes]
    return pd.DataFrame(rows).set_index("number", drop=False)


def concept_pairs(facts: pd.DataFrame, basis: BasisConcepts, probe: Probe) -> pd.DataFrame:
    """Return a row per direction or feature and concept, the highest average precision first.

    Parameters
    ----------
    facts : the number of each; its index are the rows of `basis`
    """
    row, column = np.indices((len(facts), len(probe.concepts))).reshape(2, -1)
    precisions = basis.precisions[facts.index]
    pairs = probe.concepts.rename(columns={"number": "concept"}).iloc[column]
    pairs = pairs.assign(
        number=facts["number"].to_numpy()[row],
        precision=precisions.ravel(),
        negative=basis.negative[facts.index].ravel(),
        encoded=encodes_concepts(precisions, probe.found.threshold).ravel(),
    )
    return pairs.sort_values("precision", ascending=False, kind="stable")


def listed_pairs(pairs: pd.DataFrame, by: str) -> dict[Any, list[Any]]:
    """Return the encoded pairs by `number` or by `concept`, but the first three at the least."""
    shown = pairs[pairs["encoded"] | (pairs.groupby(by).cumcount() < FEWEST_LISTED)]
    return {key: list(rows.itertuples(index=False)) for key, rows in shown.groupby(by)}


def make_entries(
    facts: pd.DataFrame,
    pairs: pd.DataFrame,
    images: Int[np.ndarray, "direction place"],
    thumbnails: Thumbnails,
) -> list[Entry]:
    """Return the entries of all rows of `facts`."""
    listed, segmented = listed_pairs(pairs, "number"), set(thumbnails.mask_concepts.tolist())
    entries = []
    for row, shown in zip(facts.to_dict("records"), images.tolist(), strict=True):
        concepts = listed[row["number"]]
        outlined = (p for p in concepts if p.encoded and p.concept in segmented)
        entries.append(Entry(row["number"], row, concepts, next(outlined, None), shown))
    return entries


def extreme_images(
    activations: Features, vectors: Vectors | None, count: int
) -> Int[np.ndarray, "direction place"]:
    """Return the images with the highest scores of each direction, then those with the lowest.

    At both ends are `count` images, or all if there are fewer. If scores are equal, the image with
    the lower index comes first. Without `vectors`, each feature is a direction.
    """
    return np.stack(
        [
            np.concatenate([np.argsort(s, kind="stable")[:count] for s in (-column, column)])
            for _, scores in score_parts(activations, vectors)
            for column in scores.T
        ]
    )


def name_images(labels: ConceptLabels, concepts: pd.DataFrame) -> dict[Any, str]:
    """Return the names of at most six concepts of each image that has any, scenes first."""
    shown = pd.DataFrame({"image": labels.image, "number": labels.concept}).merge(concepts)
    order = {kind: place for place, kind in enumerate(KINDS)}
    shown["kind"] = shown["category"].map(order).fillna(len(KINDS))
    by_image = shown.sort_values(["kind", "number"]).groupby("image")["name"]
    return by_image.agg(lambda names: ", ".join(names[:NAMED])).to_dict()
