"""Standard models: classical classifiers of pixels and edges, computed in whole numbers.

The baseline of effective robustness is a line through models that were trained on the labelled
train set only (Taori et al. 2020). The miniature has no testbed of published models, so these take
their place: classifiers of twelve kinds of features and of very different strengths, so that the
line can be fitted over a range.

Models that see the same features make the same errors, so a kind of features is a family: intervals
resample kinds, not models. For them to mean something there are many kinds and only two models of
each, and kind and strength are not confounded: one of the two is below 80 % on ImageNet, the other
above. The choice is ours. It rests only on the models' own accuracies, from 43 to 99 % on ImageNet
and above chance on every shift of the miniature, and on the range of the encoders' ImageNet
accuracies. Histograms of colours and opponent colours are left out: no classifier of theirs is
above chance on ImageNet-Sketch.

Every effective robustness is a distance to their line, so their accuracies must not depend on the
last bits of a CPU's kernels. They see whole numbers (`pixel_features`). They add and multiply only
whole numbers that their type holds exactly (below 2⁵³ in double precision, for images of up to 256
pixels), so the order does not matter. A quotient is rounded once, as IEEE 754 requires, and the
lowest class wins a tie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.config.shifts import on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.statistics.predictions import ABSENT, images_of_classes, map_classes
from interpreting_clip.training import pixel_features
from interpreting_clip.training.pixel_features import Features, Images

CHUNK_SIZE = 250
"""For how many images the distances to the train set are held at a time."""

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
    kind : of its features
    features : what it sees of an image
    scores : learns from the first images' features, their classes and the number of classes, and
        returns the last images' scores of classes 0, 1, …
    share : the fraction of the train set that it learns from, its beginning
    """

    kind: str
    features: Callable[[Images], Features]
    scores: Callable[[Examples, Classes, int, Features], Scores]
    share: float = 1.0


def standard_model_accuracies(
    train: LabelledImages, imagenet: LabelledImages, shifts: Mapping[str, LabelledImages], seed: int
) -> list[dict[str, Any]]:
    """Train every standard model and measure its accuracies, in percent.

    They are on `imagenet`, on each shift, and on ImageNet's images of each shift's classes
    (`on_classes`). Predictions are restricted to a test set's classes, as an encoder's are.

    Returns
    -------
    the `name` and the `family` of each model, which is its kind of features, and its accuracies by
    the test set's name

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
    rows = []
    for name, model in models.items():
        learnt, seen = features[model.features]
        part = slice(0, round(model.share * len(learnt)))
        scores = model.scores(learnt[part], labels[part], count, seen)
        parts = dict(zip(tests, np.split(scores, ends), strict=True))
        measure = partial(accuracy, train.class_indices)
        row: dict[str, Any] = {"name": name, "family": model.kind}
        row |= {test: measure(parts[test], tests[test].classes, maps[test]) for test in tests}
        for shift in shifts:
            row[on_classes(shift)] = measure(parts["imagenet"], imagenet.classes, maps[shift])
        rows.append(row)
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
    """Return the classifiers by name: two of each kind of features."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.tree import DecisionTreeClassifier

    classifiers = {
        "neighbours": partial(neighbours, 1),
        "means": class_means,
        "perceptron": perceptron,
        "tree": partial(trees, DecisionTreeClassifier(random_state=seed)),
        "extra_trees": partial(trees, ExtraTreesClassifier(60, random_state=seed)),
    }
    see = pixel_features
    # By kind: what the models see, and which classifier learns from which share of the train set.
    kinds = {
        "grey": (partial(see.grey, 8), {"tree": 1.0, "neighbours": 1.0}),
        "colours": (partial(see.colours, 8), {"neighbours": 0.3, "perceptron": 1.0}),
        "darkest": (partial(see.darkest, 8), {"perceptron": 0.02, "extra_trees": 1.0}),
        "ranges": (partial(see.ranges, 8), {"perceptron": 0.02, "extra_trees": 1.0}),
        "silhouettes": (partial(see.silhouettes, 8), {"neighbours": 0.1, "perceptron": 1.0}),
        "edges_and_colours": (partial(see.edges_and_colours, 4), {"tree": 1.0, "perceptron": 1.0}),
        "edges": (partial(see.edges, 4), {"extra_trees": 0.01, "perceptron": 1.0}),
        "orientations": (partial(see.orientations, 6), {"tree": 0.05, "neighbours": 1.0}),
        "patterns": (partial(see.patterns, 4), {"extra_trees": 0.02, "perceptron": 1.0}),
        "curvatures": (partial(see.curvatures, 4), {"means": 0.02, "neighbours": 0.3}),
        "filters": (partial(see.filters, 4, seed), {"means": 1.0, "perceptron": 1.0}),
        "profiles": (see.profiles, {"means": 0.02, "perceptron": 1.0}),
    }
    return {
        f"{name}_{kind}" + (f"_{share:.0%}" if share < 1 else ""): StandardModel(
            kind, features, classifiers[name], share
        )
        for kind, (features, learners) in kinds.items()
        for name, share in learners.items()
    }


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
