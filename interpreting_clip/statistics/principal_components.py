"""Principal components of activations, and accuracy when only the largest of them stay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.arrays.head import Head, logits
from interpreting_clip.statistics.chunks import Features, chunks
from interpreting_clip.statistics.predictions import TrueClasses, are_right, restrict_head


@dataclass(frozen=True, eq=False)
class Components:
    """The principal components of some activations.

    Attributes
    ----------
    mean : of the activations
    vectors : orthonormal, one per row, the one of the largest variance first; as many as the
        dimensions that the centred activations span, up to rounding
    """

    mean: Float[np.ndarray, " feature"]
    vectors: Float[np.ndarray, "component feature"]


def principal_components(activations: Features) -> Components:
    """Find the right singular vectors of the centred activations.

    They are eigenvectors of a feature × feature matrix that is summed chunk by chunk, since the
    activations may not fit into memory. Its eigenvalues are squares, so a component counts as
    spanned if its standard deviation is above about 10⁻⁷ of the largest; float32 has no more.

    Parameters
    ----------
    activations : one row per image, one image or more
    """
    images = len(activations)
    mean = np.zeros(activations.shape[1])
    for _, chunk in chunks(activations):
        mean += chunk.sum(axis=0) / images
    scatter = np.zeros((len(mean), len(mean)))
    for _, chunk in chunks(activations):
        centred = chunk - mean
        scatter += centred.T @ centred
    squares, vectors = np.linalg.eigh(scatter)
    relative = max(activations.shape) * np.finfo(np.float64).eps
    # Of the eigenvalues, and of the mean: equal images are not quite 0 after it is subtracted.
    rounding = max(relative * squares[-1], relative**2 * images * (mean @ mean))
    spanned = min(int(np.count_nonzero(squares > rounding)), images - 1)
    return Components(mean, vectors.T[::-1][:spanned])


def accuracies_with_components(
    activations: Features,
    classes: TrueClasses,
    head: Head,
    dimensions: Int[np.ndarray, " count"],
    class_map: Int[np.ndarray, " class_"] | None = None,
) -> tuple[Float[np.ndarray, " count"], list[int]]:
    """Compute top-1 accuracy, 0 to 1, if only the principal components of most variance stay.

    `h' = m + Σ_i ⟨u_i, h - m⟩ u_i` over the k components u_i of the largest variance, around the
    mean m, followed by the unchanged head. The components of one half of the images are applied to
    the other half, both ways, since those of the images themselves would fit their noise. What
    they do not span is lost at any k. The halves are the images in even and in odd rows; this
    choice is ours.

    Parameters
    ----------
    activations, classes, head, class_map : as in `predict`; two images or more
    dimensions : numbers of components that stay, in any order; if there are fewer, all stay

    Returns
    -------
    the accuracy over all images at each number, and how many components each half has
    """
    head, predictions = restrict_head(head, classes, class_map)
    right, spanned = np.zeros(len(dimensions), dtype=np.int64), []
    for fitted, pruned in ((0, 1), (1, 0)):
        components = principal_components(activations[fitted::2])
        spanned.append(len(components.vectors))
        own = classes[pruned::2]
        for rows, chunk in chunks(activations[pruned::2]):
            for place, rest in _kept(chunk, components, dimensions):
                predicted = predictions[np.argmax(logits(rest, head), axis=1)]
                right[place] += np.count_nonzero(are_right(predicted, own[rows]))
    return right / len(classes), spanned


def _kept(
    chunk: Features, components: Components, dimensions: Int[np.ndarray, " count"]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each number's index and what stays of the activations, the smallest number first.

    An array is valid until the next one is requested.
    """
    projections = (chunk - components.mean) @ components.vectors.T
    rest, done = np.tile(components.mean, (len(chunk), 1)), 0
    for place in np.argsort(dimensions, kind="stable"):
        group = slice(done, dimensions[place])
        rest += projections[:, group] @ components.vectors[group]
        yield int(place), rest
        done = group.stop
