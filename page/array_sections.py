"""Activations that others have published: their tables in `plots/`, their sections of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import pandas as pd

from interpreting_clip.charts import series as tables
from interpreting_clip.charts.chart import CHARTS, encoders_table
from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.charts.profile import PROFILE
from interpreting_clip.charts.theme import GIVEN
from interpreting_clip.formats.result import Number
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.labelled_sections import LabelledEntry, rows_by_name
from page.study_tables import measure_table

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "arrays": (
        *("key", "label", "measure", "name", "number_of_measure", "unit"),
        *("value", "low", "high", "chance"),
    ),
    "arrays_pruning": ("key", "label", "dataset", "head", "fraction", "accuracy"),
    "mean_images": (
        *("key", "label", "features", "kurtosis", "chance", "outlier_features"),
        *("feature", "z", "energy"),
    ),
}
"""Columns of `plots/<name>.csv`; accuracies are in percent.

Of mean images, each feature beyond the limit has a row: how many standard deviations `z` it is from
the mean of the features, and its share of the `energy`, 0 to 1.
"""

LEFT_OUT = {"hiding", "features", "directions", "images", "classes", "whole", "rotated_outliers"}
"""Numbers of any measure that the page's table leaves out: sizes, and what another row shows."""

REMOVED = {
    "whole": "nothing",
    "without_largest": "the feature with the largest share",
    "without_separating": "the features that separate",
    "centred": "the mean of each side",
}
"""What is removed from images and captions, by the field of `ModalityGap`."""

OWN_TABLES = ("comparisons.", *(f"modality_gap.{field}." for field in REMOVED))
"""How the names of numbers begin that stand in tables of their own."""


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


def number_rows(entries: Sequence[ArrayEntry]) -> list[tuple[Number, list[Number | None]]]:
    """Return each number of the activations or of a head, and that of every entry, if it has it.

    Numbers that no entry has are left out.
    """
    return [
        (one, found)
        for one, found in rows_by_name([e.results.numbers for e in entries])
        if not (one.name.startswith(OWN_TABLES) or one.name.rpartition(".")[2] in LEFT_OUT)
    ]


def array_tables(
    entries: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry] = ()
) -> dict[str, pd.DataFrame]:
    """Return the table of each CSV in `COLUMNS`: every number, curves of pruning, mean images."""
    numbers = [
        measure_table(one).assign(key=e.key, label=e.entry.label)
        for e, one in (
            *((e, e.results.numbers) for e in entries),
            *((e, e.numbers) for e in labelled),
        )
    ]
    found = {
        "arrays": pd.concat(numbers, ignore_index=True) if numbers else pd.DataFrame(),
        "arrays_pruning": pruning_table(entries, labelled),
        "mean_images": mean_image_table(entries),
    }
    return {name: found[name].reindex(columns=columns) for name, columns in COLUMNS.items()}


def array_charts(
    entries: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry] = ()
) -> dict[str, tuple[PanelChart, pd.DataFrame]]:
    """Return the charts of a section that have something to draw, with their tables."""
    kurtosis, pruning = CHARTS[Kurtosis]["kurtosis"].chart, CHARTS[Pruning]["pruning"].chart
    drawn = {
        "profile": (PROFILE, profile_table(entries)),
        "kurtosis": (kurtosis, kurtosis_table(entries)),
        "pruning": (replace(pruning, panel="{label}"), pruning_table(entries, labelled)),
    }
    return {name: (chart, table) for name, (chart, table) in drawn.items() if len(table)}


def profile_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return every feature of the first image and of the mean image, for each of `encodings`."""
    parts = []
    for e in encodings(entries):
        profile, outliers = e.results.profile, e.results.kurtosis.outliers
        images = {
            "one image": profile.first_image,
            f"the mean of {e.results.images:,} images": profile.mean_image,
        }
        parts += [
            pd.DataFrame({"feature": range(len(z)), "z": z}).assign(
                label=e.entry.label,
                image=image,
                features=e.results.features,
                limit=outliers.outlier_sigma,
            )
            for image, z in images.items()
        ]
    columns = ["label", "image", "feature", "z", "features", "limit"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def mean_image_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return the features beyond the limit of each entry with a single row, such as a mean image.

    An entry without such a feature has a row, too, without one.
    """
    rows = []
    for e in entries:
        if e.results.images == 1:
            outliers = e.results.kurtosis.outliers
            of_entry = {
                "key": e.key,
                "label": e.entry.label,
                "features": e.results.features,
                "kurtosis": e.results.kurtosis.kurtosis.value,
                "chance": e.results.kurtosis.isotropic,
                "outlier_features": outliers.outlier_features,
            }
            z = e.results.profile.first_image[outliers.feature]
            far = zip(outliers.feature, z, outliers.energy, strict=True)
            rows += [
                {**of_entry, "feature": feature, "z": distance, "energy": share}
                for feature, distance, share in far
            ] or [of_entry]
    return pd.DataFrame(rows).astype({"feature": "Int64"}) if rows else pd.DataFrame()


def kurtosis_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return the kurtosis of each of `encodings`, and below it that minus the mean image.

    Entries have no numbers: those on the page count the study's encoders.
    """
    named = {}
    for e in encodings(entries):
        whole = named[e.entry.label] = e.results.kurtosis
        if whole.centred:
            outliers = replace(whole.outliers, outlier_features=whole.centred_outliers)
            centred = replace(whole, kurtosis=whole.centred, outliers=outliers)
            named[f"{e.entry.label}, minus the mean image"] = centred
    if not named:
        return pd.DataFrame()
    return encoders_table(CHARTS[Kurtosis]["kurtosis"], named).assign(number=None)


def pruning_table(
    entries: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry] = ()
) -> pd.DataFrame:
    """Return the accuracies of the entries that have a head and classes, at each pruned share."""
    heads = [(e, e.entry.label, e.entry.images) for e in entries]
    heads += [(e, f"{e.entry.label}, labelled classes", e.entry.concepts) for e in labelled]
    parts = [
        tables.pruning_table(e.results.pruning, dataset).assign(
            key=e.key, label=label, training=GIVEN, number=None
        )
        for e, label, dataset in heads
        if e.results.pruning
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
