import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.measures.logit_line import LogitLine
from page.robustness_tables import ROBUSTNESS_COLUMNS, robustness_rows
from page.standard_lines import baseline_accuracy
from tests.unit.page.conftest import read, read_baseline
from tests.unit.page.made_results import beta

KINDS = ("standard", "line", "extrapolated", "encoder")


def line(slope: float, intercept: float) -> LogitLine:
    return LogitLine(slope=slope, intercept=intercept, r_squared=1.0, models=3, low=0.3, high=0.7)


def test_untrained_encoders_are_left_out(encoders, baseline):
    rows = [r for r in robustness_rows(encoders, baseline) if r["kind"] == "encoder"]
    assert {r["number"] for r in rows} == set(range(1, 10)) and len(rows) == 9 * 5


def test_the_height_above_the_line_is_the_effective_robustness(encoders, baseline):
    for row in robustness_rows(encoders, baseline):
        assert row.keys() <= set(ROBUSTNESS_COLUMNS)
        if row["kind"] == "encoder":
            height = row["accuracy"] - row["baseline"]
            assert height == pytest.approx(row["effective_robustness"], abs=1e-9)


def test_the_line_is_solid_over_its_standard_models_alone(encoders, baseline):
    rows = [r for r in robustness_rows(encoders, baseline) if r["shift"] == "ImageNet-V2"]
    spans = {kind: [r["imagenet"] for r in rows if r["kind"] == kind] for kind in KINDS}
    assert spans["line"] == pytest.approx([min(spans["standard"]), max(spans["standard"])])
    everyone = spans["standard"] + spans["encoder"]
    assert spans["extrapolated"] == pytest.approx([min(everyone), max(everyone)])


def test_an_encoder_without_an_accuracy_is_left_out_of_that_shift(study):
    robustness = study["results"]["rn_web_broad"]["robustness"]
    del robustness["per_shift"]["objectnet"]
    robustness["not_given"] = ["objectnet"]
    rows = robustness_rows(read(study), read_baseline(study))
    assert [r["shift"] for r in rows if r.get("number") == 1].count("ObjectNet") == 0


def test_an_encoder_that_was_measured_against_another_line_is_refused(study):
    shifts = study["results"]["rn_supervised"]["robustness"]["per_shift"]
    shifts["imagenet_r"]["robustness"]["value"] += 0.1
    with pytest.raises(InputError, match=r"rn_supervised\.json: .* above the line"):
        robustness_rows(read(study), read_baseline(study))


def test_a_shift_without_a_line_is_refused(study):
    del study["baseline"]["lines"]["imagenet_a"]
    with pytest.raises(InputError, match=r"baseline\.json: no line for \['imagenet_a'\]"):
        robustness_rows(read(study), read_baseline(study))


def test_a_shift_that_the_study_does_without_is_left_out(fewer):
    shifts = {row["shift"] for row in robustness_rows(read(fewer), read_baseline(fewer))}
    assert shifts == {"ImageNet-V2", "ImageNet-R", "ImageNet-Sketch"}


@pytest.mark.parametrize(
    ("slope", "intercept", "percent", "expected"),
    [(1.0, 0.0, 0.2, 0.2), (1.0, 0.0, 93.0, 93.0), (2.0, 1.0986122886681098, 50.0, 75.0)],
)
def test_a_line_in_logits_has_its_closed_form(slope, intercept, percent, expected):
    assert baseline_accuracy(line(slope, intercept), percent) == pytest.approx(expected, rel=1e-12)


def test_encoders_and_models_stand_at_the_abscissa_of_the_shift(study):
    for results in study["results"].values():
        one = results["robustness"]["per_shift"]["objectnet"]
        above = one["accuracy"]["value"] - beta("objectnet", 91.5)
        one |= {"imagenet": 91.5, "robustness": {"value": above}}
    study["baseline"]["abscissa"]["objectnet"] = "imagenet_on_objectnet_classes"
    for i, one in enumerate(study["baseline"]["models"]):
        one["imagenet_on_objectnet_classes"] = 40.0 + i
    rows = robustness_rows(read(study), read_baseline(study))
    rows = [r for r in rows if r["shift"] == "ObjectNet"]
    assert {r["imagenet"] for r in rows if r["kind"] == "encoder"} == {91.5}
    standard = {r["imagenet"] for r in rows if r["kind"] == "standard"}
    assert standard == {40.0 + i for i in range(16)}
