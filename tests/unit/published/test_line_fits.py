import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.published.analysis import standard_models_by_source
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, Choice
from interpreting_clip.published.line_fits import fit_choice, robustness
from interpreting_clip.statistics.logit_line import expit, logit
from interpreting_clip.statistics.published_accuracies import published_lines
from tests.unit.published.conftest import SETTINGS, frame

RNG = np.random.default_rng(0)


def test_the_default_is_the_study_s_own_line_with_its_draws(analysis):
    starts = dict.fromkeys(TESTBED_SHIFTS, "imagenet")
    known = published_lines(starts, resamples=SETTINGS.resamples, seed=SETTINGS.seed)
    for shift, line in known.lines.items():
        fit, drawn = analysis.fits[DEFAULT].lines.loc[shift], analysis.fits[DEFAULT].draws[shift]
        for name in ("slope", "intercept"):
            assert fit[name] == pytest.approx(getattr(line, name), rel=1e-9)
            np.testing.assert_allclose(
                drawn[name], getattr(known.resampled[shift], name), rtol=1e-9
            )
        ends = (fit["lowest_imagenet"], fit["highest_imagenet"])
        assert ends == pytest.approx((100 * line.low, 100 * line.high))
        assert (fit["models"], fit["r_squared"]) == (line.models, pytest.approx(line.r_squared))


def test_models_on_the_line_are_not_robust():
    """Place standard models on a line, and two others ten points above it."""
    x = np.array([*np.linspace(0.55, 0.8, 9), 0.7, 0.9])
    above = np.array([*[0] * 9, 10, 10])
    on_line = 100 * expit(0.8 * logit(x) - 0.2)
    models = frame(*({"family": str(i), "imagenet": 100 * one} for i, one in enumerate(x)))
    models = models.assign(imagenet_v2=on_line + above)
    choice = Choice(label="", text="", shifts=("imagenet_v2",))
    fits = fit_choice(choice, models[:9], SETTINGS)
    coefficients = fits.lines[["slope", "intercept"]].to_numpy()
    np.testing.assert_allclose(coefficients, [[0.8, -0.2]], atol=1e-9)
    found = robustness(choice, fits, models)
    np.testing.assert_allclose(found.points["imagenet_v2"], above, atol=1e-9)
    assert found.extrapolated["imagenet_v2"].tolist() == [False] * 10 + [True]


def test_a_plane_takes_the_second_accuracy_into_account():
    """Shift accuracy depends on both; a line from ImageNet alone calls it robustness."""
    x, second = RNG.uniform(0.5, 0.85, size=(2, 30))
    end = expit(0.5 * logit(x) + 0.7 * logit(second) - 0.3)
    columns = {"imagenet": 100 * x, "imagenet_v2": 100 * second, "imagenet_r": 100 * end}
    models = frame(*({"family": str(i)} for i in range(30))).assign(**columns)
    plane = Choice(label="", text="", shifts=("imagenet_r",), second="imagenet_v2")
    line = Choice(label="", text="", shifts=("imagenet_r",))
    fits = {choice: fit_choice(choice, models, SETTINGS) for choice in (plane, line)}
    largest = [
        np.abs(robustness(c, fit, models).points["imagenet_r"]).max() for c, fit in fits.items()
    ]
    assert largest[0] < 1e-9 and largest[1] > 5
    of_plane = fits[plane].lines.loc["imagenet_r", ["slope", "second_slope", "intercept"]]
    np.testing.assert_allclose(of_plane.to_numpy(float), [0.5, 0.7, -0.3], atol=1e-9)
    beyond = frame({"imagenet": 70.0, "imagenet_v2": 99.0, "imagenet_r": 50.0})
    assert robustness(plane, fits[plane], beyond).extrapolated["imagenet_r"].tolist() == [True]


def test_refuses_too_few_families(published):
    models = standard_models_by_source(published)["testbed"]
    few = models[models["family"].isin(["resnet", "vgg"])]
    with pytest.raises(InputError, match="imagenet_v2: 2 families"):
        fit_choice(CHOICES[DEFAULT], few, SETTINGS)
