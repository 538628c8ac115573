"""Standard models: classical classifiers on the principal components of pixels.

The baseline of effective robustness is a line through models that were trained on the labelled
train set alone (Taori et al. 2020). A miniature world has no testbed of published models, so these
stand in: classifiers of many kinds and strengths, so that the line has a range to be fitted over.
Which ones is our choice.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, UInt8

from stages.runtime.errors import InputError


@dataclass(frozen=True)
class LabelledImages:
    """A dataset in memory; `class_indices` are the classes that it holds.

    `aliases` are further classes, each with the one of `class_indices` that it counts as.
    """

    images: UInt8[np.ndarray, "image height width channel"]
    classes: Int[np.ndarray, " image"]
    class_indices: Int[np.ndarray, " class_"]
    aliases: Mapping[int, int] = field(default_factory=dict)


def standard_model_accuracies(
    train: LabelledImages,
    tests: Mapping[str, LabelledImages],
    components: int,
    seed: int,
    threads: int,
) -> dict[str, dict[str, float]]:
    """Train every standard model and return its accuracy on each test set by name, in percent.

    Predictions on a test set are restricted to the classes that it holds, as an encoder's are.

    Raises
    ------
    InputError
        A class has no more train images than there are components, so that its covariance is
        singular; or the part of the images that a model learns from has too few, or one class.
    """
    counts = np.bincount(train.classes, minlength=int(train.class_indices.max()) + 1)
    least = int(counts[train.class_indices].min())
    if least <= components:
        raise InputError(
            f"'baseline.components': expected fewer than the images of every class, got "
            f"{components} for a class of imagenet_train with {least}; lower it or add images"
        )
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # some are meant to be weak
        pca = PCA(components, whiten=True, svd_solver="randomized", random_state=seed)
        features = pca.fit_transform(pixels(train.images))
        projected = {name: pca.transform(pixels(test.images)) for name, test in tests.items()}
        rows = {}
        for name, (model, share) in standard_models(seed).items():
            kept = slice(0, round(share * len(features)))
            try:
                model.fit(features[kept], train.classes[kept])
            except ValueError as error:
                why = " ".join(str(error).split())
                raise InputError(
                    f"'datasets.imagenet_train.images': too few for the standard model {name}, "
                    f"which learns from {share:.0%} of them ({why}); draw more"
                ) from None
            rows[name] = {n: accuracy(model, projected[n], test) for n, test in tests.items()}
    return rows


def pixels(
    images: UInt8[np.ndarray, "image height width channel"],
) -> Float[np.ndarray, "image pixel"]:
    """Return images as rows of pixel values, 0 to 1."""
    return images.reshape(len(images), -1).astype(np.float32) / 255.0


def accuracy(model, features: Float[np.ndarray, "image component"], test: LabelledImages) -> float:
    """Return a fitted classifier's top-1 accuracy among the test set's classes, in percent.

    One that has learnt from a part of the images, none of them of these classes, gets none right.
    """
    scores = model.predict_proba(features)
    possible = [*test.class_indices.tolist(), *test.aliases]
    columns = np.flatnonzero(np.isin(model.classes_, possible))
    if not len(columns):
        return 0.0
    counts_as = [test.aliases.get(class_, class_) for class_ in model.classes_[columns].tolist()]
    predicted = np.array(counts_as)[scores[:, columns].argmax(axis=1)]
    return 100.0 * float((predicted == test.classes).mean())


def standard_models(seed: int) -> dict[str, tuple]:
    """Return the classifiers by name, each with the share of the train set that it sees."""
    from sklearn.discriminant_analysis import (
        LinearDiscriminantAnalysis,
        QuadraticDiscriminantAnalysis,
    )
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier

    def mlp(width: int) -> MLPClassifier:
        return MLPClassifier((width,), early_stopping=True, max_iter=200, random_state=seed)

    return {
        "lda_5%": (LinearDiscriminantAnalysis(), 0.05),
        "lda_25%": (LinearDiscriminantAnalysis(), 0.25),
        "lda": (LinearDiscriminantAnalysis(), 1.0),
        "qda": (QuadraticDiscriminantAnalysis(reg_param=0.1), 1.0),
        "naive_bayes": (GaussianNB(), 1.0),
        "logistic_10%": (LogisticRegression(C=0.1, max_iter=200), 0.1),
        "logistic_weak": (LogisticRegression(C=0.001, max_iter=200), 1.0),
        "logistic": (LogisticRegression(C=0.1, max_iter=200), 1.0),
        "neighbours_1": (KNeighborsClassifier(1), 1.0),
        "neighbours_15": (KNeighborsClassifier(15), 1.0),
        "neighbours_5_25%": (KNeighborsClassifier(5), 0.25),
        "forest": (RandomForestClassifier(60, max_depth=12, random_state=seed), 1.0),
        "extra_trees": (ExtraTreesClassifier(60, random_state=seed), 1.0),
        "mlp_32": (mlp(32), 1.0),
        "mlp_256": (mlp(256), 1.0),
        "mlp_256_25%": (mlp(256), 0.25),
    }
