"""The tables of README.md and docs/results.md: their numbers are results of the study.

`python -m tools manual`, which is `make docs`, writes them into the documents; the rest is written
by hand. Numbers are rounded as on the pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import pandas as pd

from interpreting_clip.errors import InputError
from interpreting_clip.formats.result import Number
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.published.line_choices import CURVED, DEFAULT
from interpreting_clip.published.schema import START, PublishedModels
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.labelled_arrays import LabelledResults
from page.array_sections import REMOVED
from page.claims import study_claims
from page.further_encoders import FurtherEncoder
from page.labelled_sections import concept_numbers, head_numbers
from page.names import format_estimate, format_interval, mark
from page.published_claims import published_claims
from page.published_results import SHIFT_ORDER, interval, model_table
from page.seed_means import format_over_seeds
from page.standing import LIMITS, ROBUSTNESS
from page.study_results import StudyEncoder
from page.verdicts import Claim
from runner.fingerprint import recorded_fingerprint
from runner.graph import read_entry
from runner.inputs import Inputs
from runner.listed_params import ListedParams, Params
from stages import report

PLOTS = Path("plots")

NONE = format_number(None)


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
    """Return the differences between zero-shot, finetuned and supervised models of a backbone."""
    choices = [published().choices[key] for key in (CURVED, DEFAULT)]
    rows = []
    for comparisons in zip(*(choice.comparisons for choice in choices), strict=True):
        cells = []
        for comparison in comparisons:
            outside = models().loc[comparison.models, "extrapolated"]
            differences = [
                interval(difference) + mark(any(pair))
                for difference, pair in zip(comparison.differences, pairwise(outside), strict=True)
            ]
            cells += [*differences, NONE][:2]
        rows.append((f"{comparisons[0].backbone}, {comparisons[0].data}", *cells))
    differences = ("zero-shot − finetuned", "finetuned − supervised")
    straight = (f"{difference}, straight lines" for difference in differences)
    return table(("backbone, data", *differences, *straight), rows)


def finetuning() -> str:
    """Return the models that were finetuned from one CLIP, and their soups."""
    soups = models()[models()["source"] == "model_soups"].sort_values("mean_all")
    names = {kind: [*group["name"]] for kind, group in soups.groupby("training")}
    tuned = names["finetuned"]
    middle = {0: "least robust", len(tuned) // 2: "median", -1: "most robust"}
    rows = [
        model_row(START, "zero-shot"),
        model_row(names["probed"][0], "linear probe"),
        *(model_row(tuned[i], f"{text} of {len(tuned)} finetuned") for i, text in middle.items()),
        *(model_row(name, name.partition("/")[2].replace("_", " ")) for name in names["soup"]),
    ]
    return table(MODEL, rows)


def published_verdicts() -> str:
    """Return the verdicts on claims about published models."""
    tables = {choice: model_table(published(), choice) for choice in published().choices}
    return verdicts(published_claims(published(), tables))


def verdicts(claims: Iterable[Claim]) -> str:
    """Return claims with their verdicts."""
    rows = ((f"{claim.text}{' (ours)' * claim.ours}", claim.verdict) for claim in claims)
    return table(("claim", "verdict"), rows)


# --- A real CLIP

CLIP_NUMBERS = (
    *("kurtosis.kurtosis", "kurtosis.centred", "kurtosis.outliers.outlier_features"),
    *("kurtosis.outliers.total_energy", "kurtosis.outliers.total_constant", "accuracy.accuracy"),
)
"""The numbers that the README shows."""

FURTHER_CLIP_NUMBERS = (
    *("kurtosis.centred_outliers", "privileged_basis.rotated_kurtosis"),
    *("privileged_basis.kurtosis_p", "participation_ratio.dimensions", "pruning.by_accuracy"),
    *("comparisons.captions.cka.cka", "comparisons.captions.mutual_neighbours.alignment"),
)


OBJECT_NUMBERS = (
    *("accuracy.accuracy", "concepts.features.unique", "concepts.directions.unique"),
    *("concepts.in_span", "concepts.rows.encoded"),
)
"""The numbers of the objects that the README shows."""


def real_clip(names: Sequence[str] = CLIP_NUMBERS) -> str:
    """Return numbers of the real CLIP, of random weights and by chance."""
    clip, random = (
        read_result(PLOTS / f"arrays/{key}.json", ArrayResults)
        for key in ("clip_vit_b16", "clip_vit_b16_random")
    )
    numbers = {number.name: number for number in clip.numbers}
    others = {n.name.replace("random_captions", "captions"): n for n in random.numbers}
    rows = []
    for name in names:
        pair = [numbers[name], others[name]]
        cells = (format_interval(n.value, n.low, n.high, n.digits) for n in pair)
        label = f"{pair[0].label}, {pair[0].unit}".rstrip(", ")
        rows.append((label, *cells, format_number(pair[0].chance, pair[0].digits)))
    for axis in clip.outlier_axes.axes if clip.outlier_axes else ():
        for value, costs in {"0": axis.costs, "its mean": axis.costs_at_mean}.items():
            label = f"accuracy lost if outlier feature {axis.feature} is {value}, points"
            rows.append((label, format_estimate(costs["images"]), NONE, NONE))
    return table(("", "OpenAI's weights", "random weights", "by chance"), rows)


def real_clip_objects(names: Sequence[str] = ()) -> str:
    """Return numbers of the head of COCO's objects, and of the concepts; all of them by default."""
    of_clip, of_random = (
        {
            one.name: one
            for one in (
                *head_numbers(read_result(PLOTS / f"labelled_arrays/{key}.json", LabelledResults)),
                *concept_numbers(read_result(PLOTS / f"array_concepts/{key}.json", Concepts)),
            )
        }
        for key in ("clip_vit_b16_objects", "clip_vit_b16_random_objects")
    )
    rows = [
        (f"{one.label}, {one.unit}".rstrip(", "), *both(one), *both(of_random.get(name)))
        for name, one in of_clip.items()
        if not names or name in names
    ]
    return table(("", "OpenAI's weights", "by chance", "random weights", "by chance"), rows)


def both(number: Number | None) -> tuple[str, str]:
    """Return a number with its interval, and its chance level."""
    if number is None:
        return NONE, NONE
    value = format_interval(number.value, number.low, number.high, number.digits)
    return value, format_number(number.chance, max(number.digits, 1))


def real_clip_gap() -> str:
    """Return what removing parts of the modality gap does to the real CLIP."""
    gap = read_result(PLOTS / "arrays/clip_vit_b16.json", ArrayResults).modality_gap
    if gap is None:
        raise KeyError("modality_gap")
    left = {what: getattr(gap, field) for field, what in REMOVED.items()}
    header = []
    for one in gap.whole.numbers:
        by_chance = f" (by chance {format_number(one.chance, one.digits)})" if one.chance else ""
        header.append(f"{one.label}, {one.unit}".rstrip(", ") + by_chance)
    rows = [
        (what, *(format_interval(n.value, n.low, n.high, n.digits) for n in one.numbers))
        for what, one in left.items()
        if one
    ]
    return table(("removed", *header), rows)


def mean_images() -> str:
    """Return the features of mean images that lie furthest from the others."""
    every = pd.read_csv(PLOTS / "mean_images.csv")
    rows = []
    for label, found in every.groupby("label", sort=False):
        far = [
            f"{feature} at {format_number(float(z), 1)} σ ({100 * float(energy):.0f} %)"
            for feature, z, energy in found[["feature", "z", "energy"]].astype(str).to_numpy()
        ]
        first = found.iloc[0]
        cells = f"{first['features']:,}", format_number(first["kurtosis"], 1), ", ".join(far)
        rows.append((str(label), *cells))
    beyond = "features beyond 6 σ (share of the energy)"
    return table(("mean image", "features", "kurtosis", beyond), rows)


# --- The miniature


@cache
def miniature() -> tuple[list[StudyEncoder], list[FurtherEncoder], list[Claim]]:
    """Return the study's encoders, further encoders of the replicas, and the claims."""
    study = Params()
    entry = read_entry("report", "", study.tree)
    params = ListedParams(study, entry.params, entry.stage, recorded_fingerprint(entry))
    inputs = Inputs(entry.deps, entry.stage)
    encoders, further, _ = report.read_encoders(params, inputs)
    return encoders, further, study_claims(encoders, further=further)


def over_seeds(
    encoders: Iterable[StudyEncoder | FurtherEncoder], numbers: Mapping[str, tuple[str, int]]
) -> str:
    """Return means over seeds with these labels and digits, and the intervals of all but limits."""

    def cell(encoder: StudyEncoder | FurtherEncoder, name: str, digits: int) -> str:
        whole = name not in LIMITS.values()
        return format_over_seeds(encoder, name, digits, interval=whole, words=whole)

    rows = [
        (e.entry.label, *(cell(e, name, digits) for name, (_, digits) in numbers.items()))
        for e in encoders
        if e.replicas
    ]
    return table(("encoder", *(label for label, _ in numbers.values())), rows)


def encoders_of_miniature() -> str:
    """Return the accuracies of the miniature's encoders, and how robust they are."""
    encoders, _, _ = miniature()
    return over_seeds(
        encoders,
        {
            "robustness.imagenet": ("ImageNet, %", 1),
            "robustness.shift_accuracy": ("shifts, %", 1),
            ROBUSTNESS["curved"]: ("effective robustness, points", 1),
            LIMITS["curved"]: ("limit, points", 1),
        },
    )


def spaces_of_miniature() -> str:
    """Return numbers of the spaces of these encoders, and of encoders that only replicas have."""
    encoders, further, _ = miniature()
    numbers = {
        ROBUSTNESS["curved"]: ("effective robustness, points", 1),
        "kurtosis.kurtosis": ("kurtosis", 2),
        "privileged_basis.rotated_kurtosis": ("rotated", 2),
        "prunable.by_accuracy": ("prunable share", 2),
        "directions.mean_row.energy": ("energy in the mean row", 2),
        "concepts.directions.unique": ("concepts", 1),
        "concepts.directions.random": ("by random directions", 1),
    }
    return over_seeds([*encoders, *further], numbers)


RESULT_TABLES = {
    "published CLIPs": published_clips,
    "published verdicts": published_verdicts,
    "models of one backbone": one_backbone,
    "finetuning": finetuning,
    "real CLIP": real_clip,
    "real CLIP in full": lambda: real_clip(CLIP_NUMBERS + FURTHER_CLIP_NUMBERS),
    "objects of a real CLIP": partial(real_clip_objects, OBJECT_NUMBERS),
    "objects of a real CLIP in full": real_clip_objects,
    "gap of a real CLIP": real_clip_gap,
    "mean images": mean_images,
    "encoders of the miniature": encoders_of_miniature,
    "spaces of the miniature": spaces_of_miniature,
    "verdicts of the miniature": lambda: verdicts(miniature()[2]),
}
"""What writes each table, by its name in the documents."""
