"""How well the limit for one more standard model holds, on models that it was not fitted to."""

from dataclasses import replace
from statistics import fmean

import numpy as np
import pandas as pd
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.analysis import standard_models_by_source
from interpreting_clip.published.limit_check import family_limit, held_by_others, other_models
from interpreting_clip.published.line_choices import CURVED, DEFAULT, MEANS
from interpreting_clip.statistics.curved_line import fit_curve
from interpreting_clip.statistics.logit_line import LogitLine, fit_line
from interpreting_clip.statistics.published_accuracies import (
    TIMM_SHIFTS,
    family_numbers,
    fractions_above_chance,
    standard_models,
)
from interpreting_clip.statistics.standard_limit import standard_limit


def test_a_whole_new_family_lies_within_its_limit_as_often_as_it_should():
    """Families of different sizes, centres and tails; nothing about them is given."""
    generator = np.random.default_rng(0)

    def farthest() -> float:
        models = generator.normal(generator.standard_t(3), size=1 + generator.poisson(4))
        return float(np.abs(models).max())

    for families, confidence in ((33, 0.95), (20, 0.8)):
        held = []
        for _ in range(3000):
            *known, new = (farthest() for _ in range(families + 1))
            limit = family_limit(np.array(known), confidence)
            assert limit is not None
            held.append(new <= limit)
        # Exactly ceil((n + 1) · confidence) / (n + 1), if no two distances are equal.
        expected = np.ceil((families + 1) * confidence) / (families + 1)
        assert fmean(held) == pytest.approx(expected, abs=0.015)


def test_too_few_families_have_no_limit():
    distances = np.arange(19.0)
    assert family_limit(distances, 0.95) == 18 and family_limit(distances[:18], 0.95) is None


def test_models_are_counted_in_ranges_by_their_limits():
    models = pd.DataFrame(
        {
            "imagenet": [60.0, 70.0, 70.1, 84.5],
            "family": ["a", "a", "b", "c"],
            "distance": [1.0, 3.0, 2.0, 5.0],
            "limit": [1.5, 2.5, 2.5, 4.5],
            "within_constant": [True, False, True, False],
        }
    )
    found = {(one.low, one.high): one for one in held_by_others(models, 0.5)}
    counts = {k: (one.models, one.within, one.within_constant) for k, one in found.items()}
    assert counts == {
        (60.0, 84.5): (4, 2, 2),
        (60.0, 70.0): (2, 1, 1),
        (70.0, 75.0): (1, 1, 1),
        (75.0, 80.0): (0, 0, 0),
        (80.0, 84.0): (0, 0, 0),
        (84.0, 84.5): (1, 0, 0),
    }
    # Of the farthest of three families, 3, 2 and 5, the second.
    assert (found[60.0, 84.5].family_limit, found[75.0, 80.0].family_limit) == (3.0, None)


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


def test_timm_s_models_are_a_hold_out_without_the_testbed_s_own_weights(
    published, analysis, models
):
    """By hand, from the testbed's lines; the constant limit is far too narrow above 84 %."""
    same, sources = published.same, published.models["source"]
    own = same[(sources[same["first"]] == "testbed").to_numpy()]["other"].tolist()
    own += same[(sources[same["other"]] == "testbed").to_numpy()]["first"].tolist()
    timm = standard_models_by_source(published)["timm"]
    _, lines = lines_without("", TIMM_SHIFTS)
    clean = timm.drop(timm.index.intersection(own))
    limit = analysis.limits[CURVED]["without_objectnet"]
    distances = mean_distance(clean, lines)
    limits = (clean["imagenet"] / 100).map(limit.at, na_action="ignore").astype(float)
    within = (distances.abs() <= limits)[limits.notna()]
    whole, *_, accurate = models.limit_check.others
    assert (whole.models, whole.within) == (len(within), within.sum())
    assert len(other_models(published, analysis)) == len(within) == 812
    assert whole.within / whole.models > 0.97 and whole.within_constant / whole.models < 0.8
    assert accurate.within > 50 and accurate.within_constant < 5
    assert accurate.family_limit and 3 < accurate.family_limit < 6


def test_limits_by_accuracy_stand_in_for_constant_ones_around_a_knee(analysis):
    assert analysis.fits[CURVED].knees == ["imagenet_a"]
    spreads, limits = analysis.spreads, analysis.limits
    assert set(limits[CURVED]) == {"all", "without_objectnet"} and not limits[DEFAULT]
    lacking = {
        key: [name for name, one in of.items() if one.limit is None] for key, of in spreads.items()
    }
    assert lacking.pop(CURVED) == ["all", "without_objectnet", "natural", "imagenet_a"]
    assert set(map(tuple, lacking.values())) == {("imagenet_a",)}
    assert {*MEANS, *TESTBED_SHIFTS} == spreads[DEFAULT].keys()
