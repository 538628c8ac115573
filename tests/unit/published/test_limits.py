"""How well the limit for one more standard model holds, on models that it was not fitted to."""

from dataclasses import replace
from statistics import fmean

import numpy as np
import pandas as pd
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.measures.effective_robustness import effective_robustness
from interpreting_clip.published.figures import timm_standard_models
from interpreting_clip.published.limits import sets_of_shifts
from interpreting_clip.published.line_choices import CURVED, DEFAULT, MEANS
from interpreting_clip.published.schema import over
from interpreting_clip.statistics.curved_line import fit_curve
from interpreting_clip.statistics.logit_line import LogitLine, fit_line
from interpreting_clip.statistics.published_accuracies import (
    TIMM_SHIFTS,
    family_numbers,
    fractions_above_chance,
    standard_models,
)
from interpreting_clip.statistics.standard_limit import standard_limit


@pytest.mark.parametrize("shifts", [*sets_of_shifts()], ids="+".join)
def test_each_mean_has_the_limit_of_the_library(models, shifts):
    given = {"imagenet": 70.0, **dict.fromkeys(shifts, 50.0)}
    found = effective_robustness(given, images=dict.fromkeys(given), resamples=100)
    straight, curved = (models.choices[key].limits.get(over(shifts)) for key in (DEFAULT, CURVED))
    assert found.spread and straight and found.curved
    assert straight.at(0.7) == straight.at(0.5) == pytest.approx(found.spread.limit)
    assert (curved is not None) == (len(shifts) > 3)
    assert found.curved.limit == (curved and pytest.approx(curved.at(0.7)))


def lines_without(family: str, shifts) -> tuple[pd.DataFrame, dict[str, LogitLine]]:
    """Return the standard models of other families and their curved lines."""
    models = standard_models()
    others = models[models["family"] != family]
    x, lines = others["imagenet"].to_numpy() / 100, {}
    for shift in shifts:
        y = fractions_above_chance(others, shift)
        curve = fit_curve(x, y, 1, 0, family_numbers(others))
        lines[shift] = curve[0] if curve else fit_line(x, y)
    return others, lines


def mean_distance(models: pd.DataFrame, lines: dict[str, LogitLine]) -> pd.Series:
    x = models["imagenet"].to_numpy() / 100
    each = [fractions_above_chance(models, s) - line.predict(x) for s, line in lines.items()]
    return pd.Series(100 * np.mean(each, axis=0), models.index)


def test_left_out_families_lie_within_the_limit_of_the_others(models):
    """By hand, apart from the stage's own fits."""
    standard = standard_models()
    held: dict[str, list[bool]] = {"all": [], "without_objectnet": []}
    for name, family in standard.groupby("family"):
        others, lines = lines_without(str(name), TESTBED_SHIFTS)
        for mean, inside in held.items():
            over = {shift: lines[shift] for shift in MEANS[mean]}
            known = others["imagenet"].to_numpy() / 100, mean_distance(others, over).to_numpy()
            limit = standard_limit(*known, 0.95, family_numbers(others))
            assert limit
            everywhere = replace(limit, low=0.0, high=1.0)
            distances = mean_distance(family, over).dropna()
            accuracies = family["imagenet"][distances.index] / 100
            inside.extend(distances.abs() <= accuracies.map(everywhere.at))
    shares = {mean: fmean(inside) for mean, inside in held.items()}
    assert models.limit_check.left_out == pytest.approx(shares, abs=1e-3)
    assert min(shares.values()) > 0.93


def test_timm_s_models_are_a_hold_out_without_the_testbed_s_own_weights(published, models):
    """By hand, from the testbed's lines."""
    same, sources = published.same, published.models["source"]
    own = same[(sources[same["first"]] == "testbed").to_numpy()]["other"].tolist()
    own += same[(sources[same["other"]] == "testbed").to_numpy()]["first"].tolist()
    timm = timm_standard_models(published.of("timm"))
    _, lines = lines_without("", TIMM_SHIFTS)
    clean = timm.drop(timm.index.intersection(own))
    limit = models.choices[CURVED].limits[over(TIMM_SHIFTS)]
    distances = mean_distance(clean, lines)
    limits = (clean["imagenet"] / 100).map(limit.at, na_action="ignore").astype(float)
    within = (distances.abs() <= limits)[limits.notna()]
    check = models.limit_check
    assert (check.timm, check.timm_within) == (len(within), within.sum())
    assert check.timm == 812 and check.timm_within / check.timm > 0.97
