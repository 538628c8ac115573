import pandas as pd
import pytest

from interpreting_clip.charts.standard_lines import baseline_accuracy
from interpreting_clip.measures.logit_line import LogitLine
from page.robustness_tables import robustness_table
from tests.unit.page.conftest import read, read_baseline
from tests.unit.page.made_results import beta


def made_table(study) -> pd.DataFrame:
    return robustness_table(read(study), read_baseline(study))


def test_the_height_above_the_line_is_the_effective_robustness(study):
    points = made_table(study).query("kind == 'encoder'")
    heights = points["accuracy"] - points["baseline"]
    assert list(heights) == pytest.approx(list(points["effective_robustness"]), abs=2e-6)
    # Untrained encoders, the last two, are left out.
    assert set(points["number"]) == set(range(1, 10)) and len(points) == 9 * 5


def test_the_line_is_solid_over_its_standard_models_alone(study):
    rows = made_table(study).query("shift == 'ImageNet-V2'")
    spans = rows.groupby("kind")["imagenet"].agg(["min", "max"])
    assert list(spans.loc["line"]) == pytest.approx(list(spans.loc["standard"]))
    everyone = spans.loc[["standard", "encoder"]]
    ends = [everyone["min"].min(), everyone["max"].max()]
    assert list(spans.loc["extrapolated"]) == pytest.approx(ends)


def test_a_shift_that_a_study_or_an_encoder_does_without_is_left_out(fewer):
    robustness = fewer["results"]["rn_web_broad"]["robustness"]
    del robustness["per_shift"]["imagenet_r"]
    robustness["not_given"] = ["imagenet_r"]
    rows = made_table(fewer)
    assert set(rows["shift"]) == {"ImageNet-V2", "ImageNet-R", "ImageNet-Sketch"}
    assert "ImageNet-R" not in set(rows.query("number == 1")["shift"])


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
    abscissas = made_table(study).query("shift == 'ObjectNet'").groupby("kind")["imagenet"].unique()
    assert list(abscissas["encoder"]) == [91.5]
    assert list(abscissas["standard"]) == [40.0 + i for i in range(16)]
