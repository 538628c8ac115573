"""The checks of a study's datasets and arrays: their kinds suit their use, and they fit together.

No file of images or arrays is read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import interpreting_clip.datasets.entries as datasets
import interpreting_clip.synthetic.world as synthetic
from interpreting_clip.config.params import problem
from interpreting_clip.config.shifts import (
    SHIFT_NAMES,
    TEST_SETS,
    TESTBED_SHIFTS,
    on_classes,
    result_name,
)
from interpreting_clip.config.syntax import short
from interpreting_clip.datasets.entries import RealShift, tag
from interpreting_clip.study.dataset_entries import DrawnShift
from interpreting_clip.study.measured_arrays import DOWNLOADED, IN_GIT, NONE
from interpreting_clip.study.sections import Sections

Complaints = Iterator[str]
"""What is wrong, one line per key (`problem`)."""

LABELLED_SETS = ("imagenet_train", *TEST_SETS)
NEEDED = (*LABELLED_SETS, "broden")
"""The datasets that every study has."""

Drawn = synthetic.Labelled | synthetic.Captioned | synthetic.Adversarial
"""Drawn sets with classes."""

DATASET_KINDS = {
    "imagenet_train": Drawn | datasets.ImageNet | datasets.Absent,
    "imagenet_val": Drawn | datasets.ImageNet,
    **{name: Drawn | datasets.IMAGENET_LIKE[name] | datasets.Absent for name in TESTBED_SHIFTS},
    "broden": synthetic.ProbeSet | datasets.BrodenEntry | datasets.Absent,
}
"""The kinds that each needed dataset can be of."""

FEWEST_PER_CLASS = 50
"""Images per class that the standard models need: one of them learns from only 2 %."""

IMAGENET_VAL = 50_000
"""The number of images in ImageNet's validation set."""


def check_needed_datasets(study: Sections) -> Complaints:
    """The datasets that every study needs are there, and of a kind that agrees with their name."""
    for name, legal in DATASET_KINDS.items():
        if name not in study.datasets:
            yield problem(f"datasets.{name}", "is missing; a study needs it")
        elif not isinstance(entry := study.datasets[name], legal):
            yield problem(f"datasets.{name}.kind", f"got '{tag(entry)}'", map(tag, legal.__args__))
    for name, entry in study.datasets.items():
        if isinstance(entry, datasets.Absent) and name not in NEEDED:
            yield problem(
                f"datasets.{name}", f"only {', '.join(NEEDED)} can be absent; take it out"
            )


def check_labels(study: Sections) -> Complaints:
    """No two encoders, shifts, or arrays of one section of the page have the same label."""
    shifts = {"imagenet": "ImageNet", **SHIFT_NAMES}
    shifts |= {f"shifts.{key}": entry.label for key, entry in study.shifts.items()}
    arrays, labels = study.arrays.items(), dict[str, tuple[str, str]]()
    labels |= {path: ("shifts", label.casefold()) for path, label in shifts.items()}
    labels |= {f"encoders.{key}": ("encoders", one.label) for key, one in study.encoders.items()}
    labels |= {f"arrays.{key}": (f"arrays {one.section}", one.label) for key, one in arrays}
    first: dict[tuple[str, str], str] = {}
    for path, label in labels.items():
        if (other := first.setdefault(label, path)) != path:
            yield problem(f"{path}.label", f"expected its own label, got the one of '{other}'")


def check_own_shifts(study: Sections) -> Complaints:
    """The study's own shifts have names of their own, and the standard models that they name."""
    for key, entry in study.shifts.items():
        taken = {*NEEDED, *study.datasets, result_name(TEST_SETS[0])} & {key}
        # Results also have ImageNet accuracy on a shift's classes, under a name that is made of the
        # shift's: that of `r` would be that of `imagenet_r`.
        for other in {*TESTBED_SHIFTS, *study.shifts} - {key}:
            if on_classes(other) in (key, on_classes(key)):
                taken.add(other)
        if taken:
            yield problem(
                f"shifts.{key}", f"this name is too close to '{min(taken)}'; take another"
            )
        if entry.baseline == "trained" and study.baseline.source != "trained":
            yield problem(
                f"shifts.{key}.baseline",
                "'trained' needs standard models that are trained here, `baseline.source: trained`",
                "none, published",
            )


def check_baseline(study: Sections) -> Complaints:
    """If standard models are trained here, the datasets allow it."""
    there = {name: study.datasets[name] for name in LABELLED_SETS if name in study.datasets}
    drawn = {name: entry for name, entry in there.items() if isinstance(entry, Drawn)}
    if study.baseline.source != "trained":
        return
    if real := [name for name in there if name not in drawn]:
        wrong = (
            f"'trained' needs synthetic images, '{real[0]}' is of the kind '{tag(there[real[0]])}'"
        )
        yield problem("baseline.source", wrong, "published")
    elif train := drawn.pop("imagenet_train", None):
        classes = len(train.class_indices)
        if classes < 2 or train.images < FEWEST_PER_CLASS * classes:
            yield problem(
                "datasets.imagenet_train",
                f"got {train.images} images of {classes} classes; a standard model learns from 2 % "
                f"of them",
                f"{FEWEST_PER_CLASS} images per class or more, of two classes or more",
            )
        tests = {f"datasets.{name}": entry for name, entry in drawn.items()}
        tests |= {
            f"shifts.{name}": entry
            for name, entry in study.shifts.items()
            if isinstance(entry, DrawnShift) and entry.baseline == "trained"
        }
        yield from check_classes(study, tests, set(train.class_indices))


def check_classes(study: Sections, tests: dict[str, Any], learnt: set[int]) -> Complaints:
    """The standard models learn the classes of every test set; ImageNet's has those of shifts."""
    validation = study.datasets.get(TEST_SETS[0])
    measured = {*validation.class_indices} if isinstance(validation, Drawn) else set[int]()
    for name, entry in tests.items():
        classes = set(entry.class_indices)
        if study.baseline.abscissa == "shift_classes" and measured and classes - measured:
            yield problem(
                f"{name}.classes",
                f"ImageNet accuracy is measured on these, and {TEST_SETS[0]} lacks some; add them "
                "there, or take `baseline.abscissa: all_classes`",
            )
        if unknown := classes - learnt:
            yield problem(
                f"{name}.classes",
                f"imagenet_train, from which the standard models learn, has no "
                f"{synthetic.CLASSES[min(unknown)]}; add it there, or take `baseline.source: "
                "published`",
            )


def check_worlds(study: Sections) -> Complaints:
    """The labelled sets are all drawn or all real, since no head fits both; a shift is present."""
    there = {f"datasets.{name}": study.datasets.get(name) for name in LABELLED_SETS}
    there |= {f"shifts.{name}": entry for name, entry in study.shifts.items()}
    drawn = [name for name, entry in there.items() if isinstance(entry, synthetic.Recipe)]
    real = [
        name for name, entry in there.items() if isinstance(entry, datasets.RealEntry | RealShift)
    ]
    shifts = [study.datasets.get(name) for name in TESTBED_SHIFTS]
    absent = all(isinstance(entry, datasets.Absent | None) for entry in shifts)
    if drawn and real:
        yield problem(
            real[0],
            f"the labelled sets have to be all synthetic or all real, and {drawn[0]} is synthetic",
        )
    elif absent and not (drawn or study.shifts):
        yield problem(
            "datasets",
            f"at least one of {', '.join(TESTBED_SHIFTS)} has to be there, not absent, or a shift "
            "of your own under 'shifts'",
        )


def check_subsets(study: Sections) -> Complaints:
    """The validation set has enough images for layers, untrained encoders and measures."""
    if (validation := study.datasets.get(TEST_SETS[0])) is None:
        return
    drawn = isinstance(validation, synthetic.Recipe)
    most = validation.images if drawn else getattr(validation, "limit", None) or IMAGENET_VAL
    needed = {"layers.images": study.layers.images}
    needed |= {f"untrained.{key}.images": null.images for key, null in study.untrained.items()}
    sections = ((name, getattr(study, name)) for name in study.__struct_fields__)
    needed |= {name: getattr(one, "least_images", 0) for name, one in sections}
    for key, images in needed.items():
        if images > most:
            wrong = f"needs {images:,} images, and '{TEST_SETS[0]}' has {most:,}"
            yield problem(key, f"{wrong}; take lower numbers here or more images there")


def check_arrays(study: Sections) -> Complaints:
    """Files of arrays are in git or downloaded, and classes have a head."""
    files = {DOWNLOADED.format(key=key): key for key in study.array_downloads}
    for key, entry in study.arrays.items():
        in_git = IN_GIT.fullmatch(entry.file) and Path(entry.file).is_file()
        if not in_git and entry.file not in files:
            legal = ["data/arrays/….safetensors", *(files or [DOWNLOADED.format(key="<download>")])]
            yield problem(f"arrays.{key}.file", f"there is no {short(entry.file)}", legal)
        elif in_git and not entry.sha256:
            wrong = f"is missing; `sha256sum {entry.file}` prints it"
            yield problem(f"arrays.{key}.sha256", wrong)
        if entry.head == NONE and (entry.classes != NONE or entry.bias or entry.normalize_features):
            wrong = "there is none, which `classes`, `bias` and `normalize_features` would need"
            yield problem(f"arrays.{key}.head", f"{wrong}; name one, or take them out")
    used = {entry.file for entry in study.arrays.values()}
    for file, key in files.items():
        if file not in used:
            wrong = "nothing uses it; take it out, or name it as a `file`"
            yield problem(f"array_downloads.{key}", wrong)
