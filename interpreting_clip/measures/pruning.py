"""Pruning: accuracy after the least important directions are removed from every activation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    HeadLike,
    as_head,
    as_matrix,
    as_progress,
    as_settings,
    as_value,
)
from interpreting_clip.arrays.head import Head, center_classes, to_logits
from interpreting_clip.formats.result import Label, Result
from interpreting_clip.measures.directions import Candidates, Settings, find_candidates
from interpreting_clip.quantities import Percents
from interpreting_clip.statistics.blas import one_blas_thread
from interpreting_clip.statistics.chunks import Features, chunks
from interpreting_clip.statistics.nulls import Progress
from interpreting_clip.statistics.predictions import (
    TrueClasses,
    are_right,
    as_true_classes,
    restrict_head,
)
from interpreting_clip.statistics.principal_components import accuracies_with_components
from interpreting_clip.statistics.singular_directions import Centre, RankedDirections

ROUNDING = 1e-6
"""Tolerance for accuracies, in percent, that were rounded to six decimals in a result."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PruningCurves(Result):
    """Accuracy on a test set without the least important directions.

    Attributes
    ----------
    fractions : the pruned shares of the directions, 0 to below 1
    accuracy, other_accuracy : in percent at each share, of the directions and of those with the
        other centring
    random_accuracy : the same of each random head
    """

    fractions: Float[np.ndarray, " _fraction"]
    accuracy: Float[np.ndarray, " _fraction"]
    other_accuracy: Float[np.ndarray, " _fraction"]
    random_accuracy: Float[np.ndarray, "_random _fraction"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Pruning(PruningCurves):
    """The curves, and how many directions can be pruned without harm to accuracy.

    Attributes
    ----------
    by_accuracy : the largest share of the directions whose removal costs less than `harmless`
        points
    whole : accuracy in percent with all directions
    accuracy_chance : the mean of `by_accuracy` over random heads; None without them
    other_by_accuracy : the same with the other centring of the head
    by_covariance : the same if the principal components of the activations are pruned instead
    covariance_accuracy : in percent at each share, of the principal components
    spanned : how many dimensions the components of each half of the images span
    """

    CAPTION: ClassVar[str] = "Chance: the mean of random heads, pruned in the same way."

    by_accuracy: Annotated[
        float,
        Label(
            "share of the directions that can be pruned",
            3,
            chance="accuracy_chance",
            headline="prunable",
        ),
    ]
    whole: Annotated[float, Label("accuracy with all directions", 1, unit="%")]
    accuracy_chance: float | None
    other_by_accuracy: float
    by_covariance: Annotated[
        float, Label("share of the principal components that can be pruned instead", 3)
    ]
    covariance_accuracy: Float[np.ndarray, " _fraction"]
    spanned: list[int]


def pruning(
    activations: ArrayLike,
    *,
    head: HeadLike,
    classes: ArrayLike,
    bias: ArrayLike | None = None,
    normalize_features: bool = False,
    among: ArrayLike | None = None,
    aliases: Mapping[int, int] | None = None,
    centre: Centre = "classes",
    pruning_steps: int = 10,
    random_heads: int = 20,
    random_head_seed: int = 1,
    harmless: float = 1.0,
    progress: Progress = iter,
) -> Pruning:
    """Measure accuracy without the least important directions.

    They are taken out of every activation, `h_p = h - Σ_i ⟨v_i, h⟩ v_i`, and the head stays as it
    is (Crabbé et al. 2024). A head that normalises features normalises `h_p`, not `h` (ours); it
    matters only if the head has a bias.

    Most directions may be prunable only because activations hardly vary in most dimensions. So the
    same curve is measured for their principal components (`covariance_curve`, ours), which do not
    depend on the head.

    Parameters
    ----------
    activations, head, bias, normalize_features, classes, among, aliases : as in `accuracy`
    centre, random_heads, random_head_seed : as in `directions`
    pruning_steps : n steps prune the shares 0, 1 / n, … (n − 1) / n of the directions; 10 in the
        paper
    harmless : how much accuracy a prunable share may cost, in percentage points, above 0
    progress : goes through the random heads, and then through all that are pruned, such as `tqdm`

    Raises
    ------
    TypeError, ValueError
        As in `accuracy` and `directions`; or there is a single image.
    """
    activations = as_matrix(activations, "activations")
    if len(activations) < 2:
        raise ValueError("activations: expected two images or more, since halves of them are used")
    head = as_head(head, bias, normalize_features, activations.shape[1])
    classes, class_map = as_true_classes(
        classes, among, aliases, len(head.weight), len(activations)
    )
    settings = as_settings(
        Settings,
        centre=centre,
        pruning_steps=pruning_steps,
        random_heads=random_heads,
        random_head_seed=random_head_seed,
    )
    harmless, progress = as_value(harmless, Percents, "harmless"), as_progress(progress)
    restrict_head(head, classes, class_map)  # refuses classes before random heads are drawn
    with one_blas_thread():
        known = find_candidates(activations, head, settings, progress)
        curves = pruning_curves(
            activations,
            classes,
            head,
            known,
            fractions=settings.fractions,
            class_map=class_map,
            progress=progress,
        )
        count = len(known.heads[settings.centre].vectors)
        covariance, spanned = covariance_curve(
            activations, classes, head, directions=count, curves=curves, class_map=class_map
        )
    by_accuracy, by_other, by_covariance, *by_random = (
        prunable_fraction(curves.fractions, curve, harmless)
        for curve in (curves.accuracy, curves.other_accuracy, covariance, *curves.random_accuracy)
    )
    return Pruning(
        **vars(curves),
        by_accuracy=by_accuracy,
        whole=float(curves.accuracy[0]),
        accuracy_chance=float(np.mean(by_random)) if by_random else None,
        other_by_accuracy=by_other,
        by_covariance=by_covariance,
        covariance_accuracy=covariance,
        spanned=spanned,
    )


def covariance_curve(
    activations: Features,
    classes: TrueClasses,
    head: Head,
    *,
    directions: int,
    curves: PruningCurves,
    class_map: Int[np.ndarray, " class_"],
) -> tuple[Float[np.ndarray, " fraction"], list[int]]:
    """Measure accuracy when principal components are pruned in place of the head's directions.

    `h_k = m + Σ_i ⟨u_i, h - m⟩ u_i` over the components of the largest variance, as many as
    directions stay. The mean m and the components u are those of one half of the images (even or
    odd rows), and the other half is pruned, both ways (`accuracies_with_components`). What a half
    does not span is pruned first, as one block.

    Parameters
    ----------
    activations, classes, head, class_map : as in `pruned_accuracies`
    directions : how many the head has
    curves : of these directions
    """
    removed = count_removed(curves.fractions, directions)
    accuracy = np.full(len(removed), curves.accuracy[0])
    measured, spanned = accuracies_with_components(
        activations, classes, head, directions - removed[removed > 0], class_map
    )
    accuracy[removed > 0] = 100 * measured
    return accuracy, spanned


def pruning_curves(
    activations: Features,
    classes: TrueClasses,
    head: Head,
    known: Candidates,
    *,
    fractions: Sequence[float],
    class_map: Int[np.ndarray, " class_"],
    progress: Progress = iter,
) -> PruningCurves:
    """Measure accuracy without the least important directions, and judge no loss.

    Parameters
    ----------
    activations, classes, head, class_map : as in `pruned_accuracies`
    known : the ranked directions (`find_candidates`), of these or of other activations
    fractions : the shares of the directions to prune, from 0 to below 1
    progress : goes through the directions that are pruned
    """
    shares = np.array(fractions)
    ranked = [*known.heads.values(), *known.random]
    own, other, *random = (
        100
        * pruned_accuracies(
            activations, classes, head, ranked[one], fractions=shares, class_map=class_map
        )
        for one in progress(range(len(ranked)))
    )
    return PruningCurves(
        fractions=shares,
        accuracy=own,
        other_accuracy=other,
        random_accuracy=np.reshape(random, (-1, len(shares))),
    )


def count_removed(
    fractions: Float[np.ndarray, " fraction"], directions: int
) -> Int[np.ndarray, " fraction"]:
    """Count the directions that each fraction, from 0 to below 1, removes, rounded down."""
    # 0.29 * 100 is 28.999…: add a margin far above rounding errors and far below one direction.
    return np.floor(fractions * directions + 1e-9).astype(np.int64)


def pruned_accuracies(
    activations: Features,
    classes: TrueClasses,
    head: Head,
    directions: RankedDirections,
    *,
    fractions: Float[np.ndarray, " fraction"],
    class_map: Int[np.ndarray, " class_"] | None = None,
) -> Float[np.ndarray, " fraction"]:
    """Compute top-1 accuracy, 0 to 1, without the least important fraction of the directions.

    `h_p = h - Σ_i ⟨v_i, h⟩ v_i` over the removed directions (Crabbé et al. 2024), followed by the
    unchanged head. A head that normalises features normalises `h_p`, not `h` (ours); it matters
    only if the head has a bias. The head is centred over the classes that can be predicted, which
    changes no prediction but for rounding.

    Parameters
    ----------
    activations, classes, head, class_map : as in `correct_predictions`
    directions : of the head, centred or not, or, as a control, of a random head
    fractions : of the directions to remove, each from 0 to below 1, in any order
    """
    removed = count_removed(fractions, len(directions.vectors))
    head, predictions = restrict_head(head, classes, class_map)
    basis = _basis(head, directions.vectors)
    correct = np.zeros(len(fractions), dtype=np.int64)
    for rows, chunk in chunks(activations):
        for fraction, logits in _pruned_logits(chunk, head, basis, removed):
            right = are_right(predictions[np.argmax(logits, axis=1)], classes[rows])
            correct[fraction] += np.count_nonzero(right)
    return correct / len(classes)


def prunable_fraction(
    fractions: Float[np.ndarray, " fraction"],
    accuracies: Float[np.ndarray, " fraction"],
    harmless: float,
) -> float:
    """Return the largest fraction up to which every fraction costs less than `harmless`.

    The paper (Crabbé et al. 2024) prunes "without harm" but gives no number, so the tolerated loss
    is our setting. The loss is relative to the accuracy at the smallest fraction. If a curve
    recovers after a harmful fraction, the fractions beyond it still do not count.

    Parameters
    ----------
    fractions, accuracies : a pruning curve, in any order
    harmless : the tolerated loss, above 0, in the unit of the accuracies
    """
    order = np.argsort(fractions, kind="stable")
    # Losing exactly as much is harm, whichever way it was rounded.
    harmful = accuracies[order[0]] - accuracies[order] >= harmless - ROUNDING
    kept = int(np.argmax(harmful)) if harmful.any() else len(order)
    return float(fractions[order[max(kept - 1, 0)]])


@dataclass(frozen=True, eq=False)
class _Basis:
    """Orthonormal vectors, the first to be pruned last, and the head's weights in terms of them.

    Attributes
    ----------
    vectors : one per row
    along : `W v_i` of each vector
    outside : the part of W orthogonal to all vectors; None if it is zero up to rounding
    """

    vectors: Float[np.ndarray, "vector feature"]
    along: Float[np.ndarray, "class_ vector"]
    outside: Float[np.ndarray, "class_ feature"] | None


def _basis(head: Head, vectors: Float[np.ndarray, "vector feature"]) -> _Basis:
    """Split the centred head's weights into parts along the vectors and a part outside their span.

    Where the vectors span all but a few dimensions, as in a random head with nearly as many
    classes as features do, the basis is completed: that costs less than another product.
    """
    # The mean row is in the span of the head's directions as it is, and not in that of the centred
    # head's. Without it both span the rows.
    weight = center_classes(head.weight)
    along = weight @ vectors.T
    outside = weight - along @ vectors
    classes, features = weight.shape
    stored = np.linalg.norm(np.asarray(head.weight, np.float64))
    rounding = max(classes, features) * np.finfo(np.float64).eps * stored
    if np.linalg.norm(outside) <= rounding:
        return _Basis(vectors, along, None)
    missing = features - len(vectors)
    # Per image: the further projections and their logits, against the product with what lies
    # outside.
    if missing * (features + classes) > features * classes:
        return _Basis(vectors, along, outside)
    others = np.linalg.qr(vectors.T, mode="complete").Q[:, len(vectors) :].T
    complete = np.concatenate([others, vectors])
    return _Basis(complete, weight @ complete.T, None)


def _pruned_logits(
    chunk: Features, head: Head, basis: _Basis, removed: Int[np.ndarray, " fraction"]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each fraction's index and logits, the largest fraction first.

    An array is valid until the next one is requested.
    """
    projections = chunk @ basis.vectors.T
    shape = len(chunk), len(basis.along)
    product = np.zeros(shape) if basis.outside is None else chunk @ basis.outside.T
    whole = np.sum(chunk**2, axis=1)
    # The squared length outside the span of all vectors, which no pruning removes.
    squares = whole - np.sum(projections**2, axis=1)
    # What cancellation leaves of a length that is 0 must not be scaled up to 1.
    rounding = whole * chunk.shape[1] * np.finfo(np.float64).eps
    done = 0
    # From the largest fraction to the smallest, so that terms are only added: subtracting them
    # again would leave rounding errors.
    for fraction in np.argsort(-removed, kind="stable"):
        group = slice(done, len(basis.vectors) - removed[fraction])
        product += projections[:, group] @ basis.along[:, group].T
        squares += np.sum(projections[:, group] ** 2, axis=1)
        lengths = np.sqrt(np.where(squares > rounding, squares, 0.0))
        yield int(fraction), to_logits(product, lengths, head)
        done = group.stop
