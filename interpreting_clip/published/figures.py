"""`data/published/`: accuracies that others published, one YAML file per source, and its table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from msgspec import Meta

from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.published.schema import SourceCard
from interpreting_clip.statistics.published_accuracies import (
    FEWER_CLASSES,
    read_models,
    refuse_models,
)

FOLDER = Path("data/published")
COUNTERPARTS, SAME_MODELS = "counterparts.csv", "same_models.csv"

ACCURACIES = (
    *("imagenet", "imagenet_real", *TESTBED_SHIFTS),
    *(on_classes(shift) for shift in FEWER_CLASSES),
)
"""The columns of accuracies, top-1 in percent; `imagenet_real`: labels of Beyer et al. (2020)."""

KINDS = {
    "zero_shot": "zero-shot",
    "finetuned": "finetuned on ImageNet",
    "finetuned_12k": "finetuned on ImageNet-12k, then on ImageNet",
    "soup": "average of finetuned models",
    "captioner": "finetuned to write captions",
    "probed": "linear probe on ImageNet",
    "standard": "supervised on ImageNet alone",
}
"""The kinds of training that the table of models shows."""

OTHER_KINDS = (
    *("more_data", "more_labels", "more_data_teacher", "clip_teacher", "weak_labels"),
    *("self_training", "uncurated", "adversarial", "robustness_intervention"),
)
"""The kinds that the table leaves out: neither a CLIP nor a standard model."""

DEFAULTS = ("training", "data", "architecture")
"""Columns of which a source may give one value for all rows that leave them empty."""

TEXTS = (*DEFAULTS, "family", "image_size", "start", "note")
RECIPE = (
    *("learning_rate", "weight_decay", "epochs", "augmentation", "mixup", "label_smoothing"),
    *("samples_seen", "gmacs_total", "parameters_millions"),
)
"""Columns that say how a model was trained, in the source's own units; findings read them."""


class Source(SourceCard, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source of published accuracies: a YAML file.

    Attributes
    ----------
    title, url : its name, and the address of its repository
    commit, path : the commit and the file or files there that the figures are from
    licence : of these files, as the source states it
    sets : the test sets that its models were measured on
    measured : how they were measured
    note : what a reader of the figures has to know
    table : its table, as a path from the folder of the YAML file
    training, data, architecture : defaults for models whose row has none
    """

    table: Annotated[str, Meta(min_length=1)]
    note: str = ""
    training: str = ""
    data: str = ""
    architecture: str = ""


@dataclass(frozen=True, eq=False)
class Published:
    """All sources and their models.

    Attributes
    ----------
    sources : by name, the name of the file without its suffix
    models : a row each with `source`, `name`, the `TEXTS` and the `RECIPE` as text, empty where
        unknown, and its `ACCURACIES` in percent, NaN where unknown. `counterpart_of` is the
        backbone whose zero-shot, finetuned or supervised model it is
    same : a row for each two models that are the same weights in two sources: the index of the
        `first` and of the `other`, and the `largest_difference` of an accuracy, in points
    """

    sources: dict[str, Source]
    models: pd.DataFrame
    same: pd.DataFrame

    def of(self, source: str) -> pd.DataFrame:
        """Return the models of one source."""
        return self.models[self.models["source"] == source]


def read_published(folder: Path = FOLDER) -> Published:
    """Read every source of the folder.

    Raises
    ------
    InputError
        A file is not what it should be; the message names it, and the model.
    """
    sources = {
        file.stem: convert(load_tree(file), Source, "", file)
        for file in sorted(folder.glob("*.yaml"))
    }
    if not sources:
        raise InputError(f"{folder}: expected a YAML file for each source, found none")
    tables = {key: source_models(folder, key, source) for key, source in sources.items()}
    models = pd.concat(tables.values(), ignore_index=True)
    for key, table in tables.items():
        unknown = (table["start"] != "") & ~table["start"].isin(models["name"])
        names = sorted(models["name"])
        close = close_names(next(iter(table["start"][unknown]), ""), names)
        expected = f"the name of the model that it was finetuned from ({close})"
        refuse_models(folder / sources[key].table, table, unknown, "start", expected)
    models["counterpart_of"] = counterparts(folder / COUNTERPARTS, models)
    return Published(sources, models, same_models(folder / SAME_MODELS, models))


def source_models(folder: Path, key: str, source: Source) -> pd.DataFrame:
    """Return the models of one source, with its defaults filled in.

    Raises
    ------
    InputError
        `sets` names no test set, or the table has an unknown column, a model twice, an unknown kind
        of training, or an accuracy that is not a percentage or of a set that `sets` does not list.
    """
    if unknown := sorted(set(source.sets) - set(ACCURACIES)):
        raise InputError(
            f"{folder / key}.yaml: 'sets': expected names of test sets, got {unknown[0]!r}; "
            f"{close_names(unknown[0], ACCURACIES)}"
        )
    file = folder / source.table
    table = read_models(file, ["imagenet"], ACCURACIES)
    columns = ("name", *TEXTS, *RECIPE, *ACCURACIES)
    if unknown := list(table.columns.difference(list(columns))):
        known = ("model", *columns[1:])
        raise InputError(f"{file}: unknown column {unknown[0]!r}; {close_names(unknown[0], known)}")
    for test in [name for name in ACCURACIES if name in table and name not in source.sets]:
        expected = f"an empty cell, or {test} in `sets` of {key}.yaml and how in `measured`"
        refuse_models(file, table, table[test].notna(), test, expected)
    for text in (*TEXTS, *RECIPE):
        default = getattr(source, text) if text in DEFAULTS else ""
        table[text] = table[text].replace("", default) if text in table else default
    kinds = [*KINDS, *OTHER_KINDS]
    wrong = ~table["training"].isin(kinds)
    refuse_models(file, table, wrong, "training", f"one of {', '.join(kinds)}")
    named = table["name"].map(architecture)
    table["architecture"] = table["architecture"].where(table["architecture"] != "", named)
    table["family"] = table["family"].where(table["family"] != "", table["architecture"])
    return table.reindex(columns=columns).assign(source=key)


def architecture(name: str) -> str:
    """Return the architecture in a model's name, as OpenCLIP (`a/weights`) or timm writes it."""
    return name.partition("/" if "/" in name else ".")[0]


def find_models(
    file: Path, models: pd.DataFrame, wanted: pd.DataFrame
) -> Int[np.ndarray, " wanted"]:
    """Return the index of each wanted model, given by source, name and image size.

    Raises
    ------
    InputError
        A model is not there.
    """
    known = pd.MultiIndex.from_frame(models[["source", "name", "image_size"]])
    indices = known.get_indexer(pd.MultiIndex.from_frame(wanted))
    if (indices < 0).any():
        source, name, size = wanted.iloc[int(indices.argmin())]
        raise InputError(
            f"{file}: expected a model of {source}, got {name!r} at image size "
            f"{size or 'unknown'!r}; {close_names(name, models['name'])}"
        )
    return indices


def counterparts(file: Path, models: pd.DataFrame) -> pd.Series:
    """Return the backbone whose counterpart a model is, empty for most models.

    Counterparts are zero-shot, finetuned and supervised models of one backbone.

    Raises
    ------
    InputError
        The table is missing, lacks a column or names a model that is not there.
    """
    table = read_table(file, ["backbone", "training", "model", "image_size"])
    zero_shot = table["training"] == "zero_shot"
    wanted = pd.DataFrame(
        {
            "source": np.where(zero_shot, "openclip", "timm"),
            "name": table["model"],
            # OpenCLIP's table has no image sizes; timm's tell apart two models of one name.
            "image_size": table["image_size"].mask(zero_shot, ""),
        }
    )
    backbones = pd.Series("", index=models.index)
    backbones[find_models(file, models, wanted)] = table["backbone"].to_numpy()
    return backbones


def same_models(file: Path, models: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of models that are the same weights in two sources, `Published.same`.

    Raises
    ------
    InputError
        A row names a model that its source lacks.
    """
    key = ["source", "model", "image_size"]
    table = read_table(file, [*key, *(f"also_{name}" for name in key)])
    first = find_models(file, models, table[key])
    other = find_models(file, models, table[[f"also_{name}" for name in key]])
    accuracies = models[list(ACCURACIES)].to_numpy()
    differences = np.nanmax(np.abs(accuracies[first] - accuracies[other]), axis=1)
    return pd.DataFrame({"first": first, "other": other, "largest_difference": differences})


def timm_standard_models(models: pd.DataFrame) -> pd.DataFrame:
    """Return timm's models that were only trained on ImageNet-1k, each once.

    A model that was measured at several image sizes is kept at the smallest, at which it was
    trained.
    """
    standard = models[models["training"] == "standard"]
    sizes = standard["image_size"].astype(int)
    return standard.loc[sizes.groupby(standard["name"], sort=False).idxmin()]


def distinct_models(models: pd.DataFrame) -> tuple[pd.DataFrame, dict[Any, list[str]]]:
    """Join models that have equal accuracies on all test sets: the same weights under two names.

    Returns
    -------
    models, joined : the first model of each, and the names of the others by its index
    """
    accuracies = [models[test] for test in ("imagenet", *TESTBED_SHIFTS)]
    first = models.index.to_series().groupby(accuracies, dropna=False).transform("first")
    repeated = models[first != models.index]
    joined = repeated["name"].groupby(first).agg(list)
    return models.drop(repeated.index), joined.to_dict()
