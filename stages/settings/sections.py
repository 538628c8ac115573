"""All of params.yaml: which sections there are, and what each holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from stages.encoders.backbone import AnyBackbone
from stages.settings.baseline import BaselineSettings
from stages.settings.comparison import Comparison
from stages.settings.concepts import ConceptsSettings
from stages.settings.datasets import DatasetEntry, Sources
from stages.settings.directions import DirectionsSettings
from stages.settings.encoder import EncoderEntry
from stages.settings.heads import Heads
from stages.settings.interpolate import Interpolation
from stages.settings.kurtosis import KurtosisSettings
from stages.settings.layers import Layers
from stages.settings.precision import Precision
from stages.settings.presence import PresenceSettings
from stages.settings.published import PublishedSettings
from stages.settings.robustness import RobustnessSettings
from stages.settings.study import Study
from stages.settings.threads import Threads
from stages.settings.weights import WeightsEntry
from stages.storage.errors import InputError
from stages.storage.params import convert, short, struct_fields
from stages.storage.quantities import Key
from stages.training.recipes import Finetune, Pretrain, Supervise, TrainingRecipe


class Sections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sections of a study, in the order of params.yaml."""

    study: Study
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
    published: PublishedSettings


def illegal_values(tree: Mapping[str, Any], file: Path) -> Iterator[str]:
    """Yield what is wrong within sections, every key of every entry."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(Sections)}
    legal = ", ".join(kinds)
    for name in tree:
        if name not in kinds:
            yield f"{file}: there is no section {short(name)}; legal sections: {legal}"
    for name, kind in kinds.items():
        if name not in tree:
            yield f"{file}: the section '{name}' is missing; a study has {legal}"
        elif get_origin(kind) is dict and isinstance(tree[name], dict):
            for key, entry in tree[name].items():
                inside = illegal_keys(entry, f"{name}.{key}", get_args(kind)[1], file)
                yield from inside or illegal_keys({key: entry}, name, kind, file)
        else:
            yield from illegal_keys(tree[name], name, kind, file)


def illegal_keys(part: Any, path: str, kind: Any, file: Path) -> list[str]:
    """Return what is wrong in one entry or section: with each of its keys, else with the whole."""
    try:
        convert(part, kind, path, file)
    except InputError as error:
        fields = struct_fields(kind, part) if isinstance(part, dict) else ()
        known = [field for field in fields if field.encode_name in part]
        found = [
            complaint
            for field in known
            for complaint in illegal_keys(
                part[field.encode_name], f"{path}.{field.encode_name}", field.type, file
            )
        ]
        return found or [str(error)]
    return []
