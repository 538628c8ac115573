"""Activations that others have published: their tables in `plots/`, their sections of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import msgspec
import pandas as pd

from interpreting_clip.charts import tables
from interpreting_clip.charts.lines import PRUNING
from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.charts.rows import KURTOSIS, kurtosis_panel
from interpreting_clip.charts.theme import GIVEN
from interpreting_clip.measures.result import Number
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.study_tables import measure_table

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "arrays": (
        *("key", "label", "measure", "name", "number_of_measure", "unit"),
        *("value", "low", "high", "chance"),
    ),
    "arrays_pruning": ("key", "label", "dataset", "head", "fraction", "accuracy"),
}
"""Columns of `plots/<name>.csv`; accuracies are in percent."""

KURTOSIS_OF_ARRAYS = replace(
    KURTOSIS,
    name="arrays_kurtosis",
    table="",
    draw=partial(kurtosis_panel, chance=""),
    panel="",
    legend=(),
    caption="Kurtosis of one image's activations, the mean over features of ((h − μ)/σ)⁴, averaged "
    "over the images; bars are bootstrap intervals. Minus the mean image: each image without what "
    "all of them have in common.",
)

PRUNING_OF_ARRAYS = replace(
    PRUNING,
    name="arrays_pruning",
    table="",
    panel="{label}",
    only={"head": ("head", "random head")},
    legend=(),
    caption="Top-1 accuracy after the least important share of the head's directions is removed "
    "from the activations. Grey and dashed: the mean of random heads. Dotted: the paper prunes up "
    "to 80 % without harm.",
)


OF_THE_SAMPLE = (
    *("kurtosis.outliers.hiding", "participation_ratio.features", "directions.directions"),
    *("accuracy.images", "accuracy.classes", "pruning.whole", "privileged_basis.rotated_outliers"),
)
"""Numbers that the page's table leaves out: sizes, and what stands in it already."""

NEIGHBOURS = "mutual_neighbours.k"


class ArrayEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `arrays` with its results: `plots/arrays/<key>.json`."""

    key: str
    entry: MeasuredArrays
    results: ArrayResults


class ComparedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured of an entry's activations and of another array, but for counts."""

    label: str
    other: str
    numbers: list[Number]


class ArraySection(msgspec.Struct, frozen=True, kw_only=True):
    """The entries with the same `section`, in the order of their keys; `number` counts sections."""

    number: int
    title: str
    entries: list[ArrayEntry]

    @property
    def rows(self) -> list[tuple[Number, list[Number | None]]]:
        """A number of the activations or of the head, and that of each entry, None if it lacks it.

        Numbers that no entry has are left out.
        """
        each = [{one.name: one for one in e.results.numbers} for e in self.entries]
        rows = []
        for name in dict.fromkeys(name for one in each for name in one):
            found = [one.get(name) for one in each]
            known = [one for one in found if one and one.value is not None]
            if known and not name.startswith("comparisons.") and name not in OF_THE_SAMPLE:
                rows.append((known[0], found))
        return rows

    @property
    def compared(self) -> list[ComparedRow]:
        """A row for each array that an entry's activations are compared with."""
        return [
            ComparedRow(
                label=e.entry.label,
                other=other.replace("_", " "),
                numbers=[one for one in numbers if one.digits],
            )
            for e in self.entries
            for other, numbers in e.results.comparisons.items()
        ]

    @property
    def neighbours(self) -> list[int]:
        """How many nearest neighbours of each image the comparisons compare."""
        compared = chain.from_iterable(e.results.comparisons.values() for e in self.entries)
        numbers = chain.from_iterable(compared)
        return sorted({int(one.value) for one in numbers if one.name == NEIGHBOURS and one.value})

    @property
    def charts(self) -> list[tuple[PanelChart, pd.DataFrame]]:
        """The charts that have something to draw, each with its table."""
        drawn = (
            (KURTOSIS_OF_ARRAYS, kurtosis_table(self.entries)),
            (PRUNING_OF_ARRAYS, pruning_table(self.entries)),
        )
        return [
            (replace(chart, name=f"{chart.name}_{self.number}"), table)
            for chart, table in drawn
            if len(table)
        ]


def array_sections(entries: Sequence[ArrayEntry]) -> list[ArraySection]:
    """Return a section for each title, in the order in which the titles occur."""
    titles = dict.fromkeys(e.entry.section for e in entries)
    return [
        ArraySection(
            number=number, title=title, entries=[e for e in entries if e.entry.section == title]
        )
        for number, title in enumerate(titles, 1)
    ]


def array_tables(entries: Sequence[ArrayEntry]) -> dict[str, pd.DataFrame]:
    """Return the table of each CSV in `COLUMNS`: every number, and the curves of pruning."""
    found = {"arrays": numbers_table(entries), "arrays_pruning": pruning_table(entries)}
    return {name: found[name].reindex(columns=columns) for name, columns in COLUMNS.items()}


def numbers_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return a row for each number of each entry."""
    parts = [measure_table(e.results).assign(key=e.key, label=e.entry.label) for e in entries]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def kurtosis_table(entries: Sequence[ArrayEntry]) -> pd.DataFrame:
    """Return each entry's kurtosis, and below it that minus the mean image.

    Entries have no numbers: those on the page count the study's encoders.
    """
    rows = []
    for e in entries:
        found = e.results.kurtosis
        row = tables.kurtosis_table(found).assign(label=e.entry.label)
        rows.append(row)
        if found.centred:
            rows.append(
                row.assign(
                    label=f"{e.entry.label}, minus the mean image",
                    kurtosis=found.centred.value,
                    low=found.centred.low,
                    high=found.centred.high,
                    outlier_features=found.centred_outliers,
                )
            )
    return pd.concat(rows, ignore_index=True).assign(null=None, number=None, training=GIVEN)


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
