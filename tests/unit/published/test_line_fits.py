import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.measures.effective_robustness import effective_robustness
from interpreting_clip.published.analysis import standard_models_by_source
from interpreting_clip.published.line_choices import CHOICES, CURVED, DEFAULT, Choice
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


def test_curved_lines_are_the_library_s_with_their_draws_and_its_limit(analysis, published):
    starts = dict.fromkeys(TESTBED_SHIFTS, "imagenet")
    known = published_lines(starts, resamples=SETTINGS.resamples, seed=SETTINGS.seed)
    fits = analysis.fits[CURVED]
    assert fits.knees == list(known.curves) == ["imagenet_a"] and fits.freedom == 15
    line, fit = known.curves["imagenet_a"], fits.lines.loc["imagenet_a"]
    for name in ("slope", "intercept", "bend", "r_squared"):
        assert fit[name] == pytest.approx(getattr(line, name), rel=1e-9)
    assert line.knee and fit["knee"] == pytest.approx(100 * line.knee)
    straight = analysis.fits[DEFAULT].draws["imagenet_r"]
    np.testing.assert_array_equal(fits.draws["imagenet_r"], straight)
    models = published.of("openclip").dropna(subset=list(TESTBED_SHIFTS))[:3]
    found = robustness(CHOICES[CURVED], fits, models)
    values, draws = found.mean(TESTBED_SHIFTS)
    for place, (index, model) in enumerate(models[["imagenet", *TESTBED_SHIFTS]].iterrows()):
        one = effective_robustness(
            model.to_dict(),
            images=dict.fromkeys(model.index),
            resamples=SETTINGS.resamples,
            seed=SETTINGS.seed,
        ).curved
        assert one and one.robustness and one.limit
        assert values[index] == pytest.approx(one.robustness.value, abs=1e-9)
        np.testing.assert_allclose(draws[:, place], one.draws, atol=1e-4)
        limit = analysis.limits[CURVED]["all"].at(model["imagenet"] / 100)
        assert limit == pytest.approx(one.limit, rel=1e-9)


def test_a_knee_is_found_where_there_is_one():
    """Twelve families around two pieces, straight on one shift and bent on the other."""
    x = RNG.uniform(0.55, 0.85, size=60)
    beyond = np.maximum(logit(x) - logit(np.array([0.72]))[0], 0)
    noise = 0.05 * RNG.normal(size=(2, 60))
    columns = {
        "imagenet": 100 * x,
        "imagenet_r": 100 * expit(0.9 * logit(x) - 1 + noise[0]),
        "imagenet_a": 100 * expit(0.9 * logit(x) - 3 + 4 * beyond + noise[1]),
    }
    models = frame(*({"family": str(i % 12)} for i in range(60))).assign(**columns)
    choice = Choice(label="", text="", shifts=("imagenet_r", "imagenet_a"), curved=True)
    fits = fit_choice(choice, models, SETTINGS)
    assert fits.knees == ["imagenet_a"]
    line = fits.lines.loc["imagenet_a"]
    assert (line["knee"], line["slope"], line["bend"]) == (
        pytest.approx(72, abs=1.5),
        pytest.approx(0.9, abs=0.2),
        pytest.approx(4, abs=0.4),
    )
    found = robustness(choice, fits, models)
    assert np.abs(found.points["imagenet_a"]).max() < 4
    low, high = np.quantile(found.draws["imagenet_a"], [0.001, 0.999], axis=0)
    assert np.mean((low < 2) & (high > -2)) == 1


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
