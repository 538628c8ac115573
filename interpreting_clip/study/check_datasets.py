"""The checks of a study's datasets and arrays: their kinds suit their use, and they fit together.

No file of images or arrays is read; tables of standard models are, since they are in git.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import interpreting_clip.datasets.entries as datasets
import interpreting_clip.synthetic.world as synthetic
from interpreting_clip.config.params import problem
from interpreting_clip.config.shifts import (
    SHIFT_NAMES,
    SHIFTS,
    TEST_SETS,
    TESTBED_SHIFTS,
    on_classes,
    result_name,
)
from interpreting_clip.config.syntax import short
from interpreting_clip.datasets.entries import RealSet, RealShift, tag
from interpreting_clip.datasets.imagenet import IMAGES, read_imagenet_classes
from interpreting_clip.datasets.own_classes import own_set
from interpreting_clip.errors import InputError
from interpreting_clip.study.dataset_entries import DrawnShift
from interpreting_clip.study.measured_arrays import DOWNLOADED, IN_GIT, NONE
from interpreting_clip.study.sections import Sections
from interpreting_clip.training.saved_baseline import read_baseline_table

BASELINES = Path("data/baselines")
"""The tables of standard models, in git."""

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
    "broden": synthetic.ProbeSet | datasets.BrodenEntry | datasets.CocoEntry | datasets.Absent,
}
"""The kinds that each needed dataset can be of."""

IMAGENET_VAL, IMAGENET_CLASSES = IMAGES["imagenet"][0], 1000
"""The number of images in ImageNet's validation set, and of ImageNet's classes."""


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
    arrays = study.arrays.items()
    labels = dict[str, tuple[str, str]]()
    labels |= {path: ("shifts", label.casefold()) for path, label in shifts.items()}
    labels |= {f"encoders.{key}": ("encoders", one.label) for key, one in study.encoders.items()}
    labels |= {f"arrays.{key}": (f"arrays {one.section}", one.label) for key, one in arrays}
    for key, one in study.labelled_arrays.items():
        labels[f"labelled_arrays.{key}"] = f"labelled {one.section}", one.label
    first: dict[tuple[str, str], str] = {}
    for path, label in labels.items():
        if (other := first.setdefault(label, path)) != path:
            yield problem(f"{path}.label", f"expected its own label, got the one of '{other}'")


def check_own_shifts(study: Sections) -> Complaints:
    """The study's own shifts have names of their own, legal classes, and their standard models."""
    for key, entry in study.shifts.items():
        taken = {*NEEDED, *study.datasets, result_name(TEST_SETS[0])} & {key}
        # Results also have ImageNet accuracy on a shift's classes, under a name that is made of the
        # shift's: that of `r` would be that of `imagenet_r`.
        others = {*TESTBED_SHIFTS, *study.shifts} - {key}
        if taken := taken | {name for name in others if on_classes(name) == on_classes(key)}:
            yield problem(
                f"shifts.{key}", f"this name is too close to '{min(taken)}'; take another"
            )
        if entry.baseline == "published":
            every = study.baseline.abscissa == "all_classes"
            try:
                read_baseline_table(BASELINES, key, "imagenet" if every else on_classes(key))
            except InputError as error:
                yield problem(f"shifts.{key}.baseline", str(error))
        if isinstance(entry, RealShift):
            yield from check_own_classes(f"shifts.{key}", entry)
        if entry.baseline == "trained" and study.baseline.source != "trained":
            yield problem(
                f"shifts.{key}.baseline",
                "'trained' needs standard models that are trained here, `baseline.source: trained`",
                "none, published",
            )


def check_own_classes(path: str, entry: RealShift) -> Complaints:
    """The classes of a real shift are ImageNet's, each named once, and all of them have images."""
    try:
        known = own_set(entry, read_imagenet_classes())
    except ValueError as error:
        yield problem(path, str(error))
    else:
        if known.every_class:
            yield from check_limit(path, entry, len(known.class_indices))


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
        tests = {f"datasets.{name}": entry for name, entry in drawn.items()}
        tests |= {
            f"shifts.{name}": entry
            for name, entry in study.shifts.items()
            if isinstance(entry, DrawnShift) and entry.baseline == "trained"
        }
        yield from check_classes(study, tests, set(train.class_indices))


def check_classes(study: Sections, tests: dict[str, Any], learnt: set[int]) -> Complaints:
    """The standard models learn all test sets' classes; ImageNet's set has the shifts' classes."""
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
    """Sets with classes are all drawn or all real, since no head fits both; a shift is present."""
    there = {f"datasets.{name}": entry for name, entry in study.datasets.items()}
    there |= {f"shifts.{name}": entry for name, entry in study.shifts.items()}
    drawn = [path for path, entry in there.items() if isinstance(entry, Drawn)]
    labelled = datasets.ImageNetLike | RealShift
    real = [path for path, entry in there.items() if isinstance(entry, labelled)]
    world = f"datasets.{TEST_SETS[0]}"
    kind, odd = "real", drawn if world in real else []
    if world in drawn:
        kind, odd = "synthetic; studies/local.yaml is a study of real images", real
    if odd:
        wrong = f"sets with classes have to be all synthetic or all real, and '{world}' is {kind}"
        yield problem(odd[0], wrong)
    for key, entry in study.encoders.items():
        tower = getattr(study.weights.get(key), "tower", "")
        if world in drawn and entry.head == "trained" and tower == "trained":
            wrong = f"the head is for ImageNet's 1,000 classes, and '{world}' is {kind}"
            yield problem(f"encoders.{key}.head", wrong)
    if not study.shifts and all(
        isinstance(study.datasets.get(name), datasets.Absent | None) for name in TESTBED_SHIFTS
    ):
        yield problem(
            "datasets",
            f"at least one of {', '.join(TESTBED_SHIFTS)} has to be there, not absent, or a shift "
            "of your own under 'shifts'",
        )


def check_probed_sets(study: Sections) -> Complaints:
    """A probe learns from at least two images of each class of its head, which is for all."""
    for key, entry in study.probe.items():
        dataset = study.datasets.get(entry.dataset)
        if entry.dataset in TEST_SETS or not isinstance(dataset, Drawn | datasets.ImageNetLike):
            continue
        drawn = isinstance(dataset, Drawn)
        every = len(synthetic.CLASSES) if drawn else IMAGENET_CLASSES
        images = dataset.images if drawn else dataset.limit
        shown = len(dataset.class_indices) if drawn else class_count(dataset)
        if shown < every:
            wrong = f"'{entry.dataset}' has {shown} of the {every:,} classes that the head is for"
            yield problem(f"probe.{key}.dataset", f"{wrong}; name a dataset that has all")
        elif images is not None and images < 2 * every:
            wrong = f"'{entry.dataset}' has {images:,} images, and two of each class are needed"
            yield problem(f"probe.{key}.dataset", f"{wrong}; take {2 * every:,} or more")


def class_count(entry: datasets.ImageNetLike) -> int:
    """Return how many classes a published set has."""
    return SHIFTS[tag(entry)].classes if tag(entry) in SHIFTS else IMAGENET_CLASSES


def check_limit(path: str, entry: RealSet, classes: int) -> Complaints:
    """A `limit` leaves an image of each class."""
    if entry.limit is not None and entry.limit < classes and not entry.partial:
        wrong = f"got {entry.limit:,}, which leaves no image of some of the {classes:,} classes"
        yield problem(f"{path}.limit", wrong, f"{classes:,} or more")


def check_subsets(study: Sections) -> Complaints:
    """Limits leave an image of each class, and enough of the validation set for all measures."""
    for name, entry in study.datasets.items():
        if isinstance(entry, datasets.ImageNetLike):
            yield from check_limit(f"datasets.{name}", entry, class_count(entry))
    if (validation := study.datasets.get(TEST_SETS[0])) is None:
        return
    drawn = isinstance(validation, synthetic.Recipe)
    most = validation.images if drawn else getattr(validation, "limit", None) or IMAGENET_VAL
    whole = isinstance(validation, RealSet) and not validation.partial
    if whole and most > IMAGENET_CLASSES:
        most -= most % IMAGENET_CLASSES  # the same number of each class
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
        in_git = is_in_git(entry.file)
        if not in_git and entry.file not in files:
            legal = ["data/arrays/….safetensors", *(files or [DOWNLOADED.format(key="<download>")])]
            yield problem(f"arrays.{key}.file", f"there is no {short(entry.file)}", legal)
        elif in_git and not entry.sha256:
            wrong = f"is missing; `sha256sum {entry.file}` prints it"
            yield problem(f"arrays.{key}.sha256", wrong)
        if entry.head == NONE and (entry.classes != NONE or entry.bias or entry.normalize_features):
            wrong = "there is none, which `classes`, `bias` and `normalize_features` would need"
            yield problem(f"arrays.{key}.head", f"{wrong}; name one, or take them out")


def is_in_git(file: str) -> bool:
    """Say whether a file of arrays lies where git tracks them."""
    return bool(IN_GIT.fullmatch(file)) and Path(file).is_file()


def check_labelled_arrays(study: Sections) -> Complaints:
    """Activations are those of an entry of `arrays`; labels are in git or downloaded."""
    activations = sorted({entry.file for entry in study.arrays.values()})
    downloads = [DOWNLOADED.format(key=key) for key in study.array_downloads]
    for key, entry in study.labelled_arrays.items():
        if entry.file not in activations:
            wrong = f"got {short(entry.file)}; expected the file of an entry of `arrays`"
            yield problem(f"labelled_arrays.{key}.file", wrong, activations)
        if not is_in_git(entry.labelled) and entry.labelled not in downloads:
            wrong = f"there is no {short(entry.labelled)}"
            legal = ["data/arrays/….safetensors", *downloads]
            yield problem(f"labelled_arrays.{key}.labelled", wrong, legal)
