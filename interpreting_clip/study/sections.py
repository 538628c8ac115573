"""All of params.yaml: its sections, and the type of each.

A measure's section has its `Settings` and its module's name. Those that are older than this rule
are listed below; all others are found in `interpreting_clip.measures`.
"""

import pkgutil
from typing import Annotated

import msgspec

from interpreting_clip import measures
from interpreting_clip.datasets.broden import labels
from interpreting_clip.encoders.entries import (
    BackboneEntry,
    Browse,
    Comparison,
    EncoderEntry,
    Interpolation,
    Layers,
    Precision,
    Threads,
    UntrainedEntry,
)
from interpreting_clip.encoders.weight_sources import WeightsEntry
from interpreting_clip.formats import published_accuracies
from interpreting_clip.kernels import Kernels
from interpreting_clip.measures import (
    cka,
    concepts,
    directions,
    effective_robustness,
    kurtosis,
    logit_line,
)
from interpreting_clip.quantities import LINES, Key, Name, StrictStruct
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEncoder, Shifts, Sources
from interpreting_clip.study.measured_arrays import ArrayDownload, MeasuredArrays
from interpreting_clip.training.probes import HeadsWithProbe, Probe
from interpreting_clip.training.recipes import Finetune, Pretrain, Supervise, TrainingRecipe


class Study(StrictStruct, frozen=True, kw_only=True):
    """The report's title and the paragraph under it."""

    title: Name
    description: Annotated[str, msgspec.Meta(max_length=5000), LINES]


class Sections(StrictStruct, frozen=True, kw_only=True):
    """The sections of a study, in the order of params.yaml."""

    study: Study
    kernels: Kernels
    threads: Threads
    precision: Precision
    sources: Sources
    datasets: dict[Key, DatasetEntry]
    shifts: Shifts
    shift_encoders: dict[Key, ShiftEncoder]
    backbones: dict[Key, BackboneEntry]
    heads: HeadsWithProbe
    weights: dict[Key, WeightsEntry]
    recipes: dict[Key, TrainingRecipe]
    pretrain: dict[Key, Pretrain]
    finetune: dict[Key, Finetune]
    supervise: dict[Key, Supervise]
    interpolate: dict[Key, Interpolation]
    probe: dict[Key, Probe]
    encoders: dict[Key, EncoderEntry]
    untrained: dict[Key, UntrainedEntry]
    array_downloads: dict[Key, ArrayDownload]
    arrays: dict[Key, MeasuredArrays]
    layers: Layers
    comparisons: dict[Key, Comparison]
    cka: cka.Settings
    baseline: logit_line.Settings
    robustness: effective_robustness.Settings
    kurtosis: kurtosis.Settings
    directions: directions.Settings
    presence: labels.Settings
    concepts: concepts.Settings
    browse: Browse
    published: published_accuracies.Settings


def further_measures() -> dict[str, type[msgspec.Struct]]:
    """Return the settings of the measures that `Sections` does not list, by name."""
    listed = [field.type for field in msgspec.structs.fields(Sections)]
    found = {}
    for module in pkgutil.iter_modules(measures.__path__):
        # Found by name, so that a new measure needs no edit here. Stage `study` checks it, and no
        # result depends on the check.
        one = pkgutil.resolve_name(f"{measures.__name__}.{module.name}")
        settings = getattr(one, "Settings", None)
        if settings and settings not in listed:
            found[module.name] = settings
    return found


EverySection = msgspec.defstruct(
    "EverySection", list(further_measures().items()), bases=(Sections,), frozen=True, kw_only=True
)
"""`Sections` and those of all further measures."""
