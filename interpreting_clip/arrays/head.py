"""The linear head that turns an activation into one logit per class."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Head:
    """A zero-shot or trained linear classifier.

    Attributes
    ----------
    weight : one row per class; zero-shot: the normalised text embedding of the class
    bias : one number per class, or None
    normalize_features : whether activations are scaled to length one before the product, as CLIP
        does
    """

    weight: Float[np.ndarray, "class_ feature"]
    bias: Float[np.ndarray, " class_"] | None
    normalize_features: bool

    def select(self, classes: Int[np.ndarray, " kept"]) -> "Head":
        """Keep the given classes, in the given order."""
        bias = None if self.bias is None else self.bias[classes]
        return Head(self.weight[classes], bias, self.normalize_features)

    def for_argmax(self) -> "Head":
        """Drop the scaling of activations if there is no bias: it cannot change the argmax."""
        return Head(self.weight, self.bias, self.normalize_features and self.bias is not None)

    def distinct_classes(self) -> Int[np.ndarray, " kept"]:
        """List the classes that can be predicted: the first of each group with equal parameters.

        If logits are equal, the lowest class is predicted. Computed logits of equal classes may
        differ by rounding errors, so all but the first are left out beforehand.
        """
        bias = np.zeros(len(self.weight)) if self.bias is None else self.bias
        first: dict[bytes, int] = {}
        for class_, (row, offset) in enumerate(zip(self.weight, bias, strict=True)):
            # Bytes as keys find equal rows in one pass, however many classes there are.
            first.setdefault(row.tobytes() + offset.tobytes(), class_)
        return np.array(list(first.values()), np.int64)


def logits(
    activations: Float[np.ndarray, "image feature"], head: Head
) -> Float[np.ndarray, "image class_"]:
    """Compute the logits of some images in double precision.

    `W h + b`, with `h / |h|` in place of `h` where the head normalises features. CLIP's positive
    temperature is left out: it does not change the argmax.

    Parameters
    ----------
    activations : one row per image; an all-zero row cannot be normalised and stays zero
    head : with as many features as the activations
    """
    activations = np.asarray(activations, np.float64)
    product = activations @ np.asarray(head.weight, np.float64).T
    return to_logits(product, np.linalg.norm(activations, axis=1), head)


def to_logits(
    product: Float[np.ndarray, "image class_"], lengths: Float[np.ndarray, " image"], head: Head
) -> Float[np.ndarray, "image class_"]:
    """Turn products `W h` into logits: divide by `|h|` if the head normalises, then add the bias.

    Parameters
    ----------
    product : `W h` per image
    lengths : `|h|` per image; if it is 0, the product is not divided
    head : says whether to normalise, and holds the bias
    """
    if head.normalize_features:
        # The product of an all-zero activation is 0 already.
        product = product / np.where(lengths > 0, lengths, 1.0)[:, None]
    return product if head.bias is None else product + head.bias


def center_classes(
    weight: Float[np.ndarray, "class_ feature"],
) -> Float[np.ndarray, "class_ feature"]:
    """Subtract the mean row: no difference of two logits, and so no prediction, changes.

    Returns
    -------
    float64, whatever the precision of `weight`
    """
    weight = np.asarray(weight, np.float64)
    return weight - weight.mean(axis=0)
