import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import Settings, standard_models
from interpreting_clip.measures.logit_line import fit_line, logit
from interpreting_clip.published.findings import (
    FINETUNING_COLUMNS,
    SCALING,
    SCALING_COLUMNS,
    finetuning,
    finetuning_rows,
    mean_robustness,
    regression,
    scaling,
    scaling_rows,
    soups,
)
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, fit_choice
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


def terms(one) -> dict[str, tuple[float, float, float]]:
    return {term.name: term.estimate for term in one.terms}


def test_a_regression_finds_what_was_planted():
    generator = np.random.default_rng(0)
    variables = {(name, "unit"): generator.normal(size=60) for name in "abc"}
    y = 2.0 * variables["a", "unit"] - 1.0 * variables["b", "unit"] + 5
    found = regression("all", y + generator.normal(scale=0.1, size=60), variables, SETTINGS)
    estimates = terms(found)
    for name, planted in (("a", 2.0), ("b", -1.0), ("c", 0.0)):
        value, low, high = estimates[name]
        assert value == pytest.approx(planted, abs=0.05) and low < planted < high
    assert found.r_squared > 0.99 and 0 < found.largest_correlation < 0.4


def test_finetuning_costs_robustness_by_learning_rate(published, fits):
    """The same facts from a calculation apart from ours: numpy's lines and correlation."""
    standard = standard_models(ROOT / "interpreting_clip/reference/imagenet_testbed_accuracies.csv")
    rows = [m for m in published.of("model_soups") if m["training"] != "soup"]
    above = []
    for shift in TESTBED_SHIFTS:
        pairs = [
            (m["imagenet"] / 100, m[shift] / 100) for m in standard if m[shift] not in (None, 0.0)
        ]
        line = fit_line(*np.array(pairs).T)
        at = np.array([m["imagenet"] / 100 for m in rows])
        odds = line.slope * logit(at) + line.intercept
        above.append([m[shift] for m in rows] - 100 / (1 + np.exp(-odds)))
    mean = np.mean(above, axis=0)
    found = finetuning(published, fits, SETTINGS)
    assert (found.models, found.with_recipe) == (72, 70)
    assert (found.lowest, found.highest) == pytest.approx((mean.min(), mean.max()), abs=0.1)
    assert (round(found.lowest, 1), round(found.highest, 1)) == (3.1, 16.1)
    assert round(found.median, 1) == 11.8 and round(found.start["all"], 1) == 26.6
    assert found.linear_correlation == pytest.approx(-0.80, abs=0.005)
    assert not any(one.any() for one in [mean_robustness(rows, fits)[1]]), (
        "a line is extrapolated to one of them"
    )
    estimates = terms(found.regressions[0])
    assert estimates["learning rate"][2] < -4 < -3 < estimates["augmentation"][2] < -2
    for name in ("weight decay", "label smoothing", "mixup"):
        assert estimates[name][1] < 0 < estimates[name][2]


def test_the_soups_beside_their_ingredients(published, fits):
    found = {soup.name: soup for soup in soups(published.of("model_soups"), fits)}
    greedy, uniform = found["ViT-B-32/greedy_soup"], found["ViT-B-32/uniform_soup"]
    assert (
        round(greedy.robustness["all"], 1) == 10.9 and round(uniform.robustness["all"], 1) == 13.3
    )
    assert (greedy.less_accurate, greedy.ingredients) == (72, 72)
    assert greedy.less_in_both == greedy.less_robust < uniform.less_robust


def test_mobileclip2_is_less_robust_than_mobileclip(published, fits):
    models = published.of("mobileclip")
    means, _ = mean_robustness(models, fits)
    found = {m["name"]: round(float(v), 1) for m, v in zip(models, means["all"], strict=True)}
    assert (found["mobileclip2_l14"], found["mobileclip_l14"]) == (34.6, 38.2)


def test_scaling_leaves_out_what_is_extrapolated_and_openai_s(published, fits):
    found = scaling(published.of(SCALING), fits, SETTINGS)
    assert found.models + len(found.left_out) == 29
    assert all("B-32" in name and "80M" in name for name in found.left_out)
    estimates = terms(found.regressions[0])
    assert estimates["samples seen"][1] > 0 < estimates["compute per sample"][1]
    assert estimates["LAION-80M"][2] < 0


def test_the_tables_have_a_row_per_model(published, fits):
    tuned = finetuning_rows(published, fits)
    assert len(tuned) == 75 and all(set(row) == set(FINETUNING_COLUMNS) for row in tuned)
    assert tuned[0]["training"] == "zero_shot" and round(tuned[0]["all"], 1) == 26.6
    scaled = scaling_rows(published.of(SCALING), fits, SETTINGS)
    assert len(scaled) == 32 and all(set(row) == set(SCALING_COLUMNS) for row in scaled)
    assert all(row["low"] < row["all"] < row["high"] for row in scaled)
    assert {row["samples_seen"] for row in scaled} == {3e9, 13e9, 34e9}
