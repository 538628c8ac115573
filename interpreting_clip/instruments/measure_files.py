"""From files to every measure that they allow, and which file would allow the others."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_accuracies import FEWER_CLASSES, GUESSING
from interpreting_clip.instruments import svg
from interpreting_clip.instruments.arguments import numeric
from interpreting_clip.instruments.from_accuracies import IMAGENET, effective_robustness
from interpreting_clip.instruments.from_activations import (
    kurtosis,
    outlier_features,
    participation_ratio,
    privileged_basis,
)
from interpreting_clip.instruments.from_head import Accuracy, accuracy, directions, pruning
from interpreting_clip.instruments.from_labels import concepts
from interpreting_clip.instruments.from_two_encoders import cka
from interpreting_clip.instruments.readable import Readable
from interpreting_clip.instruments.tensor_files import Found, find, open_arrays, pick
from interpreting_clip.measures.accuracy import images_of_classes, map_classes

ACTIVATIONS = ("activations", "features", "embeddings", "image_features")
CLASSES = ("classes", "labels", "targets")
WEIGHT = ("weight", "head.weight", "head", "classifier.weight", "fc.weight", "W")
CONCEPTS = ("concepts", "labels")

BLOCKS = 20
"""Blocks of images of the participation ratio's interval, unless there are too few images."""

BARS = 50
"""The most features whose share of images is drawn."""


@dataclass(frozen=True)
class Files:
    """The files that a user names, as `path` or `path:array`; None for those that are missing."""

    activations: str | None = None
    head: str | None = None
    labels: str | None = None
    shifts: Mapping[str, str] = field(default_factory=dict)
    concepts: str | None = None
    concept_names: str | None = None
    compare: str | None = None
    accuracies: Mapping[str, float] = field(default_factory=dict)
    normalize_features: bool = False


@dataclass(frozen=True)
class Measured:
    """A measure with its result, and its charts as SVG."""

    name: str
    title: str
    result: Readable
    charts: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotMeasured:
    """A measure that the files do not allow, and what would."""

    title: str
    needs: str


@dataclass(frozen=True)
class ImageSet:
    """Activations with the class of each image.

    `among` are the classes that the set has, and `aliases` further classes with those that they
    count as; None and empty for a set of all classes of the head.
    """

    values: np.ndarray
    classes: np.ndarray | None
    among: np.ndarray | None
    aliases: dict[int, int]


@dataclass
class Study:
    """What was read, measured and not measured; `show` sees each measure when it is there."""

    show: Callable[[Measured], object]
    inputs: dict[str, Found] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    missing: list[NotMeasured] = field(default_factory=list)

    def add(self, one: Measured | NotMeasured) -> None:
        """Keep a measure, or why there is none."""
        if isinstance(one, Measured):
            self.measured.append(one)
            self.show(one)
        else:
            self.missing.append(one)

    def file(self, role: str) -> Path:
        """Return the file that was read for a purpose."""
        return self.inputs[role].source.file


def measure_files(files: Files, show: Callable[[Measured], object]) -> Study:
    """Measure all that the files allow.

    Parameters
    ----------
    files : where they are
    show : is called with each measure as soon as it is there: the next may take minutes

    Raises
    ------
    InputError
        A file is missing or damaged, lacks the array that it is named for, or holds something that
        a measure refuses; names the file.
    """
    study = Study(show)
    test = read_test_set(study, "activations", files.activations, files.labels)
    head, bias = read_head(study, files.head)
    if test is None:
        study.add(
            NotMeasured(
                "Kurtosis, outlier features, participation ratio, privileged basis",
                "a file of activations, as the first argument",
            )
        )
    else:
        with refused(study.file("activations")):
            for one in of_activations(test.values):
                study.add(one)
    accuracies: dict[str, float | Accuracy] = {}
    if test is None or head is None:
        study.add(
            NotMeasured(
                "Privileged directions, accuracy and pruning",
                f"{'--head' if head is None else 'activations'}, of the same encoder",
            )
        )
        if files.shifts:
            raise InputError(
                "--shift: expected activations and a --head as well; for accuracies that you know, "
                "use --accuracy"
            )
    else:
        linear = {"bias": bias, "normalize_features": files.normalize_features}
        accuracies = with_head(study, files, test, head, linear)
    with_accuracies(study, files, accuracies)
    with_concepts(study, files, test)
    if files.compare is None:
        study.add(
            NotMeasured("CKA", "--compare, activations of another encoder on the same images")
        )
    elif test is None:
        raise InputError("--compare: expected activations to compare with, as the first argument")
    else:
        other = read_array(
            study, "compare", files.compare, ACTIVATIONS, dimensions=2, what="activations"
        )
        with refused(study.file("compare")):
            study.add(Measured("cka", "CKA", cka(test.values, other.values)))
    return study


def of_activations(values: np.ndarray) -> Iterator[Measured | NotMeasured]:
    """Yield what activations alone allow."""
    found = kurtosis(values)
    marks = {"mean": found.kurtosis.value, "after a random rotation": found.isotropic}
    chart = svg.histogram(
        found.per_image,
        marks,
        "kurtosis of an image's features",
        "images",
        f"Kurtosis of {len(values):,} images, {found.kurtosis.value:.2f} on average",
    )
    yield Measured("kurtosis", "Kurtosis", found, (chart,))
    outliers = outlier_features(values)
    shares = np.flip(np.sort(outliers.share_of_every_feature))[:BARS]
    ranks = np.arange(1.0, len(shares) + 1)
    chart = svg.curves(
        {
            "features, the most extreme first": (ranks, shares),
            "what an outlier feature has": (ranks, np.full(len(ranks), 0.5)),
        },
        "rank of the feature",
        "share of images",
        f"Share of images in which each of {len(shares)} features lies beyond 6 σ",
    )
    yield Measured("outlier_features", "Outlier features", outliers, (chart,))
    blocks = min(BLOCKS, len(values) // 2)
    if blocks >= 2:
        yield Measured(
            "participation_ratio",
            "Participation ratio",
            participation_ratio(values, blocks=blocks),
        )
    else:
        yield NotMeasured("Participation ratio", "at least four images")
    yield Measured("privileged_basis", "Privileged basis", privileged_basis(values))


def with_head(
    study: Study, files: Files, test: ImageSet, head: np.ndarray, linear: Mapping[str, Any]
) -> dict[str, float | Accuracy]:
    """Add what activations and a head allow; return accuracies by the name of the set."""
    normalize = linear["normalize_features"]
    with refused(study.file("head")):
        found = directions(head, test.values, normalize_features=normalize)
    ranks = np.arange(1.0, len(found.importance) + 1)
    chart = svg.curves(
        {"this head": (ranks, found.importance), "random heads": (ranks, found.random_importance)},
        "rank of the direction",
        "importance",
        f"Importance of {len(ranks)} directions, and of those of random heads",
    )
    study.add(Measured("directions", "Privileged directions", found, (chart,)))
    if test.classes is None:
        study.add(
            NotMeasured(
                "Accuracy and pruning",
                "--labels, the class of each image, or an array `classes` beside the activations",
            )
        )
        if files.shifts:
            raise InputError("--shift: expected --labels of the ImageNet activations as well")
        return {}
    with refused(study.file("labels" if "labels" in study.inputs else "activations")):
        own = accuracy(
            test.values, head, test.classes, among=test.among, aliases=test.aliases, **linear
        )
        study.add(Measured("accuracy", "Accuracy", own))
        curve = pruning(
            test.values, head, test.classes, among=test.among, aliases=test.aliases, **linear
        )
    chart = svg.curves(
        {
            "this head": (curve.fractions, curve.accuracy),
            "random heads": (curve.fractions, curve.random_accuracy.mean(axis=0)),
        },
        "share of the directions that are pruned",
        "accuracy, %",
        "Accuracy without the least important directions",
    )
    study.add(Measured("pruning", "Pruning", curve, (chart,)))
    accuracies: dict[str, float | Accuracy] = {}
    if own.classes == len(head) == 1000:
        accuracies[IMAGENET] = own
    else:
        study.add(
            NotMeasured(
                "Effective robustness, from these accuracies",
                f"a head and images of all 1,000 classes of ImageNet, which the lines of standard "
                f"models are for; here are {own.classes:,}",
            )
        )
    for name, place in files.shifts.items():
        shift = read_test_set(study, f"shift {name}", place, None)
        if shift is None or shift.classes is None:
            raise InputError(
                f"--shift {name}: {place}: expected an array with the class of each image, called "
                f"{' or '.join(CLASSES)}, beside the activations"
            )
        with refused(study.file(f"shift {name}")):
            among = np.unique(shift.classes) if shift.among is None else shift.among
            found = accuracy(
                shift.values, head, shift.classes, among=among, aliases=shift.aliases, **linear
            )
            study.add(Measured(f"accuracy_{name}", f"Accuracy on {name}", found))
            if reason := no_line(name, found, shift, accuracies):
                study.add(NotMeasured(f"Effective robustness on {name}", reason))
                continue
            accuracies[name] = found
            if name in FEWER_CLASSES:
                # The testbed's own abscissa of these shifts.
                class_map = map_classes(among.tolist(), len(head), shift.aliases)
                chosen, counts_as = images_of_classes(numeric(test.classes, "labels"), class_map)
                accuracies[on_classes(name)] = accuracy(
                    np.asarray(test.values)[chosen],
                    head,
                    counts_as,
                    among=among,
                    aliases=shift.aliases,
                    **linear,
                )
    return accuracies


def no_line(
    name: str, found: Accuracy, shift: ImageSet, accuracies: Mapping[str, float | Accuracy]
) -> str:
    """Say why an accuracy cannot be compared with the line of standard models, or nothing."""
    if name not in TESTBED_SHIFTS:
        return f"a line of standard models; there is one for {', '.join(TESTBED_SHIFTS)} alone"
    if IMAGENET not in accuracies:
        return "the accuracy on all 1,000 classes of ImageNet"
    expected = GUESSING[name].classes
    if found.classes != expected:
        return (
            f"images of all {expected:,} classes of the shift, which its line is for; here are "
            f"{found.classes:,}, and fewer are easier to tell apart"
        )
    if name == "objectnet" and not shift.aliases:
        return (
            "an array `aliases` in its file, rows of two classes: further classes of ImageNet, and "
            "those of ObjectNet's that they count as"
        )
    return ""


def with_accuracies(study: Study, files: Files, accuracies: dict[str, float | Accuracy]) -> None:
    """Add effective robustness, if there are accuracies on ImageNet and on a shift."""
    if both := sorted(accuracies.keys() & files.accuracies.keys()):
        raise InputError(f"--accuracy {both[0]}: the files give it too; leave one out")
    every = {**accuracies, **files.accuracies}
    known = IMAGENET in every and any(shift in every for shift in TESTBED_SHIFTS)
    if not known and not files.accuracies:
        study.add(
            NotMeasured(
                "Effective robustness",
                "accuracies on ImageNet and a shift: --accuracy imagenet=… and, for example, "
                "imagenet_v2=…, in percent, or --head, --labels and --shift NAME=FILE",
            )
        )
        return
    with refused("--accuracy"):
        found = effective_robustness(every)
    rows = [(s, one.value, one.low, one.high) for s, one in found.per_shift.items()]
    mean = found.robustness
    chart = svg.intervals(
        [*rows, ("mean", mean.value, mean.low, mean.high)],
        0.0,
        "effective robustness, points",
        f"Effective robustness, {mean.value:.1f} points on average",
    )
    study.add(Measured("effective_robustness", "Effective robustness", found, (chart,)))


def with_concepts(study: Study, files: Files, test: ImageSet | None) -> None:
    """Add the concepts of features and directions, if there are labels of concepts."""
    if files.concepts is None:
        study.add(NotMeasured("Concepts", "--concepts, a column of 0 and 1 for each concept"))
        return
    labels = read_array(
        study, "concepts", files.concepts, CONCEPTS, dimensions=2, what="labels of concepts"
    )
    own = find(labels.source, ACTIVATIONS, 2)
    if own is None and test is None:
        raise InputError(
            f"{labels.source.file}: expected the activations of its images, called "
            f"{' or '.join(ACTIVATIONS)}, in this file, or as the first argument"
        )
    values = own.values if own is not None else test.values if test else None
    found = next((one.result for one in study.measured if one.name == "directions"), None)
    names = None if files.concept_names is None else read_names(Path(files.concept_names))
    with refused(study.file("concepts")):
        result = concepts(values, labels.values, found, names=names)
    precisions = result.direction_precisions if found else result.feature_precisions
    chart = svg.histogram(
        precisions.max(axis=0),
        {"threshold": 0.9},
        "highest average precision of a " + ("direction" if found else "feature"),
        "concepts",
        f"Highest average precision for each of {len(result.names)} concepts",
    )
    study.add(Measured("concepts", "Concepts", result, (chart,)))


def read_test_set(
    study: Study, role: str, place: str | None, labels: str | None
) -> ImageSet | None:
    """Read activations, and the classes of their images where there are any."""
    if place is None:
        if labels is not None:
            raise InputError("--labels: expected activations of these images as the first argument")
        return None
    found = read_array(study, role, place, ACTIVATIONS, dimensions=2, what="activations")
    arrays = found.source.arrays
    beside = find(found.source, CLASSES, 1)
    if labels is not None:
        beside = read_array(study, "labels", labels, CLASSES, dimensions=1, what="classes")
        arrays = {**arrays, **beside.source.arrays}
    among, aliases = arrays.get("class_indices"), arrays.get("aliases")
    if aliases is not None and (aliases.ndim != 2 or aliases.shape[1] != 2):
        raise InputError(
            f"{found.source.file}: 'aliases': expected rows of two classes, got the shape "
            f"{list(aliases.shape)}"
        )
    pairs = {} if aliases is None else {int(a): int(b) for a, b in aliases.tolist()}
    return ImageSet(found.values, beside.values if beside else None, among, pairs)


def read_head(study: Study, place: str | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Read the weights of a head, and its bias if there is one beside them."""
    if place is None:
        return None, None
    found = read_array(study, "head", place, WEIGHT, dimensions=2, what="weights of a head")
    name = found.name.removesuffix("weight") + "bias"
    return found.values, found.source.arrays.get(name)


def read_array(
    study: Study, role: str, place: str, names: tuple[str, ...], *, dimensions: int, what: str
) -> Found:
    """Read an array, and remember where it came from."""
    source, chosen = open_arrays(place)
    study.inputs[role] = pick(source, chosen, names, dimensions, what)
    return study.inputs[role]


def read_names(file: Path) -> list[str]:
    """Read the names of concepts, one a line.

    Raises
    ------
    InputError
        There is no such file, or it is not text.
    """
    try:
        return file.read_text("utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: expected a text with one name a line ({error})") from None


@contextmanager
def refused(place: object) -> Iterator[None]:
    """Put a file or an option in front of what a measure says of its array.

    Raises
    ------
    InputError
        A measure refused an argument.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise InputError(f"{place}: {error}") from error
