"""Pruning: accuracy when the least important directions are removed from every activation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from stages.measures.accuracy import restrict
from stages.measures.chunks import IMAGES, chunks
from stages.measures.directions import Directions
from stages.measures.head import Head, to_logits


def least_important_first(
    importance: Float[np.ndarray, " direction"],
) -> Int[np.ndarray, " direction"]:
    """Order the directions for pruning; of equals the one of lower singular value goes first."""
    return np.lexsort((-np.arange(len(importance)), importance))


def removed_directions(
    fractions: Float[np.ndarray, " fraction"], directions: int
) -> Int[np.ndarray, " fraction"]:
    """Count the directions that a fraction removes: the largest number not above the fraction.

    Raises
    ------
    ValueError
        A fraction is below 0, or 1 or more: without any direction there is nothing to classify.
    """
    if not np.all((fractions >= 0) & (fractions < 1)):
        raise ValueError(f"fractions {fractions.tolist()}: expected each from 0 to below 1")
    # 0.29 · 100 is 28.999…; the margin is far above rounding and far below one direction.
    return np.floor(fractions * directions + 1e-9).astype(np.int64)


def pruned_accuracies(
    activations: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    head: Head,
    directions: Directions,
    importance: Float[np.ndarray, " direction"],
    *,
    fractions: Float[np.ndarray, " fraction"],
    counts_as: Int[np.ndarray, " class_"] | None = None,
    images: int = IMAGES,
) -> Float[np.ndarray, " fraction"]:
    """Compute top-1 accuracy, 0 to 1, without the least important fraction of the directions.

    `h_p = h - Σ_i ⟨v_i, h⟩ v_i` over the removed directions (Crabbé et al. 2024), then the head as
    it is. A head that normalises features normalises `h_p`, not `h`: to it a pruned activation is
    like any other. This matters only beside a bias; the paper does not say.

    One projection of the images serves every fraction: `W h_p = Σ_i ⟨v_i, h⟩ W v_i` over the kept
    directions and what the head sees beside all of them, added up from the largest fraction down.
    So the whole curve costs two products for directions that hold all that the head sees, as those
    of the head itself do: the projections, and the sums of all their terms.

    Parameters
    ----------
    activations, classes, head, counts_as, images : as in `stages.measures.accuracy.hits`
    directions, importance : of the head or, as the null, of a random head
    fractions : of the directions to remove, each from 0 to below 1, in any order

    Raises
    ------
    ValueError
        A fraction is out of range, widths differ, or the head cannot predict an image's class.
    """
    _require_alike(activations, directions, importance)
    removed = removed_directions(fractions, len(importance))
    head, targets = restrict(head, activations, classes, counts_as)
    basis = _basis(head, directions.vectors[least_important_first(importance)[::-1]])
    right = np.zeros(len(fractions), dtype=np.int64)
    for rows, block in chunks(activations, images):
        for fraction, logits in _pruned_logits(block, head, basis, removed):
            predicted = targets[np.argmax(logits, axis=1)]
            right[fraction] += np.count_nonzero(predicted == classes[rows])
    return right / len(classes)


def prunable_fraction(
    fractions: Float[np.ndarray, " fraction"],
    accuracies: Float[np.ndarray, " fraction"],
    harmless: float,
) -> float:
    """Return the largest fraction up to which every fraction costs less than `harmless`.

    The paper (Crabbé et al. 2024) speaks of pruning without harm and gives no number; what is
    harmless is our setting. The cost is counted from the accuracy at the smallest fraction, and
    a curve that recovers after a harmful fraction does not count as prunable beyond it.

    Parameters
    ----------
    fractions, accuracies : a pruning curve, in any order; accuracies in the unit of `harmless`
    harmless : above 0

    Raises
    ------
    ValueError
        The curve is empty.
    """
    if not len(fractions):
        raise ValueError("expected a pruning curve of one fraction or more, got none")
    order = np.argsort(fractions, kind="stable")
    harmful = accuracies[order[0]] - accuracies[order] >= harmless
    kept = int(np.argmax(harmful)) if harmful.any() else len(order)
    return float(fractions[order[max(kept - 1, 0)]])


@dataclass(frozen=True, eq=False)
class _Basis:
    """Orthonormal vectors, those that go first last, and what the head sees of each and of none."""

    vectors: Float[np.ndarray, "vector feature"]
    seen: Float[np.ndarray, "class_ vector"]
    beside: Float[np.ndarray, "class_ feature"] | None


def _basis(head: Head, vectors: Float[np.ndarray, "vector feature"]) -> _Basis:
    """Split the head into what it sees of each vector and, if more than rounding, beside them.

    Where the vectors leave out a few dimensions only, such as those of a random head with nearly as
    many classes as features, the basis is completed, which is less work than another product.
    """
    weight = np.asarray(head.weight, np.float64)
    seen = weight @ vectors.T
    beside = weight - seen @ vectors
    classes, features = weight.shape
    rounding = max(classes, features) * np.finfo(np.float64).eps * np.linalg.norm(weight)
    if np.linalg.norm(beside) <= rounding:
        return _Basis(vectors, seen, None)
    lacking = features - len(vectors)
    if lacking * (features + classes) > features * classes:
        return _Basis(vectors, seen, beside)
    others = np.linalg.qr(vectors.T, mode="complete").Q[:, len(vectors) :].T
    both = np.concatenate([others, vectors])
    return _Basis(both, weight @ both.T, None)


def _pruned_logits(
    block: Float[np.ndarray, "image feature"],
    head: Head,
    basis: _Basis,
    removed: Int[np.ndarray, " fraction"],
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the logits of each fraction, the largest first; each array is used for the next."""
    projections = block @ basis.vectors.T
    shape = len(block), len(basis.seen)
    product = np.zeros(shape) if basis.beside is None else block @ basis.beside.T
    whole = np.sum(block**2, axis=1)
    squares = whole - np.sum(projections**2, axis=1)
    rounding = whole * block.shape[1] * np.finfo(np.float64).eps
    done = 0
    for fraction in np.argsort(-removed, kind="stable"):
        group = slice(done, len(basis.vectors) - removed[fraction])
        product += projections[:, group] @ basis.seen[:, group].T
        squares += np.sum(projections[:, group] ** 2, axis=1)
        lengths = np.sqrt(np.where(squares > rounding, squares, 0.0))
        yield int(fraction), to_logits(product, lengths, head)
        done = group.stop


def _require_alike(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions,
    importance: Float[np.ndarray, " direction"],
) -> None:
    if directions.vectors.shape != (len(importance), activations.shape[1]):
        raise ValueError(
            f"directions of shape {directions.vectors.shape} and {len(importance)} importances "
            f"for activations of {activations.shape[1]} features: take all from the same encoder"
        )
