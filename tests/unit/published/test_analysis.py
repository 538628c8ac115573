"""Models on straight and on curved lines, and how far standard models lie from theirs."""

import numpy as np
import pandas as pd
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.measures.effective_robustness import effective_robustness
from interpreting_clip.published.analysis import robustness
from interpreting_clip.published.line_choices import CURVED, DEFAULT, MEANS
from interpreting_clip.statistics.logit_line import expit, logit
from interpreting_clip.statistics.published_accuracies import standard_models
from tests.unit.published.conftest import SETTINGS


def test_the_spread_of_the_testbed_s_standard_models(analysis, models):
    """By hand, from the lines' coefficients: the mean over the shifts of those on every line."""
    standard = standard_models().dropna(subset=list(TESTBED_SHIFTS))
    standard = standard[standard["name"] != "resnet50"]  # ImageNet-A was selected against it
    starts = logit(standard["imagenet"].to_numpy() / 100)
    heights = [
        standard[shift] - 100 * expit(line.slope * starts + line.intercept)
        for shift, line in analysis.lines[DEFAULT].lines.items()
    ]
    mean = np.mean(heights, axis=0)
    found = models.choices[DEFAULT]
    assert found.deviation == pytest.approx(np.sqrt(mean @ mean / (len(mean) - 2)), abs=1e-3)
    assert found.largest == pytest.approx(np.abs(mean).max(), abs=1e-3)
    assert (found.models, found.families) == (87, standard["family"].nunique())
    assert found.deviation > models.choices[CURVED].deviation


def test_models_have_the_library_s_numbers_and_draws(analysis, published):
    assert (analysis.freedom(DEFAULT), analysis.freedom(CURVED)) == (16, 15)
    models = published.of("openclip").dropna(subset=list(TESTBED_SHIFTS))[:3]
    for place, (index, model) in enumerate(models[["imagenet", *TESTBED_SHIFTS]].iterrows()):
        exact = effective_robustness(
            model.to_dict(),
            images=dict.fromkeys(model.index),
            resamples=SETTINGS.resamples,
            seed=SETTINGS.seed,
        )
        for key, one in ((DEFAULT, exact), (CURVED, exact.curved)):
            values, draws = robustness(analysis.lines[key], models).mean(TESTBED_SHIFTS)
            assert one and one.robustness
            assert values[index] == pytest.approx(one.robustness.value, abs=1e-9)
            np.testing.assert_allclose(draws[:, place], one.draws, atol=1e-4)


def test_a_line_is_extrapolated_beyond_its_standard_models_where_a_model_was_measured(analysis):
    lines = analysis.lines[DEFAULT]
    models = pd.DataFrame({"imagenet": [70.0, 95.0, 95.0], **dict.fromkeys(TESTBED_SHIFTS, 50.0)})
    models.loc[2, "objectnet"] = np.nan
    found = robustness(lines, models)
    assert found.extrapolated.sum(axis=1).tolist() == [0, 5, 4]
    assert found.mean(MEANS["without_objectnet"])[0].notna().all()
    assert found.mean(MEANS["all"])[0].isna().tolist() == [False, False, True]
    on_line = lines.lines["imagenet_r"].predict(np.array([0.7]))[0]
    assert found.points["imagenet_r"][0] == pytest.approx(50 - 100 * on_line)
