"""Activations that others have published: their tables in `plots/`, their sections of the page."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pandas as pd

from interpreting_clip.formats.result import Number
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.outlier_axes import OutlierAxis
from interpreting_clip.study.array_results import OUTLIERS, ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.labelled_sections import LabelledEntry, concept_numbers
from page.names import format_estimate, format_interval
from page.study_tables import measure_table

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "arrays": (
        *("key", "label", "measure", "name", "number_of_measure", "unit"),
        *("value", "low", "high", "chance"),
    ),
    "mean_images": (
        *("key", "label", "features", "kurtosis", "chance", "outlier_features"),
        *("feature", "z", "energy"),
    ),
}
"""Columns of `plots/<name>.csv`.

Of mean images, each feature beyond the limit has a row: how many standard deviations `z` it is from
the mean of the features, and its share of the `energy`, 0 to 1.
"""

LEFT_OUT = (
    *("accuracy.", "comparisons.", "modality_gap.", "kurtosis.kurtosis", "kurtosis.outliers"),
    *("kurtosis.centred_outliers", "participation_ratio.features", "privileged_basis.rotated"),
    *("directions.directions", "directions.spectrum", "directions.mean_row", "pruning.whole"),
    *("pruning.by_covariance", "massive_activations.massive", "massive_activations.largest"),
    "massive_activations.median",
)
"""How the names of numbers begin that the page shows elsewhere, or that `plots/arrays.csv` has."""

OBJECTS = (
    *("accuracy.accuracy", "concepts.features.unique", "concepts.directions.unique"),
    *("concepts.directions.p", "concepts.in_span", "concepts.in_span.p", "concepts.rows.encoded"),
)
"""The numbers of labelled concepts that the page shows."""

REMOVED = {
    "whole": "nothing",
    "without_largest": "the feature with the largest share",
    "without_separating": "the features that separate",
    "centred": "the mean of each side",
}
"""What is removed from images and captions, by the field of `ModalityGap`."""

NONE = format_number(None)


class ArrayEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `arrays` with its results: `plots/arrays/<key>.json`."""

    key: str
    entry: MeasuredArrays
    results: ArrayResults


def array_sections(entries: Sequence[ArrayEntry]) -> dict[str, list[ArrayEntry]]:
    """Return the entries of each section by its title, in the order in which the titles occur."""
    titles = dict.fromkeys(e.entry.section for e in entries)
    return {title: [e for e in entries if e.entry.section == title] for title in titles}


def encodings(entries: Sequence[ArrayEntry]) -> list[ArrayEntry]:
    """Return the first entry of each array of several images; others may have another head."""
    arrays: dict[tuple[str, str], ArrayEntry] = {}
    for e in entries:
        if e.results.images > 1:
            arrays.setdefault((e.entry.file, e.entry.activations), e)
    return [*arrays.values()]


def number_rows(
    results: Sequence[Iterable[Number]],
) -> dict[str, tuple[Number, list[Number | None]]]:
    """Return each number that is known in some result, and that of every result, by its name."""
    each = [{one.name: one for one in numbers} for numbers in results]
    rows = {}
    for name in dict.fromkeys(name for numbers in each for name in numbers):
        found = [numbers.get(name) for numbers in each]
        if known := [one for one in found if one and one.value is not None]:
            rows[name] = known[0], found
    return rows


def further_rows(entries: Sequence[ArrayEntry]) -> list[tuple[Number, list[Number | None]]]:
    """Return the numbers of entries that `headline_rows` and the other tables lack."""
    rows = number_rows([e.results.numbers for e in entries])
    return [row for name, row in rows.items() if not name.startswith(LEFT_OUT)]


def object_rows(entries: Sequence[LabelledEntry]) -> list[tuple[Number, list[Number | None]]]:
    """Return the numbers of `OBJECTS`."""
    rows = number_rows([e.numbers for e in entries])
    return [row for name, row in rows.items() if name in OBJECTS]


def headlines(
    entries: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry]
) -> list[tuple[str, ...]]:
    """Return the `headline_rows` of entries."""
    counted = {(e.entry.file, e.entry.activations): e.concepts for e in labelled}
    concepts = [counted.get((e.entry.file, e.entry.activations)) for e in entries]
    return headline_rows([e.results for e in entries], concepts)


def headline_rows(
    arrays: Sequence[ArrayResults], concepts: Sequence[Concepts | None]
) -> list[tuple[str, ...]]:
    """Return the main numbers as text: a label, a cell for each array, the first's chance level.

    `concepts` are those of the arrays' images, None where none are labelled. The first array's top
    outlier feature is the one that is set to 0 and to its mean.
    """
    plain = {}
    for name, (known, found) in number_rows([one.numbers for one in arrays]).items():
        plain[name] = (label_with_unit(known), *map(cell, found), by_chance(known))
    counts = [{n.name: n for n in concept_numbers(one)} if one else {} for one in concepts]
    encoded = [one.get("concepts.directions.unique") for one in counts]
    random = by_chance(encoded[0])
    if in_span := counts[0].get("concepts.in_span"):
        random += f" ({by_chance(in_span)} in span)"
    axes = [outlier_axes(one) for one in arrays]
    top = next(iter(axes[0]), None)
    rows = [
        plain["kurtosis.kurtosis"],
        plain[OUTLIERS],
        ("outlier features’ energy (constant part)", *map(outlier_energy, arrays), NONE),
        plain.get("accuracy.accuracy", ()),
        ("objects that directions encode", *map(cell, encoded), random),
    ]
    if top is not None:
        costs = (lost(one.get(top)) for one in axes)
        rows.insert(4, (f"points lost with feature {top} at 0 / mean", *costs, NONE))
    return [row for row in rows if any(text != NONE for text in row[1:-1])]


def outlier_axes(results: ArrayResults) -> dict[int, OutlierAxis]:
    """Return what each outlier feature means to the head, first what is extreme in most images."""
    axes = results.outlier_axes.axes if results.outlier_axes else []
    return {axis.feature: axis for axis in axes if axis.outlier}


def lost(axis: OutlierAxis | None) -> str:
    """Return the accuracy lost if a feature is 0, and if it is its mean."""
    costs = (axis.costs["images"], axis.costs_at_mean["images"]) if axis else (None,)
    return " / ".join(map(format_estimate, costs))


def label_with_unit(number: Number) -> str:
    """Return what a number is, such as `top-1 accuracy, %`."""
    return f"{number.label}, {number.unit}".removesuffix(", ")


def cell(number: Number | None) -> str:
    """Return a number with its interval."""
    return format_interval(number.value, number.low, number.high, number.digits) if number else NONE


def by_chance(number: Number | None) -> str:
    """Return the chance level of a number."""
    return format_number(number.chance, max(number.digits, 1)) if number else NONE


def outlier_energy(results: ArrayResults) -> str:
    """Return the outlier features' share of the energy, and in brackets how much is constant."""
    outliers = results.kurtosis.outliers
    if not outliers.outlier_features:
        return NONE
    shares = outliers.total_energy, outliers.total_constant
    return "{} ({})".format(*(format_number(share, 3) for share in shares))


def array_tables(
    entries: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry] = ()
) -> dict[str, pd.DataFrame]:
    """Return the table of each CSV in `COLUMNS`: every number, and mean images."""
    named = [(e, e.results.numbers) for e in entries] + [(e, e.numbers) for e in labelled]
    numbers = [measure_table(one).assign(key=e.key, label=e.entry.label) for e, one in named]
    found = {
        "arrays": pd.concat(numbers, ignore_index=True) if numbers else pd.DataFrame(),
        "mean_images": mean_image_table(entries),
    }
    return {name: found[name].reindex(columns=columns) for name, columns in COLUMNS.items()}


def profile_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return every feature of the first image and of the mean image, for each of `encodings`."""
    parts = [
        pd.DataFrame({"feature": range(len(z)), "z": z}).assign(
            label=e.entry.label,
            image=image,
            features=e.results.features,
            limit=e.results.kurtosis.outliers.outlier_sigma,
        )
        for e in encodings(entries)
        for image, z in (
            ("one image", e.results.profile.first_image),
            (f"the mean of {e.results.images:,} images", e.results.profile.mean_image),
        )
    ]
    columns = ["label", "image", "feature", "z", "features", "limit"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def mean_image_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return the features beyond the limit of each entry with a single row, such as a mean image.

    An entry without such a feature has a row, too, without one.
    """
    parts = []
    for e in entries:
        if e.results.images == 1:
            kurtosis, outliers = e.results.kurtosis, e.results.kurtosis.outliers
            z = e.results.profile.first_image[outliers.feature]
            far = pd.DataFrame({"feature": outliers.feature, "z": z, "energy": outliers.energy})
            far = far.astype({"feature": "Int64"}) if len(far) else far.reindex([0])
            parts.append(
                far.assign(
                    key=e.key,
                    label=e.entry.label,
                    features=e.results.features,
                    kurtosis=kurtosis.kurtosis.value,
                    chance=kurtosis.isotropic,
                    outlier_features=outliers.outlier_features,
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
