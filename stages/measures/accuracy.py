"""Top-1 accuracy of a head on a set of images, over all classes or those of a shift."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from stages.measures.chunks import IMAGES, chunks
from stages.measures.head import Head, logits, require_width

ABSENT = -1
"""Stands in `counts_as` for a class that a shift does not have."""


def restriction(
    class_indices: Sequence[int], classes: int, aliases: Mapping[int, int] | None = None
) -> Int[np.ndarray, " class_"]:
    """Say what each class of the head counts as on a shift that has only some of the classes.

    ImageNet-R, ImageNet-A and ObjectNet hold images of 200, 200 and 113 classes, and the other
    classes cannot be predicted there (Taori et al. 2020). ObjectNet merges ImageNet classes: any
    ImageNet class of an ObjectNet class is right for it, which `aliases` expresses.

    Parameters
    ----------
    class_indices : the classes that the shift's images are labelled with
    classes : how many classes the head has
    aliases : a further class of the head -> the class of `class_indices` that it counts as

    Returns
    -------
    per class of the head the class it counts as, or `ABSENT`

    Raises
    ------
    ValueError
        An index is not a class of the head, or an alias counts as a class the shift lacks.
    """
    counts_as = np.full(classes, ABSENT, dtype=np.int64)
    targets = dict(aliases or {}) | {index: index for index in class_indices}
    for index, target in targets.items():
        if not 0 <= index < classes or target not in class_indices:
            raise ValueError(
                f"class {index} counting as {target}: expected a class of the head, "
                f"0 to {classes - 1}, and one of the shift's own classes"
            )
        counts_as[index] = target
    return counts_as


def hits(
    activations: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    head: Head,
    counts_as: Int[np.ndarray, " class_"] | None = None,
    images: int = IMAGES,
) -> Bool[np.ndarray, " image"]:
    """Tell for each image whether its highest logit is that of its class.

    Of equal logits the lowest class counts as predicted.

    Parameters
    ----------
    activations : one row per image
    classes : the class of each image, an index into the head's classes
    head : of as many features as the activations
    counts_as : what each class counts as (`restriction`); None: itself
    images : how many images are held in double precision at a time

    Raises
    ------
    ValueError
        Head, activations and classes do not fit together, or the head cannot predict the class of
        an image.
    """
    head, targets = restrict(head, activations, classes, counts_as)
    right = np.empty(len(classes), dtype=np.bool_)
    for rows, block in chunks(activations, images):
        right[rows] = targets[np.argmax(logits(block, head), axis=1)] == classes[rows]
    return right


def top1(
    activations: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    head: Head,
    counts_as: Int[np.ndarray, " class_"] | None = None,
) -> float:
    """Compute the share, 0 to 1, of images whose highest logit is that of their class.

    Parameters, units and refusals are those of `hits`.
    """
    return float(np.mean(hits(activations, classes, head, counts_as)))


def restrict(
    head: Head,
    activations: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    counts_as: Int[np.ndarray, " class_"] | None,
) -> tuple[Head, Int[np.ndarray, " kept"]]:
    """Keep the classes of the head that exist on a shift, and check that it fits the images.

    Returns
    -------
    the smaller head, without what moves no argmax (`Head.ranking`, `Head.distinct`), and what each
    of its classes counts as

    Raises
    ------
    ValueError
        Head, activations and classes do not fit together, `counts_as` is made for another head, or
        an image is of a class that nothing counts as.
    """
    require_width(activations, head)
    if len(activations) != len(classes):
        raise ValueError(f"{len(activations)} activations and {len(classes)} classes of images")
    if counts_as is None:
        counts_as = np.arange(len(head.weight))
    if len(counts_as) != len(head.weight):
        raise ValueError(
            f"the restriction is over {len(counts_as)} classes and the head has {len(head.weight)}"
        )
    columns = np.flatnonzero(counts_as != ABSENT)
    possible = np.isin(classes, counts_as[columns])
    if not possible.all():
        image = int(np.argmin(possible))
        raise ValueError(
            f"image {image} is of class {int(classes[image])}, which the head cannot predict: "
            "expected a class of the head that the restriction keeps"
        )
    kept = columns[head.only(columns).distinct()]
    return head.only(kept).ranking(), counts_as[kept]
