"""The checks of a study's datasets: their kinds suit their use, and they fit together."""

from collections.abc import Iterator
from typing import Any

import interpreting_clip.datasets.entries as datasets
import interpreting_clip.synthetic.world as synthetic
from interpreting_clip.config.shifts import (
    SHIFT_NAMES,
    TEST_SETS,
    TESTBED_SHIFTS,
    on_classes,
    result_name,
)
from interpreting_clip.config.syntax import short
from interpreting_clip.datasets.entries import RealShift
from interpreting_clip.study.dataset_entries import DrawnShift
from interpreting_clip.study.sections import Sections

Complaints = Iterator[str]
"""What is wrong, one line per key, with the legal values."""

LABELLED_SETS = ("imagenet_train", *TEST_SETS)
NEEDED = (*LABELLED_SETS, "broden")
"""The datasets that every study has."""

Drawn = synthetic.Labelled | synthetic.Captioned | synthetic.Adversarial
"""Drawn sets with classes."""

DATASET_KINDS = {
    "imagenet_train": Drawn | datasets.ImageNet | datasets.Absent,
    "imagenet_val": Drawn | datasets.ImageNet,
    "imagenet_v2": Drawn | datasets.ImageNetV2 | datasets.Absent,
    "imagenet_r": Drawn | datasets.ImageNetR | datasets.Absent,
    "imagenet_sketch": Drawn | datasets.ImageNetSketch | datasets.Absent,
    "objectnet": Drawn | datasets.ObjectNet | datasets.Absent,
    "imagenet_a": Drawn | datasets.ImageNetA | datasets.Absent,
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
            yield f"'datasets.{name}' is missing; a study needs {', '.join(NEEDED)}"
        elif not isinstance(entry := study.datasets[name], legal):
            kinds = ", ".join(map(tag, legal.__args__))
            yield f"'datasets.{name}.kind': got '{tag(entry)}'; legal values: {kinds}"
    for name, entry in study.datasets.items():
        if isinstance(entry, datasets.Absent) and name not in NEEDED:
            yield f"'datasets.{name}': only {', '.join(NEEDED)} can be absent; take the entry out"


def check_own_shifts(study: Sections) -> Complaints:
    """The study's own shifts have names and labels of their own, and the models that they name."""
    labels = {name.casefold(): key for key, name in SHIFT_NAMES.items()} | {"imagenet": "imagenet"}
    for key, entry in study.shifts.items():
        taken = {*NEEDED, *study.datasets, result_name(TEST_SETS[0])} & {key}
        # Results also have ImageNet accuracy on a shift's classes, under a name that is made of the
        # shift's: that of `r` would be that of `imagenet_r`.
        for other in {*TESTBED_SHIFTS, *study.shifts} - {key}:
            if on_classes(other) in (key, on_classes(key)):
                taken.add(other)
        if taken:
            yield (
                f"'shifts.{key}': expected a name of its own, which results do not use; this is "
                f"too close to '{min(taken)}'"
            )
        if (first := labels.setdefault(entry.label.casefold(), key)) != key:
            yield (
                f"'shifts.{key}.label': expected its own label, got the one of '{first}', "
                f"{short(entry.label)}"
            )
        if entry.baseline == "trained" and study.baseline.source != "trained":
            yield (
                f"'shifts.{key}.baseline': 'trained' needs standard models that are trained here, "
                "`baseline.source: trained`; legal values: none, published"
            )


def check_baseline(study: Sections) -> Complaints:
    """If standard models are trained here, the datasets allow it."""
    if study.baseline.source != "trained":
        return
    there = {name: study.datasets[name] for name in LABELLED_SETS if name in study.datasets}
    drawn = {name: entry for name, entry in there.items() if isinstance(entry, Drawn)}
    if real := [name for name in there if name not in drawn]:
        yield (
            f"'baseline.source': 'trained' needs synthetic images, '{real[0]}' is of the kind "
            f"'{tag(there[real[0]])}'; legal values: published"
        )
        return
    if (train := drawn.pop("imagenet_train", None)) is None:
        return
    classes = len(train.class_indices)
    if classes < 2 or train.images < FEWEST_PER_CLASS * classes:
        yield (
            f"'datasets.imagenet_train': expected {FEWEST_PER_CLASS} images per class, of two "
            f"classes or more, got {train.images} images of {classes}: a standard model learns "
            "from 2 % of them"
        )
    validation = drawn.get(TEST_SETS[0])
    tests = {f"datasets.{name}": entry for name, entry in drawn.items()}
    tests |= {
        f"shifts.{name}": entry
        for name, entry in study.shifts.items()
        if isinstance(entry, DrawnShift) and entry.baseline == "trained"
    }
    for name, entry in tests.items():
        if (
            study.baseline.abscissa == "shift_classes"
            and validation
            and set(entry.class_indices) - set(validation.class_indices)
        ):
            yield (
                f"'{name}.classes': expected classes of {TEST_SETS[0]}, since ImageNet "
                "accuracy is measured on them; or take `baseline.abscissa: all_classes`"
            )
        if unknown := set(entry.class_indices) - set(train.class_indices):
            yield (
                f"'{name}.classes': expected classes of imagenet_train, which the "
                f"standard models learn, got {synthetic.CLASSES[min(unknown)]}; or take published "
                "ones: `baseline.source: published`"
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
    if drawn and real:
        names = ", ".join(name.removeprefix("datasets.") for name in drawn)
        yield (
            f"'{real[0]}': the labelled sets have to be all synthetic or all real, but "
            f"{names} {'is' if len(drawn) == 1 else 'are'} synthetic"
        )
    elif not (drawn or study.shifts) and all(
        isinstance(entry, datasets.Absent | None) for entry in shifts
    ):
        yield (
            f"'datasets': at least one of {', '.join(TESTBED_SHIFTS)} has to be there, not absent, "
            "or a shift of your own under 'shifts'"
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
            yield (
                f"'{key}': needs {images:,} images, and '{TEST_SETS[0]}' has {most:,}; take lower "
                "numbers here or more images there"
            )


def tag(entry: Any) -> str:
    """Return the kind of an entry, or of its type, as params.yaml has it."""
    return str(entry.__struct_config__.tag)
