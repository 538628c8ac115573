"""Accuracies on shifts as the command `measure` compares them with standard models."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from interpreting_clip.commands.report import Study
from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import error_context
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.effective_robustness import IMAGENET, SETS
from interpreting_clip.statistics.predictions import images_of_classes, map_classes
from interpreting_clip.statistics.published_accuracies import FEWER_CLASSES


def comparable_accuracies(
    given: Mapping[str, Any], study: Study, known: Collection[str]
) -> dict[str, Callable[[], Result]]:
    """Return, by set, how to get the accuracies that can be compared with standard models.

    A set whose accuracy is known does not count as missing.
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
            if name not in known:
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
        return f"a line of standard models; only {', '.join(TESTBED_SHIFTS)} have one"
    if name != IMAGENET and not imagenet:
        return "the accuracy on all 1,000 classes of ImageNet"
    if classes != (expected := SETS[name].classes):
        return f"a head and images of all {expected:,} classes of {name}; here are {classes:,}"
    if name == "objectnet" and not aliases:
        return "an array `aliases` in its file: rows of a class of ImageNet and one of ObjectNet's"
    return ""
