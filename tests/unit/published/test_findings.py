import numpy as np
import pandas as pd
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import published_lines
from interpreting_clip.published.findings import (
    FINETUNING_COLUMNS,
    SCALING_COLUMNS,
    finetuning,
    finetuning_table,
    regression,
    scaling,
    scaling_table,
    soups,
)
from interpreting_clip.published.line_choices import DEFAULT
from tests.unit.published.conftest import SETTINGS


@pytest.fixture(scope="module")
def tuned(published, analysis):
    return finetuning_table(published, analysis.fits[DEFAULT], SETTINGS)


@pytest.fixture(scope="module")
def scaled(published, analysis):
    return scaling_table(published, analysis.fits[DEFAULT], SETTINGS)


def terms(one) -> dict[str, tuple[float, float, float]]:
    return {term.name: term.estimate for term in one.terms}


def test_a_regression_finds_what_was_planted():
    generator = np.random.default_rng(0)
    variables = pd.DataFrame({(name, "unit"): generator.normal(size=60) for name in "abc"})
    y = 2.0 * variables["a", "unit"] - 1.0 * variables["b", "unit"] + 5
    found = regression("all", y + generator.normal(scale=0.1, size=60), variables, SETTINGS)
    for (value, low, high), planted in zip(terms(found).values(), (2, -1, 0), strict=True):
        assert value == pytest.approx(planted, abs=0.05) and low < planted < high
    assert found.r_squared > 0.99 and 0 < found.largest_correlation < 0.4


def test_finetuning_costs_robustness_by_learning_rate(published, tuned):
    """The range is from a calculation apart from ours: the study's own lines."""
    lines, _ = published_lines(dict.fromkeys(TESTBED_SHIFTS, "imagenet"), resamples=1)
    models = published.of("model_soups").query("training != 'soup'")
    imagenet = models["imagenet"].to_numpy() / 100
    mean = np.mean([models[s] - 100 * line.predict(imagenet) for s, line in lines.items()], axis=0)
    found = finetuning(tuned, SETTINGS)
    assert (found.models, found.with_recipe) == (72, 70)
    assert (found.lowest, found.highest) == pytest.approx((mean.min(), mean.max()), abs=1e-3)
    assert round(found.median, 1) == 11.8 and round(found.start["all"], 1) == 26.6
    assert found.linear_correlation == pytest.approx(-0.80, abs=0.005)
    estimates = terms(found.regressions[0])
    assert estimates["learning rate"][2] < -4 < -3 < estimates["augmentation"][2] < -2
    for name in ("weight decay", "label smoothing", "mixup"):
        assert estimates[name][1] < 0 < estimates[name][2]


def test_the_soups_beside_their_ingredients(tuned):
    greedy, uniform = sorted(soups(tuned), key=lambda soup: soup.name)
    assert [round(soup.robustness["all"], 1) for soup in (greedy, uniform)] == [10.9, 13.3]
    assert (greedy.less_accurate, greedy.ingredients) == (72, 72)
    assert greedy.less_in_both == greedy.less_robust < uniform.less_robust


def test_scaling_leaves_out_what_is_extrapolated_and_openai_s(scaled):
    found = scaling(scaled, SETTINGS)
    assert found.models + len(found.left_out) == 29
    assert all("B-32" in name and "80M" in name for name in found.left_out)
    estimates = terms(found.regressions[0])
    assert estimates["samples seen"][1] > 0 < estimates["compute per sample"][1]
    assert estimates["LAION-80M"][2] < 0


def test_the_tables_have_a_row_per_model(tuned, scaled):
    assert len(tuned) == 75 and {*FINETUNING_COLUMNS} <= {*tuned}
    assert tuned["training"].iloc[0] == "zero_shot" and not tuned["extrapolated"].any()
    assert len(scaled) == 32 and {*SCALING_COLUMNS} <= {*scaled}
    assert (scaled["low"] < scaled["all"]).all() and (scaled["all"] < scaled["high"]).all()
    assert {*scaled["samples_seen"]} == {3e9, 13e9, 34e9}
