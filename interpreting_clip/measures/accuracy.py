"""Top-1 accuracy of a head on a test set, among all classes or only the test set's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Int

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    HeadLike,
    as_head,
    as_matrix,
    as_value,
)
from interpreting_clip.formats.result import Estimate, Label, Result, beside
from interpreting_clip.quantities import Confidence
from interpreting_clip.statistics.intervals import wilson_interval
from interpreting_clip.statistics.predictions import (
    ABSENT,
    are_right,
    as_true_classes,
    predict,
)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Accuracy(Result):
    """Top-1 accuracy in percent, with the accuracy of guessing.

    Attributes
    ----------
    accuracy : with Wilson's score interval (`wilson_interval`)
    images, classes : how many images there are, and classes to choose from
    guessing : the accuracy that is expected of guessing, in percent
    showing_none : how many images show none of the classes, so that no prediction is right; None if
        each image has one class
    correct : whether each image's highest logit is that of a class that is right
    """

    CAPTION: ClassVar[str] = "Interval: Wilson's score interval. Chance: guessing."

    accuracy: Annotated[
        Estimate, Label("top-1 accuracy", 1, unit="%", chance="guessing", headline="accuracy")
    ]
    images: Annotated[int, Label("images", 0)]
    classes: Annotated[int, Label("classes to choose from", 0)]
    guessing: float
    showing_none: int | None = None
    correct: Bool[np.ndarray, " _image"] = beside()

    @property
    def notes(self) -> list[str]:
        """What stands below the table: what guessing is, and which images cannot be right."""
        if self.showing_none is None:
            return super().notes
        return [
            f"{self.CAPTION[:-1]}, with the predictions exchanged among images at random.",
            f"A prediction is right if the image shows the class. {self.showing_none:,} of "
            f"{self.images:,} images show no class of the head and count as wrong.",
        ]


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
    """Measure the share of images whose highest logit is that of a class that they show.

    Guessing is right for one class in as many as there are. Where images show several classes
    (Beyer et al. 2020, "Are we done with ImageNet?"), any of them is right, and guessing is the sum
    over classes of the share of images they are predicted for, times the share that shows them. An
    image that shows none counts as wrong (ours); Beyer et al. leave it out.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation
    head : a row of weights for each class and a column for each feature; an object with `weight`
        and `bias`, such as `nn.Linear`, or with `coef_` and `intercept_`; or a `Head`
    bias : of the head, a number for each class; None: that of the object, or none
    normalize_features : whether the head takes activations of unit length, as CLIP's zero-shot
        heads do
    classes : the class of each image, a row of the head; or a table of true and false, or 1 and 0,
        with a row for each image and a column for each class of the head that it may show
    among, aliases : the classes of the test set, and further ones that count as these
        (`map_classes`); None: all of the head, as it has to be with a table
    confidence : of the interval, above 0 and below 1

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; the head
        cannot predict the class of an image; or `among` and `aliases` are not classes of the head.
    """
    activations = as_matrix(activations, "activations")
    head = as_head(head, bias, normalize_features, activations.shape[1])
    classes, class_map = as_true_classes(
        classes, among, aliases, len(head.weight), len(activations)
    )
    confidence = as_value(confidence, Confidence, "confidence")
    predicted = predict(activations, classes, head, class_map)
    correct = are_right(predicted, classes)
    share = wilson_interval(float(correct.mean()), len(correct), confidence)
    offered = len(np.unique(class_map[class_map != ABSENT]))
    return Accuracy(
        accuracy=Estimate(*(100 * fraction for fraction in (share.value, *share.ends))),
        images=len(correct),
        classes=offered,
        guessing=100 / offered if classes.ndim == 1 else exchanged_accuracy(predicted, classes),
        showing_none=None if classes.ndim == 1 else int(np.sum(~classes.any(axis=1))),
        correct=correct,
    )


def exchanged_accuracy(
    predicted: Int[np.ndarray, " image"], shown: Bool[np.ndarray, "image class_"]
) -> float:
    """Return the expected accuracy, in percent, of predictions that change their images at random.

    Every pair of a prediction and an image is as likely as any other: `Σ_c p_c q_c`, with p the
    share of the images that class c is predicted for, and q the share of those that show it.
    """
    return float(100 * shown.mean(axis=0)[predicted].mean())
