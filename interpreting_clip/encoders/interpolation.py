"""Encoders between a zero-shot CLIP and its finetuned version (WiSE-FT)."""

import torch

from interpreting_clip.encoders.encoder import Encoder


def interpolate(first: Encoder, second: Encoder, alpha: float) -> Encoder:
    """Return the classifier with the weights (1 − alpha) · first + alpha · second.

    This applies to the image tower and the head (Wortsman et al. 2022, section 3), in double
    precision. `first` is the zero-shot classifier (see `classifier_from_clip`), `second` its
    finetuned version, as the check of a study makes sure: if alpha is 0 or 1, the result has
    exactly the weights of one of them.
    """
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
