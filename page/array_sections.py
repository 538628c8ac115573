"""Activations that others have published: their tables in `plots/`, their sections of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import pandas as pd

from interpreting_clip.charts import series as tables
from interpreting_clip.charts.chart import CHARTS, encoders_table
from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.charts.theme import GIVEN
from interpreting_clip.formats.result import Number
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.labelled_sections import LabelledEntry
from page.study_tables import measure_table

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "arrays": (
        *("key", "label", "measure", "name", "number_of_measure", "unit"),
        *("value", "low", "high", "chance"),
    ),
    "arrays_pruning": ("key", "label", "dataset", "head", "fraction", "accuracy"),
}
"""Columns of `plots/<name>.csv`; accuracies are in percent."""

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


def number_rows(entries: Sequence[ArrayEntry]) -> list[tuple[Number, list[Number | None]]]:
    """Return each number of the activations or of a head, and that of every entry, if it has it.

    Numbers that no entry has are left out.
    """
    each = [{one.name: one for one in e.results.numbers} for e in entries]
    rows = []
    for name in dict.fromkeys(name for one in each for name in one):
        found = [one.get(name) for one in each]
        known = [one for one in found if one and one.value is not None]
        left_out = name.startswith(OWN_TABLES) or name.rpartition(".")[2] in LEFT_OUT
        if known and not left_out:
            rows.append((known[0], found))
    return rows


def array_tables(
    entries: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry] = ()
) -> dict[str, pd.DataFrame]:
    """Return the table of each CSV in `COLUMNS`: every number, and the curves of pruning."""
    numbers = [
        measure_table(one).assign(key=e.key, label=e.entry.label)
        for e, one in (
            *((e, e.results.numbers) for e in entries),
            *((e, e.numbers) for e in labelled),
        )
    ]
    found = {
        "arrays": pd.concat(numbers, ignore_index=True) if numbers else pd.DataFrame(),
        "arrays_pruning": pruning_table(entries),
    }
    return {name: found[name].reindex(columns=columns) for name, columns in COLUMNS.items()}


def array_charts(entries: Sequence[ArrayEntry]) -> dict[str, tuple[PanelChart, pd.DataFrame]]:
    """Return the charts of a section that have something to draw, with their tables."""
    kurtosis, pruning = CHARTS[Kurtosis]["kurtosis"].chart, CHARTS[Pruning]["pruning"].chart
    drawn = {
        "kurtosis": (replace(kurtosis, panel=""), kurtosis_table(entries)),
        "pruning": (replace(pruning, panel="{label}"), pruning_table(entries)),
    }
    return {name: (chart, table) for name, (chart, table) in drawn.items() if len(table)}


def kurtosis_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return each entry's kurtosis, and below it that minus the mean image.

    Entries have no numbers: those on the page count the study's encoders.
    """
    named = {}
    for e in entries:
        whole = named[e.entry.label] = e.results.kurtosis
        if whole.centred:
            outliers = replace(whole.outliers, outlier_features=whole.centred_outliers)
            centred = replace(whole, kurtosis=whole.centred, outliers=outliers)
            named[f"{e.entry.label}, minus the mean image"] = centred
    return encoders_table(CHARTS[Kurtosis]["kurtosis"], named).assign(number=None)


def pruning_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return the accuracies of the entries that have a head and classes, at each pruned share."""
    parts = [
        tables.pruning_table({e.key: e.results.pruning}, {e.key: e.entry.images}).assign(
            key=e.key, label=e.entry.label, training=GIVEN, number=None
        )
        for e in entries
        if e.results.pruning
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
