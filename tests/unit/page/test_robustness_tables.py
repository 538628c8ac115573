import pytest

from tests.unit.page.conftest import tables_of


def test_points_stand_at_the_abscissa_of_the_shift_as_high_above_the_line_as_results_say(study):
    rows = tables_of(study)["effective_robustness"]
    points = rows[rows["kind"] == "encoder"]
    heights = points["accuracy"] - points["baseline"]
    assert list(heights) == pytest.approx(list(points["effective_robustness"]), abs=1e-5)
    # Untrained encoders, the last two, are left out.
    assert set(points["number"]) == set(range(1, 8)) and len(points) == 7 * 5
    on_objectnet = rows[rows["shift"] == "ObjectNet"].groupby("kind")["imagenet"].first()
    first, model = study["results"]["rn_web_broad"], study["baseline"]["models"][0]
    assert on_objectnet["encoder"] == first["robustness"]["per_shift"]["objectnet"]["imagenet"]
    assert on_objectnet["standard"] == model["imagenet_on_objectnet_classes"]


def test_the_line_is_solid_over_its_standard_models_alone(study):
    rows = tables_of(study)["effective_robustness"].query("shift == 'ImageNet-V2'")
    spans = rows.groupby("kind")["imagenet"].agg(["min", "max"])
    assert list(spans.loc["line"]) == pytest.approx(list(spans.loc["standard"]), abs=1e-4)
    everyone = spans.loc[["standard", "encoder"]]
    ends = [everyone["min"].min(), everyone["max"].max()]
    assert list(spans.loc["extrapolated"]) == pytest.approx(ends, abs=1e-4)


def test_a_shift_that_a_study_or_an_encoder_does_without_is_left_out(fewer):
    robustness = fewer["results"]["rn_web_broad"]["robustness"]
    del robustness["per_shift"]["imagenet_r"]
    robustness["not_given"] = ["imagenet_r"]
    rows = tables_of(fewer)["effective_robustness"]
    assert set(rows["shift"]) == {"ImageNet-V2", "ImageNet-R", "ImageNet-Sketch"}
    assert "ImageNet-R" not in set(rows.query("number == 1")["shift"])
