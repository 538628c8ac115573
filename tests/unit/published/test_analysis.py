"""How far standard models lie from the lines that were fitted to them."""

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.analysis import standard_models_by_source
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.statistics.logit_line import expit, logit


def test_the_spread_of_the_testbed_s_standard_models(published, analysis):
    """By hand, from the lines' coefficients: the mean over the shifts of those on every line."""
    models = standard_models_by_source(published)["testbed"].dropna(subset=list(TESTBED_SHIFTS))
    models = models[models["name"] != "resnet50"]  # ImageNet-A was selected against it
    fits, starts = analysis.fits[DEFAULT], logit(models["imagenet"].to_numpy() / 100)
    heights, drawn = [], []
    for shift in TESTBED_SHIFTS:
        slope, intercept = fits.lines.loc[shift, ["slope", "intercept"]]
        heights.append(models[shift] - 100 * expit(slope * starts + intercept))
        slopes, intercepts = fits.draws[shift].to_numpy().T[..., None]
        drawn.append(models[shift].to_numpy() - 100 * expit(slopes * starts + intercepts))
    mean = np.mean(heights, axis=0)
    found = analysis.spreads[DEFAULT]["all"]
    assert (found.models, found.families) == (len(mean), models["family"].nunique())
    assert found.deviation == pytest.approx(np.sqrt(mean @ mean / (len(mean) - 2)), abs=1e-3)
    assert found.largest == pytest.approx(np.abs(mean).max(), abs=1e-3)
    low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975], axis=0)
    assert found.off_the_line == ((low > 0) | (high < 0)).sum()
    assert 30 < found.off_the_line < 50
