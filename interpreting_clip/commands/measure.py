"""The command `interpreting-clip`, and `measure`: from files to numbers, JSON and a page.

interpreting-clip measure mine.safetensors --head head.safetensors --report out
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.catalogue import (
    LONG,
    MEASURES,
    Step,
    comparisons_of_arrays,
    meaningful_steps,
    measures_of_arrays,
)
from interpreting_clip.commands.argument_checks import require_comparable, require_fit
from interpreting_clip.commands.comparison_report import write_comparison
from interpreting_clip.commands.direction_report import (
    encoder_browser,
    new_directions,
    read_photos,
    require_directions,
)
from interpreting_clip.commands.extract import add_extract
from interpreting_clip.commands.given_concepts import read_concepts
from interpreting_clip.commands.given_files import (
    NAMES,
    GivenArray,
    read_array,
    recorded_representation,
    shifts_within,
    test_set,
)
from interpreting_clip.commands.layer_arrays import pooled, read_layers
from interpreting_clip.commands.report import Study, encoder_name, require_report, write_report
from interpreting_clip.commands.several_encoders import (
    encoder_options,
    images_that_differ,
    name_apart,
)
from interpreting_clip.commands.shift_measures import (
    accuracy_drops,
    comparable_accuracies,
    own_robustness,
    published_alone,
    read_standard,
)
from interpreting_clip.comparison import compare_results
from interpreting_clip.config.machine import usable_processors
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.comparison_tables import text
from interpreting_clip.formats.result import Result
from interpreting_clip.formats.result_tables import table
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.concepts import Concepts, concepts
from interpreting_clip.measures.effective_robustness import (
    IMAGENET,
    EffectiveRobustness,
    effective_robustness,
    measured_accuracies,
)
from interpreting_clip.measures.encoder_comparison import Comparison
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
               images, if these are others; or a csv with the columns image and concept, a row
               for each object, or image and a column of 0 and 1 for each concept; or COCO's
               instances_*.json. Both are matched by the names that `extract` noted
  captions     {", ".join(NAMES["captions"][1][:3])}, …  [image, feature]
A file of a shift has classes beside the activations, and may have `class_indices`, the classes of
the set, and `aliases`, rows of a class of the head and the one that it counts as. The shifts that
`extract --shift` wrote into FILE are measured without an option.

Several FILEs are compared, on the same images in the same order. Each has its own head and classes
beside its activations, or --head once for each FILE, in their order, and --labels once for all;
--captions, --name and each --shift NAME are then given once for each FILE.
"""

NEEDS = {
    "activations": "activations, the first argument",
    "head": "--head, of the same encoder, or an array `weight` beside the activations",
    "labels": "--labels, the class of each image, or an array `classes` beside the activations",
    "concepts": "--concepts, which image shows which concept, as an array, a csv or COCO's json",
    "captions": "--captions, embeddings of what belongs to each image, in the same space",
    "compare": "a second FILE, activations of another encoder on the same images",
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
    "concept_names": ("concepts",),
    "concept_rows": ("concepts",),
    "photos": ("activations", "concepts", "report"),
    "normalize_features": ("head",),
    "name": ("report",),
}
"""Options that need others."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; options may stand between files."""
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
    several: dict[str, Any] = {"action": "append", "default": []}
    files = "activations, before L2 normalisation; several encoders are compared"
    add("activations", nargs="*", metavar="FILE", help=files)
    add("--head", metavar="FILE", help="the head's weights, and its bias", **several)
    add(
        "--normalize-features",
        action="store_true",
        help="the head takes activations of unit length, as CLIP's zero-shot heads do; a file of "
        "`extract` says so itself",
    )
    add("--labels", metavar="FILE", help="the class of each image, or which classes it shows")
    pairs: dict[str, Any] = {**several, "type": pair}
    shifts = f"{', '.join(TESTBED_SHIFTS)}, or of any other; the drop in accuracy where the images"
    shifts += " have the names of the original ones"
    add("--shift", metavar="NAME=FILE", help=f"activations and classes of {shifts}", **pairs)
    own = "your own standard models, a CSV of accuracies in percent: `original`, a column per shift"
    add("--standard", metavar="FILE", type=Path, help=own)
    shown = "which image shows which concept: an array, a table (csv), or COCO's annotations (json)"
    add("--concepts", metavar="FILE", help=shown)
    add("--concept-names", metavar="FILE", type=Path, help="names of the concepts, one a line")
    rows = "a vector for each concept, such as the text embedding of its name"
    add("--concept-rows", metavar="FILE", help=rows, **several)
    photos = "the folder that `extract` read, for pages of what directions encode in the report"
    add("--photos", metavar="FOLDER", type=Path, help=photos)
    captions = "text embeddings of what belongs to each image"
    add("--captions", metavar="FILE", help=captions, **several)
    pool = "pool activations [image, token, feature] or [image, channel, height, width]"
    add("--pool", choices=("mean", "class_token"), help=pool)
    known = "an accuracy that you know: imagenet, or original with --standard, or a shift"
    add("--accuracy", metavar="NAME=PERCENT", help=known, **pairs)
    add("--report", metavar="FOLDER", type=Path, help="where to write index.html and measures.json")
    called = "the encoder's name; default: the one in a file of `extract`, or the file's"
    add("--name", help=called, **several)
    if words and (command := commands.choices.get(words[0])):
        return command.parse_intermixed_args(words[1:])
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
    studies: list[Study] = []
    arguments: list[dict[str, Any]] = []
    each = encoder_options(options)
    for one in each:
        studies.append(Study(several=len(each) > 1))
        arguments.append(read(one, studies[-1]))
    name_apart(studies)
    known = dict(options.accuracy)
    planned = [plan(*one, known) for one in zip(arguments, studies, strict=True)]
    if options.report:
        require_report(options.report)
    if options.photos:
        require_directions(options.report)
    for remark in dict.fromkeys(remark for study in studies for remark in study.remarks):
        show(f"{remark}\n")
    comparison = None
    if len(studies) > 1:
        comparison = compare_encoders(studies, arguments, planned)
    else:
        show_missing(studies)
        for step in planned[0]:
            title = step[1]
            show(f"\n{title}\n{'-' * len(title)}\n")
            show(f"{table(measured(step, studies[0]))}\n")
    if options.report:
        of_encoders = zip(studies, arguments, strict=True) if options.photos else ()
        browsers = {one.name: encoder_browser(given, one.results) for one, given in of_encoders}
        with new_directions(options.report, browsers) as pages:
            if comparison:
                files = write_comparison(options.report, studies, comparison, pages)
            else:
                files = write_report(options.report, studies[0], pages)
        files += [options.report / page for _, page in pages]
        show("\n" + "".join(f"{file}\n" for file in files))


def plan(given: dict[str, Any], study: Study, known: Mapping[str, Any]) -> list[Step]:
    """Return the measures of an encoder that can be computed, and note what the others need."""
    planned: list[Step] = []
    for step in steps(given, study, known):
        _, title, needs, _ = step
        if lacking := [NEEDS.get(need, need) for need in needs if need not in given]:
            study.missing[title] = "; ".join(lacking)
        else:
            planned.append(step)
    return planned


def measured(step: Step, study: Study) -> Result:
    """Compute a measure, and note its result."""
    name, title, needs, measure = step
    place = study.inputs[needs[-1]].file if needs[-1] in study.inputs else needs[-1]
    with error_context(place, ValueError), error_context(place, TypeError):
        result = measure()
    study.titles[name], study.results[name] = title, result
    return result


def show_missing(studies: Sequence[Study]) -> None:
    """Print what is not measured, and what that would need; of which encoders if not of all."""
    lacking: dict[tuple[tuple[str, ...], str], list[str]] = {}
    titles = dict.fromkeys(title for study in studies for title in study.missing)
    for title in titles:
        of = [study for study in studies if title in study.missing]
        for needs in dict.fromkeys(study.missing[title] for study in of):
            names = tuple(one.name for one in of if one.missing[title] == needs)
            whom = names if len(names) < len(studies) else ()
            lacking.setdefault((whom, needs), []).append(title)
    for (names, needs), missing in lacking.items():
        of = f" of {', '.join(names)}" if names else ""
        need = "needs" if len(missing) == 1 else "need"
        show(f"Not measured{of}: {', '.join(missing)}; {need} {needs}.\n")


def compare_encoders(
    studies: Sequence[Study],
    arguments: Sequence[Mapping[str, Any]],
    planned: Sequence[Sequence[Step]],
) -> Comparison:
    """Measure several encoders, compare them, and print one table of them."""
    given = {study.name: one for study, one in zip(studies, arguments, strict=True)}
    by_name = {study.name: study for study in studies}
    reasons = images_that_differ(by_name, given)
    pairs = [pair for pair in combinations(given, 2) if (*pair, "") not in reasons]
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        require_comparable(given[name]["activations"], by_name[name].inputs["activations"].file)
    show_missing(studies)
    for study, steps_of in zip(studies, planned, strict=True):
        images, features = given[study.name]["activations"].shape
        show(f"\n{study.name}: {images:,} images, {features:,} features\n")
        for step in steps_of:
            show(f"  {step[1]}\n")
            measured(step, study)
    show("\nComparison\n")
    comparison = compare_results(
        {study.name: study.results for study in studies},
        {name: one["activations"] for name, one in given.items()},
        reasons,
    )
    show(f"\n{text(comparison)}\n")
    return comparison


def show(lines: str) -> None:
    """Print lines at once, since the next measure may take minutes."""
    sys.stdout.write(lines)
    sys.stdout.flush()


def read(options: argparse.Namespace, study: Study) -> dict[str, Any]:
    """Read the files, and return the arguments that they give measures, by what these need."""
    given: dict[str, Any] = {}
    head = None
    within: dict[str, GivenArray] = {}

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
        # Beside an npy file, `extract` writes everything else into a file of safetensors.
        within = shifts_within(images) or (shifts_within(labels) if labels else {})
    if options.head:
        head = array("head", options.head)
    if head:
        study.inputs["head"] = head
        bias = head.others.get(head.name.removesuffix("weight") + "bias")
        normalize = options.normalize_features or np.any(head.others.get("normalize_features", 0))
        given["head"] = {"head": head.values, "bias": bias, "normalize_features": normalize}
    files = [(name, read_array(place, "activations")) for name, place in options.shift]
    shifts = [*within.items(), *files]
    for name, images in shifts:
        study.inputs[f"shift {name}"] = images
        labels = images.required_beside_it("labels")
        shift = given[f"shift {name}"] = test_set(images, labels)
        if shift["among"] is None:
            shift["among"] = np.unique(labels.values)
    if options.concepts:
        given["concepts"] = read_concepts(options, study)
    if options.captions:
        given["captions"] = array("captions", options.captions).values
    if options.standard:
        given["--standard"] = read_standard(options.standard)
    require_enough(options, given, [name for name, _ in shifts], study)
    if options.photos:
        given["photos"] = read_photos(options.photos, given, study.inputs["activations"])
    if study.inputs:
        study.name = encoder_name(next(iter(study.inputs.values())).file)
    study.name = options.name or study.name
    files = {role: one.file for role, one in study.inputs.items()}
    require_fit(given, files, options.concept_names)
    return given


def require_enough(
    options: argparse.Namespace, given: Mapping[str, Any], shifts: Sequence[str], study: Study
) -> None:
    """Refuse options without the options that they need, and names that are given twice."""
    if not given and not options.accuracy:
        raise InputError("expected a FILE of activations, or --accuracy; see `measure --help`")
    # The names of several encoders are in what is printed, too.
    there = {*given, *(["report"] if options.report or study.several else [])}
    for option, needs in REQUIRES.items():
        lacking = [NEEDS[need] for need in needs if need not in there]
        if getattr(options, option) and lacking:
            raise InputError(f"--{option.replace('_', '-')}: also expected {' and '.join(lacking)}")
    # The activations and labels are those of ImageNet, or else have no line.
    accuracies = [name for name, _ in options.accuracy]
    for option, names in (("--shift", [IMAGENET, *shifts]), ("--accuracy", accuracies)):
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{option} {twice[0]}: given twice")


def steps(given: dict[str, Any], study: Study, known: Mapping[str, Any]) -> Iterator[Step]:
    """Yield every measure with what it needs; some use the results of those before them.

    The concepts are last, since they take longest.
    """
    watched: dict[str, dict[str, Any]] = {
        name: {"progress": partial(counted, MEASURES[name].title)} for name in LONG
    }
    images = study.inputs.get("activations")
    representation = recorded_representation(images.file) if images else None
    watched["kurtosis"] = {"representation": representation}
    watched["privileged_basis"]["representation"] = representation
    every = measures_of_arrays(given, watched)
    yield from meaningful_steps(every, given.get("activations"), representation)
    if "layers" in given:
        title = MEASURES["layer_outliers"].title
        measure = partial(layer_outliers, given["layers"])
        yield "layer_outliers", title, ("activations",), measure
    head = given.get("head", {})
    for role, shift in given.items():
        if role.startswith("shift "):
            name = role.removeprefix("shift ")
            measure = partial(accuracy, **shift, **head)
            yield f"accuracy_{name}", f"Accuracy on {name}", ("head", role), measure
    yield from accuracy_drops(given, study)
    yield from own_robustness(given, study, known)
    known = published_alone(given, known)
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

    if "--accuracy" in given or "--standard" not in given:
        yield "effective_robustness", "Effective robustness", ("--accuracy",), robustness
    if not study.several:
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
