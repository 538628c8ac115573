"""What the command `measure` computes on shifts: drops in accuracy, and effective robustness."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from interpreting_clip.catalogue import Step
from interpreting_clip.commands.given_files import GivenArray, image_names
from interpreting_clip.commands.report import Study
from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError, error_context, listed
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.accuracy_drop import AccuracyDrop, accuracy_drop
from interpreting_clip.measures.effective_robustness import (
    IMAGENET,
    SETS,
    OwnRobustness,
    effective_robustness,
    own_accuracies,
)
from interpreting_clip.statistics.own_models import ABOUT, ORIGINAL, own_models
from interpreting_clip.statistics.predictions import images_of_classes, map_classes
from interpreting_clip.statistics.published_accuracies import FEWER_CLASSES

SHIFT = "shift "
"""What the role of a shift's activations begins with, before its name."""

STANDARD = "--standard"
"""The role of the file with a user's own standard models."""


def accuracy_drops(given: Mapping[str, Any], study: Study) -> Iterator[Step]:
    """Yield the drop in accuracy on each shift whose images are the original ones, changed.

    They are if all of them have the name of an original image, as `extract` noted it. The testbed's
    shifts have other images than ImageNet.

    Raises
    ------
    InputError
        The class of an image is another than that of the original image.
    """
    for role in [role for role in given if role.startswith(SHIFT)]:
        name = role.removeprefix(SHIFT)
        if name in TESTBED_SHIFTS or not {"head", "labels"} <= given.keys():
            continue
        title = f"Accuracy drop on {name}"
        rows = paired_images(study.inputs, role)
        if isinstance(rows, str):
            study.missing[title] = rows
            continue
        original, shift = given["labels"], given[role]
        classes = original["classes"][rows]
        if classes.ndim == np.ndim(shift["classes"]) == 1:
            require_same_classes(study.inputs, role, classes, shift["classes"])
        yield f"drop_{name}", title, (role,), partial(drop, given, role, rows)


def drop(given: Mapping[str, Any], role: str, rows: Int[np.ndarray, " image"]) -> AccuracyDrop:
    """Measure the drop on a shift, for each of whose images `rows` has the original's row."""
    original, shift = given["labels"], given[role]
    classes = original["classes"][rows]
    among = {} if classes.ndim > 1 else {key: shift[key] for key in ("among", "aliases")}
    images = original["activations"]
    if not np.array_equal(rows, np.arange(len(images))):
        images = images[rows]
    return accuracy_drop(images, shift["activations"], classes=classes, **among, **given["head"])


def paired_images(inputs: Mapping[str, GivenArray], role: str) -> Int[np.ndarray, " image"] | str:
    """Return for each image of a shift the row of the original image, or why there is none."""
    shift = inputs[role]
    original, names = image_names(inputs["activations"]), image_names(shift)
    for file, known in ((inputs["activations"].file, original), (shift.file, names)):
        if not known:
            return f"the names of the images in {file}, as `extract` writes them"
    rows = rows_by_name(original, names)
    if isinstance(rows, str):
        return f"images of the same names: {rows} of {shift.file} is not one of the originals"
    return rows


def rows_by_name(
    original: Sequence[str], changed: Sequence[str]
) -> Int[np.ndarray, " image"] | str:
    """Return the row of each changed image among the original ones, or the first that has none.

    Endings such as .jpg do not count, unless two images of a set differ by nothing else.
    """
    stems = [
        [str(PurePosixPath(name).with_suffix("")) for name in one] for one in (original, changed)
    ]
    if all(len({*one}) == len(one) for one in stems):
        keys, wanted = stems
    else:
        keys, wanted = original, changed
    rows = {key: row for row, key in enumerate(keys)}
    for name, key in zip(changed, wanted, strict=True):
        if key not in rows:
            return name
    return np.array([rows[key] for key in wanted], np.int64)


def require_same_classes(
    inputs: Mapping[str, GivenArray], role: str, original: Any, changed: Any
) -> None:
    """Refuse a shift that numbers the classes of the same images in another way."""
    different = np.flatnonzero(original != changed)
    if len(different):
        shift, image = inputs[role], different[0]
        name = image_names(shift)[image]
        raise InputError(
            f"{shift.file}: {name}: expected class {original[image]}, as in "
            f"{inputs['labels'].file}, got {changed[image]}; extract both folders with the same "
            "class folders, which number the classes"
        )


class StandardFile(NamedTuple):
    """A file of a user's own standard models, and its columns."""

    file: Path
    columns: dict[str, list[str]]


def read_standard(file: Path) -> StandardFile:
    """Read a user's own standard models from a CSV."""
    if not file.is_file():
        raise InputError(f"{file}: {'is a folder' if file.is_dir() else 'no such file'}")
    table = read_table(file, [ORIGINAL])
    return StandardFile(file, {str(name): table[name].tolist() for name in table})


def own_robustness(
    given: Mapping[str, Any], study: Study, known: Mapping[str, Any]
) -> Iterator[Step]:
    """Yield the effective robustness on lines through a user's own standard models.

    Parameters
    ----------
    given, study : as in `comparable_accuracies`; `--standard` is a `StandardFile`
    known : accuracies in percent by set: `original` and shifts

    Raises
    ------
    InputError
        The file is not as `own_models` needs it, an accuracy is lacking, or one is given twice.
    """
    if STANDARD not in given:
        return
    (file, standard), measured = given[STANDARD], dict[str, str]()
    if {"head", "labels"} <= given.keys():
        names = [role.removeprefix(SHIFT) for role in given if role.startswith(SHIFT)]
        measured = {ORIGINAL: "accuracy"} | {name: f"accuracy_{name}" for name in names}
    if both := sorted(measured.keys() & known.keys()):
        raise InputError(f"--accuracy {both[0]}: the files give it too; leave one out")
    sets = {**dict.fromkeys(measured, 50), **known}  # until it is measured, any value is as good
    if ORIGINAL not in sets:
        raise InputError(
            f"{STANDARD}: also expected the accuracy on the original images: --head and --labels, "
            f"or --accuracy {ORIGINAL}=…"
        )
    there = [name for name in sets if name != ORIGINAL]
    shifts = [name for name in there if name in standard]
    columns = [name for name in standard if name not in (ORIGINAL, *ABOUT)]
    if lacking := [name for name in known if name not in (*SETS, ORIGINAL, *columns)]:
        raise InputError(
            f"--accuracy {lacking[0]}: expected the name of a column in {file}: {listed(columns)}"
        )
    if not shifts:
        wanted = " or ".join(there) or "a shift; give one with --shift NAME=FILE"
        raise InputError(f"{file}: expected a column for {wanted}; it has {listed(columns)}")
    chosen = (ORIGINAL, *shifts)
    with error_context(file, ValueError):
        own_models(standard, shifts)
    with error_context("--accuracy", ValueError):
        own_accuracies({name: sets[name] for name in chosen}, {})

    def robustness() -> OwnRobustness:
        found: dict[str, Any] = {
            name: study.results[measured[name]] if name in measured else known[name]
            for name in chosen
        }
        with error_context(file, ValueError):
            return effective_robustness(found, standard=standard)

    title = "Effective robustness among your standard models"
    yield "own_effective_robustness", title, (STANDARD,), robustness


def published_alone(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known accuracies but for those that are compared with a user's own models."""
    if STANDARD not in given:
        return dict(known)
    both = SETS if IMAGENET in known else ()
    own = {ORIGINAL, *given[STANDARD].columns}.difference(both)
    return {name: value for name, value in known.items() if name not in own}


def comparable_accuracies(
    given: Mapping[str, Any], study: Study, known: Collection[str]
) -> dict[str, Callable[[], Result]]:
    """Return, by set, how to get the accuracies that can be compared with standard models.

    A set whose accuracy is known does not count as missing, and neither does one that a user's own
    standard models were measured on.
    """
    accuracies: dict[str, Callable[[], Result]] = {}
    tests = {role.removeprefix("shift "): one for role, one in given.items() if "shift " in role}
    if "head" in given and "labels" in given:
        tests = {IMAGENET: given["labels"], **tests}
    for name, test in tests.items():
        among, imagenet = test["among"], IMAGENET in accuracies or IMAGENET in known
        classes = len(given["head"]["head"] if among is None else np.unique(among))
        reason = no_line(name, classes, test["aliases"], imagenet)
        if np.ndim(test["classes"]) > 1:
            reason = "one class for each image, as standard models are judged by"
        if reason:
            if STANDARD in given and name not in TESTBED_SHIFTS:
                reason = ""  # is compared with the user's own models
                if name not in (IMAGENET, *given[STANDARD].columns):
                    reason = f"a column `{name}` in {given[STANDARD].file}"
            if reason and name not in known:
                where = "from this accuracy" if name == IMAGENET else f"on {name}"
                study.missing[f"Effective robustness {where}"] = reason
            continue
        measure = "accuracy" if name == IMAGENET else f"accuracy_{name}"
        accuracies[name] = partial(study.results.__getitem__, measure)
        if name in FEWER_CLASSES and IMAGENET in accuracies:
            # The testbed's own abscissa of these shifts.
            with error_context(study.inputs["labels"].file, ValueError):
                accuracies[on_classes(name)] = accuracy_on_classes(given, test)
    return accuracies


def accuracy_on_classes(given: Mapping[str, Any], shift: Mapping[str, Any]) -> partial[Result]:
    """Return how to measure the accuracy on ImageNet's images of a shift's classes."""
    imagenet, among = given["labels"], {one: shift[one] for one in ("among", "aliases")}
    class_map = map_classes(shift["among"], len(given["head"]["head"]), shift["aliases"])
    chosen, counts_as = images_of_classes(imagenet["classes"], class_map)
    images = imagenet["activations"][chosen]
    return partial(accuracy, images, classes=counts_as, **among, **given["head"])


def no_line(name: str, classes: int, aliases: Any, imagenet: bool) -> str:
    """Return what an accuracy needs to be compared with the line of standard models, or nothing."""
    if name not in (IMAGENET, *TESTBED_SHIFTS):
        return (
            "a line of standard models: your own with --standard; published are those of "
            f"{', '.join(TESTBED_SHIFTS)}"
        )
    if name != IMAGENET and not imagenet:
        return "the accuracy on all 1,000 classes of ImageNet"
    if classes != (expected := SETS[name].classes):
        return f"a head and images of all {expected:,} classes of {name}; here are {classes:,}"
    if name == "objectnet" and not aliases:
        return "an array `aliases` in its file: rows of a class of ImageNet and one of ObjectNet's"
    return ""
