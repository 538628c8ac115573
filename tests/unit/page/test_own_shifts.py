"""A study's own shifts on the page: a table, a panel and rows of their own, never in a mean."""

import re
from typing import Any

import msgspec
import pytest

from interpreting_clip.config.own_shifts import ShiftEntry, Shifts
from page.charts import CHARTS
from page.line_charts import pruning
from page.names import DATASETS
from page.provenance import Provenance
from page.robustness_claims import mean_over, robustness_order
from page.robustness_tables import robustness_rows
from tests.unit.page.conftest import read, read_baseline, study_page
from tests.unit.page.made_results import beta

NAMES = {"alone": "Alone", "listed": "My listed shift"}
EVERY_NAME = DATASETS | NAMES
REASON = "the study compares it with no standard models (`shifts.alone.baseline: none`)"


@pytest.fixture
def with_own(study) -> dict[str, Any]:
    """The study with two shifts of its own: without a line, and with a line like ImageNet-V2's."""
    for results in study["results"].values():
        imagenet = results["robustness"]["imagenet"]
        accuracy = interval(beta("imagenet_v2", imagenet) + 2.5)
        known = {"images": 150, "classes": 8, "imagenet_images": 70, "guessing": 12.5}
        common = {"accuracy": accuracy, "imagenet": imagenet, **known}
        results["robustness"]["own"] = {
            "alone": common | {"robustness": None, "left_out": REASON},
            "listed": common | {"robustness": interval(2.5), "extrapolated": imagenet < 35},
        }
        for name in NAMES:
            results["pruning"][name] = results["pruning"]["imagenet"]
    baseline = study["baseline"]
    for part in ("lines", "abscissa", "chance"):
        baseline[part]["listed"] = baseline[part]["imagenet_v2"]
    baseline["at_chance"]["listed"] = ["m0"]
    baseline["own_models"] = {
        "listed": [{"name": f"m{i}", "imagenet": 60.0 + i, "listed": 40.0 + i} for i in range(4)]
    }
    return study


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 1, "high": value + 1}


def entries() -> dict[str, ShiftEntry]:
    entry = {"kind": "own", "source": "folder", "folder": "mine", "classes": "all"}
    known = {k: entry | {"label": name, "baseline": "none"} for k, name in NAMES.items()}
    return msgspec.convert(known, Shifts)


def test_only_a_shift_with_a_line_has_rows_and_its_own_models(with_own):
    rows = robustness_rows(read(with_own), read_baseline(with_own), EVERY_NAME)
    assert "Alone" not in {row["shift"] for row in rows}
    own = [row for row in rows if row["shift"] == NAMES["listed"]]
    standard = [row["label"] for row in own if row["kind"] == "standard"]
    assert standard == ["m1", "m2", "m3"]
    points = [row for row in own if row["kind"] == "encoder"]
    assert {row["effective_robustness"] for row in points} == {2.5}
    assert [row["extrapolated"] for row in points] == [
        "‡" if row["imagenet"] < 35 else "" for row in points
    ]
    others = [row for row in rows if row["shift"] != NAMES["listed"]]
    without = read_baseline(with_own)
    for results in with_own["results"].values():
        del results["robustness"]["own"]
    assert robustness_rows(read(with_own), without) == others


def test_means_claims_and_the_chart_of_pruning_leave_it_out(with_own):
    encoders = read(with_own)
    assert mean_over(encoders) == ""
    claim = robustness_order(encoders)
    for results in with_own["results"].values():
        results["robustness"]["own"]["listed"]["robustness"] = interval(-99.0)
    assert robustness_order(read(with_own)) == claim
    chart = next(chart for chart in CHARTS if chart.name == "pruning")
    filters = [step.get("filter", "") for step in pruning(chart)["transform"]]
    (kept,) = [test for test in filters if "indexof" in test]
    assert "'ImageNet-A'" in kept and "datum.dataset" in kept


def test_the_page_shows_each_with_its_chance_level_and_why_one_has_no_robustness(
    with_own, monkeypatch
):
    monkeypatch.setattr("page.panels.draw_svg", lambda *_: "<svg></svg>")
    page = study_page(with_own, provenance=Provenance(shifts=entries()))
    table = page.partition("<caption>The study’s own shifts</caption>")[2].partition("</table>")[0]
    assert [name for name in NAMES.values() if name in table] == list(NAMES.values())
    first = re.findall(r"<td>(.*?)</td>", table.partition("<tbody>")[2].partition("</tr>")[0])
    value = with_own["results"]["rn_web_broad"]["robustness"]["own"]["alone"]["accuracy"]["value"]
    assert first[0] == f"{value:.1f} [{value - 1:.1f}, {value + 1:.1f}]"
    assert first[1:3] == ["83.0", "–"]
    assert first[5] == "2.5 [1.5, 3.5]"
    text = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "Alone 150 images of 8 classes (chance 12.5 %)" in text
    assert f"No effective robustness on Alone: {REASON}" in text.replace("&#39;", "'")
    assert "The line of My listed shift is through 3 of the 4 standard models" in text
    assert "no part of a mean" in text
