"""Predictions of a head on a test set, and what its classes count as there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    as_classes,
    as_labels,
    as_mapping,
    numeric,
    require_shape,
)
from interpreting_clip.arrays.head import Head, logits
from interpreting_clip.statistics.chunks import Features, chunks

ClassIndices = Iterable[int] | Int[np.ndarray, " own_class"]
"""Some of a head's classes."""

TrueClasses = Int[np.ndarray, " image"] | Bool[np.ndarray, "image class_"]
"""The class of each image, or which image shows which class of the head."""

ABSENT = -1
"""The class map's entry for a class that the test set does not have."""


@dataclass(frozen=True, eq=False)
class Activations:
    """An encoder's activations on one test set.

    Attributes
    ----------
    values : the vectors that feed the head, before L2 normalisation
    classes : the true class of each image, or which image shows which class of the head
    class_indices : the classes that the test set has, sorted
    aliases : further classes, each with the member of `class_indices` that it counts as: ObjectNet
        merges classes
    """

    values: Float[np.ndarray, "image feature"]
    classes: TrueClasses
    class_indices: Int[np.ndarray, " class_"]
    aliases: Mapping[int, int] = field(default_factory=dict)

    def class_map(self, classes: int) -> Int[np.ndarray, " head_class"]:
        """Map each of a head's classes to the class that it counts as here (`map_classes`)."""
        return map_classes(self.class_indices, classes, self.aliases)

    def of_classes(self, other: "Activations", classes: int) -> "Activations":
        """Keep the images whose classes another test set has, labelled as there.

        Such as ImageNet's images of a shift's classes, on which the shift's line may be read.

        Parameters
        ----------
        other : the other test set
        classes : how many classes the head has

        Raises
        ------
        ValueError
            There is no such image.
        """
        chosen, counts_as = images_of_classes(self.classes, other.class_map(classes))
        return replace(other, values=self.values[chosen], classes=counts_as)


def map_classes(
    class_indices: ClassIndices | None, classes: int, aliases: Mapping[int, int] | None = None
) -> Int[np.ndarray, " class_"]:
    """Map each class of the head to the class that it counts as on a test set.

    ImageNet-R, ImageNet-A and ObjectNet have images of 200, 200 and 113 ImageNet classes, and the
    head chooses among these only (Taori et al. 2020). One ObjectNet class can cover several
    ImageNet classes, and predicting any of them is correct; `aliases` lists them.

    Parameters
    ----------
    class_indices : the classes that the test set's images are labelled with; None: all
    classes : how many classes the head has
    aliases : further classes of the head, each with the class of `class_indices` it counts as

    Returns
    -------
    for each class of the head, the class that it counts as, or `ABSENT`

    Raises
    ------
    ValueError
        An index is not a class of the head, an alias counts as a class that the test set lacks, or
        there are aliases without the test set's own classes.
    """
    if class_indices is None:
        if aliases:
            raise ValueError("aliases: expected `among` as well, the classes of the test set")
        return np.arange(classes)
    class_map = np.full(classes, ABSENT, dtype=np.int64)
    test_classes = {int(index) for index in class_indices}
    # On the right, so that the test set's own classes count as themselves whatever the aliases say.
    targets = dict(aliases or {}) | {index: index for index in test_classes}
    for index, target in targets.items():
        if not 0 <= index < classes or target not in test_classes:
            raise ValueError(
                f"class {index} counting as {target}: expected a class of the head, "
                f"0 to {classes - 1}, and one of the test set's own classes"
            )
        class_map[index] = target
    return class_map


def as_true_classes(
    value: ArrayLike,
    among: ArrayLike | None,
    aliases: Mapping[int, int] | None,
    classes: int,
    images: int,
) -> tuple[TrueClasses, Int[np.ndarray, " class_"]]:
    """Return what people have as the classes of images, and the class map of their test set.

    Parameters
    ----------
    value : the class of each image; or booleans, or 0 and 1, with a row for each image and a column
        for each class of the head
    among, aliases : the classes of the test set, and further ones that count as these
        (`map_classes`); None with a table, which has every class of the head
    classes : how many the head has
    images : how many there are
    """
    array = numeric(value, "classes", 1)
    if array.ndim == 2 and array.size != images:  # else it is a single row or column of classes
        expected = (
            f"a class for each of {images:,} images, or a row for each and {classes:,} columns"
        )
        require_shape(array.shape == (images, classes), "classes", expected, array)
        if among is not None or aliases:
            raise ValueError(
                "classes: a table has a column for each class of the head; leave out among and "
                "aliases, or pass one class for each image"
            )
        return as_labels(array, "classes", images), np.arange(classes)
    known = as_classes(array, "classes", classes, images)
    listed = None if among is None else np.unique(as_classes(among, "among", classes)).tolist()
    counted = None if aliases is None else as_mapping(aliases, "aliases")
    return known, map_classes(listed, classes, counted)


def images_of_classes(
    classes: Int[np.ndarray, " image"], class_map: Int[np.ndarray, " class_"]
) -> tuple[Bool[np.ndarray, " image"], Int[np.ndarray, " kept"]]:
    """Choose the images whose classes another test set has, such as ImageNet's images for a shift.

    Parameters
    ----------
    classes : the class of each image
    class_map : what each class counts as on the other test set (`map_classes`)

    Returns
    -------
    which images are chosen, and the class that each of these counts as

    Raises
    ------
    ValueError
        No image has one of these classes.
    """
    counts_as = class_map[classes]
    chosen = counts_as != ABSENT
    if not chosen.any():
        raise ValueError(f"none of the {len(classes)} images is of the classes of the other set")
    return chosen, counts_as[chosen]


def correct_predictions(
    activations: Features,
    classes: TrueClasses,
    head: Head,
    class_map: Int[np.ndarray, " class_"] | None = None,
) -> Bool[np.ndarray, " image"]:
    """Return for each image whether the class of its highest logit is right (`predict`)."""
    return are_right(predict(activations, classes, head, class_map), classes)


def predict(
    activations: Features,
    classes: TrueClasses,
    head: Head,
    class_map: Int[np.ndarray, " class_"] | None = None,
) -> Int[np.ndarray, " image"]:
    """Return the class of each image's highest logit, as the test set counts it.

    If logits are equal, the class with the lowest index is predicted.

    Parameters
    ----------
    activations : one row per image
    classes : the class of each image, an index into the head's classes; or which image shows which
        class of the head, and then without a class map
    head : with as many features as the activations
    class_map : what each class of the head counts as (`map_classes`); None: itself
    """
    head, predictions = restrict_head(head, classes, class_map)
    predicted = np.empty(len(classes), dtype=np.int64)
    for rows, chunk in chunks(activations):
        predicted[rows] = predictions[np.argmax(logits(chunk, head), axis=1)]
    return predicted


def are_right(
    predicted: Int[np.ndarray, " image"], classes: TrueClasses
) -> Bool[np.ndarray, " image"]:
    """Return for each image whether the predicted class is its own, or one that it shows."""
    if classes.ndim == 1:
        return predicted == classes
    return classes[np.arange(len(classes)), predicted]


def restrict_head(
    head: Head, classes: TrueClasses, class_map: Int[np.ndarray, " class_"] | None
) -> tuple[Head, Int[np.ndarray, " kept"]]:
    """Keep the head's classes that exist in a test set, without duplicates and scaling.

    An image may show none of the classes: no prediction is right there.

    Returns
    -------
    the smaller head, and what each of its classes counts as

    Raises
    ------
    ValueError
        No class of the head counts as the class of an image.
    """
    if class_map is None:
        class_map = np.arange(len(head.weight))
    columns = np.flatnonzero(class_map != ABSENT)
    possible = classes.ndim == 2 or np.isin(classes, class_map[columns])
    if not np.all(possible):
        image = int(np.argmin(possible))
        raise ValueError(
            f"image {image} is of class {int(classes[image])}, which the head cannot predict: "
            "expected a class of the head that the class map keeps"
        )
    # Equal classes are dropped after the restriction: the first of them may not be in this test
    # set.
    kept = columns[head.select(columns).distinct_classes()]
    return head.select(kept).for_argmax(), class_map[kept]
