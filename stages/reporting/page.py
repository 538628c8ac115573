"""The report: one HTML page that needs no script and no network.

Its text and tables stand in `page.html.jinja`, its style in `page.css`; both are dependencies of
stage `report` in dvc.yaml, since a fingerprint covers Python modules alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.reporting.across_encoders import Correlation, by_pretraining, shared_concepts
from stages.reporting.charts import (
    CHARTS,
    PLANTED_OUTLIERS,
    PUBLISHED,
    Chart,
    Rows,
    chart_svg,
    of_representation,
    points_outside_frame,
)
from stages.reporting.claims import Claim, mean_over, study_claims
from stages.reporting.families import families
from stages.reporting.names import (
    BASELINES,
    COUNTERPARTS,
    DATASETS,
    REPRESENTATIONS,
    SHIFTS,
    TRAININGS,
    format_interval,
    format_number,
    format_percent,
)
from stages.reporting.results import (
    Controls,
    Counterpart,
    EncodedPair,
    Encoder,
    Published,
)
from stages.reporting.robustness_tables import line_spans, mark

PAPER_CONCEPTS = (
    ("RN50", 507, 311, 418),
    ("RN101", 489, 323, 397),
    ("ViT-B/16", 702, 555, 635),
    ("ViT-B/32", 689, 557, 559),
)
"""Unique concepts of OpenAI's CLIP in the paper's first version: backbone, zero-shot, finetuned,
supervised."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A chart as SVG, by kind of representation where it has several, and the claims beneath it."""

    chart: Chart
    drawings: dict[str, str]
    claims: list[Claim]


def report_page(
    *,
    title: str,
    description: str,
    encoders: Sequence[Encoder],
    controls: Controls,
    published: Published,
    tables: Mapping[str, Rows],
    templates: Path,
    kernels: Sequence[str] = (),
    correlations: Sequence[Correlation] = (),
) -> str:
    """Return the whole page; the same results give the same bytes.

    Parameters
    ----------
    title, description
        What this study is, in plain text; a description's blank lines part its paragraphs.
    encoders, controls, published
        The study's results.
    tables
        The rows of every chart's CSV by name, `published` and `planted_outliers` among them;
        numbers may be strings.
    templates
        The folder of the plot templates, `.dvc/plots`.
    kernels
        The environment variables that chose kernels for any of the results, as `name=value`.
    correlations
        Those of the rows of `correlation` among the tables.

    Raises
    ------
    InputError
        The results do not fit one another, or a plot template is missing or broken.
    """
    claims = study_claims(encoders, published)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": format_number,
        "interval": format_interval,
        "percent": format_percent,
        "spans": line_spans,
        "mark": mark,
    }
    return environment.get_template("page.html.jinja").render(
        title=title,
        kernels=kernels,
        paragraphs=[p for p in description.split("\n\n") if p.strip()],
        claims=claims,
        encoders=encoders,
        by_representation={
            name: members
            for kind, name in REPRESENTATIONS.items()
            if (members := [e for e in encoders if e.series.representation == kind])
        },
        hiding_outliers={
            e.series.outliers.features: e.series.outliers.hiding_outliers for e in encoders
        },
        concept_counts=sorted(
            {n for e in encoders if (n := e.metrics.concepts.measured) is not None}
        ),
        encoded={e.key: encoded_concepts(e.series.encoded) for e in encoders},
        negative_sides=any(p.side == "negative" for e in encoders for p in e.series.encoded),
        mean_over=mean_over(encoders),
        families=families(encoders),
        correlations=correlations,
        shared_concepts=shared_concepts(encoders),
        by_pretraining=by_pretraining(encoders),
        paper_concepts=PAPER_CONCEPTS,
        figures=[_figure(c, tables[c.table], templates, claims) for c in CHARTS if tables[c.table]],
        controls=controls,
        planted_figure=_figure(PLANTED_OUTLIERS, tables["planted_outliers"], templates, claims),
        published=published,
        baselines=BASELINES,
        counterparts=counterparts(published),
        counterpart_trainings=COUNTERPARTS,
        published_figure=_figure(PUBLISHED, tables["published"], templates, claims),
        points_outside_frame=points_outside_frame(tables["published"]),
        datasets=DATASETS,
        shifts=SHIFTS,
        trainings=TRAININGS,
    )


def counterparts(published: Published) -> list[tuple[str, str, Counterpart]]:
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


def encoded_concepts(pairs: Iterable[EncodedPair]) -> list[dict[str, Any]]:
    """Return each encoded concept with the pairs of each basis, the strongest first."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in sorted(pairs, key=lambda pair: -pair.precision):
        row = {"name": pair.concept, "category": pair.category, "directions": [], "features": []}
        found.setdefault((pair.concept, pair.category), row)[pair.basis].append(pair)
    return list(found.values())


def _figure(chart: Chart, rows: Rows, templates: Path, claims: Iterable[Claim]) -> Figure:
    charts = {"": (chart, rows)}
    kinds = {row["representation"] for row in rows} if chart.by_representation else set()
    if len(kinds) > 1:
        charts = {
            kind: (
                of_representation(chart, kind),
                [row for row in rows if row["representation"] == kind],
            )
            for kind in REPRESENTATIONS.values()
            if kind in kinds
        }
    return Figure(
        chart=chart,
        drawings={kind: chart_svg(*drawn, templates) for kind, drawn in charts.items()},
        claims=[claim for claim in claims if claim.chart == chart.name],
    )
