"""Linear probes: the frozen image tower, whole or without its projection, and the images to learn.

The fit itself is in `interpreting_clip.training.linear_probe`.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from msgspec.structs import replace

from interpreting_clip.encoders.encoder import Classifier, Encoder, build_tower
from interpreting_clip.encoders.encoder_card import Architecture, OpenClipConfig
from interpreting_clip.encoders.encoder_entries import Backbone, ImagesPerClass, ProbedFeatures
from interpreting_clip.errors import InputError
from interpreting_clip.loading.batches import ImageDataset

PROJECTIONS = {"proj": 0, "attnpool.c_proj.weight": 1, "head.proj.weight": 1}
"""The matrices that project the features of open_clip's towers: of ViTs, of modified ResNets
and of timm's, each with the axis of the features that go in."""


def probed_encoder(start: Encoder, features: ProbedFeatures) -> Encoder:
    """Return an encoder without a head whose activations a probe reads.

    Its tower is a copy of that of `start`, which keeps its own head. Before the projection, the
    features of a CLIP are the input of its projection into the space of images and texts.

    Raises
    ------
    InputError
        The tower of `start` has no linear projection to leave out.
    """
    if features == "before_projection":
        return without_projection(start)
    return headless(start, deepcopy(start.visual), start.card.architecture)


def headless(
    start: Encoder, tower: torch.nn.Module, architecture: Architecture, width: int = 0
) -> Encoder:
    """Return a tower as an encoder without a head that sees images as `start` does."""
    width = width or start.card.feature_width
    card = replace(
        start.card,
        kind="classifier",
        architecture=architecture,
        feature_width=width,
        normalize_features=False,
        vocabulary=None,
        classes=[],
        # These are no longer the weights that were published.
        origin=None,
    )
    return Encoder(card, Classifier(tower, width, 0, normalize=False))


def without_projection(start: Encoder) -> Encoder:
    """Return the image tower of a CLIP, or of a classifier made from a CLIP, before its projection.

    It is the tower of an architecture whose embedding is as wide as these features, with the
    identity as projection: the product with it returns each feature as it is. So all that knows
    open_clip's towers knows this one.

    Raises
    ------
    InputError
        The tower has no linear projection.
    """
    state, architecture = start.visual.state_dict(), start.card.architecture
    name = next((name for name in PROJECTIONS if name in state), "")
    if not name or not isinstance(architecture, Backbone | OpenClipConfig):
        raise InputError(
            "its image tower has no linear projection to leave out, expected that of a CLIP; write "
            "`features: embedding`"
        )
    width = state[name].shape[PROJECTIONS[name]]
    if isinstance(architecture, Backbone):
        wider = replace(architecture, embedding=width)
    else:
        wider = replace(architecture, config=architecture.config | {"embed_dim": width})
    model = build_tower(wider, 0)  # any seed: all weights are replaced
    state[name] = torch.eye(width)
    if (bias := name.replace("weight", "bias")) in state and bias != name:
        state[bias] = torch.zeros(width)
    model.module.load_state_dict(state)
    return headless(start, model.module, wider, width)


def with_head(
    encoder: Encoder,
    weight: Float[np.ndarray, "class_ feature"],
    bias: Float[np.ndarray, " class_"],
    classes: list[str],
) -> Encoder:
    """Return a classifier with an encoder's tower, whose head reads features as they are."""
    module = Classifier(encoder.visual, encoder.card.feature_width, len(classes), normalize=False)
    with torch.no_grad():
        module.get_parameter("head.weight").copy_(torch.from_numpy(weight))
        module.get_parameter("head.bias").copy_(torch.from_numpy(bias))
    return Encoder(replace(encoder.card, classes=classes), module)


@dataclass(frozen=True)
class ChosenImages:
    """Some images of a dataset, in the order of `rows`."""

    images: ImageDataset
    rows: Int[np.ndarray, " chosen"]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return the pixels of an image."""
        return self.images[int(self.rows[image])]


def choose_images(
    classes: Int[np.ndarray, " image"], names: Sequence[str], most: ImagesPerClass
) -> Int[np.ndarray, " chosen"]:
    """Return the images that a probe learns from, in order, evenly spaced within each class.

    Of a class that has no more than `most`, all are taken.

    Parameters
    ----------
    classes : the class of each image of the dataset
    names : of all classes that the head is for
    most : images of each class

    Raises
    ------
    InputError
        A class has fewer than two images, one to learn from and one to hold out; names it.
    """
    chosen = []
    for class_, name in enumerate(names):
        members = np.flatnonzero(classes == class_)
        if len(members) < 2:
            raise InputError(
                f"class {class_}, {name!r}: a probe needs two images of it or more, the dataset "
                f"has {len(members)}; name a dataset that has all {len(names):,} classes"
            )
        count = len(members) if most == "all" else min(most, len(members))
        chosen.append(members[np.arange(count) * len(members) // count])
    return np.sort(np.concatenate(chosen))
