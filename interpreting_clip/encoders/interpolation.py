"""Encoders between a zero-shot CLIP and its finetuned version (WiSE-FT)."""

from textwrap import shorten
from typing import Any

import torch

from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.errors import InputError


def interpolate(first: Encoder, second: Encoder, alpha: float) -> Encoder:
    """Return the classifier with the weights (1 − alpha) · first + alpha · second.

    This applies to the image tower and the head (Wortsman et al. 2022, section 3), in double
    precision. `first` is the zero-shot classifier (see `classifier_from_clip`), `second` its
    finetuned version: if alpha is 0 or 1, the result has exactly the weights of one of them.
    """
    require_alike(first, second)
    weights = second.module.state_dict()
    for name, start in first.module.state_dict().items():
        end = weights[name]
        # The counters of batch norms are integers; the second's stay.
        if end.is_floating_point():
            # The CLIP is on the device whose text tower made its head, `second` need not be.
            ends = start.to(end.device).double(), end.double()
            # Not `start + alpha * (end - start)`, which at 1 need not be exactly `end`.
            exact = (1 - alpha) * ends[0] + alpha * ends[1]
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
    one, other = compared(first), compared(second)
    for name in one | other:
        if one.get(name) != other.get(name):
            raise InputError(
                f"interpolate: expected a CLIP and its finetuned version, but their `{name}` "
                f"differ: {shorten(repr(one.get(name)), 80)} and "
                f"{shorten(repr(other.get(name)), 80)}; name encoders of one start"
            )


def compared(encoder: Encoder) -> dict[str, Any]:
    """Return what two encoders must have in common: fields of the card, and the weights' shapes."""
    fields = ("architecture", "kind", "classes", "normalize_features", "preprocess")
    card = {name: getattr(encoder.card, name) for name in fields}
    state = encoder.module.state_dict()
    return card | {name: tuple(value.shape) for name, value in state.items()}
