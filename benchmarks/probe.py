"""What the fit of a linear probe costs: the table of probe.md.

Drawn features of overlapping classes, correlated and in units of their own. scikit-learn's logistic
regression minimises the same objective on the same features in the same run, from zeros and down to
the same gradient. Each fit has a process of its own with one thread, and its processor time counts,
without reading the features.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.tables import Cost, Row, alone, write_table
from interpreting_clip.config.probes import ProbeSettings
from interpreting_clip.formats.arrays import read_tensors, write_tensors

PENALTIES = [0.1, 0.01, 0.001, 0.0001, 1e-05]
ONE = 0.001
TOLERANCE = 0.001
SEED = 0


class Size(NamedTuple):
    """How many images, features and classes are drawn."""

    images: int
    features: int
    classes: int


DRAWN = Size(20_000, 512, 100)
IMAGENET = Size(1_281_167, 1_024, 1_000)


class Ended(NamedTuple):
    """A head, how often its fits evaluated the objective, and their seconds of a processor."""

    weight: np.ndarray
    bias: np.ndarray
    evaluations: int
    seconds: float


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        found = rows(Path(scratch), DRAWN)
    images, features, classes = DRAWN
    title = f"A linear probe: {images:,} images, {features:,} features, {classes:,} classes"
    write_table("probe", title, found)


def rows(folder: Path, size: Size) -> list[Row]:
    """Return the lines of the table."""
    write_inputs(folder, size)
    ours, theirs = (alone(function, folder, [ONE]) for function in (probe, scikit_learn))
    whole = alone(probe, folder, PENALTIES)
    read = read_tensors(folder / "features.safetensors")
    exact, classes = read["features"].astype(np.float64), read["classes"]
    deviation = exact.std(0)
    weights = [cost.result.weight * deviation for cost in (ours, theirs)]
    difference = np.abs(weights[0] - weights[1]).max() / np.abs(weights[1]).max()
    predicted = [
        (exact @ cost.result.weight.T + cost.result.bias).argmax(1) for cost in (ours, theirs)
    ]
    accuracies = [100 * np.mean(found == classes) for found in predicted]
    seconds = [cost.result.seconds for cost in (ours, theirs, whole)]
    evaluations = [cost.result.evaluations for cost in (ours, theirs)]
    return [
        Row("one fit to all images", f"{seconds[0]:.1f} s"),
        Row("… scikit-learn, the same", f"{seconds[1]:.1f} s"),
        Row("… ratio", f"{seconds[1] / seconds[0]:.2f}", "at least 0.5"),
        Row("… iterations", f"{evaluations[0]}"),
        Row("… … scikit-learn's", f"{evaluations[1]}"),
        Row("… peak memory", f"{ours.memory:.0f} MiB"),
        Row("… … scikit-learn's", f"{theirs.memory:.0f} MiB"),
        Row("… largest difference of a weight, of the largest", f"{difference:.0e}", "under 0.05"),
        Row("… accuracy on these images", f"{accuracies[0]:.2f} %"),
        Row("… … scikit-learn's", f"{accuracies[1]:.2f} %"),
        Row(f"{len(PENALTIES)} penalties, and the fit to all images", f"{seconds[2]:.1f} s"),
        Row("… evaluations of the objective, per fit", per_fit(whole)),
        *computed(),
    ]


def per_fit(cost: Cost) -> str:
    """Return the mean number of evaluations of a fit."""
    return f"{cost.result.evaluations / (len(PENALTIES) + 1):.0f}"


def computed() -> list[Row]:
    """Return what ImageNet's train set takes, computed: no machine here has the memory."""
    images, features, classes = IMAGENET
    operations = 4 * images * features * classes
    return [
        Row(
            f"computed for {images:,} images, {features:,} features, {classes:,} classes: "
            "operations of an evaluation",
            f"{operations / 1e12:.1f} T",
        ),
        Row("… features on the device", f"{4 * images * features / 1e9:.1f} GB"),
        Row("… vectors of L-BFGS in memory", f"{8 * 24 * classes * features / 1e9:.1f} GB"),
    ]


def write_inputs(folder: Path, size: Size) -> None:
    """Write features and classes as stage `extract_train` does."""
    rng = np.random.default_rng(SEED)
    classes = rng.permutation(size.images) % size.classes
    centres = 0.1 * rng.standard_normal((size.classes, size.features))
    # A falling spectrum, as features of encoders have.
    mix = rng.standard_normal((size.features, size.features)) / np.sqrt(size.features)
    mix *= np.arange(1, size.features + 1)[:, None] ** -0.3
    drawn = rng.standard_normal((size.images, size.features), np.float32)
    features = (drawn + centres.astype(np.float32)[classes]) @ mix.astype(np.float32)
    features = features * rng.uniform(0.1, 10, size.features) + rng.standard_normal(size.features)
    arrays = {"features": features.astype(np.float32), "classes": classes}
    write_tensors(folder / "features.safetensors", arrays)


def probe(folder: Path, penalties: list[float]) -> Ended:
    """Fit our probe; with one penalty, once and to all images."""
    import torch

    from interpreting_clip.training.linear_probe import Examples, fit_probe

    torch.set_num_threads(1)
    read = read_tensors(folder / "features.safetensors")
    features, classes = np.array(read["features"]), np.array(read["classes"])
    settings, start = settings_of(penalties), time.process_time()
    if len(penalties) == 1:
        data = Examples(features, classes, "cpu")
        head = data.fit(slice(0, len(classes)), penalties[0], settings, None)
        evaluations = head.iterations
    else:
        found = fit_probe(features, classes, settings)
        head = found.head
        evaluations = head.evaluations + sum(one.evaluations for one in found.tried)
    return Ended(head.weight, head.bias, evaluations, time.process_time() - start)


def settings_of(penalties: list[float]) -> ProbeSettings:
    """Return settings that differ from the default study's in their penalties."""
    return ProbeSettings(
        images_per_class="all",
        held_out=0.1,
        penalties=penalties,
        iterations=1000,
        tolerance=TOLERANCE,
    )


def scikit_learn(folder: Path, penalties: list[float]) -> Ended:
    """Let scikit-learn do the same, standardising included."""
    import sklearn.linear_model as linear
    from threadpoolctl import threadpool_limits

    read = read_tensors(folder / "features.safetensors")
    features, classes = np.array(read["features"]), np.array(read["classes"])
    start = time.process_time()
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    standard = ((features - mean) / deviation).astype(np.float32)
    strength = 1 / (penalties[0] * len(classes))
    tolerance = TOLERANCE * first_gradient(standard, classes)
    with threadpool_limits(1):
        model: Any = linear.LogisticRegression(C=strength, tol=tolerance, max_iter=1000)
        model.fit(standard, classes)
    weight = model.coef_ / deviation
    bias = model.intercept_ - weight @ mean
    return Ended(weight, bias, int(model.n_iter_[0]), time.process_time() - start)


def first_gradient(standard: np.ndarray, classes: np.ndarray) -> float:
    """Return the largest component of the gradient where all weights are zero."""
    count = int(classes.max()) + 1
    residual = np.full((len(classes), count), 1 / count)
    residual[np.arange(len(classes)), classes] -= 1
    return float(max(np.abs(residual.T @ standard).max(), np.abs(residual.sum(0)).max())) / len(
        classes
    )


if __name__ == "__main__":
    main()
