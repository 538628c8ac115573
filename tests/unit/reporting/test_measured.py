"""The shifts that a study measures, and what its pages then say."""

import pytest

from stages.reporting.claims import robustness_order
from stages.reporting.main_table import accuracy_table
from stages.reporting.names import mean_over, measured_shifts
from stages.reporting.page import report_page
from stages.reporting.results import read_encoders
from stages.reporting.tables import robustness_rows
from stages.runtime.errors import InputError


@pytest.fixture
def fewer(study):
    """The study without ObjectNet and ImageNet-A."""
    for metrics in study["metrics"].values():
        for name in ("objectnet", "imagenet_a"):
            metrics["accuracy"][name] = metrics["effective_robustness"][name] = None
        left = ["imagenet_v2", "imagenet_r", "imagenet_sketch"]
        metrics["effective_robustness"]["shifts"] = left
    return study


def read(study):
    return read_encoders(study["keys"], study["metrics"], study["series"])


def test_a_whole_study_has_all_five_and_says_nothing(encoders):
    assert len(measured_shifts(encoders)) == 5 and mean_over(encoders) == ""


def test_a_mean_over_fewer_says_over_which(fewer):
    over = " over ImageNet-V2, ImageNet-R, ImageNet-Sketch alone"
    assert mean_over(read(fewer)) == over
    found = robustness_order(read(fewer))
    assert found and f"(mean effective robustness{over})" in found.claim


def test_an_absent_shift_is_in_no_chart_and_a_dash_in_tables(fewer):
    encoders = read(fewer)
    shifts = {row["shift"] for row in robustness_rows(encoders)}
    assert shifts == {"ImageNet-V2", "ImageNet-R", "ImageNet-Sketch"}
    assert accuracy_table(encoders).count("<td>–</td>") == 2 * len(encoders)


def test_encoders_of_different_shifts_are_refused(fewer):
    fewer["metrics"]["rn_supervised"]["effective_robustness"]["shifts"] = ["imagenet_v2"]
    with pytest.raises(InputError, match=r"rn_supervised\.json: measured on the shifts"):
        measured_shifts(read(fewer))


def test_a_study_without_shifts_and_broden_still_has_a_page(study, published, templates):
    for key in study["keys"]:
        for part in ("accuracy", "effective_robustness", "concepts"):
            metrics = study["metrics"][key][part]
            metrics |= {name: None for name in metrics if name != "imagenet"}
        study["metrics"][key]["effective_robustness"]["shifts"] = []
        study["series"][key] |= {"concepts": [], "sweep": []}
    page = report_page(
        title="a",
        description="b",
        encoders=read(study),
        comparisons=[],
        published=published,
        published_rows=[],
        templates=templates,
    )
    assert "mean of no shift" in page and 'id="concepts"' not in page
