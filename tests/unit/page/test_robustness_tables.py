import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.measures.logit_line import LogitLine
from page.robustness_tables import ROBUSTNESS_COLUMNS, robustness_rows
from page.standard_lines import baseline_accuracy
from tests.unit.page.conftest import read, read_baseline
from tests.unit.page.made_results import beta


def test_the_height_above_the_line_is_the_effective_robustness(study):
    rows = robustness_rows(read(study), read_baseline(study))
    assert all(row.keys() <= set(ROBUSTNESS_COLUMNS) for row in rows)
    points = [row for row in rows if row["kind"] == "encoder"]
    for row in points:
        height = row["accuracy"] - row["baseline"]
        assert height == pytest.approx(row["effective_robustness"], abs=2e-6)
    # Untrained encoders, the last two, are left out.
    assert {row["number"] for row in points} == set(range(1, 10)) and len(points) == 9 * 5


def test_the_line_is_solid_over_its_standard_models_alone(study):
    every = robustness_rows(read(study), read_baseline(study))
    rows = [r for r in every if r["shift"] == "ImageNet-V2"]
    spans: dict[str, list[float]] = {}
    for row in rows:
        spans.setdefault(row["kind"], []).append(row["imagenet"])
    assert spans["line"] == pytest.approx([min(spans["standard"]), max(spans["standard"])])
    everyone = spans["standard"] + spans["encoder"]
    assert spans["extrapolated"] == pytest.approx([min(everyone), max(everyone)])


def test_another_line_or_none_is_refused(study):
    shifts = study["results"]["rn_supervised"]["robustness"]["per_shift"]
    shifts["imagenet_r"]["robustness"]["value"] += 0.1
    with pytest.raises(InputError, match=r"rn_supervised\.json: .* above the line"):
        robustness_rows(read(study), read_baseline(study))
    del study["baseline"]["lines"]["imagenet_a"]
    with pytest.raises(InputError, match=r"baseline\.json: no line for \['imagenet_a'\]"):
        robustness_rows(read(study), read_baseline(study))


def test_a_shift_that_a_study_or_an_encoder_does_without_is_left_out(fewer):
    robustness = fewer["results"]["rn_web_broad"]["robustness"]
    del robustness["per_shift"]["imagenet_r"]
    robustness["not_given"] = ["imagenet_r"]
    rows = robustness_rows(read(fewer), read_baseline(fewer))
    assert {row["shift"] for row in rows} == {"ImageNet-V2", "ImageNet-R", "ImageNet-Sketch"}
    assert "ImageNet-R" not in {row["shift"] for row in rows if row.get("number") == 1}


def test_a_line_in_logits_has_its_closed_form():
    for slope, intercept, percent, expected in ((1, 0, 0.2, 0.2), (2, 1.0986122886681098, 50, 75)):
        line = LogitLine(float(slope), float(intercept), 1.0, 3, 0.3, 0.7)
        assert baseline_accuracy(line, float(percent)) == pytest.approx(expected, rel=1e-12)


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
