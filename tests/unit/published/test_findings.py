from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.findings import (
    finetuning,
    finetuning_table,
    regression,
    scaling,
    scaling_table,
)
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.statistics.published_accuracies import published_lines
from tests.unit.published.conftest import SETTINGS


@pytest.fixture(scope="module")
def tuned(published, analysis):
    return finetuning_table(published, analysis.lines[DEFAULT])


@pytest.fixture(scope="module")
def scaled(published, analysis):
    return scaling_table(published, analysis.lines[DEFAULT])


def terms(one: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    return {term["name"]: term["estimate"] for term in one["terms"]}


def test_a_regression_finds_what_was_planted():
    generator = np.random.default_rng(0)
    variables = pd.DataFrame({(name, "unit"): generator.normal(size=60) for name in "abc"})
    y = 2.0 * variables["a", "unit"] - 1.0 * variables["b", "unit"] + 5
    found = regression(y + generator.normal(scale=0.1, size=60), variables, SETTINGS)
    for (value, low, high), planted in zip(terms(found).values(), (2, -1, 0), strict=True):
        assert value == pytest.approx(planted, abs=0.05) and low < planted < high
    assert found["r_squared"] > 0.99


def test_finetuning_costs_robustness_by_learning_rate(published, tuned):
    """The range is from a calculation apart from ours: the study's own lines."""
    lines = published_lines(dict.fromkeys(TESTBED_SHIFTS, "imagenet"), resamples=1).lines
    models = published.of("model_soups").query("training != 'soup'")
    imagenet = models["imagenet"].to_numpy() / 100
    mean = np.mean([models[s] - 100 * line.predict(imagenet) for s, line in lines.items()], axis=0)
    found = finetuning(tuned, SETTINGS)
    assert (found["models"], found["distinct"], round(found["probe"], 1)) == (71, 70, 14.7)
    tuned_alone = mean[(models["training"] == "finetuned").to_numpy()]
    assert found["median"] == pytest.approx(np.median(tuned_alone), abs=1e-3)
    assert (found["lowest"], found["highest"]) == pytest.approx(
        (tuned_alone.min(), tuned_alone.max()), abs=1e-3
    )
    assert round(found["start"]["all"], 1) == 26.6
    every = terms(found["regression"])
    assert every["learning rate"][2] < -4 < -3 < every["augmentation"][2] < -2
    for name in ("weight decay", "label smoothing", "mixup"):
        assert every[name][1] < 0 < every[name][2]


def contrasts(models) -> dict[tuple[str, str], dict[str, Any]]:
    found = scaling(models, SETTINGS)["contrasts"]
    return {(one["first"], one["second"]): one for one in found}


def test_later_samples_are_worth_less_than_earlier_ones(scaled):
    """By hand, in each series of one architecture and data set, but for those out of range."""
    whole = scaling(scaled, SETTINGS)
    assert whole["models"] + len(whole["left_out"]) == 29
    assert all("B-32" in name and "80M" in name for name in whole["left_out"])
    found = contrasts(scaled)
    early, late = found["3B", "13B"], found["13B", "34B"]
    assert len(early["changes"]) == len(late["changes"]) == 8
    models = scaled.set_index(["architecture", "data", "samples_seen"])[["all", "gmacs_total"]]
    for one, ends in ((early, (3e9, 13e9)), (late, (13e9, 34e9))):
        for series, change in one["changes"].items():
            (low, gmacs), (high, more) = (models.loc[(*series.split(", "), end)] for end in ends)
            assert change == pytest.approx((high - low) / np.log10(more / gmacs), abs=1e-3)
        assert one["mean"] == pytest.approx(np.mean([*one["changes"].values()]), abs=1e-3)
        assert one["interval"] and one["interval"][0] == one["mean"]
    assert late["interval"] and late["interval"][2] < early["mean"]


def test_the_interval_of_a_contrast_is_over_architectures(scaled):
    """With three architectures it is Student's, of two degrees of freedom, of their means."""
    one = contrasts(scaled)["LAION-400M", "LAION-2B"]
    by_architecture = pd.Series(one["changes"]).groupby(lambda pair: pair.partition(",")[0])
    means = by_architecture.mean()
    assert (by_architecture.size() == 3).all() and len(means) == 3
    error = means.std() / np.sqrt(3)
    assert one["interval"]
    value, low, high = one["interval"]
    assert value == pytest.approx(means.mean(), abs=1e-3)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 2) * error, rel=0.5)
    assert contrasts(scaled)["LAION-400M", "LAION-80M"]["interval"] is None
