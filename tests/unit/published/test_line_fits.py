import numpy as np
import pytest
from scipy import stats

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.measures.logit_line import baseline_lines, expit, logit
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, Choice
from interpreting_clip.published.line_fits import fit_choice, robustness, theil_sen
from interpreting_clip.published.models import standard_models_by_source
from interpreting_clip.published.sources import read_published
from tests.unit.published.conftest import SETTINGS, frame

RNG = np.random.default_rng(0)


@pytest.fixture
def standard(folder):
    return standard_models_by_source(read_published(folder))


def test_the_default_is_the_study_s_own_line_with_its_draws(standard):
    models = standard["testbed"]
    fits = fit_choice(CHOICES[DEFAULT], models, SETTINGS)
    imagenet: np.ndarray = models["imagenet"].to_numpy() / 100
    lines, drawn = baseline_lines(
        dict.fromkeys(TESTBED_SHIFTS, imagenet),
        {shift: models[shift].to_numpy() / 100 for shift in TESTBED_SHIFTS},
        SETTINGS.resamples,
        SETTINGS.seed,
        models["family"].factorize()[0],
    )
    for shift, line in lines.items():
        fit = fits[shift]
        np.testing.assert_allclose(fit.coefficients, [line.slope, line.intercept], rtol=1e-9)
        np.testing.assert_allclose(fit.draws["slope"], drawn[shift].slope, rtol=1e-9)
        np.testing.assert_allclose(fit.draws["intercept"], drawn[shift].intercept, rtol=1e-9)
        assert (fit.models, fit.families) == (24, 8)
        assert (fit.lowest, fit.highest) == ([line.low], [line.high])
        assert fit.r_squared == pytest.approx(line.r_squared)


@pytest.mark.parametrize(
    ("transform", "back"),
    [("logit", expit), ("probit", stats.norm.cdf), ("linear", lambda y: y)],
)
def test_models_on_a_line_of_any_space_are_not_robust(transform, back):
    """Place standard models on a line of the space, and one model ten points above it."""
    x = np.linspace(0.55, 0.8, 9)
    forward = {"logit": logit, "probit": stats.norm.ppf, "linear": lambda x: x}[transform]
    predict = lambda at: 100 * back(0.8 * forward(np.array([at])) - 0.2)[0]  # noqa: E731
    models = [
        {"family": f"f{i}", "imagenet": 100 * one, "imagenet_v2": predict(one)}
        for i, one in enumerate(x)
    ]
    choice = Choice(label="", text="", shifts=("imagenet_v2",), transform=transform)
    fits = fit_choice(choice, frame(*models), SETTINGS)
    np.testing.assert_allclose(fits["imagenet_v2"].coefficients, [0.8, -0.2], atol=1e-9)
    above = {"imagenet": 70.0, "imagenet_v2": predict(0.7) + 10}
    found = robustness(choice, fits, frame(*models, above, {"imagenet": 90.0, "imagenet_v2": 50.0}))
    np.testing.assert_allclose(found.points["imagenet_v2"][:10], [0.0] * 9 + [10.0], atol=1e-9)
    assert found.extrapolated["imagenet_v2"].tolist() == [False] * 10 + [True]


def test_a_line_in_accuracies_predicts_no_less_than_nothing_and_no_more_than_all(standard):
    choice = CHOICES["linear"]
    fits = fit_choice(choice, standard["testbed"], SETTINGS)
    low, high = {"imagenet": 0.5, "imagenet_a": 3.0}, {"imagenet": 99.9, "imagenet_v2": 100.0}
    found = robustness(choice, fits, frame(low, high))
    assert found.points["imagenet_a"][0] == 3.0
    assert np.isnan(found.points["imagenet_a"][1]) and found.points["imagenet_v2"][1] >= 0


def test_the_robust_line_ignores_a_few_models_far_off():
    x = RNG.uniform(0, 2, size=21)
    y = 1.3 * x - 0.4 + RNG.normal(scale=0.05, size=21)
    families = np.arange(21) // 3
    (slope, _), _ = theil_sen(x, y, families, SETTINGS)
    y[[3, 11]] += 5
    (moved, _), draws = theil_sen(x, y, families, SETTINGS)
    assert moved == pytest.approx(slope, abs=0.1)
    plain, _ = np.polyfit(x, y, 1)
    assert abs(plain - slope) > 3 * abs(moved - slope)
    assert draws.shape == (200, 2) and draws[:, 0].min() < 1.3 < draws[:, 0].max()


def test_a_plane_takes_the_second_accuracy_into_account():
    """Shift accuracy depends on both; a line from ImageNet alone calls it robustness."""
    x, second = RNG.uniform(0.5, 0.85, size=(2, 30))
    odds = 0.5 * logit(x) + 0.7 * logit(second) - 0.3
    models = [
        {"family": str(i), "imagenet": 100 * a, "imagenet_v2": 100 * b, "imagenet_r": 100 * c}
        for i, (a, b, c) in enumerate(zip(x, second, expit(odds), strict=True))
    ]
    models = frame(*models)
    choice = Choice(label="", text="", shifts=("imagenet_r",), second="imagenet_v2")
    fits = fit_choice(choice, models, SETTINGS)
    np.testing.assert_allclose(fits["imagenet_r"].coefficients, [0.5, 0.7, -0.3], atol=1e-9)
    np.testing.assert_allclose(robustness(choice, fits, models).points["imagenet_r"], 0, atol=1e-9)
    plain = Choice(label="", text="", shifts=("imagenet_r",))
    line = robustness(plain, fit_choice(plain, models, SETTINGS), models)
    assert np.abs(line.points["imagenet_r"]).max() > 5
    beyond = {"imagenet": 70.0, "imagenet_v2": 99.0, "imagenet_r": 50.0}
    beyond = robustness(choice, fits, frame(beyond))
    assert beyond.extrapolated["imagenet_r"].tolist() == [True]


def test_the_abscissa_of_the_shift_s_classes_is_that_of_few_classes_alone(standard):
    of_all = fit_choice(CHOICES[DEFAULT], standard["testbed"], SETTINGS)
    of_some = fit_choice(CHOICES["shift_classes"], standard["testbed"], SETTINGS)
    for shift in TESTBED_SHIFTS:
        same = np.allclose(of_all[shift].coefficients, of_some[shift].coefficients)
        assert same == (shift in {"imagenet_v2", "imagenet_sketch"})
    assert of_some["imagenet_r"].lowest[0] == pytest.approx(0.55)


def test_a_mean_lacks_a_value_where_a_shift_was_not_measured(standard):
    fits = fit_choice(CHOICES[DEFAULT], standard["testbed"], SETTINGS)
    model = {"imagenet": 70.0, "imagenet_v2": 60.0, "imagenet_r": 50.0}
    found = robustness(CHOICES[DEFAULT], fits, frame(model))
    assert np.isnan(found.mean(TESTBED_SHIFTS)[0][0])
    value, draws = found.mean(["imagenet_v2", "imagenet_r"])
    assert value[0] == pytest.approx(found.points.loc[0, ["imagenet_v2", "imagenet_r"]].mean())
    assert draws.shape == (200, 1)


def test_refuses_too_few_families(standard):
    models = standard["testbed"]
    with pytest.raises(InputError, match="imagenet_v2: 2 families"):
        fit_choice(CHOICES[DEFAULT], models[models["family"].isin(["f0", "f1"])], SETTINGS)
