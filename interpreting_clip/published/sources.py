"""`data/published/`: accuracies that others published, one YAML file per source, and its table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.formats.published_accuracies import FEWER_CLASSES, Model, accuracies
from interpreting_clip.formats.tables import read_table
from interpreting_clip.quantities import StrictStruct

FOLDER = Path("data/published")
COUNTERPARTS, SAME_MODELS = "counterparts.csv", "same_models.csv"

REAL = "imagenet_real"
"""ImageNet's validation images with the labels of Beyer et al. (2020)."""

TEST_SETS = ("imagenet", REAL, *TESTBED_SHIFTS)
ACCURACIES = (*TEST_SETS, *(on_classes(shift) for shift in FEWER_CLASSES))
"""The columns of accuracies, top-1 in percent."""

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
"""The kinds that it leaves out: neither a CLIP nor a standard model."""

TEXTS = ("training", "data", "architecture", "family", "image_size", "start", "note")
RECIPE = (
    *("learning_rate", "weight_decay", "epochs", "augmentation", "mixup", "label_smoothing"),
    *("samples_seen", "gmacs_total", "parameters_millions"),
)
"""Columns that say how a model was trained, in the source's own units; findings read them."""

Line = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]


class Source(StrictStruct, frozen=True, kw_only=True):
    """One source of published accuracies.

    Attributes
    ----------
    title, url : its name, and the address of its repository
    commit, path : the commit and the file or files there that the figures are from
    licence : of these files, as the source states it
    sets : the test sets that its models were measured on
    measured : how
    training, data, architecture : those of every model whose row has none
    note : what a reader of the figures has to know
    table : the name of its table beside the YAML file, or its path from there
    models : its models, instead of a table
    """

    title: Line
    url: Line
    commit: Line
    path: Line
    licence: Line
    sets: list[str]
    measured: Text
    training: str = ""
    data: str = ""
    architecture: str = ""
    note: Annotated[str, Meta(max_length=1000)] = ""
    table: Annotated[str, Meta(max_length=200)] = ""
    models: list[dict[str, str | int | float]] = msgspec.field(default_factory=list)


@dataclass(frozen=True)
class Published:
    """All sources and their models.

    Attributes
    ----------
    sources : by name, the name of the file without its suffix
    models : each with `name`, `source`, the `TEXTS` and the `RECIPE` as text, and its `ACCURACIES`
        in percent, None where unknown
    same : pairs of models that are the same weights in two sources
    """

    sources: dict[str, Source]
    models: list[Model]
    same: list[tuple[Model, Model]]

    def of(self, source: str) -> list[Model]:
        """Return the models of one source."""
        return [model for model in self.models if model["source"] == source]


def read_published(folder: Path = FOLDER) -> Published:
    """Read every source of the folder.

    Raises
    ------
    InputError
        A file is not what it should be; the message names it, and the model.
    """
    sources, models = {}, []
    for file in sorted(folder.glob("*.yaml")):
        source = convert(load_tree(file), Source, "", file)
        if unknown := sorted(set(source.sets) - set(ACCURACIES)):
            raise InputError(
                f"{file}: 'sets': expected names of test sets, got {unknown[0]!r}; "
                f"{close_names(unknown[0], ACCURACIES)}"
            )
        sources[file.stem] = source
        models += source_models(file, source)
    if not sources:
        raise InputError(f"{folder}: expected a YAML file for each source, found none")
    known = {(m["source"], m["name"], m["image_size"]): m for m in models}
    named = {model["name"] for model in models}
    for model in models:
        if model["start"] and model["start"] not in named:
            raise InputError(
                f"{folder / model['source']}.yaml: {model['name']}: `start`: expected the name of "
                f"the model that it was finetuned from, got {model['start']!r}; "
                f"{close_names(model['start'], named)}"
            )
    return Published(sources, models, same_models(folder / SAME_MODELS, known))


def source_models(file: Path, source: Source) -> list[Model]:
    """Return the models of one source, with its defaults filled in.

    Raises
    ------
    InputError
        It has a table and models too or neither, an unknown column, a model twice, an unknown kind
        of training, or an accuracy that is no percentage or of a set that the source does not list.
    """
    if bool(source.table) == bool(source.models):
        raise InputError(f"{file}: expected either `table` or `models`, and one of them only")
    key, rows = file.stem, cast("Sequence[Mapping[str, Any]]", source.models)
    if source.table:
        file = file.parent / source.table
        rows = read_table(file, ["model", "imagenet"])
    columns = ("model", *TEXTS, *ACCURACIES, *RECIPE)
    models: dict[tuple[str, str], Model] = {}
    for number, row in enumerate(rows, 1):
        name = str(row.get("model", "")).strip()
        if not name:
            raise InputError(f"{file}: model {number}: expected `model`, its name, got nothing")
        if unknown := set(row) - set(columns):
            raise InputError(
                f"{file}: {name}: unknown column {sorted(unknown)[0]!r}; "
                f"{close_names(sorted(unknown)[0], columns)}"
            )
        texts = {text: str(row.get(text, "")) for text in (*TEXTS, *RECIPE)}
        for text in ("training", "data", "architecture"):
            texts[text] = texts[text] or getattr(source, text)
        if texts["training"] not in (*KINDS, *OTHER_KINDS):
            raise InputError(
                f"{file}: {name}: `training`: expected one of {', '.join((*KINDS, *OTHER_KINDS))}; "
                f"got {texts['training']!r}"
            )
        texts["architecture"] = texts["architecture"] or architecture(name)
        texts["family"] = texts["family"] or texts["architecture"]
        if (name, texts["image_size"]) in models:
            raise InputError(f"{file}: {name}: it is there twice; each model counts once")
        found = accuracies(file, name, row, ACCURACIES)
        if found["imagenet"] is None:
            raise InputError(f"{file}: {name}: `imagenet`: expected a percentage, got nothing")
        for test, value in found.items():
            if value is not None and test not in source.sets:
                raise InputError(
                    f"{file}: {name}: `{test}`: `sets` of {key}.yaml does not list it; add it "
                    "there, and to `measured` how it was measured"
                )
        models[name, texts["image_size"]] = {"name": name, "source": key, **texts, **found}
    return list(models.values())


def architecture(name: str) -> str:
    """Return the architecture in a model's name, as OpenCLIP (`a/weights`) or timm writes it."""
    return name.partition("/" if "/" in name else ".")[0]


def same_models(
    file: Path, known: Mapping[tuple[str, str, str], Model]
) -> list[tuple[Model, Model]]:
    """Return the pairs of models that are the same weights in two sources.

    Raises
    ------
    InputError
        A row names a model that its source lacks.
    """
    columns = ("source", "model", "image_size", "also_source", "also_model", "also_image_size")
    pairs = []
    for row in read_table(file, columns):
        found = []
        for start in ("", "also_"):
            key = (row[f"{start}source"], row[f"{start}model"], row[f"{start}image_size"])
            if key not in known:
                raise InputError(
                    f"{file}: expected a model of {key[0]}, got {key[1]!r} at image size "
                    f"{key[2] or 'unknown'!r}; {close_names(key[1], {k[1] for k in known})}"
                )
            found.append(known[key])
        pairs.append((found[0], found[1]))
    return pairs


def largest_difference(one: Model, other: Model) -> float:
    """Return the largest difference of two models' accuracies on a test set, in points."""
    return max(
        abs(one[key] - other[key])
        for key in ACCURACIES
        if one[key] is not None and other[key] is not None
    )


def timm_standard_models(models: Iterable[Model]) -> list[Model]:
    """Return timm's models that were trained on ImageNet-1k alone, each once.

    For a model that was measured at several image sizes, this is the smallest, at which it was
    trained.
    """
    smallest: dict[str, Model] = {}
    for model in models:
        if model["training"] == "standard":
            kept = smallest.setdefault(model["name"], model)
            if int(model["image_size"]) < int(kept["image_size"]):
                smallest[model["name"]] = model
    return list(smallest.values())


def counterparts(models: Iterable[Model], file: Path = FOLDER / COUNTERPARTS) -> list[Model]:
    """Return zero-shot, finetuned and supervised models of one backbone, with their accuracies.

    Each has its `backbone`, the `data` that it learnt from, its `training`, and a `note` if it
    differs from the backbone's other models.

    Raises
    ------
    InputError
        The table is missing, lacks a column or names a model that the others lack.
    """
    known = {(m["name"], m["image_size"]): m for m in models if m["source"] in ("openclip", "timm")}
    found = []
    for row in read_table(file, ["backbone", "data", "training", "model", "image_size", "note"]):
        size = "" if row["training"] == "zero_shot" else row["image_size"]
        if (model := known.get((row["model"], size))) is None:
            raise InputError(
                f"{file}: {row['model']} at {row['image_size']} pixels: expected a model of "
                f"{'timm' if size else 'openclip'}"
            )
        found.append({**model, **row})
    return found


def distinct_models(models: Sequence[Model]) -> tuple[list[Model], dict[str, list[str]]]:
    """Join models that have equal accuracies on all test sets: the same weights under two names.

    Returns
    -------
    models, joined : the first model of each, and the names of the others by its name
    """
    first: dict[tuple[float | None, ...], Model] = {}
    joined: dict[str, list[str]] = {}
    for model in models:
        kept = first.setdefault(tuple(model[name] for name in ("imagenet", *TESTBED_SHIFTS)), model)
        if kept is not model:
            joined.setdefault(kept["name"], []).append(model["name"])
    return list(first.values()), joined
