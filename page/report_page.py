"""The report: one HTML page that can be read without a script and needs no network.

Its text and tables are in `templates/report/page.html.jinja` and the templates that it includes,
its style in `report.css`, its script in `page.js`. The folder is a dependency of stage `report` in
dvc.yaml, since a fingerprint covers only Python modules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from interpreting_clip.browser.direction_pages import direction_href
from interpreting_clip.charts.layer_matrix import CKA
from interpreting_clip.charts.lines import (
    IMPORTANCE,
    PRUNING,
    SWEEP,
    TRAINING,
)
from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.charts.profile import PROFILE
from interpreting_clip.charts.rows import CONCEPTS, KURTOSIS
from interpreting_clip.charts.scatter import EFFECTIVE_ROBUSTNESS, robustness_panel
from interpreting_clip.formats.result import Result
from interpreting_clip.formats.result_tables import measure_title
from interpreting_clip.statistics.nulls import holm, rank_p_value
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.encoder_results import EncoderResults
from interpreting_clip.training.saved_baseline import Baseline
from page.across_encoders import concept_finder, shared_concepts
from page.array_sections import (
    REMOVED,
    ArrayEntry,
    array_sections,
    further_rows,
    headlines,
    object_rows,
    profile_table,
)
from page.claims import study_claims
from page.drawings import PanelDrawing, panel_drawing
from page.first_screen import insights
from page.further_encoders import FurtherEncoder
from page.labelled_sections import LabelledEntry, largest_p_error
from page.names import (
    REPRESENTATIONS,
    TESTBED_SHIFTS,
    TRAININGS,
    format_estimate,
    format_interval,
    format_spread,
    line_spans,
    mark,
)
from page.provenance import Provenance, all_synthetic, concept_set, dataset_rows, study_names
from page.rendering import template_environment
from page.robustness_claims import mean_over
from page.seed_means import format_over_seeds, over_seeds
from page.standing import standing
from page.study_results import (
    StudyEncoder,
    first_complete,
    largest_ratio,
    moved,
    own_shifts,
    reasons,
)

WITH_A_SECTION = (
    "robustness",
    "prunable",
    "kurtosis",
    "privileged_basis",
    "directions",
    "concepts",
)
"""The measures whose sections are written by hand; all others share one."""


UNFOLDED = 2
"""How many comparisons of layers are drawn where the page opens."""

FILTERS = {
    "estimate": format_estimate,
    "further_rows": further_rows,
    "headlines": headlines,
    "interval": format_interval,
    "mark": mark,
    "measure_title": measure_title,
    "largest_ratio": largest_ratio,
    "moved": moved,
    "object_rows": object_rows,
    "largest_p_error": largest_p_error,
    "over_seeds": over_seeds,
    "shown": format_over_seeds,
    "p_among": rank_p_value,
    "spans": line_spans,
    "direction_href": direction_href,
    "spread": format_spread,
    "standing": standing,
}


def study_charts(imagenet: str = "ImageNet", concepts: str = "Broden") -> list[PanelChart]:
    """Return all charts of a study; `imagenet` and `concepts` are the names of two of its sets."""
    robustness = partial(robustness_panel, imagenet=imagenet)
    return [
        replace(EFFECTIVE_ROBUSTNESS, draw=robustness),
        *(KURTOSIS, IMPORTANCE, PRUNING),
        replace(CONCEPTS, title=CONCEPTS.title.replace("Broden", concepts)),
        *(SWEEP, CKA),
        TRAINING,
    ]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the page is made of.

    `tables` are the tables of the CSVs by name, `arrays` activations that others have published,
    `labelled` heads on them whose classes are labelled in the images,
    `further` encoders that only the study of replicas has, `outdated` measures whose replicas are
    out of date, and `probed` name and category of every concept that encoders were probed for.
    """

    title: str
    description: str
    encoders: Sequence[StudyEncoder]
    comparisons: Sequence[ComparisonResults]
    baseline: Baseline
    tables: Mapping[str, pd.DataFrame]
    provenance: Provenance
    arrays: Sequence[ArrayEntry] = ()
    labelled: Sequence[LabelledEntry] = ()
    further: list[FurtherEncoder] = field(default_factory=list)
    outdated: Sequence[str] = ()
    probed: Sequence[tuple[str, str]] = ()


def report_page(report: Report) -> str:
    """Return the whole page; the same results give the same bytes."""
    encoders, baseline, provenance = report.encoders, report.baseline, report.provenance
    names = study_names(provenance.datasets, provenance.shifts)
    concepts = concept_set(provenance.datasets)
    claims = study_claims(encoders, report.further)
    sections = array_sections(report.arrays)
    view = vars(report) | {
        "claims": claims,
        "array_sections": sections,
        "profiles": [
            profile_drawing(title, number, entries)
            for number, (title, entries) in enumerate(sections.items(), 1)
        ],
        "figures": figures(report.tables, names["imagenet"], concepts),
        "trained": [e for e in encoders if e.entry.training != "untrained"],
        "replicated": [e for e in encoders if e.replicas],
        "seeds": sorted({one.seeds for e in encoders for one in e.replicas.values()}),
        "insights": insights(claims, report.arrays, report.labelled),
        "comparisons": [comparison.cka for comparison in report.comparisons],
        "compared": compared(report.comparisons),
        "by_representation": {
            name: members
            for kind, name in REPRESENTATIONS.items()
            if (members := [e for e in encoders if e.representation == kind])
        },
        "labels": {e.key: e.entry.label for e in encoders},
        "corrected": corrected(encoders),
        "on_shift_classes": any(name != "imagenet" for name in baseline.abscissa.values()),
        "concept_set": concepts,
        "found_concepts": concept_finder(encoders, report.probed),
        "further_measures": further_measures(encoders[0].results) if encoders else [],
        "complete": first_complete(encoders),
        "reasons": reasons(encoders),
        "mean_over": mean_over(encoders, names),
        "shared_concepts": shared_concepts(encoders),
        "dataset_rows": dataset_rows({**provenance.datasets, **provenance.shifts}, encoders),
        "imagenet": names["imagenet"],
        "test_sets": names,
        "synthetic": all_synthetic(provenance.datasets),
        "own_shifts": own_shifts(encoders),
        "shifts": TESTBED_SHIFTS,
        "trainings": TRAININGS,
        "removed": REMOVED,
    }
    return template_environment("report", FILTERS).get_template("page.html.jinja").render(view)


def figures(
    tables: Mapping[str, pd.DataFrame], imagenet: str, concepts: str
) -> dict[str, PanelDrawing]:
    """Return the study's charts that have rows, by name; only two comparisons stand unfolded."""
    charts = {chart.name: chart for chart in study_charts(imagenet, concepts)}
    drawn = {name: (chart, tables[name]) for name, chart in charts.items()}
    compared = drawn.pop(CKA.name)[1]
    pairs = compared.groupby(["first_label", "second_label"], sort=False).ngroup()
    drawn[CKA.name] = CKA, compared[pairs < UNFOLDED]
    further = replace(CKA, name="cka_further", title="Similarity of layers, further comparisons")
    drawn[further.name] = further, compared[pairs >= UNFOLDED]
    return {
        name: panel_drawing(chart, table) for name, (chart, table) in drawn.items() if len(table)
    }


def profile_drawing(
    section: str, number: int, entries: Sequence[ArrayEntry]
) -> PanelDrawing | None:
    """Return the chart of every feature of a section's arrays, None without several images."""
    table, title = profile_table(entries), f"{section}: {PROFILE.title.lower()}"
    chart = replace(PROFILE, name=f"arrays_profile_{number}", title=title)
    return panel_drawing(chart, table) if len(table) else None


def corrected(encoders: Sequence[StudyEncoder]) -> dict[str, float]:
    """Return the p of each trained encoder's kurtosis among rotations, by Holm over all of them.

    Rectified features are left out: they differ from random directions by construction.
    """
    linear = (e for e in encoders if e.representation == "linear")
    trained = {e.key: e for e in linear if e.entry.training != "untrained"}
    found = holm([e.results.privileged_basis.kurtosis_p for e in trained.values()])
    return dict(zip(trained, found, strict=True))


def further_measures(results: EncoderResults) -> list[str]:
    """Return the measures with numbers that have no section of their own."""
    return [
        name
        for name, result in vars(results).items()
        if isinstance(result, Result) and result.numbers and name not in WITH_A_SECTION
    ]


def compared(comparisons: Sequence[ComparisonResults]) -> dict[str, list[Result]]:
    """Return the results of comparisons other than CKA, by measure and then by comparison."""
    by_measure: dict[str, list[Result]] = {}
    for comparison in comparisons:
        for name, result in vars(comparison).items():
            if result.numbers:
                by_measure.setdefault(name, []).append(result)
    return by_measure
