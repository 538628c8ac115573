"""The report: one HTML page that needs no script and no network.

Its text and tables stand in `page.html.jinja`, its style in `page.css`; both are dependencies of
stage `report` in dvc.yaml, since a fingerprint covers Python modules alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.reporting.charts import (
    CHARTS,
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
    DATASETS,
    REPRESENTATIONS,
    SHIFTS,
    TRAININGS,
    format_interval,
    format_number,
    format_percent,
)
from stages.reporting.results import Encoder, Published

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
    published: Published,
    tables: Mapping[str, Rows],
    templates: Path,
) -> str:
    """Return the whole page; the same results give the same bytes.

    Parameters
    ----------
    title, description
        What this study is, in plain text; a description's blank lines part its paragraphs.
    encoders, published
        The study's results.
    tables
        The rows of every chart's CSV by name, `published` among them; numbers may be strings.
    templates
        The folder of the plot templates, `.dvc/plots`.

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
    }
    return environment.get_template("page.html.jinja").render(
        title=title,
        paragraphs=[p for p in description.split("\n\n") if p.strip()],
        claims=claims,
        encoders=encoders,
        by_representation={
            name: members
            for kind, name in REPRESENTATIONS.items()
            if (members := [e for e in encoders if e.series.representation == kind])
        },
        concept_counts=sorted(
            {n for e in encoders if (n := e.metrics.concepts.measured) is not None}
        ),
        mean_over=mean_over(encoders),
        families=families(encoders),
        paper_concepts=PAPER_CONCEPTS,
        figures=[_figure(c, tables[c.table], templates, claims) for c in CHARTS if tables[c.table]],
        published=published,
        published_figure=_figure(PUBLISHED, tables["published"], templates, claims),
        points_outside_frame=points_outside_frame(tables["published"]),
        datasets=DATASETS,
        shifts=SHIFTS,
        trainings=TRAININGS,
    )


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
