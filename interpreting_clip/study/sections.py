"""All of params.yaml: its sections, and the type of each. A measure's is its `Settings`."""

from typing import Annotated

import msgspec

from interpreting_clip.datasets.broden import labels
from interpreting_clip.encoders.encoder_entries import (
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
from interpreting_clip.kernels import Kernels
from interpreting_clip.measures import (
    cka,
    concepts,
    directions,
    effective_robustness,
    kurtosis,
    modality_gap,
    mutual_neighbours,
    participation_ratio,
    privileged_basis,
    prunable,
)
from interpreting_clip.quantities import LINES, Key, Name, StrictStruct
from interpreting_clip.statistics import logit_line, published_accuracies
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEncoder, Shifts, Sources
from interpreting_clip.study.labelled_arrays import LabelledArrays
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
    labelled_arrays: dict[Key, LabelledArrays]
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
    mutual_neighbours: mutual_neighbours.Settings
    modality_gap: modality_gap.Settings
    participation_ratio: participation_ratio.Settings
    privileged_basis: privileged_basis.Settings
    prunable: prunable.Settings
