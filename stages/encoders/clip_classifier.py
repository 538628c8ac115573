"""A CLIP as the classifier that its zero-shot head makes of it."""

from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float
from msgspec.structs import replace

from stages.encoders.classifier import Classifier
from stages.encoders.encoder import Encoder
from stages.storage.errors import InputError


def classifier_from_clip(
    start: Encoder, head: Float[np.ndarray, "class_ feature"], classes: list[str]
) -> Encoder:
    """Return a classifier with a copy of a CLIP's image tower and its scaled zero-shot head.

    Finetuning starts from it (Wortsman et al. 2022, section 3): features of unit length, no bias,
    and as weight the zero-shot `head` (see `heads.zero_shot_head`) times the CLIP's logit scale.
    It sees images as the CLIP does.

    Raises
    ------
    InputError
        `start` is no CLIP, or the head's sizes do not fit.
    """
    if start.card.kind != "clip":
        raise InputError(f"expected a CLIP to make a classifier of, got a {start.card.kind}")
    expected = (len(classes), start.card.feature_width)
    if head.shape != expected:
        raise InputError(f"expected a head of shape {expected}, got {head.shape}")
    card = replace(start.card, kind="classifier", vocabulary=None, classes=classes, origin=None)
    module = Classifier(deepcopy(start.visual), start.card.feature_width, len(classes), True)
    scale = start.module.get_parameter("logit_scale").detach().exp().cpu()
    with torch.no_grad():
        module.get_parameter("head.weight").copy_(scale * torch.from_numpy(head))
    return Encoder(card, module)
