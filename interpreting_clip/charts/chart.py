"""The chart of a result, or of the results of several encoders: the one that the page draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from interpreting_clip.arrays.conversions import described
from interpreting_clip.charts import series as tables
from interpreting_clip.charts.colours import DARK, recoloured
from interpreting_clip.charts.layer_matrix import CKA
from interpreting_clip.charts.lines import HEAD, IMPORTANCE, PRUNING, REFERENCE_DASHES, SWEEP
from interpreting_clip.charts.panels import PanelChart, whole_chart
from interpreting_clip.charts.rows import COMPARISON, CONCEPTS, KURTOSIS
from interpreting_clip.charts.scatter import DRAWN_RANGE, EFFECTIVE_ROBUSTNESS, robustness_panel
from interpreting_clip.charts.theme import GIVEN, SOFT_INK
from interpreting_clip.config.shifts import SHIFT_NAMES, on_classes
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import EffectiveRobustness, OwnRobustness
from interpreting_clip.measures.encoder_comparison import Comparison
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.statistics.logit_line import fit_line
from interpreting_clip.statistics.own_models import ORIGINAL
from interpreting_clip.statistics.published_accuracies import (
    fractions_above_chance,
    standard_models,
)


@dataclass(frozen=True)
class ResultChart:
    """The study's chart of a kind of result, with panels and rows for results outside a study.

    `table` returns the rows of one encoder.
    """

    chart: PanelChart
    table: Callable[[Any], pd.DataFrame]


def outside_study(
    chart: PanelChart, table: Callable[[Any], pd.DataFrame], caption: str = "", **changes: Any
) -> ResultChart:
    """Return a chart of the study in one panel, unless `changes` name others, with a caption."""
    return ResultChart(
        replace(chart, **{"panel": "", "columns": 3, "caption": caption, **changes}), table
    )


WITH_REFERENCES = {"head": (HEAD, *REFERENCE_DASHES)}

CHARTS: Mapping[type[Result], Mapping[str, ResultChart]] = {
    Kurtosis: {
        "kurtosis": outside_study(
            KURTOSIS, tables.kurtosis_table, "Upright mark: after a random rotation."
        ),
    },
    PrivilegedDirections: {
        "importance": outside_study(
            IMPORTANCE,
            tables.importance_table,
            "Dashed: the mean of random heads.",
            only=WITH_REFERENCES,
        )
    },
    Pruning: {
        "pruning": outside_study(
            PRUNING,
            tables.pruning_table,
            "Dashed: the mean of random heads. Dash-dotted: principal components are pruned "
            "instead.",
            only=WITH_REFERENCES,
        )
    },
    Concepts: {
        "concepts": outside_study(
            CONCEPTS,
            tables.concept_table,
            "Upright mark and band: the mean and the middle 90 % of as many random directions.",
            title="Concepts that are encoded",
            panel="{basis}",
        ),
        "sweep": outside_study(SWEEP, tables.sweep_table, panel="{basis}"),
    },
    EffectiveRobustness: {
        "effective_robustness": outside_study(
            EFFECTIVE_ROBUSTNESS,
            lambda result: tables.robustness_table(result.per_shift),
            "Grey points: standard models. Line: fitted to them, dashed where it is extrapolated.",
            panel="{shift}",
        )
    },
    OwnRobustness: {
        "own_effective_robustness": outside_study(
            EFFECTIVE_ROBUSTNESS,
            tables.own_robustness_table,
            "Grey points: your standard models. Line: fitted to them, dashed where it is "
            "extrapolated.",
            name="own_effective_robustness",
            panel="{shift}",
            draw=partial(robustness_panel, imagenet="original images"),
        )
    },
    LayerCka: {"cka": ResultChart(CKA, tables.cka_table)},
    Comparison: {
        "comparison": outside_study(
            COMPARISON,
            tables.comparison_table,
            "Upright mark: by chance, if the number has a chance level.",
            panel="{measure}",
        )
    },
}
"""The charts of each kind of result by name; the first is drawn if none is named."""


def chart(
    results: Result | Mapping[str, Result], name: str = "", *, dark: bool = False
) -> alt.FacetChart:
    """Draw a result, or the results of several encoders, as an Altair chart.

    Parameters
    ----------
    results : of one encoder, or of several by their names, all of the same measure
    name : which chart: `concepts` (the default) or `sweep` of concepts; other results have one
    dark : whether it stands on a dark ground

    Raises
    ------
    TypeError
        There are none, or they are of several measures or of a measure without a chart.
    ValueError
        There is no chart of this name, or accuracies were compared with no standard models, or with
        others than the published ones.
    """
    if isinstance(results, list | tuple):
        raise TypeError(
            "results: expected a result or a mapping, got a "
            f"{described(results)}; give each a name: {{'first': results[0], …}}"
        )
    named = dict(results) if isinstance(results, Mapping) else {"": results}
    kinds = {type(result) for result in named.values()}
    known = CHARTS.get(next(iter(kinds), Result))
    if len(kinds) > 1 or not known:
        raise TypeError(
            f"results: expected one kind of {', '.join(kind.__name__ for kind in CHARTS)}, "
            f"got {', '.join(sorted(kind.__name__ for kind in kinds)) or 'none'}"
        )
    if name and name not in known:
        raise ValueError(f"name: expected {' or '.join(known)}, got {name!r}")
    drawn = known[name or next(iter(known))]
    spec = whole_chart(drawn.chart, encoders_table(drawn, named))
    subtitle = [drawn.chart.caption] if drawn.chart.caption else []
    if any(legend.numbered for legend in drawn.chart.legend):
        subtitle += [f"{number} {key}" for number, key in enumerate(named, 1) if key]
    spec["title"] = {"text": drawn.chart.title, "subtitle": subtitle, "subtitleColor": SOFT_INK}
    return alt.FacetChart.from_dict(recoloured(spec, DARK) if dark else spec)


def encoders_table(drawn: ResultChart, results: Mapping[str, Any]) -> pd.DataFrame:
    """Return a chart's rows of encoders; a single encoder without a name has no number.

    A comparison names and numbers its encoders itself.
    """
    parts = []
    for number, (label, result) in enumerate(results.items(), 1):
        part = drawn.table(result)
        if not isinstance(result, Comparison):
            part = part.assign(number=number if label else None, label=label)
        parts.append(part.assign(training=GIVEN, backbone=""))
    table = pd.concat(parts, ignore_index=True)
    if drawn.chart.name == EFFECTIVE_ROBUSTNESS.name:
        table = pd.concat([published_standard_table(table), table], ignore_index=True)
    if drawn.table is tables.own_robustness_table:
        table = pd.concat([own_standard_table(table, results), table], ignore_index=True)
    return table.astype({"number": "Int64"})


def own_standard_table(
    encoders: pd.DataFrame, results: Mapping[str, OwnRobustness]
) -> pd.DataFrame:
    """Return a user's own standard models, and their line, on each shift of some encoders.

    Parameters
    ----------
    encoders : their `imagenet`, which is the accuracy on the original images, by `shift`
    results : of the same encoders

    Raises
    ------
    ValueError
        There is no effective robustness, or they were compared with different standard models.
    """
    if encoders.empty:
        raise ValueError("results: expected an effective robustness on a shift or more, got none")
    parts = []
    for name, on_shift in encoders.groupby("shift", sort=False):
        shift = str(name)
        shown = [one for one in results.values() if shift in one.per_shift]
        line = shown[0].per_shift[shift].line
        if line is None or any(one.per_shift[shift].line != line for one in shown):
            raise ValueError(
                f"{shift}: expected results that were compared with the same standard models; draw "
                "these apart from others"
            )
        points = pd.DataFrame(shown[0].models)
        points = points[~points["name"].isin(shown[0].per_shift[shift].at_chance)]
        points = points[["name", ORIGINAL, shift]].astype({ORIGINAL: float, shift: float})
        points = points.set_axis(["label", "imagenet", "accuracy"], axis="columns")
        parts.append(tables.standard_table(shift, points, line, on_shift["imagenet"]))
    return pd.concat(parts)


def published_standard_table(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return the published standard models, and their line, on each shift of some encoders.

    Parameters
    ----------
    encoders : their `imagenet` and `baseline` by the name of the `shift`; the line starts from
        accuracy over all of ImageNet's classes or over the shift's, whichever they were compared on

    Raises
    ------
    ValueError
        There are none, or they were compared with other standard models, or with two ImageNet
        accuracies.
    """
    if encoders.empty:
        raise ValueError("results: expected an effective robustness on a shift or more, got none")
    models, parts = standard_models(), []
    for name, on_shift in encoders.groupby("shift", sort=False):
        shift = next(key for key, label in SHIFT_NAMES.items() if label == name)
        accuracies = fractions_above_chance(models, shift)
        for start in ("imagenet", on_classes(shift)):
            line = fit_line(models[start].to_numpy(float) / 100, accuracies)
            on_line = 100 * line.predict(on_shift["imagenet"].to_numpy(float) / 100)
            # Accuracies are rounded to ten-thousandths of a percent.
            if np.allclose(on_line.clip(*DRAWN_RANGE), on_shift["baseline"], atol=0.01):
                points = models[["name", start]].set_axis(["label", "imagenet"], axis="columns")
                points = points.assign(accuracy=100 * accuracies)
                parts.append(tables.standard_table(str(name), points, line, on_shift["imagenet"]))
                break
        else:
            raise ValueError(
                f"{shift}: expected results that were compared with the published standard models, "
                "all from accuracy on the same classes of ImageNet; draw these apart from others, "
                "or on the page of their study"
            )
    return pd.concat(parts)
