import numpy as np
import pandas as pd
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import Settings, standard_models
from interpreting_clip.measures.logit_line import fit_line, logit
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
from interpreting_clip.published.line_choices import CHOICES, DEFAULT
from interpreting_clip.published.line_fits import fit_choice
from interpreting_clip.published.models import standard_models_by_source
from interpreting_clip.published.sources import FOLDER, read_published
from tests.reads import ROOT

SETTINGS = Settings(resamples=400, seed=0, confidence=0.95)


@pytest.fixture(scope="module")
def published():
    return read_published(ROOT / FOLDER)


@pytest.fixture(scope="module")
def fits(published):
    return fit_choice(CHOICES[DEFAULT], standard_models_by_source(published)["testbed"], SETTINGS)


@pytest.fixture(scope="module")
def tuned(published, fits):
    return finetuning_table(published, fits, SETTINGS)


@pytest.fixture(scope="module")
def scaled(published, fits):
    return scaling_table(published, fits, SETTINGS)


def terms(one) -> dict[str, tuple[float, float, float]]:
    return {term.name: term.estimate for term in one.terms}


def test_a_regression_finds_what_was_planted():
    generator = np.random.default_rng(0)
    variables = pd.DataFrame({(name, "unit"): generator.normal(size=60) for name in "abc"})
    y = 2.0 * variables["a", "unit"] - 1.0 * variables["b", "unit"] + 5
    found = regression("all", y + generator.normal(scale=0.1, size=60), variables, SETTINGS)
    estimates = terms(found)
    for name, planted in (("a", 2.0), ("b", -1.0), ("c", 0.0)):
        value, low, high = estimates[name]
        assert value == pytest.approx(planted, abs=0.05) and low < planted < high
    assert found.r_squared > 0.99 and 0 < found.largest_correlation < 0.4


def test_finetuning_costs_robustness_by_learning_rate(published, tuned):
    """The same facts from a calculation apart from ours: numpy's lines and correlation."""
    standard = standard_models()
    models = published.of("model_soups")
    models = models[models["training"] != "soup"]
    above = []
    for shift in TESTBED_SHIFTS:
        fitted = standard[standard[shift] > 0]
        line = fit_line(fitted["imagenet"].to_numpy() / 100, fitted[shift].to_numpy() / 100)
        odds = line.slope * logit(models["imagenet"].to_numpy() / 100) + line.intercept
        above.append(models[shift] - 100 / (1 + np.exp(-odds)))
    mean = np.mean(above, axis=0)
    found = finetuning(tuned, SETTINGS)
    assert (found.models, found.with_recipe) == (72, 70)
    assert (found.lowest, found.highest) == pytest.approx((mean.min(), mean.max()), abs=0.1)
    assert (round(found.lowest, 1), round(found.highest, 1)) == (3.1, 16.1)
    assert round(found.median, 1) == 11.8 and round(found.start["all"], 1) == 26.6
    assert found.linear_correlation == pytest.approx(-0.80, abs=0.005)
    estimates = terms(found.regressions[0])
    assert estimates["learning rate"][2] < -4 < -3 < estimates["augmentation"][2] < -2
    for name in ("weight decay", "label smoothing", "mixup"):
        assert estimates[name][1] < 0 < estimates[name][2]


def test_the_soups_beside_their_ingredients(tuned):
    found = {soup.name: soup for soup in soups(tuned)}
    greedy, uniform = found["ViT-B-32/greedy_soup"], found["ViT-B-32/uniform_soup"]
    assert (
        round(greedy.robustness["all"], 1) == 10.9 and round(uniform.robustness["all"], 1) == 13.3
    )
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
