"""The command `interpreting-clip measure`: from files to numbers, JSON and a page.

interpreting-clip measure mine.safetensors --head head.safetensors --report out
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.instruments.measure_files import (
    ACTIVATIONS,
    CLASSES,
    CONCEPTS,
    WEIGHT,
    Files,
    Measured,
    measure_files,
)
from interpreting_clip.instruments.measures_page import NUMBERS, PAGE, write_report

EPILOG = f"""\
Files are safetensors or npy. FILE.safetensors:NAME chooses an array; otherwise the first of these
names is taken, or the only array with as many dimensions:
  activations  {", ".join(ACTIVATIONS)}  [image, feature]
  classes      {", ".join(CLASSES)}  [image]; also beside the activations
  head         {", ".join(WEIGHT)}  [class, feature], with bias [class]
  concepts     {", ".join(CONCEPTS)}  [image, concept], with activations of its own images, if
               these are others
A file of a shift has classes beside the activations, and may have `class_indices`, the classes of
the set, and `aliases`, rows of a class of the head and the one that it counts as.
"""


class Options(argparse.ArgumentParser):
    """A parser of options whose errors are one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the error in the command line, and exit with 2."""
        self.exit(2, f"error: {one_line(message)}; see `{self.prog} --help`\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = Options(prog="interpreting-clip", description="Instruments for image encoders.")
    commands = options.add_subparsers(dest="command", required=True, metavar="COMMAND")
    measure = commands.add_parser(
        "measure",
        help="measure what files of activations, heads, labels and accuracies allow",
        description="Measure what the given files allow, and list what others would allow.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
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
        action="append",
        default=[],
        metavar="NAME=FILE",
        help=f"activations on a shift: {', '.join(TESTBED_SHIFTS)}, or another, which has no line",
    )
    add("--concepts", metavar="FILE", help="which image shows which concept")
    add("--concept-names", metavar="FILE", help="names of the concepts, one a line")
    add("--compare", metavar="FILE", help="activations of another encoder, for CKA")
    add(
        "--accuracy",
        action="append",
        default=[],
        metavar="NAME=PERCENT",
        help="an accuracy that you know: imagenet, or a shift",
    )
    add("--report", metavar="FOLDER", type=Path, help=f"where to write {PAGE} and {NUMBERS}")
    return options


def main(words: Sequence[str]) -> None:
    """Measure what the options name, print it, and write the report if one is asked for.

    Raises
    ------
    InputError
        Nothing is named, an option is not a pair, or as `measure_files` and `write_report`.
    """
    options = parser().parse_args(words)
    files = Files(
        activations=options.activations,
        head=options.head,
        labels=options.labels,
        shifts=pairs("--shift", options.shift),
        concepts=options.concepts,
        concept_names=options.concept_names,
        compare=options.compare,
        accuracies={
            name: number(f"--accuracy {name}", text)
            for name, text in pairs("--accuracy", options.accuracy).items()
        },
        normalize_features=options.normalize_features,
    )
    if files == Files(normalize_features=files.normalize_features):
        raise InputError("expected a FILE of activations, or --accuracy; see `measure --help`")
    study = measure_files(files, show)
    missing = (f"Not measured: {one.title}; needs {one.needs}.\n" for one in study.missing)
    sys.stdout.write("".join(missing))
    if options.report:
        write_report(options.report, study)
        sys.stdout.write(f"\n{options.report / PAGE}\n{options.report / NUMBERS}\n")


def show(one: Measured) -> None:
    """Print the table of a measure."""
    sys.stdout.write(f"{one.title}\n{'-' * len(one.title)}\n{one.result.table}\n\n")
    sys.stdout.flush()


def pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    """Return the values of an option by name.

    Raises
    ------
    InputError
        One is not NAME=VALUE, or a name is given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not (sign and name and value):
            raise InputError(f"{option} {word}: expected NAME=VALUE, such as imagenet_v2=…")
        if name in found:
            raise InputError(f"{option} {name}: given twice")
        found[name] = value
    return found


def number(option: str, text: str) -> float:
    """Return a number.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option}: expected a number, got {text}") from None


def start() -> None:
    """Run the command, and explain what is wrong with its input in one line."""
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(one_line(f"error: {error.filename or 'writing'}: {error.strerror}"))
