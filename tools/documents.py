"""The tables of README.md and docs/results.md: their numbers are results of the study.

`python -m tools manual`, which is `make docs`, writes them into the documents; the rest is written
by hand. Numbers are rounded as on the pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

import pandas as pd

from interpreting_clip.errors import InputError
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.published.line_choices import CURVED
from interpreting_clip.published.schema import START, PublishedModels
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.labelled_arrays import LabelledResults
from page.array_sections import (
    NONE,
    by_chance,
    cell,
    headline_rows,
    label_with_unit,
    number_rows,
    outlier_axes,
)
from page.further_encoders import FurtherEncoder
from page.labelled_sections import concept_numbers, head_numbers
from page.names import format_estimate, mark
from page.published_results import SHIFT_ORDER, interval, model_table
from page.seed_means import format_over_seeds
from page.standing import LIMITS, ROBUSTNESS
from page.study_results import StudyEncoder
from runner.fingerprint import recorded_fingerprint
from runner.graph import read_entry
from runner.inputs import Inputs
from runner.listed_params import ListedParams, Params
from stages import report

PLOTS = Path("plots")


def table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(line)} |\n" for line in (header, *rows)]
    return "".join([lines[0], "|---" * len(header) + "|\n", *lines[1:]])


def result_table(name: str) -> str:
    """Return the table of `RESULT_TABLES` with this name.

    Raises
    ------
    InputError
        The study is another one than the repository's, which the documents describe.
    """
    try:
        return RESULT_TABLES[name]()
    except KeyError as error:
        raise InputError(
            f"{name}: there is no {error} in this study; to write the documents, go back to the "
            "repository's: git checkout params.yaml plots studies"
        ) from None


# --- Published models

README_CLIPS = ("RN50/openai", START, "ViT-L-14/datacomp_xl_s13b_b90k", "ViT-L-14/openai")

MODEL = ("model", "ImageNet, %", "shifts, %", "effective robustness, points")


@cache
def published() -> PublishedModels:
    """Return the published models as stage `published` wrote them."""
    return read_result(PLOTS / "published_models.json", PublishedModels)


@cache
def models() -> pd.DataFrame:
    """Return the published models by name, with their mean accuracy on the `shifts`."""
    table = model_table(published()).set_index("name", drop=False)
    return table.assign(shifts=table[[*SHIFT_ORDER]].mean(axis=1, skipna=False))


def model_row(name: str, label: str = "") -> tuple[str, ...]:
    """Return the accuracies of a published model and its effective robustness."""
    model = models().loc[name].to_dict()
    accuracies = [format_number(model[column]) for column in ("imagenet", "shifts")]
    return (label or f"`{name}`", *accuracies, model["text_all"] + model["mark_all"])


def published_clips() -> str:
    """Return a few CLIPs, also on curved lines with the limit for one more standard model."""
    curved = model_table(published(), CURVED).set_index("name")
    rows = []
    for name in README_CLIPS:
        model = curved.loc[name].to_dict()
        on_curve = model["text_all"] + model["mark_all"]
        rows.append((*model_row(name), on_curve, format_number(model["limit_all"])))
    return table((*MODEL, "on curved lines", "limit there"), rows)


def one_backbone() -> str:
    """Return the differences between models of a backbone: OpenAI's, and others within range."""
    rows = []
    for comparison in published().choices[CURVED].comparisons:
        outside = models().loc[comparison.models, "extrapolated"]
        if comparison.data == "OpenAI" or not outside.any():
            differences = [
                interval(difference) + mark(any(pair))
                for difference, pair in zip(comparison.differences, pairwise(outside), strict=True)
            ]
            rows.append((f"{comparison.backbone}, {comparison.data}", *differences))
    return table(("backbone, data", "zero-shot − finetuned", "finetuned − supervised"), rows)


def finetuning() -> str:
    """Return a CLIP, its linear probe, and the median of the models finetuned from it."""
    soups = models()[models()["source"] == "model_soups"].sort_values("mean_all")
    names = {kind: [*group["name"]] for kind, group in soups.groupby("training")}
    tuned = names["finetuned"]
    rows = [
        model_row(START, "zero-shot"),
        model_row(names["probed"][0], "linear probe"),
        model_row(tuned[len(tuned) // 2], f"median of {len(tuned)} finetuned"),
    ]
    return table(MODEL, rows)


# --- A real CLIP

CLIP, RANDOM = "clip_vit_b16", "clip_vit_b16_random"
"""The array of the CLIP, and that of random weights."""

CLIP_HEADER = ("", "OpenAI's weights", "random weights", "by chance")

OUTLIER_NUMBERS = (
    *("kurtosis.kurtosis", "kurtosis.outliers.outlier_features"),
    "kurtosis.outliers.total_constant",
)
OBJECT_NUMBERS = (
    *("accuracy.accuracy", "concepts.features.unique", "concepts.directions.unique"),
    *("concepts.in_span", "concepts.rows.encoded"),
)
"""The numbers that docs/results.md shows."""


def arrays() -> list[ArrayResults]:
    """Return what was measured of the CLIP, and of random weights."""
    return [read_result(PLOTS / f"arrays/{key}.json", ArrayResults) for key in (CLIP, RANDOM)]


def concepts() -> list[Concepts]:
    """Return COCO's objects that the CLIP, and random weights, encode."""
    folder = PLOTS / "array_concepts"
    return [read_result(folder / f"{key}_objects.json", Concepts) for key in (CLIP, RANDOM)]


def real_clip() -> str:
    """Return the main numbers of the real CLIP, as the study's page has them."""
    return table(CLIP_HEADER, headline_rows(arrays(), concepts()))


def outlier_feature() -> str:
    """Return numbers of the real CLIP's outlier feature, of random weights and by chance."""
    results = arrays()
    numbers = number_rows([one.numbers for one in results])
    rows = []
    for name in OUTLIER_NUMBERS:
        known, found = numbers[name]
        rows.append((label_with_unit(known), *map(cell, found), by_chance(known)))
    for feature, axis in outlier_axes(results[0]).items():
        for value, costs in {"0": axis.costs, "its mean": axis.costs_at_mean}.items():
            label = f"accuracy lost if outlier feature {feature} is {value}, points"
            rows.append((label, format_estimate(costs["images"]), NONE, NONE))
    return table(CLIP_HEADER, rows)


def real_clip_objects() -> str:
    """Return how many of COCO's objects the real CLIP and random weights encode."""
    folder = PLOTS / "labelled_arrays"
    heads = [read_result(folder / f"{key}_objects.json", LabelledResults) for key in (CLIP, RANDOM)]
    numbers = number_rows(
        [
            (*head_numbers(head), *concept_numbers(counted))
            for head, counted in zip(heads, concepts(), strict=True)
        ]
    )
    rows = []
    for name in OBJECT_NUMBERS:
        known, found = numbers[name]
        pairs = ((cell(one), by_chance(one)) for one in found)
        rows.append((label_with_unit(known), *chain.from_iterable(pairs)))
    return table(("", "OpenAI's weights", "by chance", "random weights", "by chance"), rows)


# --- The miniature


@cache
def miniature() -> tuple[list[StudyEncoder], list[FurtherEncoder]]:
    """Return the study's encoders, and further encoders that only replicas have."""
    study = Params()
    entry = read_entry("report", "", study.tree)
    params = ListedParams(study, entry.params, entry.stage, recorded_fingerprint(entry))
    inputs = Inputs(entry.deps, entry.stage)
    encoders, further, _ = report.read_encoders(params, inputs)
    return encoders, further


def over_seeds(
    encoders: Iterable[StudyEncoder | FurtherEncoder], numbers: Mapping[str, tuple[str, int]]
) -> str:
    """Return means over seeds with these labels and decimals; limits and chance levels are bare."""

    def cell(encoder: StudyEncoder | FurtherEncoder, name: str, digits: int) -> str:
        return format_over_seeds(encoder, name, digits, interval=name not in BARE)

    rows = [
        (e.entry.label, *(cell(e, name, digits) for name, (_, digits) in numbers.items()))
        for e in encoders
        if e.replicas
    ]
    return table(("encoder", *(label for label, _ in numbers.values())), rows)


BARE = {
    *LIMITS.values(),
    "privileged_basis.rotated_kurtosis",
    "concepts.directions.random",
}
"""Numbers that are shown without their intervals."""


def encoders_of_miniature() -> str:
    """Return the accuracies of the miniature's encoders, and how robust they are."""
    encoders, _ = miniature()
    numbers = {
        "robustness.imagenet": ("ImageNet, %", 1),
        "robustness.shift_accuracy": ("shifts, %", 1),
        ROBUSTNESS["curved"]: ("effective robustness, points", 1),
        LIMITS["curved"]: ("limit, points", 1),
    }
    return over_seeds(encoders, numbers)


def spaces_of_miniature() -> str:
    """Return numbers of the spaces of all these encoders."""
    encoders, further = miniature()
    numbers = {
        ROBUSTNESS["curved"]: ("effective robustness, points", 1),
        "kurtosis.kurtosis": ("kurtosis", 2),
        "privileged_basis.rotated_kurtosis": ("rotated", 2),
        "prunable.by_accuracy": ("prunable share", 2),
        "concepts.directions.unique": ("concepts", 1),
        "concepts.directions.random": ("by random directions", 1),
    }
    return over_seeds([*encoders, *further], numbers)


RESULT_TABLES = {
    "published CLIPs": published_clips,
    "models of one backbone": one_backbone,
    "finetuning": finetuning,
    "real CLIP": real_clip,
    "outlier feature of a real CLIP": outlier_feature,
    "objects of a real CLIP": real_clip_objects,
    "encoders of the miniature": encoders_of_miniature,
    "spaces of the miniature": spaces_of_miniature,
}
"""What writes each table, by its name in the documents."""
