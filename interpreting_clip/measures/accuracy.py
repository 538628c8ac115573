"""Top-1 accuracy of a head on a test set, among all classes or only the test set's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    HeadLike,
    as_classes,
    as_head,
    as_matrix,
    as_value,
)
from interpreting_clip.formats.result import Estimate, Label, Result, beside
from interpreting_clip.quantities import Confidence
from interpreting_clip.statistics.intervals import wilson_interval
from interpreting_clip.statistics.predictions import (
    ABSENT,
    as_class_map,
    correct_predictions,
)


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
    activations: ArrayLike,
    *,
    head: HeadLike,
    classes: ArrayLike,
    bias: ArrayLike | None = None,
    normalize_features: bool = False,
    among: ArrayLike | None = None,
    aliases: Mapping[int, int] | None = None,
    confidence: float = 0.95,
) -> Accuracy:
    """Measure the share of images whose highest logit is that of their class.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation
    head : a row of weights for each class and a column for each feature; an object with `weight`
        and `bias`, such as `nn.Linear`, or with `coef_` and `intercept_`; or a `Head`
    bias : of the head, a number for each class; None: that of the object, or none
    normalize_features : whether the head takes activations of unit length, as CLIP's zero-shot
        heads do
    classes : the class of each image, a row of the head
    among, aliases : the classes of the test set, and further ones that count as these
        (`map_classes`); None: all of the head
    confidence : of the interval, above 0 and below 1

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; the head
        cannot predict the class of an image; or `among` and `aliases` are not classes of the head.
    """
    activations = as_matrix(activations, "activations")
    head = as_head(head, bias, normalize_features, activations.shape[1])
    classes = as_classes(classes, "classes", len(head.weight), len(activations))
    confidence = as_value(confidence, Confidence, "confidence")
    class_map = as_class_map(among, aliases, len(head.weight))
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
