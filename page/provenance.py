"""Where a study's results come from: its datasets, its trainings, the versions and the code."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from interpreting_clip.datasets.entries import Absent, CocoEntry, RealSet
from interpreting_clip.kernels import Kernels
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEntry
from interpreting_clip.training.probes import Probe
from interpreting_clip.training.recipes import Finetune, Pretrain, Supervise, TrainingRecipe
from page.names import DATASETS, set_names
from page.study_results import StudyEncoder, first_complete, own_shifts


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says about the origin of its results.

    `shifts` are the study's own. `given` are the sources, in params.yaml, of the encoders whose
    activations were computed elsewhere. `versions` are those of packages. No fingerprint of code:
    an edit that changes no result changes no byte.
    """

    datasets: Mapping[str, DatasetEntry] = {}
    shifts: Mapping[str, ShiftEntry] = {}
    recipes: Mapping[str, TrainingRecipe] = {}
    trainings: Mapping[str, Pretrain | Finetune | Supervise] = {}
    probes: Mapping[str, Probe] = {}
    given: Mapping[str, Mapping[str, str]] = {}
    versions: Mapping[str, str] = {}
    kernels: Kernels = "native"


def study_names(
    datasets: Mapping[str, DatasetEntry], shifts: Mapping[str, ShiftEntry]
) -> dict[str, str]:
    """Return the names of all test sets of a study; synthetic sets are named as such."""
    testbed = {key: "imagenet_val" if key == "imagenet" else key for key in DATASETS}
    synthetic = [
        key
        for key, dataset in testbed.items()
        if dataset in datasets and not isinstance(datasets[dataset], RealSet | Absent)
    ]
    return set_names(synthetic) | {key: entry.label for key, entry in shifts.items()}


def concept_set(datasets: Mapping[str, DatasetEntry]) -> str:
    """Return the name of the set that a study's concepts are from."""
    return "COCO" if isinstance(datasets.get("broden"), CocoEntry) else "Broden"


def all_synthetic(datasets: Mapping[str, DatasetEntry]) -> bool:
    """Return whether a study has images, all of them synthetic."""
    sets = [entry for entry in datasets.values() if not isinstance(entry, Absent)]
    return bool(sets) and not any(isinstance(entry, RealSet) for entry in sets)


def dataset_rows(
    datasets: Mapping[str, DatasetEntry | ShiftEntry], encoders: Sequence[StudyEncoder]
) -> list[dict[str, Any]]:
    """Return the datasets; test sets have the images and classes that were measured."""
    first, rows = first_complete(encoders), []
    robustness = first.results.robustness if first else None
    own = {shift: results.robustness for shift, results in own_shifts(encoders).items()}
    on_shifts = {**(robustness.per_shift if robustness else {}), **own}
    for name, entry in datasets.items():
        row = {"name": name, "kind": type(entry).__struct_config__.tag, "entry": entry}
        drawn = not isinstance(entry, RealSet | Absent)
        if robustness and name == "imagenet_val":
            images, classes = robustness.imagenet_images, robustness.imagenet_classes
            row |= {"images": images, "classes": classes}
        elif robustness and (shift := on_shifts.get(name)):
            compared = shift.imagenet_images
            row |= {"images": shift.images, "classes": shift.classes, "compared": compared}
        elif drawn:
            row |= {"images": entry.images, "classes": len(entry.class_indices)}
        rows.append(row | {"drawn": drawn, "absent": isinstance(entry, Absent)})
    return rows
