"""What activations and a linear head tell: accuracy, privileged directions, pruning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.instruments.arguments import (
    Array,
    as_classes,
    as_count,
    as_flag,
    as_mapping,
    as_matrix,
    as_vector,
    checked,
    numeric,
    require_equal,
)
from interpreting_clip.instruments.readable import Readable
from interpreting_clip.measures import directions as of_directions
from interpreting_clip.measures import effective_robustness as of_shifts
from interpreting_clip.measures import pruning as of_pruning
from interpreting_clip.measures.accuracy import ABSENT, correct_predictions, map_classes
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.result import Label


@dataclass(frozen=True, repr=False, eq=False)
class Accuracy(Readable):
    """Top-1 accuracy in percent, with the accuracy of guessing.

    Attributes
    ----------
    guessing : the accuracy that is expected of guessing, in percent
    correct : whether each image's highest logit is that of its class
    """

    INTERVAL: ClassVar[str] = "Interval: Wilson's score interval. Chance: guessing."

    accuracy: Annotated[Estimate, Label("top-1 accuracy", 1, unit="%", chance="guessing")]
    images: Annotated[int, Label("images", 0)]
    classes: Annotated[int, Label("classes to choose from", 0)]
    guessing: float
    correct: Bool[np.ndarray, " image"]


@dataclass(frozen=True, repr=False, eq=False)
class PrivilegedDirections(Readable, of_directions.Result):
    """The directions that a head reads, the most important first.

    Attributes
    ----------
    random_importance_ratio : mean of `importance_ratio` over random heads; None without them
    vectors : a unit row for each direction
    singular_values : of the head, one for each
    importance : `σ_i · mean_n |cos(v_i, h_n)|`, descending
    logit_variance : the share of the logits' variance over classes that runs through each
    random_importance : mean importance of the directions of random heads, descending
    """

    INTERVAL: ClassVar[str] = (
        "Chance: the mean of random heads with the same singular values, whose directions lie in "
        "the same span."
    )

    importance_ratio: Annotated[
        float, Label("largest importance / median", 1, chance="random_importance_ratio")
    ]
    random_importance_ratio: float | None
    vectors: Float[np.ndarray, "direction feature"]
    singular_values: Float[np.ndarray, " direction"]
    importance: Float[np.ndarray, " direction"]
    logit_variance: Float[np.ndarray, " direction"]
    random_importance: Float[np.ndarray, " ranked"]


@dataclass(frozen=True, repr=False, eq=False)
class Pruning(Readable):
    """Accuracy without the least important directions.

    Attributes
    ----------
    by_accuracy : the largest share of the directions whose removal costs less than `harmless`
        points
    accuracy_chance : its mean over random heads; None without them
    fractions : the pruned shares of the directions, 0 to below 1
    accuracy : in percent at each share
    random_accuracy : the same of each random head
    """

    INTERVAL: ClassVar[str] = "Chance: the mean of random heads, pruned in the same way."

    by_accuracy: Annotated[
        float, Label("share of the directions that can be pruned", 2, chance="accuracy_chance")
    ]
    whole: Annotated[float, Label("accuracy with all directions", 1, unit="%")]
    accuracy_chance: float | None
    fractions: Float[np.ndarray, " fraction"]
    accuracy: Float[np.ndarray, " fraction"]
    random_accuracy: Float[np.ndarray, "random fraction"]


def accuracy(
    activations: Array,
    head: Array,
    classes: Array,
    *,
    bias: Array | None = None,
    normalize_features: bool = False,
    among: Array | None = None,
    aliases: Mapping[int, int] | None = None,
    confidence: float = 0.95,
) -> Accuracy:
    """Measure the share of images whose highest logit is that of their class.

    Parameters
    ----------
    activations : a row for each image and a column for each feature, before L2 normalisation
    head : a row of weights for each class and a column for each feature
    classes : the class of each image, a row of the head
    bias : of the head, one number for each class
    normalize_features : whether the head takes activations of unit length, as CLIP's do; this
        changes the prediction only if there is a bias
    among : the classes of the test set, if the head has more: it chooses only among these, as for
        ImageNet-R, ImageNet-A and ObjectNet; None: all
    aliases : further classes of the head, each with the class that it counts as (ObjectNet)
    confidence : of the interval (`measures.effective_robustness.accuracy_interval`)

    Raises
    ------
    TypeError, ValueError
        An argument is not an array of finite numbers, sizes do not match, or a class does
        not exist.
    """
    values, linear = activations_and_head(activations, head, bias, normalize_features)
    truth = as_classes(classes, "classes", len(values), len(linear.weight))
    settings = checked(of_shifts.Settings, confidence=confidence, seed=0)
    class_map = class_map_among(among, aliases, len(linear.weight))
    offered = len(np.unique(class_map[class_map != ABSENT]))
    correct = correct_predictions(values, truth, linear, class_map)
    right, images = int(np.count_nonzero(correct)), len(correct)
    interval = of_shifts.accuracy_interval(
        of_shifts.Accuracy(right / images, images), settings.confidence
    )
    return Accuracy(
        accuracy=Estimate(100 * right / images, 100 * interval.low, 100 * interval.high),
        images=images,
        classes=offered,
        guessing=100 / offered,
        correct=correct,
    )


def directions(
    head: Array,
    activations: Array,
    *,
    normalize_features: bool = False,
    centre: of_directions.Centre = "classes",
    random_heads: int = 20,
    random_head_seed: int = 1,
) -> PrivilegedDirections:
    """Find the directions that a head reads and how important each is (`measures.directions`).

    The right singular vectors of the head, with `importance_i = σ_i · mean_n |cos(v_i, h_n)|`
    (Crabbé et al. 2024).

    Parameters
    ----------
    head : a row of weights for each class and a column for each feature
    activations : a row for each image, with as many features
    normalize_features : as in `accuracy`; it enters the shares of the logits' variance
    centre : `classes`: of the head minus its mean row, which changes no prediction (ours);
        `none`: of the head unchanged, the paper's
    random_heads, random_head_seed : the heads of the null; 0 leaves it out

    Raises
    ------
    TypeError, ValueError
        As `accuracy`; the head tells no classes apart.
    """
    values, linear = activations_and_head(activations, head, None, normalize_features)
    settings, randoms = head_settings(centre, 10, 1.0, random_heads, random_head_seed)
    weight = linear.weight
    found = of_directions.singular_directions(weight, settings.centre)
    importance = of_directions.importance(values, found)
    order = of_pruning.least_important_first(importance)[::-1]
    shares = logit_variance_shares(second_moment(values, linear), weight, found.vectors)
    of_random = [
        np.flip(np.sort(of_directions.importance(values, one)))
        for one in random_directions(found, settings, randoms)
    ]
    ratios = [importance_ratio(one) for one in of_random]
    return PrivilegedDirections(
        directions=len(order),
        importance_ratio=importance_ratio(importance),
        spectrum=of_directions.spectrum_participation(found.singular_values),
        mean_row=of_directions.mean_row(weight).energy,
        random_importance_ratio=float(np.mean(ratios)) if ratios else None,
        vectors=found.vectors[order],
        singular_values=found.singular_values[order],
        importance=importance[order],
        logit_variance=shares[order],
        random_importance=np.mean(of_random, axis=0) if of_random else np.empty(0),
    )


def pruning(
    activations: Array,
    head: Array,
    classes: Array,
    *,
    bias: Array | None = None,
    normalize_features: bool = False,
    among: Array | None = None,
    aliases: Mapping[int, int] | None = None,
    centre: of_directions.Centre = "classes",
    pruning_steps: int = 10,
    harmless: float = 1.0,
    random_heads: int = 20,
    random_head_seed: int = 1,
) -> Pruning:
    """Measure accuracy without the least important directions (`measures.pruning`).

    Parameters
    ----------
    activations, head, classes, bias, normalize_features, among, aliases : as in `accuracy`
    centre, random_heads, random_head_seed : as in `directions`
    pruning_steps : n: the shares 0, 1 / n, … (n − 1) / n of the directions are removed; 10 in the
        paper
    harmless : how many points of accuracy a prunable share may cost; ours

    Raises
    ------
    TypeError, ValueError
        As `accuracy` and `directions`.
    """
    values, linear = activations_and_head(activations, head, bias, normalize_features)
    truth = as_classes(classes, "classes", len(values), len(linear.weight))
    settings, randoms = head_settings(
        centre, pruning_steps, harmless, random_heads, random_head_seed
    )
    found = of_directions.singular_directions(linear.weight, settings.centre)
    class_map = class_map_among(among, aliases, len(linear.weight))
    fractions = np.array(settings.fractions)
    curves = [
        100
        * of_pruning.pruned_accuracies(
            values,
            truth,
            linear,
            one,
            of_directions.importance(values, one),
            fractions=fractions,
            class_map=class_map,
        )
        for one in (found, *random_directions(found, settings, randoms))
    ]
    own, *others = (
        of_pruning.prunable_fraction(fractions, curve, settings.harmless) for curve in curves
    )
    return Pruning(
        by_accuracy=own,
        whole=float(curves[0][0]),
        accuracy_chance=float(np.mean(others)) if others else None,
        fractions=fractions,
        accuracy=curves[0],
        random_accuracy=np.array(curves[1:]).reshape(-1, len(fractions)),
    )


def activations_and_head(
    activations: Array, head: Array, bias: Array | None, normalize_features: Any
) -> tuple[Float[np.ndarray, "image feature"], Head]:
    """Return activations and a head that fit each other.

    Raises
    ------
    TypeError, ValueError
        One is not an array of finite numbers, or they do not fit.
    """
    values = as_matrix(activations, "activations")
    weight = as_matrix(head, "head", "class")
    require_equal("the head", weight.shape[1], "activations", values.shape[1], "features")
    offset = None if bias is None else as_vector(bias, "bias", len(weight), "classes")
    return values, Head(weight, offset, as_flag(normalize_features, "normalize_features"))


def class_map_among(among: Array | None, aliases: Any, classes: int) -> Int[np.ndarray, " class_"]:
    """Return what each class of the head counts as on the test set.

    Raises
    ------
    TypeError, ValueError
        They are not classes of the head, or there are aliases and no `among`.
    """
    pairs = as_mapping(aliases, "aliases", "{530: 409}")
    if among is None:
        if pairs:
            raise ValueError("aliases: expected `among` as well, the classes of the test set")
        return np.arange(classes)
    listed = numeric(among, "among")
    kept = np.unique(as_classes(listed, "among", listed.size, classes))
    return map_classes(kept.tolist(), classes, pairs)


def head_settings(
    centre: Any, pruning_steps: Any, harmless: Any, random_heads: Any, random_head_seed: Any
) -> tuple[of_directions.Settings, int]:
    """Return the settings of the directions, and the number of random heads, which may be 0.

    Raises
    ------
    ValueError
        A setting is out of its range.
    """
    count = as_count(random_heads, "random_heads", 0)
    settings = checked(
        of_directions.Settings,
        centre=centre,
        pruning_steps=pruning_steps,
        harmless=harmless,
        # A study has a null; who only wants the directions may do without.
        random_heads=max(count, 1),
        random_head_seed=random_head_seed,
    )
    return settings, count


def random_directions(
    found: of_directions.Directions, settings: of_directions.Settings, count: int
) -> list[of_directions.Directions]:
    """Return the directions of random heads with the same singular values and span."""
    return [
        of_directions.rotated_directions(found, settings.random_head_seed, draw)
        for draw in range(count)
    ]


def importance_ratio(importance: Float[np.ndarray, " direction"]) -> float:
    """Return the largest importance over the median one."""
    return float(importance.max() / np.median(importance))
