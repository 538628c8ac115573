"""All of params.yaml: which sections there are, and what each holds."""

import msgspec

from stages.encoders.backbone import Backbone
from stages.settings.baseline import BaselineSettings
from stages.settings.comparison import Comparison
from stages.settings.concepts import ConceptsSettings
from stages.settings.directions import DirectionsSettings
from stages.settings.encoder import EncoderEntry
from stages.settings.heads import Heads
from stages.settings.kurtosis import KurtosisSettings
from stages.settings.layers import Layers
from stages.settings.presence import PresenceSettings
from stages.settings.published import PublishedSettings
from stages.settings.robustness import RobustnessSettings
from stages.settings.study import Study
from stages.settings.threads import Threads
from stages.settings.untrained import Untrained
from stages.storage.quantities import Key
from stages.training.recipes import Finetune, Pretrain, Supervise
from stages.world.recipe import Recipe, World


class Sources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the datasets of one source share."""

    world: World


class Sections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sections of a study, in the order of params.yaml."""

    study: Study
    threads: Threads
    sources: Sources
    datasets: dict[Key, Recipe]
    backbones: dict[Key, Backbone]
    heads: Heads
    weights: dict[Key, Untrained]
    pretrain: dict[Key, Pretrain]
    finetune: dict[Key, Finetune]
    supervise: dict[Key, Supervise]
    encoders: dict[Key, EncoderEntry]
    layers: Layers
    comparisons: dict[Key, Comparison]
    baseline: BaselineSettings
    robustness: RobustnessSettings
    kurtosis: KurtosisSettings
    directions: DirectionsSettings
    presence: PresenceSettings
    concepts: ConceptsSettings
    published: PublishedSettings
