"""The page of published models: it needs no network, and its table can be read without a script.

Its text is in `templates/published/page.html.jinja`, its script in `published.js`, and what it
shares with the study's page in `templates/shared`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_models import (
    PublishedModel,
    by_robustness,
    most_robust,
    read_models,
)
from page.charts import Chart
from page.claims import Claim
from page.names import BASELINES, COUNTERPARTS, DATASETS, TESTBED_SHIFTS, format_interval
from page.panels import PanelDrawing, panel_drawing
from page.published_charts import PUBLISHED, PUBLISHED_FRAME
from page.published_claims import published_claims
from page.rendering import template_environment
from page.results import Counterpart, PublishedResults
from page.robustness_tables import line_spans, mark, training_group
from page.vega import Rows, script_json


class PublishedView(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes
    ----------
    chart, drawing : the chart, and its panels without rows, which `published.js` makes from
        `numbers`
    numbers : all models, lines and standard models, for `published.js`
    models : those of the table, sorted by `by_robustness`
    ranks : the rank by name, from 1, of the zero-shot models to which no line is extrapolated
    groups : the training groups by key, in the order of the filters
    data : the names of the pretraining sets, for the filter
    clips : how many zero-shot models there are
    supervised : how many supervised ones there are; the table has only the counterparts
    first : the zero-shot model with the highest mean over five shifts, extrapolated or not
    leaders : the zero-shot models within the lines' range that may be the most robust, the highest
        mean first
    counterparts : backbone, name and model
    outside : how many points lie outside the chart's frame
    claims : those about published models
    """

    chart: Chart
    drawing: PanelDrawing
    numbers: str
    models: list[PublishedModel]
    ranks: dict[str, int]
    groups: dict[str, str]
    data: list[str]
    clips: int
    supervised: int
    first: PublishedModel | None
    leaders: list[PublishedModel]
    counterparts: list[tuple[str, str, Counterpart]]
    outside: int
    claims: list[Claim]


def published_page(published: PublishedResults, tables: Mapping[str, Rows]) -> str:
    """Return the whole page; the same results give the same bytes.

    Parameters
    ----------
    published
        The result on published accuracies.
    tables
        The rows of `plots/published.csv`, `plots/published_models.csv` and
        `plots/published_lines.csv`, by name.

    Raises
    ------
    InputError
        A table has an invalid cell.
    """
    environment = template_environment(
        "published", {"interval": format_interval, "mark": mark, "spans": line_spans}
    )
    return environment.get_template("page.html.jinja").render(
        view=published_view(published, tables),
        published=published,
        baselines=BASELINES,
        counterpart_trainings=COUNTERPARTS,
        datasets=DATASETS,
        shifts=TESTBED_SHIFTS,
    )


def published_view(published: PublishedResults, tables: Mapping[str, Rows]) -> PublishedView:
    """Return what the page shows, for the same parameters as `published_page`.

    Raises
    ------
    InputError
        A table has an invalid cell.
    """
    every = by_robustness(read_models(tables["published_models"]))
    models = [m for m in every if m.training != "supervised" or m.counterpart_of]
    ranking = most_robust(every)
    within = [m for m in ranking if not m.extrapolated]
    ranks = {m.name: rank for rank, m in enumerate(within, 1)}
    return PublishedView(
        chart=PUBLISHED,
        drawing=panel_drawing(PUBLISHED, tables["published"], holds_rows=False),
        numbers=script_json(
            {
                "shifts": TESTBED_SHIFTS,
                "trainings": COUNTERPARTS,
                "groups": {name: training_group(name) for name in COUNTERPARTS},
                "lines": _lines(tables["published_lines"]),
                "models": [
                    _numbers(m, ranks.get(m.name), published.joined.get(m.name, [])) for m in every
                ],
                "drawn": _drawn(tables["published"]),
            }
        ),
        models=models,
        ranks=ranks,
        groups={name: text for name, text in COUNTERPARTS.items() if name != "finetuned_12k"},
        data=sorted({m.data for m in models}, key=str.casefold),
        clips=len(ranking),
        supervised=sum(m.training == "supervised" for m in every),
        first=ranking[0] if ranking else None,
        leaders=[m for m in within if m.name in published.leaders],
        counterparts=counterparts(published),
        outside=points_outside_frame(tables["published"]),
        claims=published_claims(published),
    )


def points_outside_frame(rows: Rows) -> int:
    """Return how many points of the chart lie outside its frame."""
    return sum(
        row["kind"] in ("standard", "encoder")
        and any(not a <= float(row[axis]) <= b for axis, (a, b) in PUBLISHED_FRAME.items())
        for row in rows
    )


def counterparts(published: PublishedResults) -> list[tuple[str, str, Counterpart]]:
    """Return backbone, name and model, in the order of the table: by data, supervised last."""
    return sorted(
        (
            (backbone, name, model)
            for backbone, models in published.counterparts.items()
            for name, model in models.items()
        ),
        key=lambda row: (
            row[0],
            row[2].training == "supervised",
            row[2].data,
            list(COUNTERPARTS).index(row[2].training),
            row[1],
        ),
    )


def _lines(rows: Rows) -> dict[str, dict[str, float]]:
    """Return the testbed's line of each shift as `LogitLine` has it, the range as fractions."""
    try:
        return {
            row["shift"]: {
                "slope": float(row["slope"]),
                "intercept": float(row["intercept"]),
                "low": float(row["lowest_imagenet"]) / 100,
                "high": float(row["highest_imagenet"]) / 100,
            }
            for row in rows
            if row["baseline"] == "testbed"
        }
    except ValueError as error:
        raise InputError(
            f"plots/published_lines.csv: expected numbers, got {error}; run "
            "`dvc repro --force --single-item published`"
        ) from None


def _numbers(model: PublishedModel, rank: int | None, aliases: Sequence[str]) -> list[Any]:
    """Return a model as `published.js` reads it.

    It has the ends of both means' intervals; the script computes the means and each shift's
    effective robustness, as it does for the reader's own model.
    """
    ends = [[round(m.low, 3), round(m.high, 3)] if m else None for m in (model.five, model.four)]
    accuracies = list(model.accuracy.values())
    named = [model.name, model.training, model.data, accuracies, *ends]
    return [*named, int(bool(model.counterpart_of)), rank, *aliases]


def _drawn(rows: Iterable[Mapping[str, str]]) -> dict[str, list[list[Any]]]:
    """Return the points of the standard models and the ends of the lines, which never change."""
    found: dict[str, list[list[Any]]] = {}
    for row in rows:
        if row["kind"] != "encoder":
            x, y = (round(float(row[key]), 4) for key in ("imagenet", "accuracy"))
            found.setdefault(row["kind"], []).append([row["label"], row["shift"], x, y])
    return found
