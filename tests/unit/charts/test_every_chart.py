"""What all charts have in common: they are valid, draw their rows, and share the ends of axes."""

import json
import re

import pytest

from interpreting_clip.charts.layer_matrix import CKA, FEW
from interpreting_clip.charts.lines import (
    IMPORTANCE,
    PRUNING,
    SWEEP,
    TRAINING,
)
from interpreting_clip.charts.panels import PanelChart, facets
from interpreting_clip.charts.pictures import chart_svg
from interpreting_clip.charts.profile import PROFILE
from interpreting_clip.charts.rows import CONCEPTS, KURTOSIS
from interpreting_clip.charts.scatter import (
    DRAWN_RANGE,
    EFFECTIVE_ROBUSTNESS,
    logits,
)
from page.drawings import panel_drawing
from page.published_charts import (
    FINETUNING,
    PUBLISHED,
    PUBLISHED_ON_PAGE,
)
from tests.unit.charts.small_tables import (
    ACCURACIES,
    CONCEPT_COUNTS,
    IMPORTANCES,
    KURTOSES,
    PROFILES,
    PRUNINGS,
    PUBLISHED_MODELS,
    SWEEPS,
    TRAININGS,
    marks,
    models,
    panels,
    similarities,
)

RANGE = logits((30.0, DRAWN_RANGE[1]))

# A table of each chart, and how many marks and panels it has.
CASES = [
    (IMPORTANCE, IMPORTANCES, 9, 2),  # without random heads
    (PRUNING, PRUNINGS, 18, 4),  # of two of the three test sets
    (SWEEP, SWEEPS, 9, 2),
    (TRAINING, TRAININGS, 9, 3),
    (PROFILE, PROFILES, 2, 2),  # the features beyond the limit
    (KURTOSIS, KURTOSES, 3, 1),
    (CONCEPTS, CONCEPT_COUNTS, 4, 2),  # totals, without random directions
    (CKA, similarities(FEW), FEW**2, 1),
    (EFFECTIVE_ROBUSTNESS, ACCURACIES, 6 + 6, 2),
    (PUBLISHED, PUBLISHED_MODELS, 16, 1),
    (PUBLISHED_ON_PAGE, PUBLISHED_MODELS, 16, 1),
    (FINETUNING, models("model", "start"), 8, 1),
]


LINES = (IMPORTANCE, PRUNING, SWEEP, TRAINING)


def drawn_rows(chart: PanelChart, svg: str) -> int:
    """Return how many rows a picture shows: marks, or the corners of lines."""
    if chart in LINES:
        return sum(len(re.findall("[ML]", line)) for line in paths(marks(svg, "line")))
    return len(marks(svg, "rect" if chart is CKA else "symbol"))


def paths(marks: list[str]) -> list[str]:
    """Return where marks begin and where their lines go."""
    return re.findall(r' d="([^"]*)"', "".join(marks))


@pytest.mark.parametrize(
    ("chart", "table", "drawn", "parts"), CASES, ids=lambda one: getattr(one, "name", "")
)
def test_each_chart_is_valid_and_draws_its_rows_unwarned(chart, table, drawn, parts, warned):
    facets(chart).to_dict()  # validates
    alone = panels(chart, table)
    pictures = ["".join(alone.values()), chart_svg(chart, table)]
    assert warned() == ""
    assert [drawn_rows(chart, svg) for svg in pictures] == [drawn] * 2
    assert len(alone) == parts


def test_a_row_without_an_interval_or_a_null_keeps_its_place_and_says_its_number():
    (svg,) = panels(KURTOSIS, KURTOSES).values()
    texts = re.findall(r"translate\((?:0|325),(\d+)\)[^>]*ink\)\">([^<]+)<", svg)
    known = "5.00 [2.00, 6.00]"
    names, numbers = [("5", "1  a"), ("37", "2  b"), ("69", "3  c")], ["5.00", known, known]
    assert texts[-6:] == [*names, *zip(("5", "37", "69"), numbers, strict=True)]


@pytest.mark.parametrize(
    ("chart", "table", "ends"),
    [
        (IMPORTANCE, IMPORTANCES, {"share": (0.1, 1)}),  # a decade
        (SWEEP, SWEEPS, {"unique": (0, 8)}),
        (PROFILE, PROFILES, {"z": (-0.8, 3)}),  # with the limits
        (CONCEPTS, CONCEPT_COUNTS, {"unique": (0, 6)}),  # of random directions
        (EFFECTIVE_ROBUSTNESS, ACCURACIES, {"x_logit": RANGE, "y_logit": logits((20.0, 90.0))}),
    ],
)
def test_panels_share_the_ends_of_their_axes(chart, table, ends):
    found = chart.ends(chart.rows(table))
    assert found.keys() == ends.keys()
    spec = panel_drawing(chart, table).spec
    for column, expected in ends.items():
        assert found[column] == pytest.approx(tuple(expected))
        assert f'"domain":{json.dumps(list(found[column]), separators=(",", ":"))}' in spec
