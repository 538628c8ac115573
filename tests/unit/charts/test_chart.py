"""Results that are of no study have its charts."""

from io import StringIO
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

import interpreting_clip as ic
from interpreting_clip.charts.pictures import compiled, draw_svg
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.statistics.logit_line import logit

RNG = np.random.default_rng(4)
HEAD = RNG.normal(size=(6, 20))
CLASS = np.arange(90) % 6
VALUES = RNG.normal(size=(90, 20)) + HEAD[CLASS]
SHOWN = VALUES[:, :3] > 1
ACCURACIES = {"imagenet": 63.3, "imagenet_r": 69.3, "objectnet": 44.3}

MODELS = {"original": [40.0, 55, 70, 80, 90], "blur": [20.0, 33, 49, 62, 74]}

RESULTS: dict[str, Any] = {
    "kurtosis": ic.kurtosis(VALUES),
    "importance": ic.directions(VALUES, head=HEAD, random_heads=2),
    "pruning": ic.pruning(VALUES, head=HEAD, classes=CLASS, random_heads=2),
    "concepts": ic.concepts(VALUES, labels=SHOWN, draws=2, rotations=2),
    "effective_robustness": ic.effective_robustness(ACCURACIES),
    "own_effective_robustness": ic.effective_robustness(
        {"original": 63.3, "blur": 50.2}, standard=MODELS
    ),
    "cka": LayerCka(
        **{"first": "a", "first_layers": ["x", "y"], "first_outliers": [0, 0]},
        **{"second": "b", "second_layers": ["z"], "second_outliers": [0]},
        **{"cka": np.array([[0.1], [0.9]]), "without_outliers": [[None], [0.9]]},
    ),
}
CASES = [(name, name) for name in RESULTS]
CASES += [("concepts", "sweep")]


def rows(chart: alt.FacetChart) -> pd.DataFrame:
    """Return the table that a chart draws."""
    spec = chart.to_dict()
    values = spec["datasets"][spec["data"]["name"]]
    return pd.read_csv(StringIO(values), dtype=str, keep_default_na=False)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_chart_draws_one_encoder_and_two_without_a_warning(kind, name, warned):
    result = RESULTS[kind]
    alone, both = (ic.chart(r, name) for r in (result, {"mine": result, "another": result}))
    for chart in (alone, both):
        assert draw_svg(compiled(chart.to_dict()), "chart", "a").count("<path") > 5
        assert warned() == ""
    assert len(rows(both)) > len(rows(alone))


def test_what_chance_gives_stands_beside_a_result():
    kurtosis = rows(ic.chart(RESULTS["kurtosis"]))
    assert float(kurtosis["null"][0]) == pytest.approx(RESULTS["kurtosis"].isotropic, rel=1e-4)
    heads = {name: {*rows(ic.chart(RESULTS[name]))["head"]} for name in ("importance", "pruning")}
    assert heads["importance"] == {"head", "random head"}
    assert heads["pruning"] == {"head", "random head", "principal components"}
    robustness = rows(ic.chart(RESULTS["effective_robustness"]))
    drawn = pd.crosstab(robustness["shift"], robustness["kind"])
    assert [*drawn.index] == ["ImageNet-R", "ObjectNet"] and (drawn["standard"] > 50).all()
    assert (drawn["encoder"] == 1).all() and (drawn["line"] == 2).all()


def test_a_comparison_has_a_panel_for_each_number_and_a_row_for_each_encoder(warned):
    found = ic.compare({"mine": VALUES, "<b>": 2 * VALUES}, head={"mine": HEAD}, classes=CLASS)
    chart = ic.chart(found)
    assert draw_svg(compiled(chart.to_dict()), "chart", "a").count("<path") > 5
    assert warned() == ""
    table, numbers = rows(chart), found.to_frame()
    drawn: Any = table.set_index(["measure", "label"])["value"].astype(float)
    for name, label in (("kurtosis", "mean kurtosis"), ("dimensions", "dimensions used")):
        for encoder in found.encoders:
            value = numbers.loc[encoder, name]
            assert drawn.loc[label, encoder] == pytest.approx(value, rel=1e-4)
    assert [*drawn.loc["accuracy, %"].index] == ["mine"]
    assert "features" not in {*table["measure"]}


def test_the_line_is_the_one_that_was_compared_with():
    on_classes = ACCURACIES | {"imagenet_on_r_classes": 80.0, "imagenet_on_objectnet_classes": 70.0}
    for accuracies in (ACCURACIES, on_classes):
        result = ic.effective_robustness(accuracies)
        table = rows(ic.chart(result)).query("shift == 'ImageNet-R'")
        line = table.loc[table["kind"] == "line", ["imagenet", "accuracy"]]
        own = table.loc[table["kind"] == "encoder", ["imagenet", "baseline"]]
        (x, y), (at, expected) = (logit(one.to_numpy(float).T / 100) for one in (line, own))
        assert np.interp(at, x, y) == pytest.approx(expected, abs=1e-3)
    other = {"a": RESULTS["effective_robustness"], "b": ic.effective_robustness(on_classes)}
    with pytest.raises(ValueError, match=r"imagenet_r: .*same classes"):
        ic.chart(other)


def test_own_standard_models_are_drawn_but_for_those_at_chance():
    measured = ic.accuracy(VALUES, head=HEAD, classes=CLASS)
    models = MODELS | {"blur": [16.0, *MODELS["blur"][1:]]}
    found = ic.effective_robustness({"original": measured, "blur": measured}, standard=models)
    drawn = rows(ic.chart(found))["kind"].value_counts()
    assert (drawn["standard"], drawn["encoder"], drawn["line"]) == (4, 1, 2)
    assert found.per_shift["blur"].at_chance == ["model 1"]
    with pytest.raises(ValueError, match=r"^blur: .*same standard models"):
        ic.chart({"a": found, "b": RESULTS["own_effective_robustness"]})


REFUSED = [
    ({}, "", TypeError, "Kurtosis, .*got none"),
    (ic.participation_ratio(VALUES), "", TypeError, "Kurtosis, .*got ParticipationRatio"),
    (RESULTS["concepts"], "sweeps", ValueError, "concepts or sweep, got 'sweeps'"),
]


@pytest.mark.parametrize(("results", "name", "error", "said"), REFUSED)
def test_refuses_what_has_no_chart(results, name, error, said):
    with pytest.raises(error, match=said):
        ic.chart(results, name)
