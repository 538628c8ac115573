"""The command `interpreting-clip measure`: from files to numbers, JSON and a page.

interpreting-clip measure mine.safetensors --head head.safetensors --report out
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from interpreting_clip import api
from interpreting_clip.api import IMAGENET
from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError, error_context, one_line
from interpreting_clip.formats.published_accuracies import FEWER_CLASSES, GUESSING
from interpreting_clip.given_files import NAMES, GivenArray, read_array, read_names, test_set
from interpreting_clip.measures.accuracy import Accuracy
from interpreting_clip.measures.activations import images_of_classes, map_classes
from interpreting_clip.measures.result import Result
from interpreting_clip.readable import table
from interpreting_clip.report import Study, write_report

EPILOG = f"""\
Files are safetensors or npy. FILE.safetensors:NAME chooses an array; otherwise the first of these
names is taken, or the only array with as many dimensions:
  activations  {", ".join(NAMES["activations"][1])}  [image, feature]
  classes      {", ".join(NAMES["labels"][1])}  [image]; also beside the activations
  head         {", ".join(NAMES["head"][1])}  [class, feature], with bias [class]
  concepts     {", ".join(NAMES["concepts"][1])}  [image, concept], with activations of its own
               images, if these are others
A file of a shift has classes beside the activations, and may have `class_indices`, the classes of
the set, and `aliases`, rows of a class of the head and the one that it counts as.
"""

NEEDS = {
    "activations": "activations, the first argument",
    "head": "--head, of the same encoder",
    "labels": "--labels, the class of each image, or an array `classes` beside the activations",
    "concepts": "--concepts, a column of 0 and 1 for each concept",
    "compare": "--compare, activations of another encoder on the same images",
    "--accuracy": "accuracies on ImageNet and a shift: --accuracy imagenet=… and, for example, "
    "imagenet_v2=…, in percent, or --head, --labels and --shift NAME=FILE",
}
"""What gives the arguments of a measure, and the words for it where it is lacking."""

REQUIRES = {
    "labels": ("activations",),
    "shift": ("activations", "head", "labels"),
    "compare": ("activations",),
}
"""Options that say nothing without others."""

BLOCKS = 20
"""Blocks of images of the participation ratio's interval, unless there are too few images."""


class Step(NamedTuple):
    """A measure with its arguments, and what gives these (`NEEDS`)."""

    name: str
    title: str
    needs: tuple[str, ...]
    measure: Callable[[], Result]


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="interpreting-clip", description="Measures of image encoders, from files of arrays."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    measure = commands.add_parser(
        "measure",
        help="measure what files of activations, heads, labels and accuracies allow",
        description="Measure what the given files allow, and list what others would allow.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = measure.add_argument
    add("activations", nargs="?", metavar="FILE", help="activations, before L2 normalisation")
    add("--head", metavar="FILE", help="the head's weights, and its bias")
    add(
        "--normalize-features",
        action="store_true",
        help="the head takes activations of unit length, as CLIP's zero-shot heads do",
    )
    add("--labels", metavar="FILE", help="the class of each image")
    add(
        "--shift",
        **{"action": "append", "default": [], "type": pair, "metavar": "NAME=FILE"},
        help=f"activations on a shift: {', '.join(TESTBED_SHIFTS)}, or another, which has no line",
    )
    add("--concepts", metavar="FILE", help="which image shows which concept")
    add("--concept-names", metavar="FILE", type=Path, help="names of the concepts, one a line")
    add("--compare", metavar="FILE", help="activations of another encoder, for CKA")
    add(
        "--accuracy",
        **{"action": "append", "default": [], "type": pair, "metavar": "NAME=PERCENT"},
        help="an accuracy that you know: imagenet, or a shift",
    )
    add("--report", metavar="FOLDER", type=Path, help="where to write index.html and measures.json")
    return parser.parse_args(words)


def pair(text: str) -> tuple[str, str]:
    """Return the name and the value of `NAME=VALUE`."""
    name, _, value = text.partition("=")
    if not (name and value):
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=VALUE, such as imagenet_v2=…")
    return name, value


def main(words: Sequence[str]) -> None:
    """Measure what the options name, print it, and write the report if one is asked for.

    Raises
    ------
    InputError
        Nothing is named; a file is missing or damaged, lacks the array that it is named for, or
        holds something that a measure refuses; or as `write_report`.
    """
    options, study = parse(words), Study()
    given = read(options, study)
    for step in steps(given, study, dict(options.accuracy)):
        if lacking := [NEEDS[need] for need in step.needs if need not in given]:
            study.missing[step.title] = "; ".join(lacking)
            continue
        last = step.needs[-1]
        place = study.inputs[last].file if last in study.inputs else last
        with error_context(place, ValueError), error_context(place, TypeError):
            result = step.measure()
        study.titles[step.name], study.results[step.name] = step.title, result
        sys.stdout.write(f"{step.title}\n{'-' * len(step.title)}\n{table(result)}\n\n")
        sys.stdout.flush()  # the next measure may take minutes
    for needs in dict.fromkeys(study.missing.values()):
        titles = [title for title, one in study.missing.items() if one == needs]
        sys.stdout.write(f"Not measured: {', '.join(titles)}; needs {needs}.\n")
    if options.report:
        sys.stdout.writelines(f"{file}\n" for file in write_report(options.report, study))


def read(options: argparse.Namespace, study: Study) -> dict[str, Any]:
    """Read the files, and return the arguments that they give measures, by what these need."""
    given: dict[str, Any] = {}

    def array(role: str, place: str, kind: str = "") -> GivenArray:
        study.inputs[role] = read_array(place, kind or role)
        return study.inputs[role]

    if options.activations:
        images = array("activations", options.activations)
        given["activations"] = images.values
        labels = array("labels", options.labels) if options.labels else images.beside_it("labels")
        if labels:
            study.inputs["labels"] = labels
            given["labels"] = test_set(images, labels)
    if options.head:
        head = array("head", options.head)
        bias = head.others.get(head.name.removesuffix("weight") + "bias")
        normalize = options.normalize_features
        given["head"] = {"head": head.values, "bias": bias, "normalize_features": normalize}
    for name, place in options.shift:
        images = array(f"shift {name}", place, "activations")
        labels = images.required_beside_it("labels")
        shift = given[f"shift {name}"] = test_set(images, labels)
        if shift["among"] is None:
            shift["among"] = np.unique(labels.values)
    if options.concepts:
        labels = array("concepts", options.concepts)
        images = labels.beside_it("activations") or study.inputs.get("activations")
        images = images or labels.required_beside_it("activations")
        names = read_names(options.concept_names) if options.concept_names else None
        given["concepts"] = {"activations": images.values, "labels": labels.values, "names": names}
    if options.compare:
        given["compare"] = array("compare", options.compare).values
    require_enough(options, given)
    return given


def require_enough(options: argparse.Namespace, given: Mapping[str, Any]) -> None:
    """Refuse options that say nothing without others, and names that are given twice."""
    if not given and not options.accuracy and not options.labels:
        raise InputError("expected a FILE of activations, or --accuracy; see `measure --help`")
    for option, needs in REQUIRES.items():
        lacking = [NEEDS[need] for need in needs if need not in given]
        if getattr(options, option) and lacking:
            raise InputError(f"--{option}: expected {' and '.join(lacking)} as well")
    for option, pairs in (("--shift", options.shift), ("--accuracy", options.accuracy)):
        names = [name for name, _ in pairs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{option} {twice[0]}: given twice")


def steps(given: dict[str, Any], study: Study, known: Mapping[str, Any]) -> Iterator[Step]:
    """Yield every measure with what it needs; some use the results of those before them."""
    images, test = given.get("activations"), given.get("labels", {})
    head = given.get("head", {})
    alone, with_head = ("activations",), ("activations", "head")
    kurtosis = partial(api.kurtosis, images)
    yield Step("kurtosis", "Kurtosis and outlier features", alone, kurtosis)
    blocks = BLOCKS if images is None else min(BLOCKS, len(images) // 2)
    if blocks >= 2:
        dimensions = partial(api.participation_ratio, images, blocks=blocks)
        yield Step("participation_ratio", "Participation ratio", alone, dimensions)
    else:
        study.missing["Participation ratio"] = "at least four images"
    yield Step("privileged_basis", "Privileged basis", alone, partial(api.privileged_basis, images))
    directions = partial(api.directions, images, **head)
    yield Step("directions", "Privileged directions", with_head, directions)
    with_labels = (*with_head, "labels")
    yield Step("accuracy", "Accuracy", with_labels, partial(api.accuracy, **test, **head))
    yield Step("pruning", "Pruning", with_labels, partial(api.pruning, **test, **head))
    for role, shift in given.items():
        if role.startswith("shift "):
            name = role.removeprefix("shift ")
            measure = partial(api.accuracy, **shift, **head)
            yield Step(f"accuracy_{name}", f"Accuracy on {name}", (role,), measure)
    measured = comparable_accuracies(given, study)
    if both := sorted(measured.keys() & known.keys()):
        raise InputError(f"--accuracy {both[0]}: the files give it too; leave one out")
    accuracies = {**measured, **known}
    if known or (IMAGENET in accuracies and len(accuracies) > 1):
        given["--accuracy"] = accuracies
    robustness = partial(api.effective_robustness, accuracies)
    yield Step("effective_robustness", "Effective robustness", ("--accuracy",), robustness)
    concepts = partial(
        api.concepts, **given.get("concepts", {}), directions=study.results.get("directions")
    )
    yield Step("concepts", "Concepts", ("concepts",), concepts)
    cka = partial(api.cka, images, given.get("compare"))
    yield Step("cka", "CKA", ("activations", "compare"), cka)


def comparable_accuracies(given: Mapping[str, Any], study: Study) -> dict[str, Accuracy]:
    """Return the measured accuracies that lines of standard models are for, by set."""
    found: dict[str, Accuracy] = {}
    if isinstance(own := study.results.get("accuracy"), Accuracy):
        if own.classes == len(given["head"]["head"]) == 1000:
            found[IMAGENET] = own
        else:
            study.missing["Effective robustness, from these accuracies"] = (
                f"a head and images of all 1,000 classes of ImageNet; here are {own.classes:,}"
            )
    for role, shift in given.items():
        name = role.removeprefix("shift ")
        on_shift = study.results.get(f"accuracy_{name}")
        if not isinstance(on_shift, Accuracy):
            continue
        if reason := no_line(name, on_shift.classes, shift["aliases"], IMAGENET in found):
            study.missing[f"Effective robustness on {name}"] = reason
            continue
        found[name] = on_shift
        if name in FEWER_CLASSES:
            # The testbed's own abscissa of these shifts.
            test, among = given["labels"], {one: shift[one] for one in ("among", "aliases")}
            class_map = map_classes(shift["among"], len(given["head"]["head"]), shift["aliases"])
            chosen, counts_as = images_of_classes(test["classes"], class_map)
            images = test["activations"][chosen]
            found[on_classes(name)] = api.accuracy(
                images, classes=counts_as, **among, **given["head"]
            )
    return found


def no_line(name: str, classes: int, aliases: Any, imagenet: bool) -> str:
    """Return what an accuracy needs to be compared with the line of standard models, or nothing."""
    if name not in TESTBED_SHIFTS:
        return f"a line of standard models; there is one for {', '.join(TESTBED_SHIFTS)} alone"
    if not imagenet:
        return "the accuracy on all 1,000 classes of ImageNet"
    if classes != (expected := GUESSING[name].classes):
        return f"images of all {expected:,} classes of its line; here are {classes:,}"
    if name == "objectnet" and not aliases:
        return "an array `aliases` in its file: rows of a class of ImageNet and one of ObjectNet's"
    return ""


def start() -> None:
    """Run the command, and explain what is wrong with its input in one line."""
    warnings.showwarning = lambda message, *_: sys.stderr.write(f"warning: {message}\n")
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(one_line(f"error: {error.filename or 'writing'}: {error.strerror}"))
