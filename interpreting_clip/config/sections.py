"""All of params.yaml: its sections, and the type of each."""

from interpreting_clip.config.datasets import DatasetEntry, Sources
from interpreting_clip.config.encoders import (
    AnyBackbone,
    Comparison,
    EncoderEntry,
    Heads,
    Interpolation,
    Layers,
    Precision,
    Threads,
)
from interpreting_clip.config.measures import (
    BaselineSettings,
    BrowseSettings,
    ConceptsSettings,
    ControlsSettings,
    CorrelationSettings,
    DirectionsSettings,
    KurtosisSettings,
    PresenceSettings,
    PublishedSettings,
    RobustnessSettings,
    Study,
)
from interpreting_clip.config.quantities import Key, StrictStruct
from interpreting_clip.config.trainings import Finetune, Pretrain, Supervise, TrainingRecipe
from interpreting_clip.config.weight_sources import WeightsEntry
from interpreting_clip.kernels import Kernels


class Sections(StrictStruct, frozen=True, kw_only=True):
    """The sections of a study, in the order of params.yaml."""

    study: Study
    kernels: Kernels
    threads: Threads
    precision: Precision
    sources: Sources
    datasets: dict[Key, DatasetEntry]
    backbones: dict[Key, AnyBackbone]
    heads: Heads
    weights: dict[Key, WeightsEntry]
    recipes: dict[Key, TrainingRecipe]
    pretrain: dict[Key, Pretrain]
    finetune: dict[Key, Finetune]
    supervise: dict[Key, Supervise]
    interpolate: dict[Key, Interpolation]
    encoders: dict[Key, EncoderEntry]
    layers: Layers
    comparisons: dict[Key, Comparison]
    baseline: BaselineSettings
    robustness: RobustnessSettings
    kurtosis: KurtosisSettings
    directions: DirectionsSettings
    presence: PresenceSettings
    concepts: ConceptsSettings
    browse: BrowseSettings
    correlation: CorrelationSettings
    published: PublishedSettings
    controls: ControlsSettings
