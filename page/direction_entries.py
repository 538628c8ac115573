"""What the direction browser says about each direction and outlier feature of an encoder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.datasets.broden.thumbnails import Mask, Thumbnails
from interpreting_clip.measures.average_precision import encodes_concepts
from interpreting_clip.measures.concept_labels import ConceptLabels
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import OutlierFeatures
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.pruning import Pruning, count_removed

LISTED, MOST_LISTED = 3, 40
"""The fewest (encoded or not) and the most concepts that are listed for a direction."""

NAMED = 6
"""The most concepts that an image's description names."""

KINDS = ("scene", "object", "part", "material", "texture", "color")
"""Broden's categories, in the order in which an image's concepts are named."""

LINKS = 15_000
"""The most links from concepts to directions, so that an index stays of a size to open."""


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
    """An outlier feature, or the most extreme one if there is none; numbered from 0.

    `share` is the fraction of images in which it is beyond the limit; `cosine`, `rank` and `within`
    are those of `AxisAlignment`, and `cost` is the ImageNet accuracy, in points, lost without it.
    Only the outlier features, or the most extreme one, are `examined`; of the others, `share`,
    `within` and `cost` are None.
    """

    number: int
    outlier: bool
    share: float | None
    cosine: float
    rank: int
    within: float | None
    cost: float | None
    probed: Probed | None

    @property
    def examined(self) -> bool:
        """Whether stage `kurtosis` examined the feature's axis."""
        return self.share is not None


class FoundConcept(NamedTuple):
    """A concept, how many directions encode it, and these, the best first: number and precision.

    If none does, `best` has the nearest one. Where an encoder has more than `LINKS` in all, each
    concept has an equal share of them.
    """

    number: int
    name: str
    category: str
    encoding: int
    best: list[tuple[int, float]]


@dataclass(frozen=True, eq=False)
class ProbeResults:
    """What stage `broden` found, and what the probe images show.

    `concepts` are those that it measured, in the order of the columns, each with number, name and
    category; `labels` holds the same numbers.
    """

    found: Concepts
    concepts: Sequence[Mapping[str, Any]]
    labels: ConceptLabels
    thumbnails: Thumbnails

    def probed(self, basis: str, rows: Sequence[int]) -> Iterator[Probed]:
        """Yield what the probe images say about rows of a basis, `directions` or `features`."""
        found = self.found.bases[basis]
        ends = {"top": (found.top, found.top_scores), "bottom": (found.bottom, found.bottom_scores)}
        names = self._names(np.concatenate([images[rows].ravel() for images, _ in ends.values()]))
        numbers = [concept["number"] for concept in self.concepts]
        segmented = np.isin(numbers, self.thumbnails.mask_concepts)
        for row in rows:
            precisions = found.precisions[row]
            encodes = encodes_concepts(precisions, self.found.threshold)
            shown = segmented & encodes
            outlined = int(np.argmax(np.where(shown, precisions, -1.0))) if shown.any() else None
            yield Probed(
                concepts=self._listed(precisions, found.negative[row]),
                encoded=int(np.count_nonzero(encodes)),
                outlined=outlined,
                outlined_name="" if outlined is None else self.concepts[outlined]["name"],
                **{
                    end: [
                        ShownImage(image, score, names[image])
                        for image, score in zip(
                            images[row].tolist(), scores[row].tolist(), strict=True
                        )
                    ]
                    for end, (images, scores) in ends.items()
                },
            )

    def outline(self, image: int, probed: Probed) -> Mask | None:
        """Return the mask to outline on a direction's image, if the image shows the concept."""
        if probed.outlined is None:
            return None
        return self.thumbnails.mask(image, self.concepts[probed.outlined]["number"])

    def encoding_features(self) -> list[int]:
        """Return the features that encode a concept, numbered from 0."""
        encodes = encodes_concepts(self.found.features.precisions, self.found.threshold)
        return np.flatnonzero(encodes.any(axis=1)).tolist()

    def found_concepts(self) -> list[FoundConcept]:
        """Return the directions that encode each concept, by name.

        If none encodes a concept, the best one is named anyway.
        """
        precisions = self.found.bases["directions"].precisions
        encoding = np.count_nonzero(encodes_concepts(precisions, self.found.threshold), axis=0)
        best = np.argsort(-precisions, axis=0, kind="stable")
        most = len(precisions) if encoding.sum() <= LINKS else max(1, LINKS // len(encoding))
        rows = [
            FoundConcept(
                concept["number"],
                concept["name"],
                concept["category"],
                int(encoding[column]),
                [
                    (direction + 1, float(precisions[direction, column]))
                    for direction in best[: min(max(encoding[column], 1), most), column].tolist()
                ],
            )
            for column, concept in enumerate(self.concepts)
        ]
        return sorted(rows, key=lambda row: (row.name, row.category))

    def _listed(
        self, precisions: Float[np.ndarray, " concept"], negative: np.ndarray
    ) -> list[ListedConcept]:
        encodes = encodes_concepts(precisions, self.found.threshold)
        count = min(max(int(np.count_nonzero(encodes)), LISTED), MOST_LISTED)
        return [
            ListedConcept(
                self.concepts[column]["number"],
                self.concepts[column]["name"],
                self.concepts[column]["category"],
                float(precisions[column]),
                bool(negative[column]),
                bool(encodes[column]),
            )
            for column in np.argsort(-precisions, kind="stable")[:count].tolist()
        ]

    def _names(self, images: Int[np.ndarray, " image"]) -> dict[int, list[str]]:
        """Return the names of the concepts of some images, scenes first."""
        by_number = {concept["number"]: concept for concept in self.concepts}
        shown: dict[int, list[tuple[int, int]]] = {image: [] for image in images.tolist()}
        kept = np.isin(self.labels.image, images)
        pairs = zip(
            self.labels.image[kept].tolist(), self.labels.concept[kept].tolist(), strict=True
        )
        for image, number in pairs:
            category = by_number[number]["category"]
            place = KINDS.index(category) if category in KINDS else len(KINDS)
            shown[image].append((place, number))
        return {
            image: [by_number[number]["name"] for _, number in sorted(found)[:NAMED]]
            for image, found in shown.items()
        }


def direction_entries(
    directions: PrivilegedDirections,
    pruning: Pruning,
    axes: OutlierAxes,
    probed: ProbeResults | None,
) -> list[DirectionEntry]:
    """Return the directions by importance.

    Parameters
    ----------
    directions : with their vectors
    pruning : of ImageNet
    axes : the examined features
    probed : None without probe images
    """
    rows = range(len(directions.vectors))
    features = np.array([axis.feature for axis in axes.axes])
    cosines = np.abs(directions.vectors[:, features])
    nearest = np.argmax(cosines, axis=1)
    total = directions.importance.sum()
    found = [None] * len(rows) if probed is None else list(probed.probed("directions", rows))
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
            probed=found[row],
        )
        for row in rows
    ]


def pruned_below(number: int, directions: int, pruning: Pruning) -> Pruned:
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
    found = [None] * len(features) if probed is None else probed.probed("features", features)
    return [
        FeatureEntry(
            number=axis.feature,
            outlier=axis.feature in outliers.feature,
            share=axis.share,
            cosine=axis.cosine,
            rank=axis.rank,
            within=axis.within,
            cost=float(axis.costs["imagenet"].value),
            probed=one,
        )
        for axis, one in zip(axes.axes, found, strict=True)
    ]


def other_features(
    directions: PrivilegedDirections, axes: OutlierAxes, probed: ProbeResults
) -> list[FeatureEntry]:
    """Return the features that encode a concept and were not examined, by number.

    Parameters
    ----------
    directions : with their vectors
    axes : the examined features
    probed : what the probe images say
    """
    examined = {axis.feature for axis in axes.axes}
    features = [f for f in probed.encoding_features() if f not in examined]
    cosines = np.abs(directions.vectors[:, features])
    return [
        FeatureEntry(
            number=feature,
            outlier=False,
            share=None,
            cosine=float(column.max()),
            rank=int(column.argmax()) + 1,
            within=None,
            cost=None,
            probed=found,
        )
        for feature, column, found in zip(
            features, cosines.T, probed.probed("features", features), strict=True
        )
    ]
