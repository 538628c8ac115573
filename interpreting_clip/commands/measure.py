"""The command `interpreting-clip`, and `measure`: from files to numbers, JSON and a page.

interpreting-clip measure mine.safetensors --head head.safetensors --report out
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.catalogue import (
    MEASURES,
    Step,
    comparisons_of_arrays,
    measures_of_arrays,
)
from interpreting_clip.commands.argument_checks import require_fit
from interpreting_clip.commands.extract import add_extract
from interpreting_clip.commands.given_files import NAMES, GivenArray, read_array, test_set
from interpreting_clip.commands.layer_arrays import pooled, read_layers
from interpreting_clip.commands.report import Study, encoder_name, require_report, write_report
from interpreting_clip.commands.shift_measures import comparable_accuracies
from interpreting_clip.config.machine import usable_processors
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.array_files import column_names
from interpreting_clip.formats.result_tables import table
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.concepts import Concepts, concepts
from interpreting_clip.measures.effective_robustness import (
    IMAGENET,
    EffectiveRobustness,
    effective_robustness,
    measured_accuracies,
)
from interpreting_clip.measures.layer_outliers import layer_outliers

EPILOG = f"""\
Files are safetensors, npy, npz, pt or pth. FILE:NAME chooses an array; otherwise the first of these
names is taken, or the only array with as many dimensions:
  activations  {", ".join(NAMES["activations"][1])}  [image, feature]
  classes      {", ".join(NAMES["labels"][1])}  [image]; also beside the activations.
               An array that is named may be [image, class]: which image shows which class
  head         {", ".join(NAMES["head"][1])}
               [class, feature], with bias [class]; also beside the activations
  concepts     {", ".join(NAMES["concepts"][1])}  [image, concept], with activations of its own
               images, if these are others
  captions     {", ".join(NAMES["captions"][1][:3])}, …  [image, feature]
A file of a shift has classes beside the activations, and may have `class_indices`, the classes of
the set, and `aliases`, rows of a class of the head and the one that it counts as.
"""

NEEDS = {
    "activations": "activations, the first argument",
    "head": "--head, of the same encoder, or an array `weight` beside the activations",
    "labels": "--labels, the class of each image, or an array `classes` beside the activations",
    "concepts": "--concepts, a column of 0 and 1 for each concept",
    "captions": "--captions, embeddings of what belongs to each image, in the same space",
    "compare": "--compare, activations of another encoder on the same images",
    "report": "--report",
    "--accuracy": "accuracies on ImageNet and a shift: --accuracy imagenet=… and, for example, "
    "imagenet_v2=…, in percent, or --head, --labels and --shift NAME=FILE",
}
"""By what gives the arguments of a measure, the words for it if it is lacking."""

REQUIRES = {
    "head": ("activations",),
    "labels": ("activations", "head"),
    "shift": ("activations", "head", "labels"),
    "pool": ("activations",),
    "captions": ("activations",),
    "compare": ("activations",),
    "concept_names": ("concepts",),
    "concept_rows": ("concepts",),
    "normalize_features": ("head",),
    "name": ("report",),
}
"""Options that need others."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="interpreting-clip", description="Measures of image encoders, from files of arrays."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_extract(commands)
    measure = commands.add_parser(
        "measure",
        help="measure what files of activations, heads, labels and accuracies allow",
        description="Measure what the given files allow, and list what others would allow.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measure.set_defaults(command=measure_files)
    add = measure.add_argument
    add("activations", nargs="?", metavar="FILE", help="activations, before L2 normalisation")
    add("--head", metavar="FILE", help="the head's weights, and its bias")
    add(
        "--normalize-features",
        action="store_true",
        help="the head takes activations of unit length, as CLIP's zero-shot heads do; a file of "
        "`extract` says so itself",
    )
    add("--labels", metavar="FILE", help="the class of each image, or which classes it shows")
    several: dict[str, Any] = {"action": "append", "default": [], "type": pair}
    shifts = f"{', '.join(TESTBED_SHIFTS)}; any other has an accuracy, but no effective robustness"
    add("--shift", metavar="NAME=FILE", help=f"activations and classes of {shifts}", **several)
    add("--concepts", metavar="FILE", help="which image shows which concept")
    add("--concept-names", metavar="FILE", type=Path, help="names of the concepts, one a line")
    rows = "a vector for each concept, such as the text embedding of its name"
    add("--concept-rows", metavar="FILE", help=rows)
    add("--captions", metavar="FILE", help="text embeddings of what belongs to each image")
    pool = "pool activations [image, token, feature] or [image, channel, height, width]"
    add("--pool", choices=("mean", "class_token"), help=pool)
    add("--compare", metavar="FILE", help="activations of another encoder")
    known = "an accuracy that you know: imagenet, or a shift"
    add("--accuracy", metavar="NAME=PERCENT", help=known, **several)
    add("--report", metavar="FOLDER", type=Path, help="where to write index.html and measures.json")
    called = (
        "the encoder's name in the report; default: the one in a file of `extract`, or the file's"
    )
    add("--name", help=called)
    return parser.parse_args(words)


def pair(text: str) -> tuple[str, str]:
    """Return the name and the value of `NAME=VALUE`."""
    name, _, value = text.partition("=")
    if not (name and value):
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=VALUE, such as imagenet_v2=…")
    return name, value


def main(words: Sequence[str]) -> None:
    """Run the command that the words name."""
    options = parse(words)
    options.command(options)


def measure_files(options: argparse.Namespace) -> None:
    """Measure what the options name, print it, and write the report if one is asked for.

    Everything is read and checked before the first measure is computed.

    Raises
    ------
    InputError
        Nothing is named; a file is missing or damaged, lacks the array that it is named for, or
        holds something that a measure refuses; or as `require_report`.
    """
    study = Study()
    given = read(options, study)
    planned: list[Step] = []
    for name, title, needs, measure in steps(given, study, dict(options.accuracy)):
        if lacking := [NEEDS.get(need, need) for need in needs if need not in given]:
            study.missing[title] = "; ".join(lacking)
        else:
            planned.append((name, title, needs, measure))
    if options.report:
        require_report(options.report)
    for needs in dict.fromkeys(study.missing.values()):
        titles = [title for title, one in study.missing.items() if one == needs]
        need = "needs" if len(titles) == 1 else "need"
        show(f"Not measured: {', '.join(titles)}; {need} {needs}.\n")
    for name, title, needs, measure in planned:
        show(f"\n{title}\n{'-' * len(title)}\n")
        last = needs[-1]
        place = study.inputs[last].file if last in study.inputs else last
        with error_context(place, ValueError), error_context(place, TypeError):
            result = measure()
        study.titles[name], study.results[name] = title, result
        show(f"{table(result)}\n")
    if options.report:
        files = write_report(options.report, study)
        show("\n" + "".join(f"{file}\n" for file in files))


def show(text: str) -> None:
    """Print a text at once, since the next measure may take minutes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def read(options: argparse.Namespace, study: Study) -> dict[str, Any]:
    """Read the files, and return the arguments that they give measures, by what these need."""
    given: dict[str, Any] = {}
    head = None

    def array(role: str, place: str, kind: str = "") -> GivenArray:
        study.inputs[role] = read_array(place, kind or role)
        if "activations" in (role, kind):
            study.inputs[role] = pooled(study.inputs[role], options.pool)
        return study.inputs[role]

    if options.activations:
        images = array("activations", options.activations)
        given["activations"] = images.values
        if layers := read_layers(images):
            given["layers"] = layers
        labels = array("labels", options.labels) if options.labels else images.beside_it("labels")
        if labels:
            study.inputs["labels"] = labels
            given["labels"] = test_set(images, labels)
        head = images.beside_it("head")
    if options.head:
        head = array("head", options.head)
    if head:
        study.inputs["head"] = head
        bias = head.others.get(head.name.removesuffix("weight") + "bias")
        normalize = options.normalize_features or np.any(head.others.get("normalize_features", 0))
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
        given["concepts"] = {
            "activations": images.values,
            "labels": labels.values,
            "names": column_names(labels.file, labels.name),
        }
        if options.concept_rows:
            given["concepts"]["rows"] = array("concept_rows", options.concept_rows).values
    if options.captions:
        given["captions"] = array("captions", options.captions).values
    if options.compare:
        given["compare"] = array("compare", options.compare).values
    require_enough(options, given)
    if study.inputs:
        study.name = encoder_name(next(iter(study.inputs.values())).file)
    study.name = options.name or study.name
    files = {role: one.file for role, one in study.inputs.items()}
    require_fit(given, files, options.concept_names)
    return given


def require_enough(options: argparse.Namespace, given: Mapping[str, Any]) -> None:
    """Refuse options without the options that they need, and names that are given twice."""
    if not given and not options.accuracy:
        raise InputError("expected a FILE of activations, or --accuracy; see `measure --help`")
    there = {*given, *(["report"] if options.report else [])}
    for option, needs in REQUIRES.items():
        lacking = [NEEDS[need] for need in needs if need not in there]
        if getattr(options, option) and lacking:
            raise InputError(f"--{option.replace('_', '-')}: also expected {' and '.join(lacking)}")
    # The activations and labels are those of ImageNet, or else have no line.
    shifts = [(IMAGENET, options.activations), *options.shift]
    for option, pairs in (("--shift", shifts), ("--accuracy", options.accuracy)):
        names = [name for name, _ in pairs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{option} {twice[0]}: given twice")


def steps(given: dict[str, Any], study: Study, known: Mapping[str, Any]) -> Iterator[Step]:
    """Yield every measure with what it needs; some use the results of those before them.

    The concepts are last, since they take longest.
    """
    watched: dict[str, dict[str, Any]] = {
        name: {"progress": partial(counted, MEASURES[name].title)}
        for name in ("privileged_basis", "directions", "pruning", "concepts")
    }
    yield from measures_of_arrays(given, watched)
    if "layers" in given:
        title = MEASURES["layer_outliers"].title
        measure = partial(layer_outliers, given["layers"])
        yield "layer_outliers", title, ("activations",), measure
    head = given.get("head", {})
    for role, shift in given.items():
        if role.startswith("shift "):
            name = role.removeprefix("shift ")
            measure = partial(accuracy, **shift, **head)
            yield f"accuracy_{name}", f"Accuracy on {name}", (role,), measure
    measured = comparable_accuracies(given, study, known)
    if both := sorted(measured.keys() & known.keys()):
        raise InputError(f"--accuracy {both[0]}: the files give it too; leave one out")
    if known or (IMAGENET in measured and len(measured) > 1):
        given["--accuracy"] = known
        with error_context("--accuracy", ValueError):
            # Of those that are still to be measured, any value is as good.
            measured_accuracies({**dict.fromkeys(measured, 50), **known}, {})

    def robustness() -> EffectiveRobustness:
        found: dict[str, Any] = {name: measure() for name, measure in measured.items()}
        return effective_robustness({**found, **known})

    yield "effective_robustness", "Effective robustness", ("--accuracy",), robustness
    yield from comparisons_of_arrays(given)

    def encoded() -> Concepts:
        more = {"directions": study.results.get("directions"), "workers": usable_processors()}
        return concepts(**given["concepts"], **more, **watched["concepts"])

    yield "concepts", MEASURES["concepts"].title, ("concepts",), encoded


def counted(title: str, draws: range) -> Iterator[int]:
    """Yield the draws of a long measure, and count them in a line of the terminal."""
    shown = sys.stderr.isatty()
    for draw in draws:
        if shown:
            sys.stderr.write(f"\r{title}: {draw + 1} of {len(draws)} ")
            sys.stderr.flush()
        yield draw
    if shown:
        sys.stderr.write("\r\x1b[K")  # the start of the line, and nothing from there on
