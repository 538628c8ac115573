"""Encoders between a zero-shot CLIP and its finetuned version (WiSE-FT)."""

import torch

from stages.encoders.encoder import Encoder, differing, shape
from stages.runtime.errors import InputError


def interpolate(first: Encoder, second: Encoder, alpha: float) -> Encoder:
    """Return the classifier with the weights (1 − alpha) · first + alpha · second.

    Image tower and head alike (Wortsman et al. 2022, section 3), summed in double precision.
    `first` is the zero-shot classifier (see `classifier_from_clip`), `second` its finetuned
    version: where alpha is 0 or 1, the result has the weights of one of them, bit by bit. Counters
    of a batch norm, whole numbers, are the second's.

    Raises
    ------
    InputError
        The encoders are not of one architecture, or not for the same classes and images.
    """
    require_alike(first, second)
    weights = second.module.state_dict()
    for name, start in first.module.state_dict().items():
        end = weights[name]
        if end.is_floating_point():
            exact = (1 - alpha) * start.double() + alpha * end.double()
            weights[name] = exact.to(end.dtype)
    with torch.no_grad():
        second.module.load_state_dict(weights)
    return second


def require_alike(first: Encoder, second: Encoder) -> None:
    """Refuse encoders whose weights do not belong together.

    Raises
    ------
    InputError
        Names what differs.
    """
    for name in ("architecture", "kind", "classes", "normalize_features", "preprocess"):
        one, other = getattr(first.card, name), getattr(second.card, name)
        if one != other:
            raise InputError(
                f"interpolate: expected a CLIP and its finetuned version, but their `{name}` "
                f"differ: {shortened(one)} and {shortened(other)}; name encoders of one start"
            )
    one, other = first.module.state_dict(), second.module.state_dict()
    for name in differing(one, other):
        raise InputError(
            f"interpolate: the weights '{name}' differ in shape: {shape(one.get(name))} and "
            f"{shape(other.get(name))}; name encoders of one start"
        )


def shortened(value: object) -> str:
    """Return a value in at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
