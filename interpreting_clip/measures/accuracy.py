"""Top-1 accuracy of a head on a test set, among all classes or only the test set's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Int

from interpreting_clip.measures.activations import ABSENT, ClassIndices, map_classes
from interpreting_clip.measures.chunks import Features, chunks
from interpreting_clip.measures.head import Head, logits
from interpreting_clip.measures.intervals import Estimate, wilson_interval
from interpreting_clip.measures.result import Label, Result, beside


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Accuracy(Result):
    """Top-1 accuracy in percent, with the accuracy of guessing.

    Attributes
    ----------
    accuracy : with Wilson's score interval (`wilson_interval`)
    images, classes : how many images there are, and classes to choose from
    guessing : the accuracy that is expected of guessing, in percent
    correct : whether each image's highest logit is that of its class
    """

    CAPTION: ClassVar[str] = "Interval: Wilson's score interval. Chance: guessing."

    accuracy: Annotated[
        Estimate, Label("top-1 accuracy", 1, unit="%", chance="guessing", headline="accuracy")
    ]
    images: Annotated[int, Label("images", 0)]
    classes: Annotated[int, Label("classes to choose from", 0)]
    guessing: float
    correct: Bool[np.ndarray, " _image"] = beside()


def accuracy(
    activations: Features,
    *,
    head: Head,
    classes: Int[np.ndarray, " image"],
    among: ClassIndices | None = None,
    aliases: Mapping[int, int] | None = None,
    confidence: float = 0.95,
) -> Accuracy:
    """Measure the share of images whose highest logit is that of their class.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation
    head : with as many features
    classes : the class of each image, a row of the head
    among, aliases : the classes of the test set, and further ones that count as these
        (`map_classes`); None: all of the head
    confidence : of the interval

    Raises
    ------
    ValueError
        The head cannot predict the class of an image, or `among` and `aliases` are not classes of
        the head.
    """
    class_map = map_classes(among, len(head.weight), aliases)
    correct = correct_predictions(activations, classes, head, class_map)
    share = wilson_interval(float(correct.mean()), len(correct), confidence)
    offered = len(np.unique(class_map[class_map != ABSENT]))
    return Accuracy(
        accuracy=Estimate(*(100 * fraction for fraction in (share.value, *share.ends))),
        images=len(correct),
        classes=offered,
        guessing=100 / offered,
        correct=correct,
    )


def correct_predictions(
    activations: Features,
    classes: Int[np.ndarray, " image"],
    head: Head,
    class_map: Int[np.ndarray, " class_"] | None = None,
) -> Bool[np.ndarray, " image"]:
    """Return for each image whether its highest logit is that of its class.

    If logits are equal, the class with the lowest index is predicted.

    Parameters
    ----------
    activations : one row per image
    classes : the class of each image, an index into the head's classes
    head : with as many features as the activations
    class_map : what each class of the head counts as (`map_classes`); None: itself
    """
    head, predictions = restrict_head(head, classes, class_map)
    correct = np.empty(len(classes), dtype=np.bool_)
    for rows, chunk in chunks(activations):
        correct[rows] = predictions[np.argmax(logits(chunk, head), axis=1)] == classes[rows]
    return correct


def restrict_head(
    head: Head, classes: Int[np.ndarray, " image"], class_map: Int[np.ndarray, " class_"] | None
) -> tuple[Head, Int[np.ndarray, " kept"]]:
    """Keep the head's classes that exist in a test set, and of these what decides the argmax.

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
    possible = np.isin(classes, class_map[columns])
    if not possible.all():
        image = int(np.argmin(possible))
        raise ValueError(
            f"image {image} is of class {int(classes[image])}, which the head cannot predict: "
            "expected a class of the head that the class map keeps"
        )
    # Equal classes are dropped after the restriction: the first of them may not be in this test
    # set.
    kept = columns[head.select(columns).distinct_classes()]
    return head.select(kept).for_argmax(), class_map[kept]
