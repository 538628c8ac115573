"""The direction browser's entries: an encoder's directions and outlier features."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from interpreting_clip.datasets.broden.thumbnails import Mask, Thumbnails
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import OutlierFeatures
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.pruning import PruningCurves, count_removed
from interpreting_clip.statistics.average_precision import encodes_concepts
from interpreting_clip.statistics.concept_labels import ConceptLabels
from page.extreme_images import Extremes

FEWEST_LISTED, MOST_LISTED = 3, 40
"""The fewest (encoded or not) and the most concepts of a direction, or directions of a concept."""

KINDS = ("scene", "object", "part", "material", "texture", "color")
"""Broden's categories, in the order in which an image's concepts are named."""


class ListedConcept(NamedTuple):
    """A concept of a direction: its average precision, its side, and whether it is encoded."""

    number: int
    name: str
    category: str
    precision: float
    negative: bool
    encoded: bool


class ShownImage(NamedTuple):
    """An image at an end of a direction: its score and the names of its concepts."""

    image: int
    score: float
    concepts: list[str]


class Probed(NamedTuple):
    """What the probe images say about a direction: its concepts, and the images at its two ends.

    `encoded` counts the encoded concepts, not all of which may be listed. `outlined` is the column
    of the encoded concept with the highest average precision that is segmented, and `outlined_name`
    its name; None and empty if the direction encodes no such concept.
    """

    concepts: list[ListedConcept]
    encoded: int
    outlined: int | None
    outlined_name: str
    top: list[ShownImage]
    bottom: list[ShownImage]


class Pruned(NamedTuple):
    """ImageNet accuracy in percent without `removed` directions, a measured `fraction` of them."""

    fraction: float
    removed: int
    accuracy: float
    cost: float


class DirectionEntry(NamedTuple):
    """A direction, numbered by importance from 1; `share` is its part of all importances' sum.

    `logit_variance` is the share of the variance of the logits over classes that it carries.
    `pruned` is the largest measured pruning that removes only less important directions, and
    `feature` is the examined feature whose axis is nearest.
    """

    number: int
    singular_value: float
    importance: float
    share: float
    logit_variance: float
    feature: int
    cosine: float
    pruned: Pruned
    probed: Probed | None


class FeatureEntry(NamedTuple):
    """An outlier feature, or the most extreme feature if there is none, numbered from 0.

    `share` is the fraction of images in which it is beyond the limit; `cosine`, `rank` and `within`
    are as in `AxisAlignment`, and `cost` is the ImageNet accuracy, in points, lost without it.
    """

    number: int
    cosine: float
    rank: int
    probed: Probed | None
    outlier: bool
    share: float
    within: float
    cost: float


class FoundConcept(NamedTuple):
    """A concept, how many directions encode it, and the `best`: their numbers and precisions.

    `best` has at most `MOST_LISTED`, or only the nearest direction if none encodes the concept.
    """

    number: int
    name: str
    category: str
    encoding: int
    best: list[tuple[int, float]]


@dataclass(frozen=True, eq=False)
class ProbeResults:
    """What stage `broden` found, and what the probe images show.

    `concepts` are the measured concepts in the order of the columns, each with number, name and
    category; `labels` holds the same numbers. `ends` has the images at both ends of each basis.
    """

    found: Concepts
    concepts: Sequence[Mapping[str, Any]]
    labels: ConceptLabels
    thumbnails: Thumbnails
    ends: Mapping[str, Extremes]

    def probed(self, basis: str, rows: Sequence[int]) -> Iterator[Probed]:
        """Yield what the probe images say about rows of a basis, `directions` or `features`."""
        basis_concepts, ends = self.found.bases[basis], self.ends[basis]
        names = self._names(np.concatenate([ends.top[rows], ends.bottom[rows]]).ravel())
        numbers = [concept["number"] for concept in self.concepts]
        segmented = np.isin(numbers, self.thumbnails.mask_concepts)

        def shown(images: np.ndarray, scores: np.ndarray) -> list[ShownImage]:
            pairs = zip(images.tolist(), scores.tolist(), strict=True)
            return [ShownImage(image, score, names.get(image, [])) for image, score in pairs]

        for row in rows:
            precisions = basis_concepts.precisions[row]
            encodes = self._encodes(precisions)
            best = np.where(segmented & encodes, precisions, -1.0)
            outlined = int(best.argmax()) if best.max() >= 0 else None
            yield Probed(
                concepts=self._listed(precisions, basis_concepts.negative[row]),
                encoded=int(np.count_nonzero(encodes)),
                outlined=outlined,
                outlined_name="" if outlined is None else self.concepts[outlined]["name"],
                top=shown(ends.top[row], ends.top_scores[row]),
                bottom=shown(ends.bottom[row], ends.bottom_scores[row]),
            )

    def outline(self, image: int, probed: Probed) -> Mask | None:
        """Return the mask to outline on a direction's image, if the image shows the concept."""
        if probed.outlined is None:
            return None
        return self.thumbnails.mask(image, self.concepts[probed.outlined]["number"])

    def found_concepts(self) -> list[FoundConcept]:
        """Return the directions that encode each concept, by name.

        If none encodes a concept, its best direction is listed anyway.
        """
        precisions = self.found.bases["directions"].precisions
        encoding = np.count_nonzero(self._encodes(precisions), axis=0).tolist()
        best = np.argsort(-precisions, axis=0, kind="stable")
        rows = []
        for column, concept in enumerate(self.concepts):
            count = encoding[column]
            listed = best[: min(max(count, 1), MOST_LISTED), column].tolist()
            pairs = [(row + 1, float(precisions[row, column])) for row in listed]
            rows.append(FoundConcept(**concept, encoding=count, best=pairs))
        return sorted(rows, key=lambda row: (row.name, row.category))

    def _encodes(self, precisions: np.ndarray) -> np.ndarray:
        return encodes_concepts(precisions, self.found.threshold)

    def _listed(
        self, precisions: Float[np.ndarray, " concept"], negative: np.ndarray
    ) -> list[ListedConcept]:
        encodes = self._encodes(precisions)
        count = min(max(int(np.count_nonzero(encodes)), FEWEST_LISTED), MOST_LISTED)
        return [
            ListedConcept(
                **self.concepts[column],
                precision=float(precisions[column]),
                negative=bool(negative[column]),
                encoded=bool(encodes[column]),
            )
            for column in np.argsort(-precisions, kind="stable")[:count].tolist()
        ]

    def _names(self, images: Int[np.ndarray, " image"]) -> dict[int, list[str]]:
        """Return the names of at most six concepts of each image that has any, scenes first."""
        shown = pd.DataFrame({"image": self.labels.image, "number": self.labels.concept})
        shown = shown[shown["image"].isin(images)].merge(pd.DataFrame(self.concepts), on="number")
        places = {kind: place for place, kind in enumerate(KINDS)}
        shown["place"] = shown["category"].map(places).fillna(len(KINDS))
        named = shown.sort_values(["place", "number"]).groupby("image")["name"].agg(list)
        pairs = zip(named.index.tolist(), named.tolist(), strict=True)
        return {image: names[:6] for image, names in pairs}


def direction_entries(
    directions: PrivilegedDirections,
    pruning: PruningCurves,
    axes: OutlierAxes,
    probed: ProbeResults | None,
) -> list[DirectionEntry]:
    """Return the entries by importance; `directions` has vectors, and `pruning` is on ImageNet."""
    rows = range(len(directions.vectors))
    features = np.array([axis.feature for axis in axes.axes])
    cosines = np.abs(directions.vectors[:, features])
    nearest = np.argmax(cosines, axis=1)
    total = directions.importance.sum()
    results = [None] * len(rows) if probed is None else list(probed.probed("directions", rows))
    return [
        DirectionEntry(
            number=row + 1,
            singular_value=float(directions.singular_values[row]),
            importance=float(directions.importance[row]),
            share=float(directions.importance[row] / total),
            logit_variance=float(directions.logit_variance[row]),
            feature=int(features[nearest[row]]),
            cosine=float(cosines[row, nearest[row]]),
            pruned=pruned_below(row + 1, len(rows), pruning),
            probed=results[row],
        )
        for row in rows
    ]


def pruned_below(number: int, directions: int, pruning: PruningCurves) -> Pruned:
    """Return the largest measured pruning that removes no direction as important as `number`."""
    removed = count_removed(pruning.fractions, directions)
    fitting = np.flatnonzero(removed <= directions - number)
    place = fitting[np.argmax(pruning.fractions[fitting])]
    accuracy = float(pruning.accuracy[place])
    cost = float(pruning.accuracy[0]) - accuracy
    return Pruned(float(pruning.fractions[place]), int(removed[place]), accuracy, cost)


def feature_entries(
    outliers: OutlierFeatures, axes: OutlierAxes, probed: ProbeResults | None
) -> list[FeatureEntry]:
    """Return the outlier features, or the most extreme feature."""
    features = [axis.feature for axis in axes.axes]
    results = [None] * len(features) if probed is None else probed.probed("features", features)
    return [
        FeatureEntry(
            number=axis.feature,
            outlier=axis.feature in outliers.feature,
            share=axis.share,
            cosine=axis.cosine,
            rank=axis.rank,
            within=axis.within,
            cost=float(axis.costs["imagenet"].value),
            probed=result,
        )
        for axis, result in zip(axes.axes, results, strict=True)
    ]
