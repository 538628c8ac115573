"""Several encoders in one command: the options of each, their names, and whether images match."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from interpreting_clip.commands.given_files import image_names
from interpreting_clip.commands.report import Study
from interpreting_clip.errors import InputError

SHARED = ("head", "concept_rows")
"""Options that are given once for all files, or once for each."""

EACH = ("captions", "name")
"""Options that are given once for each file."""


def encoder_options(options: argparse.Namespace) -> list[argparse.Namespace]:
    """Return the options of each encoder, as if it was measured by itself.

    Raises
    ------
    InputError
        An option is not given as often as there are files.
    """
    files = options.activations or [None]
    several = len(files) > 1
    if several and options.accuracy:
        raise InputError("--accuracy: of which encoder? Expected a single FILE, or none")
    own: dict[str, Sequence[Any]] = {"activations": files}
    for option in (*SHARED, *EACH):
        name = f"--{option.replace('_', '-')}"
        own[option] = for_each(name, getattr(options, option), len(files), option in SHARED)
    shifts: dict[str, list[str]] = {}
    for name, file in options.shift:
        shifts.setdefault(name, []).append(file)
    by_name = {
        name: for_each(f"--shift {name}", given, len(files)) if several else given
        for name, given in shifts.items()
    }
    # A name that a single file has twice is refused with the other names (`require_enough`).
    own["shift"] = [
        [(name, given[place]) for name, given in by_name.items()] if several else options.shift
        for place in range(len(files))
    ]
    return [
        argparse.Namespace(
            **{**vars(options), **{key: values[place] for key, values in own.items()}}
        )
        for place in range(len(files))
    ]


def for_each(option: str, given: Sequence[Any], files: int, shared: bool = False) -> Sequence[Any]:
    """Return the value of an option for each file, in their order; None if it is not given."""
    if not given:
        return [None] * files
    if shared and len(given) == 1:
        return [*given] * files
    if len(given) != files:
        expected = f"once for each of {files} files, in their order" if files > 1 else "once"
        once = "once, or " if shared and files > 1 else ""
        raise InputError(f"{option}: expected {once}{expected}, got {len(given)}")
    return given


def name_apart(studies: Sequence[Study]) -> None:
    """Add the file's name, and then its place, to encoders of equal names."""
    for form in ("{name} ({stem})", "{name} {place}"):
        number = Counter(study.name for study in studies)
        for place, study in enumerate(studies, 1):
            if number[study.name] > 1:
                stem = study.inputs["activations"].file.stem
                study.name = form.format(name=study.name, stem=stem, place=place)


def images_that_differ(
    studies: Mapping[str, Study], given: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str, str], str]:
    """Return why encoders are not on the same images, by both names and that of a shift.

    That of a shift is empty for the activations themselves; if these differ, shifts are not asked.
    """
    reasons: dict[tuple[str, str, str], str] = {}
    for first, second in combinations(studies, 2):
        sides, arguments = (studies[first], studies[second]), (given[first], given[second])
        if why := other_images(*sides, arguments):
            reasons[first, second, ""] = why
            continue
        both = [role for role in sides[0].inputs if role in sides[1].inputs]
        for role in [role for role in both if role.startswith("shift ")]:
            if why := other_images(*sides, arguments, role):
                reasons[first, second, role.removeprefix("shift ")] = why
    return reasons


def other_images(
    first: Study, second: Study, given: tuple[Mapping[str, Any], Mapping[str, Any]], role: str = ""
) -> str:
    """Return why the images of two encoders are not the same; empty if they seem to be.

    Where both files have the names of their images, as `extract` writes them, these decide;
    otherwise their number, and the classes if both have some.

    Parameters
    ----------
    first, second : the encoders
    given : the arguments that the files of each give measures
    role : of the images, such as `shift blur`; empty: of the activations themselves
    """
    sides = (first, second)
    files = [study.inputs[role or "activations"].file for study in sides]
    names = [image_names(study.inputs[role or "activations"]) for study in sides]
    if names[0] and names[1]:
        for place, (one, other) in enumerate(zip(*names, strict=False)):
            if one != other:
                return f"image {place} is {one} in {files[0]} and {other} in {files[1]}"
    counts = [len(study.inputs[role or "activations"].values) for study in sides]
    if counts[0] != counts[1]:
        return f"{files[0]} has {counts[0]:,} images and {files[1]} {counts[1]:,}"
    tests = [one.get(role or "labels") for one in given]
    if not (names[0] and names[1]) and all(tests):
        classes = [np.asarray(one["classes"]) for one in tests if one]
        if classes[0].shape == classes[1].shape and (classes[0] != classes[1]).any():
            place = int(np.argwhere(classes[0] != classes[1])[0][0])
            return f"image {place} is of another class in {files[0]} than in {files[1]}"
    return ""
