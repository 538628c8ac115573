"""Standard models: classical classifiers of pixels and edges, computed in whole numbers.

The baseline of effective robustness is a line through models that were trained on the labelled
train set only (Taori et al. 2020). The miniature has no testbed of published models, so these take
their place: classifiers of several kinds and of very different strengths, so that the line can be
fitted over a range.

The choice is ours. It rests only on the models' own accuracies on ImageNet and on the shifts, and
on the range of the encoders' ImageNet accuracies. There are four kinds of features,
so that no kind decides the line, and four models of each, all above chance on every shift of the
miniature. Their ImageNet accuracies are near 45, 75, 90 and 98 %; but mere colours are above chance
everywhere only between 74 and 87 %, and edges with colours from 58 % on.

Every effective robustness is a distance to their line, so their accuracies must not depend on the
last bits of a CPU's kernels. They see sums of 8-bit pixels. They add and multiply only whole
numbers that their type holds exactly (below 2⁵³ in double precision, for images of up to 256
pixels), so the order does not matter. A quotient is rounded once, as IEEE 754 requires, and the
lowest class wins a tie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Float, Int, UInt8

from interpreting_clip.config.shifts import on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.statistics.predictions import ABSENT, images_of_classes, map_classes

CHUNK_SIZE = 250
"""For how many images the distances to the train set are held at a time."""

Images = UInt8[np.ndarray, "image height width channel"]
Features = Int[np.ndarray, "image feature"]
Examples = Int[np.ndarray, "example feature"]
Classes = Int[np.ndarray, " example"]
Scores = Float[np.ndarray, "image class_"] | Int[np.ndarray, "image class_"]


@dataclass(frozen=True)
class LabelledImages:
    """A dataset in memory; `class_indices` are the classes that it holds.

    `aliases` maps further classes to the class of `class_indices` that they count as.
    """

    images: Images
    classes: Int[np.ndarray, " image"]
    class_indices: Int[np.ndarray, " class_"]
    aliases: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StandardModel:
    """A classifier by its parts.

    Attributes
    ----------
    features : what it sees of an image
    scores : learns from the first images' features, their classes and the number of classes, and
        returns the last images' scores of classes 0, 1, …
    share : the fraction of the train set that it learns from, its beginning
    """

    features: Callable[[Images], Features]
    scores: Callable[[Examples, Classes, int, Features], Scores]
    share: float = 1.0


def standard_model_accuracies(
    train: LabelledImages, imagenet: LabelledImages, shifts: Mapping[str, LabelledImages], seed: int
) -> dict[str, dict[str, float]]:
    """Train every standard model and return its accuracies by the test set's name, in percent.

    They are on `imagenet`, on each shift, and on ImageNet's images of each shift's classes
    (`on_classes`). Predictions are restricted to a test set's classes, as an encoder's are.

    Raises
    ------
    InputError
        The train set is so small that some model would learn from no image.
    """
    models = standard_models(seed)
    smallest = min(model.share for model in models.values())
    if round(smallest * len(train.images)) < 1:
        raise InputError(
            f"'datasets.imagenet_train.images': {len(train.images)} are too few for a standard "
            f"model that learns from {smallest:.0%} of them; draw more"
        )
    labels, count = np.searchsorted(train.class_indices, train.classes), len(train.class_indices)
    tests = {"imagenet": imagenet, **shifts}
    size = 1 + int(train.class_indices.max())
    maps = {
        name: map_classes(test.class_indices.tolist(), size, test.aliases)
        for name, test in tests.items()
    }
    ends = np.cumsum([len(test.images) for test in tests.values()])[:-1]
    features = {
        see: (see(train.images), np.concatenate([see(test.images) for test in tests.values()]))
        for see in dict.fromkeys(model.features for model in models.values())
    }
    rows = {}
    for name, model in models.items():
        learnt, seen = features[model.features]
        part = slice(0, round(model.share * len(learnt)))
        scores = model.scores(learnt[part], labels[part], count, seen)
        parts = dict(zip(tests, np.split(scores, ends), strict=True))
        measure = partial(accuracy, train.class_indices)
        row = {test: measure(parts[test], tests[test].classes, maps[test]) for test in tests}
        for shift in shifts:
            row[on_classes(shift)] = measure(parts["imagenet"], imagenet.classes, maps[shift])
        rows[name] = row
    return rows


def accuracy(
    columns: Int[np.ndarray, " class_"],
    scores: Scores,
    classes: Int[np.ndarray, " image"],
    class_map: Int[np.ndarray, " index"],
) -> float:
    """Return the top-1 accuracy of scores among the classes of a test set, in percent.

    `columns` are the classes of the scores; the first of equal scores is predicted. Images of other
    classes than the test set's (`map_classes`) are left out.
    """
    chosen, right = images_of_classes(classes, class_map)
    counts_as = class_map[columns]
    kept = counts_as != ABSENT
    predicted = counts_as[kept][scores[chosen][:, kept].argmax(axis=1)]
    return 100.0 * float((predicted == right).mean())


def standard_models(seed: int) -> dict[str, StandardModel]:
    """Return the classifiers by name."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.tree import DecisionTreeClassifier

    grey_8, colours_8, edges_4 = partial(grey, 8), partial(colours, 8), partial(edges, 4)
    both_4, orientations_6 = partial(edges_and_colours, 4), partial(orientations, 6)
    nearest = partial(neighbours, 1)
    tree = partial(trees, DecisionTreeClassifier(random_state=seed))
    extra_trees = partial(trees, ExtraTreesClassifier(60, random_state=seed))
    return {
        "neighbours_grey_8_30%": StandardModel(grey_8, nearest, 0.3),
        "perceptron_grey_8": StandardModel(grey_8, perceptron),
        "perceptron_colours_8": StandardModel(colours_8, perceptron),
        "neighbours_colours_8": StandardModel(colours_8, nearest),
        "extra_trees_edges_4_1%": StandardModel(edges_4, extra_trees, 0.01),
        "tree_edges_4": StandardModel(edges_4, tree),
        "neighbours_edges_4_30%": StandardModel(edges_4, nearest, 0.3),
        "perceptron_edges_4": StandardModel(edges_4, perceptron),
        "perceptron_both_4_1%": StandardModel(both_4, perceptron, 0.01),
        "tree_both_4": StandardModel(both_4, tree),
        "extra_trees_both_4": StandardModel(both_4, extra_trees),
        "perceptron_both_4": StandardModel(both_4, perceptron),
        "tree_orientations_6_5%": StandardModel(orientations_6, tree, 0.05),
        "perceptron_orientations_6_2%": StandardModel(orientations_6, perceptron, 0.02),
        "mean_orientations_6_5%": StandardModel(orientations_6, class_means, 0.05),
        "neighbours_orientations_6": StandardModel(orientations_6, nearest),
    }


def colours(side: int, images: Images) -> Features:
    """Return the sums of each channel over `side` by `side` blocks of the pixels."""
    return _block_sums(images, side).reshape(len(images), -1)


def grey(side: int, images: Images) -> Features:
    """Return the sums of all channels over `side` by `side` blocks of the pixels."""
    return _block_sums(images.sum(axis=3, dtype=np.int32), side).reshape(len(images), -1)


def edges(side: int, images: Images) -> Features:
    """Return the brightness's changes in each of eight directions, over `side` by `side` blocks.

    A histogram of gradients: a pixel's gradient is the difference of its neighbours in both axes,
    its size the sum of their absolute values, its direction the octant that it points to.
    """
    brightness = images.sum(axis=3, dtype=np.int32)
    right = brightness[:, 1:-1, 2:] - brightness[:, 1:-1, :-2]
    down = brightness[:, 2:, 1:-1] - brightness[:, :-2, 1:-1]
    size = np.abs(right) + np.abs(down)
    octant = 4 * (right > 0) + 2 * (down > 0) + (np.abs(right) > np.abs(down))
    sums = [_block_sums(np.where(octant == o, size, 0), side) for o in range(8)]
    return np.stack(sums, axis=-1).reshape(len(images), -1)


def edges_and_colours(side: int, images: Images) -> Features:
    """Return `edges` and half of `colours`, which has about the same spread on drawn photos."""
    return np.concatenate([edges(side, images), colours(side, images) // 2], axis=1)


def orientations(side: int, images: Images) -> Features:
    """Return the share of an image's edges in each of four orientations, over blocks of the pixels.

    Like `edges`, but a pixel's gradient is that of the channel where it is largest, opposite
    directions count as one, and the sums are in 65,536ths of the sum over the image, so that
    neither which side is brighter nor the contrast matters.
    """
    pixels = images.astype(np.int32)
    right = pixels[:, 1:-1, 2:] - pixels[:, 1:-1, :-2]
    down = pixels[:, 2:, 1:-1] - pixels[:, :-2, 1:-1]
    strongest = (np.abs(right) + np.abs(down)).argmax(axis=3)[..., None]
    right, down = (np.take_along_axis(each, strongest, 3)[..., 0] for each in (right, down))
    size = np.abs(right) + np.abs(down)
    orientation = 2 * ((right > 0) == (down > 0)) + (np.abs(right) > np.abs(down))
    sums = [_block_sums(np.where(orientation == o, size, 0), side) for o in range(4)]
    totals = np.stack(sums, axis=-1).reshape(len(images), -1)
    return 2**16 * totals // np.maximum(totals.sum(axis=1, keepdims=True), 1)


def neighbours(
    number: int, learnt: Examples, classes: Classes, count: int, seen: Features
) -> Scores:
    """Score a class by the mean squared distance to its nearest train images, at most `number`."""
    scores = np.full((len(seen), count), -np.inf)
    examples = [learnt[classes == class_].astype(np.float64) for class_ in range(count)]
    lengths = [np.sum(rows**2, axis=1) for rows in examples]
    for start in range(0, len(seen), CHUNK_SIZE):
        chunk = seen[start : start + CHUNK_SIZE].astype(np.float64)
        squared = np.sum(chunk**2, axis=1)
        for class_, rows in enumerate(examples):
            if least := min(number, len(rows)):
                # Squared distances less the image's own squared length, which does not change their
                # order and is added below.
                distances = lengths[class_] - 2 * (chunk @ rows.T)
                nearest = np.partition(distances, least - 1, axis=1)[:, :least].sum(axis=1)
                scores[start : start + CHUNK_SIZE, class_] = -(nearest + least * squared) / least
    return scores


def class_means(learnt: Examples, classes: Classes, count: int, seen: Features) -> Scores:
    """Score a class by the squared distance to the mean of its images, in whole numbers."""
    present = np.unique(classes)
    # Whole means, so that later sums are exact in any order.
    of_class = (learnt[classes == class_] for class_ in present)
    means = [rows.sum(axis=0) // len(rows) for rows in of_class]
    return neighbours(1, np.stack(means), present, count, seen)


def trees(classifier, learnt: Examples, classes: Classes, count: int, seen: Features) -> Scores:
    """Score a class by the share that scikit-learn's trees give it; they only compare features."""
    scores = np.zeros((len(seen), count))
    classifier.fit(learnt, classes)
    scores[:, classifier.classes_] = classifier.predict_proba(seen)
    return scores


def perceptron(learnt: Examples, classes: Classes, count: int, seen: Features) -> Scores:
    """Score a class by an averaged perceptron (Freund & Schapire 1999), in batches of 50 images.

    Features have their mean subtracted, in whole numbers, and a constant feature is added.
    """
    centre = learnt.sum(axis=0) // len(learnt)
    constant = int(np.abs(learnt - centre).max())
    learnt, seen = (np.insert(each - centre, 0, constant, axis=1) for each in (learnt, seen))
    weights = np.zeros((count, learnt.shape[1]), np.int64)
    total, one_hot = weights.copy(), np.eye(count, dtype=np.int64)
    for start in 10 * list(range(0, len(learnt), 50)):
        batch, right = learnt[start : start + 50], one_hot[classes[start : start + 50]]
        weights += (right - one_hot[(batch @ weights.T).argmax(axis=1)]).T @ batch
        # The sum in place of the average: the argmax is the same, and the numbers stay whole.
        total += weights
    return seen @ total.T


def _block_sums(
    images: Images | Int[np.ndarray, "image height width"], side: int
) -> Int[np.ndarray, "image ..."]:
    # The sums of an image of 256 pixels fit into 32 bits.
    rows, columns = (np.arange(side) * length // side for length in images.shape[1:3])
    sums = np.add.reduceat(images, rows, axis=1, dtype=np.int32)
    return np.add.reduceat(sums, columns, axis=2).astype(np.int64)
