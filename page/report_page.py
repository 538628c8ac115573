"""The report: one HTML page that can be read without a script and needs no network.

Its text and tables are in `templates/report/page.html.jinja` and the templates that it includes,
its style in `report.css`, its script in `page.js`. The folder is a dependency of stage `report` in
dvc.yaml, since a fingerprint covers only Python modules.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.formats.baseline import Baseline
from interpreting_clip.measures.effective_robustness import NATURAL, STYLE
from interpreting_clip.measures.nulls import rank_p_value
from interpreting_clip.measures.result import Result
from interpreting_clip.readable import measure_title
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.encoder_results import EncoderResults
from page.across_encoders import shared_concepts
from page.array_sections import ArrayEntry, array_sections
from page.charts import study_charts
from page.claims import study_claims
from page.concept_finder import concept_finder
from page.drawings import PanelDrawing, panel_drawing
from page.families import families
from page.names import (
    DATASETS,
    INSTRUMENTS,
    REPRESENTATIONS,
    TESTBED_SHIFTS,
    TRAININGS,
    format_estimate,
    format_interval,
    format_percents,
    format_spread,
    format_with_error,
    line_spans,
    mark,
)
from page.provenance import Provenance, all_synthetic, dataset_rows, study_names
from page.rendering import template_environment
from page.replicas import FurtherEncoder, format_replicas, seed_differences
from page.results import StudyEncoder, first_complete, moved, own_shifts
from page.robustness_claims import mean_over
from page.robustness_tables import on_shift_classes
from page.verdicts import NEEDED_PAIRS, Claim

WITH_A_SECTION = (
    "robustness",
    "prunable",
    "kurtosis",
    "privileged_basis",
    "directions",
    "concepts",
)
"""The measures whose sections are written by hand; all others share one."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A chart, drawn per kind of representation if it has several, and the claims beneath it."""

    chart: PanelChart
    drawings: dict[str, PanelDrawing]
    claims: list[Claim]


def report_page(
    *,
    title: str,
    description: str,
    encoders: Sequence[StudyEncoder],
    comparisons: Sequence[ComparisonResults],
    baseline: Baseline,
    controls: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    provenance: Provenance,
    arrays: Sequence[ArrayEntry] = (),
    further: Sequence[FurtherEncoder] = (),
    correlations: Sequence[Mapping[str, Any]] = (),
    probed: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the whole page; the same results give the same bytes.

    Its root element carries a digest of all the rest. `plots/computed.js`, which `tools.outcome`
    writes and git ignores, has the digest of the page whose commit, date and processor it holds.

    Parameters
    ----------
    title, description
        What this study is, in plain text; blank lines separate a description's paragraphs.
    encoders, comparisons, baseline, controls
        The study's results; the controls as `plots/controls.json` has them.
    tables
        Every chart's table by the name of its CSV (`study_tables`).
    provenance
        Where the results come from.
    arrays
        Activations that others have published, with their results.
    further
        Encoders that only the study of replicas has.
    correlations
        Those of the table `correlation`.
    probed
        Name and category of every concept that encoders were probed for.

    Raises
    ------
    InputError
        The results do not fit one another.
    """
    names = study_names(provenance.datasets, provenance.shifts)
    claims = study_claims(encoders, names, further)
    published = array_sections(arrays)
    environment = template_environment(
        "report",
        {
            "estimate": format_estimate,
            "interval": format_interval,
            "mark": mark,
            "measure_title": measure_title,
            "p_among": rank_p_value,
            "percents": format_percents,
            "smallest_p": rotations_of_smallest_p,
            "seeds": format_replicas,
            "spans": line_spans,
            "spread": format_spread,
            "with_error": format_with_error,
        },
    )
    html = environment.get_template("page.html.jinja").render(
        title=title,
        paragraphs=[p for p in description.split("\n\n") if p.strip()],
        claims=claims,
        array_sections=published,
        array_figures={
            one.number: [_figure(chart, table, ()) for chart, table in one.charts]
            for one in published
        },
        encoders=encoders,
        comparisons=[one.cka for one in comparisons],
        compared=compared(comparisons),
        baseline=baseline,
        labels={e.key: e.entry.label for e in encoders},
        by_representation={
            name: members
            for kind, name in REPRESENTATIONS.items()
            if (members := [e for e in encoders if e.representation == kind])
        },
        on_shift_classes=on_shift_classes(baseline),
        found_concepts=concept_finder(encoders, probed),
        further_measures=further_measures(encoders[0].results) if encoders else [],
        replicated=[e for e in encoders if e.replicas],
        further=list(further),
        seed_differences=seed_differences,
        needed_pairs=NEEDED_PAIRS,
        complete=first_complete(encoders),
        mean_over=mean_over(encoders, names),
        families=families(encoders),
        correlations=correlations,
        moved=moved,
        shared_concepts=shared_concepts(encoders),
        figures={
            chart.name: _figure(chart, tables[chart.table], claims)
            for chart in page_charts(names["imagenet"], baseline)
            if len(tables[chart.table])
        },
        controls=controls,
        instruments=INSTRUMENTS,
        provenance=provenance,
        dataset_rows=dataset_rows({**provenance.datasets, **provenance.shifts}, encoders),
        imagenet=names["imagenet"],
        imagenet_first=names["imagenet"][:1].upper() + names["imagenet"][1:],
        synthetic=all_synthetic(provenance.datasets),
        test_sets=names,
        own_shifts=own_shifts(encoders),
        datasets={key: names[key] for key in DATASETS},
        shifts={key: names[key] for key in TESTBED_SHIFTS},
        shift_kinds={"natural": NATURAL, "style": STYLE},
        trainings=TRAININGS,
    )
    digest = hashlib.sha256(html.encode()).hexdigest()
    return html.replace('data-digest=""', f'data-digest="{digest}"', 1)


def rotations_of_smallest_p(results: EncoderResults | ArrayResults) -> int | None:
    """Return the number of rotations if p is the smallest that they can give, 2 / (number + 1).

    That is so where the features' own kurtosis lies outside the range of the rotations'.
    """
    found, own = results.privileged_basis, results.kurtosis.kurtosis.value
    lowest, highest = found.rotated_kurtosis.ends
    return None if lowest <= own <= highest else round(2 / found.kurtosis_p) - 1


def further_measures(results: EncoderResults) -> list[str]:
    """Return the measures with numbers that have no section of their own."""
    measures = {name: one for name, one in vars(results).items() if isinstance(one, Result)}
    return [name for name, one in measures.items() if one.numbers and name not in WITH_A_SECTION]


def compared(comparisons: Sequence[ComparisonResults]) -> dict[str, list[Result]]:
    """Return what comparisons measured besides CKA, by measure: a result for each comparison."""
    found: dict[str, list[Result]] = {}
    for comparison in comparisons:
        for name, one in vars(comparison).items():
            if one.numbers:
                found.setdefault(name, []).append(one)
    return found


def page_charts(imagenet: str, baseline: Baseline) -> list[PanelChart]:
    """Return the study's charts, the first of which says on which classes ImageNet accuracy is."""
    robustness, *others = study_charts(imagenet)
    classes = "the shift's classes" if on_shift_classes(baseline) else "all classes"
    caption = f"{robustness.caption} Accuracy on {imagenet} is that on {classes}."
    return [replace(robustness, caption=caption), *others]


def _figure(chart: PanelChart, table: pd.DataFrame, claims: Iterable[Claim]) -> Figure:
    groups = dict(list(table.groupby("representation"))) if chart.by_representation else {}
    if len(groups) < 2:
        drawings = {"": panel_drawing(chart, table)}
    else:
        drawings = {
            kind: panel_drawing(
                replace(chart, name=f"{chart.name}_{key}", title=f"{chart.title}: {kind}"),
                groups[kind],
            )
            for key, kind in REPRESENTATIONS.items()
            if kind in groups
        }
    beneath = [claim for claim in claims if claim.chart == chart.name]
    return Figure(chart=chart, drawings=drawings, claims=beneath)
