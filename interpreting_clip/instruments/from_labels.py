"""What activations and labels of concepts tell: which ones a direction or a feature encodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.errors import one_line
from interpreting_clip.instruments.arguments import (
    Array,
    as_count,
    as_labels,
    as_matrix,
    checked,
    require_equal,
)
from interpreting_clip.instruments.from_head import PrivilegedDirections
from interpreting_clip.instruments.readable import Readable, listed
from interpreting_clip.measures.chance import fewest_images
from interpreting_clip.measures.concept_nulls import image_permutations, random_direction_counts
from interpreting_clip.measures.concepts import (
    ConceptLabels,
    Group,
    Negatives,
    Result,
    Settings,
    Sign,
    concept_targets,
    discovered_concepts,
    probe,
    result_fields,
)
from interpreting_clip.measures.directions import Directions
from interpreting_clip.measures.encoding import encoded_pairs
from interpreting_clip.measures.result import Number, numbers

LENGTH = 1e-3
"""How far from 1 the length of a direction may be, and from 0 its product with another."""


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class Concepts(Readable, Result):
    """The concepts that directions and features encode, with their chance levels.

    Attributes
    ----------
    names : of the concepts that were measured, in the order of the columns below
    left_out : names of those on fewer than `minimum_images` images, or on all but so few
    minimum_images : see `concepts`
    encoded, encoded_by_directions : names of the concepts that a feature, or a direction, encodes
    direction_precisions, feature_precisions : average precision of each direction, and of each
        feature, for each concept; no rows without directions
    """

    INTERVAL: ClassVar[str] = (
        "Interval: the lowest and the highest count over draws of the negatives. Chance: the mean "
        "over permuted images."
    )

    names: list[str]
    left_out: list[str]
    minimum_images: int
    encoded: list[str]
    encoded_by_directions: list[str]
    direction_precisions: Float[np.ndarray, "direction concept"]
    feature_precisions: Float[np.ndarray, "feature concept"]

    @property
    def numbers(self) -> list[Number]:
        """The numbers of features, and of directions if there are any."""
        return [number for number in numbers(self) if number.value is not None]

    @property
    def notes(self) -> list[str]:
        """Which concepts are encoded, and which were left out."""
        bases = {"features": self.encoded, "directions": self.encoded_by_directions}
        found = [f"Encoded by {name}: {listed(which)}." for name, which in bases.items() if which]
        rare = f"{len(self.left_out)} concepts are on fewer than {self.minimum_images} images"
        kept = f"Measured: {len(self.names)} concepts"
        kept += f"; left out: {rare}." if self.left_out else "."
        return [*found, kept, self.INTERVAL]


def concepts(
    activations: Array,
    labels: Array | Mapping[str, Array],
    directions: PrivilegedDirections | Array | None = None,
    *,
    names: Sequence[str] | None = None,
    threshold: float = 0.9,
    negatives: Negatives = "balanced",
    draws: int = 20,
    sign: Sign = "fixed",
    null_draws: int = 5,
    minimum_images: int | None = None,
    false_discovery_rate: float = 0.05,
    seed: int = 0,
    workers: int = 1,
) -> Concepts:
    """Count the concepts that features, and directions, encode (`measures.concepts`).

    A direction encodes a concept if the projection on it ranks images with the concept above
    others: the average precision is at least the threshold (Crabbé et al. 2024).

    Parameters
    ----------
    activations : a row for each image and a column for each feature
    labels : whether each image (row) shows each concept (column), booleans or 0 and 1; or by the
        name of each concept a list with an entry for each image
    directions : of `directions`, or orthonormal rows; None: features only
    names : of the concepts, where the labels have none
    threshold : of the average precision; 0.9 in the paper
    negatives : `balanced`: as many images without the concept as with it, the paper's; `all`
    draws, sign, null_draws, false_discovery_rate, seed : as in params.yaml; the paper gives none
    minimum_images : concepts on fewer images are left out; None: the least with which chance
        expects less than one concept (`measures.chance.fewest_images`)
    workers : threads; they do not affect the result

    Raises
    ------
    TypeError, ValueError
        An argument is not an array of finite numbers, sizes do not match, or every concept
        is too rare.
    """
    values = as_matrix(activations, "activations")
    shown, known = as_labels(labels, "labels", len(values))
    names = known if names is None else concept_names(names, shown.shape[1])
    basis = None if directions is None else as_directions(directions, values.shape[1])
    sides = 2 if isinstance(sign, str) and sign == "either" else 1
    if minimum_images is None:
        minimum_images = fewest_images(
            checked_threshold(threshold), values.shape[1], shown.shape[1], sides=sides
        )
    settings = checked(
        Settings,
        threshold=threshold,
        sweep=[0.9],
        negatives=negatives,
        draws=draws,
        sign=sign,
        null_draws=null_draws,
        minimum_images=minimum_images,
        false_discovery_rate=false_discovery_rate,
        seed=seed,
    )
    workers = as_count(workers, "workers", 1)
    which, left_out = frequent_concepts(shown, names, settings.minimum_images)
    image, concept = np.nonzero(shown)
    targets = concept_targets(
        ConceptLabels(image, concept),
        which,
        len(values),
        settings.negatives,
        settings.seed,
        draws=settings.draws,
    )
    every = [Group(np.ones(len(which), np.bool_), settings.threshold)]
    bases: dict[str, Directions | None] = {"features": None}
    if basis is not None:
        bases = {"directions": basis, **bases}
    probes = {
        name: probe(
            values,
            each,
            targets,
            every,
            sign=settings.sign,
            workers=workers,
            permutations=image_permutations(len(values), settings.null_draws, settings.seed),
        )
        for name, each in bases.items()
    }
    random = random_direction_counts(
        values,
        [len(one.precisions) for one in probes.values()],
        targets,
        every,
        draws=settings.null_draws,
        seed=settings.seed,
        sign=settings.sign,
        workers=workers,
    )
    counted: dict[str, Any] = {}
    for (name, found), by_chance in zip(probes.items(), random, strict=True):
        discovered = discovered_concepts(found, targets.positives, len(values), settings)
        counted |= result_fields(name, found, by_chance, discovered)
    kept = [names[number] for number in which]
    encoded = {
        name: np.unique(encoded_pairs(one.precisions, settings.threshold)[:, 1]).tolist()
        for name, one in probes.items()
    }
    empty = np.empty((0, len(which)))
    return Concepts(
        **counted,
        names=kept,
        left_out=left_out,
        minimum_images=settings.minimum_images,
        encoded=[kept[number] for number in encoded["features"]],
        encoded_by_directions=[kept[number] for number in encoded.get("directions", ())],
        direction_precisions=probes["directions"].precisions if basis is not None else empty,
        feature_precisions=probes["features"].precisions,
    )


def frequent_concepts(
    shown: Bool[np.ndarray, "image concept"], names: Sequence[str], minimum: int
) -> tuple[Int[np.ndarray, " kept"], list[str]]:
    """Return the concepts on enough images, and the names of the others.

    A concept that all images show has no negatives, and is left out, too.

    Raises
    ------
    ValueError
        No concept is left.
    """
    counts = shown.sum(axis=0)
    kept = (counts >= minimum) & (counts < len(shown))
    if not kept.any():
        most = int(np.argmax(np.where(counts < len(shown), counts, 0)))
        raise ValueError(
            f"labels: expected a concept on {minimum} images or more, and not on all of "
            f"{len(shown):,}; the most frequent, {names[most]}, is on {int(counts[most]):,}; pass "
            "more images, or a lower `minimum_images`, with which chance alone finds concepts"
        )
    left_out = [names[number] for number in np.flatnonzero(~kept).tolist()]
    return np.flatnonzero(kept), left_out


def as_directions(directions: PrivilegedDirections | Array, features: int) -> Directions:
    """Return orthonormal directions.

    Raises
    ------
    TypeError, ValueError
        They are not an array of finite numbers, have another number of features, or are not
        orthonormal.
    """
    if isinstance(directions, PrivilegedDirections):
        vectors, sizes = directions.vectors, directions.singular_values
    else:
        vectors = as_matrix(directions, "directions", "direction").astype(np.float64)
        sizes = np.ones(len(vectors))
    require_equal("directions", vectors.shape[1], "activations", features, "features")
    error = np.abs(vectors @ vectors.T - np.eye(len(vectors))).max()
    if error > LENGTH:
        raise ValueError(
            "directions: expected unit rows at right angles, as `directions` returns them; got "
            f"products that differ from these by up to {error:.2g}; take the right singular "
            "vectors, or np.linalg.qr(rows.T).Q.T"
        )
    return Directions(vectors, sizes)


def concept_names(names: Any, count: int) -> list[str]:
    """Return the names of the concepts.

    Raises
    ------
    TypeError, ValueError
        They are not texts, or there is not one for each concept.
    """
    if isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise TypeError("names: expected a list of texts, one for each concept")
    if len(names) != count:
        raise ValueError(f"names: expected one for each of {count:,} concepts, got {len(names):,}")
    return [one_line(one) for one in names]


def checked_threshold(threshold: Any) -> float:
    """Return a threshold that is a share.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise ValueError(f"threshold: expected above 0 and at most 1, got {threshold!r}")
    return float(threshold)
