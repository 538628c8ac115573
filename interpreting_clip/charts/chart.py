"""The chart of a result, or of the results of several encoders: the one that the page draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from interpreting_clip.charts import series as tables
from interpreting_clip.charts.colours import DARK, recoloured
from interpreting_clip.charts.layer_matrix import CKA
from interpreting_clip.charts.lines import (
    IMPORTANCE,
    OUTLIER_SHARES,
    PRUNING,
    SWEEP,
    pruning_and_covariance_panel,
)
from interpreting_clip.charts.panels import PanelChart, whole_chart
from interpreting_clip.charts.rows import CATEGORY_COLOURS, CONCEPTS, KURTOSIS, concepts_panel
from interpreting_clip.charts.scatter import DRAWN_RANGE, EFFECTIVE_ROBUSTNESS
from interpreting_clip.charts.standard_lines import standard_line_rows
from interpreting_clip.charts.theme import GIVEN, GREY, SOFT_INK
from interpreting_clip.config.shifts import SHIFT_NAMES, on_classes
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.measures.kurtosis import Kurtosis, OutlierFeatures
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.statistics.logit_line import LogitLine, Models, fit_line
from interpreting_clip.statistics.published_accuracies import (
    fractions_above_chance,
    standard_models,
)


@dataclass(frozen=True)
class ResultChart:
    """A chart of a kind of result.

    Attributes
    ----------
    chart : the study's chart, with panels and rows for results outside a study
    table : returns the rows of one encoder
    words : what it draws in addition to the encoders
    """

    chart: PanelChart
    table: Callable[[Any], pd.DataFrame]
    words: str


def kurtosis_table(result: Kurtosis) -> pd.DataFrame:
    """Return the kurtosis, with the kurtosis after a random rotation as its null."""
    kind = result.representation
    return tables.kurtosis_table(result).assign(
        representation=f"{kind} representations" if kind else "",
        null=result.isotropic,
    )


def pruning_table(result: Pruning) -> pd.DataFrame:
    """Return the accuracies on one test set, whose name the result does not know."""
    return tables.pruning_table({"images": result}, {"images": "the images"})


def concept_table(result: Concepts) -> pd.DataFrame:
    """Return the counts of concepts; concepts outside Broden's categories are `OTHER`."""
    table = tables.concept_table(result)
    if set(table["category"]) == {tables.ALL}:
        table = pd.concat([table, table.assign(category=OTHER)])
    known = table["category"].isin([tables.ALL, *CATEGORY_COLOURS])
    return table.assign(category=table["category"].where(known, OTHER))


def cka_table(result: LayerCka) -> pd.DataFrame:
    """Return the similarity of layers of encoders that are called by their keys."""
    return tables.cka_table(result).assign(first_label=result.first, second_label=result.second)


def robustness_table(result: EffectiveRobustness) -> pd.DataFrame:
    """Return the accuracies on the shifts, each with the line's."""
    table = tables.robustness_table(result.per_shift, SHIFT_NAMES)
    on_line = table["accuracy"] - table["effective_robustness"]
    return table.assign(kind="encoder", baseline=on_line.clip(*DRAWN_RANGE))


OTHER = "other"
"""The category of concepts outside Broden's categories."""

HEAD_AND_RANDOM = {"head": ("head", "random head")}
RANDOM_HEADS = "Dashed: the mean of random heads."
PRUNED_INSTEAD = f"{RANDOM_HEADS} Dash-dotted: principal components are pruned instead."

OUTLIERS = ResultChart(
    OUTLIER_SHARES,
    tables.outlier_table,
    "In how many images a feature lies far from the others.",
)

CHARTS: Mapping[type[Result], Mapping[str, ResultChart]] = {
    Kurtosis: {
        "kurtosis": ResultChart(KURTOSIS, kurtosis_table, "Upright mark: after a random rotation."),
        "outlier_features": replace(OUTLIERS, table=lambda k: tables.outlier_table(k.outliers)),
    },
    OutlierFeatures: {"outlier_features": OUTLIERS},
    PrivilegedDirections: {
        "importance": ResultChart(
            replace(IMPORTANCE, panel="", only=HEAD_AND_RANDOM),
            tables.importance_table,
            RANDOM_HEADS,
        )
    },
    Pruning: {
        "pruning": ResultChart(
            replace(
                PRUNING,
                panel="",
                draw=pruning_and_covariance_panel,
                only={"head": (*HEAD_AND_RANDOM["head"], tables.COMPONENTS)},
            ),
            pruning_table,
            PRUNED_INSTEAD,
        )
    },
    Concepts: {
        "concepts": ResultChart(
            replace(
                CONCEPTS,
                title="Concepts that are encoded",
                panel="{basis}",
                draw=partial(concepts_panel, colours={**CATEGORY_COLOURS, OTHER: GREY}),
            ),
            concept_table,
            "Ticks: the mean for as many random directions.",
        ),
        "sweep": ResultChart(replace(SWEEP, panel="{basis}"), tables.sweep_table, ""),
    },
    EffectiveRobustness: {
        "effective_robustness": ResultChart(
            replace(EFFECTIVE_ROBUSTNESS, columns=3),
            robustness_table,
            "Grey points: standard models. Line: fitted to them, dashed where it is extrapolated.",
        )
    },
    LayerCka: {"cka": ResultChart(CKA, cka_table, "")},
}
"""The charts of each kind of result by name; the first is drawn if none is named."""


def chart(
    results: Result | Mapping[str, Result], name: str = "", *, dark: bool = False
) -> alt.FacetChart:
    """Draw a result, or the results of several encoders, as an Altair chart.

    Parameters
    ----------
    results : of one encoder, or of several by their names, all of the same measure
    name : which chart: `kurtosis` (the default) or `outlier_features` of kurtosis, `concepts` (the
        default) or `sweep` of concepts; other results have one
    dark : whether it stands on a dark ground

    Raises
    ------
    TypeError
        The results are of several measures, or of a measure without a chart.
    ValueError
        There are none, there is no chart of this name, or accuracies were compared with no
        standard models, or with others than the published ones.
    """
    named = dict(results) if isinstance(results, Mapping) else {"": results}
    if not named:
        raise ValueError("results: expected at least one, got none")
    kinds = {type(result) for result in named.values()}
    known = CHARTS.get(next(iter(kinds)))
    if len(kinds) > 1 or not known:
        raise TypeError(
            f"results: expected one kind of {', '.join(kind.__name__ for kind in CHARTS)}, "
            f"got {', '.join(sorted(kind.__name__ for kind in kinds))}"
        )
    if name and name not in known:
        raise ValueError(f"name: expected {' or '.join(known)}, got {name!r}")
    drawn = known[name or next(iter(known))]
    spec = whole_chart(drawn.chart, encoders_table(drawn, named))
    subtitle = [drawn.words] if drawn.words else []
    if any(legend.numbered for legend in drawn.chart.legend):
        subtitle += [f"{number} {key}" for number, key in enumerate(named, 1) if key]
    spec["title"] = {
        "text": drawn.chart.title,
        "subtitle": subtitle,
        "subtitleColor": SOFT_INK,
    }
    return alt.FacetChart.from_dict(recoloured(spec, DARK) if dark else spec)


def encoders_table(drawn: ResultChart, results: Mapping[str, Any]) -> pd.DataFrame:
    """Return a chart's rows of encoders; a single encoder without a name has no number."""
    parts = [
        drawn.table(result).assign(
            number=number if label else None, label=label, training=GIVEN, backbone=""
        )
        for number, (label, result) in enumerate(results.items(), 1)
    ]
    table = pd.concat(parts, ignore_index=True)
    if drawn.table is robustness_table:  # the only chart that draws more than the results
        table = pd.concat([standard_table(table), table], ignore_index=True)
    return table.astype({"number": "Int64"})


def standard_table(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return the published standard models, and their line, on each shift of some encoders.

    Parameters
    ----------
    encoders : their `imagenet`, `accuracy` and `effective_robustness` by the name of the `shift`

    Raises
    ------
    ValueError
        There are none, or they were compared with other standard models, or with two ImageNet
        accuracies.
    """
    if encoders.empty:
        raise ValueError("results: expected an effective robustness on a shift or more, got none")
    models, parts = standard_models(), []
    for shift, name in SHIFT_NAMES.items():
        on_shift = encoders[encoders["shift"] == name]
        if len(on_shift):
            accuracies = fractions_above_chance(models, shift)
            start, line = _line_of(shift, on_shift, models, accuracies)
            points = models[["name", start]].set_axis(["label", "imagenet"], axis="columns")
            points = points.assign(accuracy=100 * accuracies).dropna()
            parts += [
                points.assign(kind="standard", shift=name),
                pd.DataFrame(standard_line_rows(name, line, on_shift["imagenet"])),
            ]
    return pd.concat(parts)


def _line_of(
    shift: str, encoders: pd.DataFrame, models: pd.DataFrame, accuracies: Models
) -> tuple[str, LogitLine]:
    """Return the line that encoders were compared with, and the ImageNet accuracy it starts from.

    That accuracy is over all classes, or over the shift's classes only.
    """
    for start in ("imagenet", on_classes(shift)):
        line = fit_line(models[start].to_numpy(float) / 100, accuracies)
        on_line = 100 * line.predict(encoders["imagenet"].to_numpy(float) / 100)
        above = encoders["accuracy"] - on_line
        # Accuracies are rounded to ten-thousandths of a percent.
        if (above - encoders["effective_robustness"]).abs().max() < 0.01:
            return start, line
    raise ValueError(
        f"{shift}: expected results that were compared with the published standard models, all "
        "from accuracy on the same classes of ImageNet; draw these apart from others, or on the "
        "page of their study"
    )
