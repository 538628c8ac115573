"""The head that a classifier was trained with."""

import numpy as np
from jaxtyping import Float

from stages.encoders.encoder import Encoder, to_array
from stages.runtime.errors import InputError


def trained_head(
    encoder: Encoder,
) -> tuple[Float[np.ndarray, "class_ feature"], Float[np.ndarray, " class_"] | None]:
    """Return the weight of a classifier's head, and its bias or None.

    Raises
    ------
    InputError
        The encoder has no head.
    """
    if encoder.head is None:
        raise InputError(
            "the encoder has no trained head, it is a CLIP or untrained: give it the `head` "
            "zero_shot or random"
        )
    bias = encoder.head.bias
    return to_array(encoder.head.weight), None if bias is None else to_array(bias)


def require_classes(encoder: Encoder, classes: list[str]) -> None:
    """Refuse a trained head for other classes than a dataset's, or for them in another order.

    Raises
    ------
    InputError
        Names both numbers of classes, or the first class that differs.
    """
    own = encoder.card.classes or []
    if own and len(own) != len(classes):
        raise InputError(
            f"the encoder's head was trained for {len(own):,} classes, and imagenet_val has "
            f"{len(classes):,}; measure it on the dataset that it was trained for"
        )
    for index, (ours, theirs) in enumerate(zip(own, classes, strict=False)):
        if ours != theirs:
            raise InputError(
                f"class {index} of the encoder's head is {ours!r}, that of imagenet_val "
                f"{theirs!r}; measure it on the dataset that it was trained for"
            )
