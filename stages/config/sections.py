"""All of params.yaml: which sections there are, and what each holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from stages.config.datasets import DatasetEntry, Sources
from stages.config.encoders import AnyBackbone, Heads, Interpolation, WeightsEntry
from stages.config.extraction import Layers, Precision, Threads
from stages.config.measures import (
    BaselineSettings,
    ConceptsSettings,
    DirectionsSettings,
    KurtosisSettings,
    PresenceSettings,
    PublishedSettings,
    RobustnessSettings,
)
from stages.config.params import convert, short, struct_fields
from stages.config.quantities import Key
from stages.config.study import Comparison, EncoderEntry, Study
from stages.config.trainings import Finetune, Pretrain, Supervise, TrainingRecipe
from stages.runtime.errors import InputError


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
