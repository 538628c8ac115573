"""Where a study's results come from: its datasets, its trainings, the versions and the code."""

from collections.abc import Mapping, Sequence

import msgspec

from interpreting_clip.config.datasets import Absent, DatasetEntry, RealSet
from interpreting_clip.config.own_shifts import ShiftEntry
from interpreting_clip.config.probes import Probe
from interpreting_clip.config.trainings import Finetune, Pretrain, Supervise, TrainingRecipe
from interpreting_clip.config.weight_sources import BackboneEntry
from interpreting_clip.kernels import Kernels
from page.names import DATASETS, set_names
from page.results import StudyEncoder, first_complete

TRAINED_FROM = {
    "backbones": dict[str, BackboneEntry],
    "datasets": dict[str, DatasetEntry],
    "recipes": dict[str, TrainingRecipe],
    "pretrain": dict[str, Pretrain],
    "finetune": dict[str, Finetune],
    "supervise": dict[str, Supervise],
}
"""The sections of params.yaml that say how an encoder is trained, with their types."""


class GivenFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of activations that were computed elsewhere, and the SHA-256 of its manifest."""

    folder: str
    sha256: str


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says about the origin of its results.

    `shifts` are the study's own. `given` are the encoders whose activations were computed
    elsewhere. `versions` are those of packages; `kernels` are the study's. No fingerprint of code:
    an edit that changes no result changes no byte.
    """

    datasets: Mapping[str, DatasetEntry] = {}
    shifts: Mapping[str, ShiftEntry] = {}
    recipes: Mapping[str, TrainingRecipe] = {}
    trainings: Mapping[str, Pretrain | Finetune | Supervise] = {}
    probes: Mapping[str, Probe] = {}
    given: Mapping[str, GivenFolder] = {}
    versions: Mapping[str, str] = {}
    kernels: Kernels = "native"


class DatasetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset of the study in words; only a synthetic one has a `seed`."""

    name: str
    kind: str
    source: str
    images: int | None = None
    classes: int | None = None
    seed: int | None = None
    limits: str = ""


class TrainingRow(msgspec.Struct, frozen=True, kw_only=True):
    """How an encoder was trained here."""

    name: str
    dataset: str
    recipe: str
    epochs: int
    batch_size: int
    learning_rate: float
    precision: str
    seed: int


class ProbeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a linear probe was fitted to: the features of an encoder, on a dataset."""

    name: str
    start: str
    features: str
    dataset: str


def study_names(
    datasets: Mapping[str, DatasetEntry], shifts: Mapping[str, ShiftEntry]
) -> dict[str, str]:
    """Return the names of all test sets of a study: those that it draws are called drawn.

    Parameters
    ----------
    datasets, shifts
        The entries of params.yaml; the shifts are the study's own.
    """
    testbed = {key: "imagenet_val" if key == "imagenet" else key for key in DATASETS}
    drawn = [
        key
        for key, dataset in testbed.items()
        if dataset in datasets and not isinstance(datasets[dataset], RealSet | Absent)
    ]
    return set_names(drawn) | {key: entry.label for key, entry in shifts.items()}


def dataset_rows(
    datasets: Mapping[str, DatasetEntry | ShiftEntry], encoders: Sequence[StudyEncoder]
) -> list[DatasetRow]:
    """Return the datasets in their order; a test set counts the images that were measured."""
    rows, first = [], first_complete(encoders)
    for name, entry in datasets.items():
        result = "imagenet" if name == "imagenet_val" else name
        images, classes = first.size_of(result) if first else (None, None)
        match entry:
            case Absent():
                row = DatasetRow(name=name, kind="absent", source="this study does without")
            case RealSet():
                row = _real(name, entry, images, classes)
            case _:
                row = DatasetRow(
                    name=name,
                    kind=_kind(entry),
                    source="drawn here",
                    images=images or entry.images,
                    classes=classes or len(entry.class_indices),
                    seed=entry.seed,
                )
        rows.append(row)
    return rows


def training_rows(provenance: Provenance, encoders: Sequence[StudyEncoder]) -> list[TrainingRow]:
    """Return a row for each encoder that was trained here, in their order."""
    rows = []
    for e in encoders:
        entry = provenance.trainings.get(e.key)
        if entry is None:
            continue
        recipe = provenance.recipes[entry.recipe]
        rows.append(
            TrainingRow(
                name=e.entry.label,
                dataset=entry.dataset,
                recipe=entry.recipe,
                epochs=recipe.epochs,
                batch_size=recipe.batch_size,
                learning_rate=recipe.learning_rate,
                precision=recipe.precision,
                seed=recipe.seed,
            )
        )
    return rows


def probe_rows(provenance: Provenance, encoders: Sequence[StudyEncoder]) -> list[ProbeRow]:
    """Return a row for each linear probe, in the encoders' order.

    What it was fitted to goes by its label, if it is measured itself, or else by its key.
    """
    labels = {e.key: e.entry.label for e in encoders}
    return [
        ProbeRow(
            name=e.entry.label,
            start=labels.get(entry.start, entry.start),
            features=entry.features.replace("_", " "),
            dataset=entry.dataset,
        )
        for e in encoders
        if (entry := provenance.probes.get(e.key))
    ]


def _real(name: str, entry: RealSet, images: int | None, classes: int | None) -> DatasetRow:
    if entry.hub:
        source = f"hub: {entry.hub.repository} at {entry.hub.revision}"
    elif entry.archive:
        source = ", ".join(archive.url for archive in entry.archive)
    else:
        source = f"folder: {entry.folder}"
    limits = [f"a fixed subset of about {entry.limit} images"] if entry.limit else []
    limits += ["only a part of the set is there"] if entry.partial else []
    return DatasetRow(
        name=name,
        kind=_kind(entry),
        source=source,
        images=images,
        classes=classes,
        limits="; ".join(limits) or "whole",
    )


def _kind(entry: DatasetEntry | ShiftEntry | RealSet) -> str:
    return str(type(entry).__struct_config__.tag)
