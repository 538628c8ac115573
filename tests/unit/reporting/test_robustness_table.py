"""The rows behind the chart of effective robustness."""

import pytest

from stages.reporting.results import read_encoders
from stages.reporting.tables import ROBUSTNESS_COLUMNS, robustness_rows
from stages.runtime.errors import InputError

KINDS = ("standard", "line", "extrapolated", "encoder")


def test_untrained_encoders_are_left_out(encoders):
    rows = [r for r in robustness_rows(encoders) if r["kind"] == "encoder"]
    assert {r["number"] for r in rows} == set(range(1, 10)) and len(rows) == 9 * 5


def test_the_height_above_the_line_is_the_effective_robustness(encoders):
    for row in robustness_rows(encoders):
        assert tuple(row) == ROBUSTNESS_COLUMNS
        if row["kind"] == "encoder":
            height = row["accuracy"] - row["baseline"]
            assert height == pytest.approx(row["effective_robustness"], abs=1e-9)


def test_the_line_is_solid_over_its_standard_models_alone(encoders):
    rows = [r for r in robustness_rows(encoders) if r["shift"] == "ImageNet-V2"]
    spans = {kind: [r["imagenet"] for r in rows if r["kind"] == kind] for kind in KINDS}
    assert spans["line"] == [min(spans["standard"]), max(spans["standard"])]
    everyone = spans["standard"] + spans["encoder"]
    assert spans["extrapolated"] == [min(everyone), max(everyone)]


def test_an_encoder_without_an_accuracy_is_left_out_of_that_shift(study):
    study["metrics"]["rn_web_broad"]["accuracy"]["objectnet"] = None
    rows = robustness_rows(read_encoders(study["keys"], study["metrics"], study["series"]))
    assert [r["shift"] for r in rows if r["number"] == 1].count("ObjectNet") == 0


def test_encoders_of_different_baselines_do_not_mix(study):
    series = study["series"]["rn_supervised"]
    series["robustness"] = series["robustness"] | {"models": []}
    with pytest.raises(InputError, match=r"rn_supervised\.json: measured against another"):
        robustness_rows(read_encoders(study["keys"], study["metrics"], study["series"]))


def test_a_shift_without_a_line_is_refused(study):
    for series in study["series"].values():
        lines = {k: v for k, v in series["robustness"]["lines"].items() if k != "imagenet_a"}
        series["robustness"] = series["robustness"] | {"lines": lines}
    with pytest.raises(InputError, match="no baseline line for \\['imagenet_a'\\]"):
        robustness_rows(read_encoders(study["keys"], study["metrics"], study["series"]))


def test_no_encoder_gives_no_row():
    assert robustness_rows([]) == []
