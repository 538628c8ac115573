"""A head with a few large singular values, and activations whose importances are known."""

import numpy as np

from interpreting_clip.controls.control import Control, controls
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.singular_directions import rank, singular_directions

FEATURES, RANK = 128, 32
"""The number of features, which is that of classes, and of directions that decide the class."""

CLASS_PART = 0.2
"""The cosine of an activation with its class's direction; the rest is along a small direction."""


def head_controls(fractions: list[float], harmless: float, seed: int) -> list[Control]:
    """Measure importances and the prunable share of a head of rank r plus small rows.

    The head has r large singular values and n - r that are a thousand times smaller, in random
    orthonormal directions. An activation, of any length, lies along the direction of its class, one
    of r, and, with a larger part, along one of the small directions, on either side. So importances
    are `σ_i · share_i · cos`, without σ_i the small directions would lead, and what can be pruned
    is all but r of n.

    Parameters
    ----------
    fractions : the pruned shares of the study
    harmless : how many points of accuracy a prunable share may cost
    seed : of the directions
    """
    rng = generator(seed, "head of low rank")
    basis = np.linalg.qr(rng.standard_normal((FEATURES, FEATURES))).Q.T
    values = np.concatenate([np.linspace(2, 1, RANK), np.linspace(2e-3, 1e-3, FEATURES - RANK)])
    image = np.arange(4 * FEATURES)
    classes, small = image % RANK, RANK + image % (FEATURES - RANK)
    parts = np.zeros((len(image), FEATURES))
    parts[image, classes] = CLASS_PART
    parts[image, small] = rng.choice((-1, 1), len(image)) * np.sqrt(1 - CLASS_PART**2)
    planted = values * np.abs(parts).mean(axis=0)
    head = Head(values[:, None] * basis, None, True)
    activations = rng.lognormal(size=(len(image), 1)) * parts @ basis

    # The planted importances are descending, too.
    ranked = rank(activations, singular_directions(head.weight))
    found, shares, step = ranked.importance, np.array(fractions), 1 / len(fractions)
    accuracies = pruned_accuracies(activations, classes, head, ranked, fractions=shares)
    prunable = prunable_fraction(shares, 100 * accuracies, harmless)
    lost = 100 * np.maximum(np.arange(FEATURES) - (FEATURES - RANK), 0) / RANK
    harmed = np.flatnonzero(lost >= harmless)
    kept = int(harmed[0]) if len(harmed) else FEATURES
    worst = 0 if len(found) != FEATURES else np.argmax(np.abs(found - planted))
    rounding = FEATURES**2 * np.finfo(np.float64).eps * values[0]
    return controls(
        "",
        (
            f"Head of rank {RANK} of {FEATURES}, plus small rows: number of directions",
            *(FEATURES, len(found), 0.0),
        ),
        (
            f"Prunable share of its directions, in steps of {100 * step:g} %",
            *(max(kept - 1, 0) / FEATURES, prunable, step),
        ),
        (
            "Importance of a direction, the one that is furthest from what was planted",
            *(planted[worst], found[worst], rounding),
        ),
        ("Importance of all directions, sum", planted.sum(), found.sum(), rounding),
    )
