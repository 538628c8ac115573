"""The instruments of `import interpreting_clip`: what they return is what the measures compute."""

import inspect
import subprocess
import sys
from dataclasses import astuple

import numpy as np
import pytest
import torch
from interpreting_clip.measures.u_centring import u_center

import interpreting_clip
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.published_accuracies import (
    Settings as PublishedSettings,
)
from interpreting_clip.formats.published_accuracies import (
    standard_models,
)
from interpreting_clip.measures import (
    concepts as of_concepts,
)
from interpreting_clip.measures import (
    directions as of_directions,
)
from interpreting_clip.measures import (
    kurtosis as of_kurtosis,
)
from interpreting_clip.measures import (
    participation_ratio as of_dimensions,
)
from interpreting_clip.measures import (
    privileged_basis as of_basis,
)
from interpreting_clip.measures.accuracy import map_classes, top1_accuracy
from interpreting_clip.measures.average_precision import average_precisions
from interpreting_clip.measures.cka import cka
from interpreting_clip.measures.effective_robustness import Accuracy
from interpreting_clip.measures.effective_robustness import Settings as RobustnessSettings
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, fit_choice, robustness
from interpreting_clip.published.models import standard_models_by_source
from interpreting_clip.published.sources import FOLDER, read_published
from stages.robustness import on_shift
from tests.instruments import ic
from tests.reads import ROOT

RNG = np.random.default_rng(3)
IMAGES, FEATURES, CLASSES = 240, 40, 6
CLASS = RNG.integers(CLASSES, size=IMAGES)
HEAD = RNG.normal(size=(CLASSES, FEATURES))
HEAD[:, 7] = 0  # the outlier feature below is not read
VALUES = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
VALUES[:, 7] += 60
SHOWN = np.stack([VALUES[:, 0] > 0.5, VALUES[:, 1] > 0.5, RNG.random(IMAGES) < 0.2], axis=1)

FORMS = {
    "list": np.ndarray.tolist,
    "bfloat16": lambda x: torch.tensor(x, dtype=torch.bfloat16),
}

CALLS = {
    "kurtosis": lambda h, w: ic.kurtosis(h),
    "outlier_features": lambda h, w: ic.outlier_features(h),
    "participation_ratio": lambda h, w: ic.participation_ratio(h),
    "privileged_basis": lambda h, w: ic.privileged_basis(h, rotations=2),
    "accuracy": lambda h, w: ic.accuracy(h, w, CLASS),
    "directions": lambda h, w: ic.directions(w, h, random_heads=2),
    "pruning": lambda h, w: ic.pruning(h, w, CLASS, random_heads=2),
    "concepts": lambda h, w: ic.concepts(h, SHOWN, draws=2, null_draws=1),
    "cka": lambda h, w: ic.cka(h, VALUES[:, ::2]),
}


def headline(result: object) -> float:
    """Return the first number of a result."""
    value = result.numbers[0].value  # pyright: ignore[reportAttributeAccessIssue]
    return float(value if value is not None else result.features)  # pyright: ignore


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CALLS)
def test_every_instrument_takes_every_form_of_array(name, form):
    given, head = FORMS[form](VALUES), FORMS[form](HEAD)
    expected = headline(CALLS[name](VALUES, HEAD))
    near = 0.05 if form == "bfloat16" else 1e-5  # bfloat16 keeps eight bits
    assert headline(CALLS[name](given, head)) == pytest.approx(expected, rel=near, abs=near)


@pytest.mark.parametrize("name", ["accuracy", "directions", "pruning"])
def test_a_head_of_another_encoder_is_refused(name):
    with pytest.raises(ValueError, match=r"head .*39.*activations .*40"):
        CALLS[name](VALUES, HEAD[:, 1:])
    with pytest.raises(ValueError, match="head: "):
        CALLS[name](VALUES, HEAD[0])


def test_all_names_are_there_and_no_other():
    assert set(interpreting_clip.__all__) <= set(dir(interpreting_clip))
    assert all(callable(getattr(ic, name)) for name in interpreting_clip.__all__)
    assert set(CALLS) | {"effective_robustness"} == set(interpreting_clip.__all__)
    with pytest.raises(AttributeError, match="kurtoses"):
        _ = interpreting_clip.kurtoses


def test_to_import_the_library_costs_no_numpy_and_to_use_it_no_torch():
    code = (
        "import sys, interpreting_clip as ic; before = 'numpy' in sys.modules; "
        "ic.kurtosis([[1, 2, 4.]]); import interpreting_clip.measures.kurtosis as m; "
        "print(before, *(name in sys.modules for name in ('torch', 'numba')), "
        "m.__name__, ic.kurtosis.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == [
        *(b"False", b"False", b"False", b"interpreting_clip.measures.kurtosis", b"kurtosis")
    ]


SECTIONS = {
    "kurtosis": ["kurtosis"],
    "outlier_features": ["kurtosis"],
    "participation_ratio": ["participation_ratio"],
    "privileged_basis": ["privileged_basis", "kurtosis"],
    "accuracy": ["robustness"],
    "directions": ["directions"],
    "pruning": ["directions"],
    "concepts": ["concepts"],
    "cka": ["cka"],
    "effective_robustness": ["published"],
}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_defaults_are_those_of_params(name):
    study = load_tree(ROOT / "params.yaml")
    given: dict[str, object] = {}
    for section in reversed(SECTIONS[name]):
        given |= study[section]
    parameters = inspect.signature(getattr(ic, name)).parameters
    # The number of images of a concept depends on how many concepts and features there are.
    shared = parameters.keys() & given.keys() - {"minimum_images"}
    assert shared
    assert {one: parameters[one].default for one in shared} == {one: given[one] for one in shared}


def test_kurtosis_and_outlier_features_are_the_measures():
    found, outliers = ic.kurtosis(VALUES), ic.outlier_features(VALUES)
    per_image, deviations = of_kurtosis.kurtosis_and_deviations(VALUES, 6.0)
    np.testing.assert_array_equal(found.per_image, per_image)
    assert found.kurtosis == bootstrap_mean(per_image, 1000, 0.95, 0)
    expected = of_kurtosis.outlier_features(deviations, 0.5)
    assert outliers.feature.tolist() == expected.feature.tolist() == [7]
    assert outliers.share.tolist() == expected.share.tolist() == [1.0]
    assert outliers.mean_abs_z.tolist() == expected.mean_abs_z.tolist()
    assert found.outlier_features == outliers.outlier_features == 1
    assert outliers.hiding == of_kurtosis.hiding_outliers(FEATURES, 6.0)
    assert found.isotropic == pytest.approx(3 * 39 / 41)
    assert ic.outlier_features(VALUES, outlier_sigma=7).outlier_features == 0


def test_participation_ratio_and_privileged_basis_are_the_measures():
    settings = of_dimensions.Settings(blocks=20, confidence=0.95)
    found = ic.participation_ratio(VALUES)
    assert vars(found) == vars(of_dimensions.participation_ratio(VALUES, settings))
    basis = of_basis.Settings(rotations=3, seed=1, robust_deviations=5.0)
    found = ic.privileged_basis(VALUES, rotations=3, seed=1, robust_deviations=5)
    assert vars(found) == vars(of_basis.privileged_basis(VALUES, 6.0, 0.5, basis))


def test_few_images_need_fewer_blocks():
    with pytest.raises(ValueError, match="blocks=5 or more images"):
        ic.participation_ratio(VALUES[:10])
    assert ic.participation_ratio(VALUES[:10], blocks=5).features == FEATURES


def test_accuracy_is_the_measure_with_bias_and_among_some_classes():
    bias = RNG.normal(size=CLASSES)
    head = Head(HEAD, bias, True)
    found = ic.accuracy(VALUES, HEAD, CLASS, bias=bias, normalize_features=True)
    assert found.accuracy.value == pytest.approx(100 * top1_accuracy(VALUES, CLASS, head))
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert 100 * found.correct.mean() == pytest.approx(found.accuracy.value)
    assert (found.images, found.classes, found.guessing) == (IMAGES, CLASSES, 100 / CLASSES)
    some = CLASS < 3
    found = ic.accuracy(VALUES[some], HEAD, CLASS[some], among=[0, 1, 2], aliases={5: 2})
    class_map = map_classes([0, 1, 2], CLASSES, {5: 2})
    expected = top1_accuracy(VALUES[some], CLASS[some], Head(HEAD, None, False), class_map)
    assert found.accuracy.value == pytest.approx(100 * expected)
    assert found.guessing == 100 / 3


def test_the_interval_of_an_accuracy_is_that_of_the_study():
    truth = np.where(np.arange(50) < 45, 0, 1)
    found = ic.accuracy(np.eye(2)[np.zeros(50, dtype=int)], np.eye(2), truth).accuracy
    assert (found.value, round(found.low, 1), round(found.high, 1)) == (90, 78.6, 95.7)
    measured = Accuracy(0.9, 50)
    study = on_shift((measured, measured), 2, {}, RobustnessSettings(confidence=0.95, seed=0))
    assert astuple(found) == pytest.approx(astuple(study.accuracy))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": [0, 1]}, "classes: .*240"),
        ({"among": [0, 9]}, "among: .*9"),
        ({"aliases": {1: 2}}, "aliases: .*`among`"),
        ({"bias": [1.0]}, "bias: .*6"),
        ({"confidence": 2}, "confidence: .*2"),
    ],
)
def test_accuracy_refuses_what_does_not_fit(changes, said):
    with pytest.raises(ValueError, match=said):
        ic.accuracy(**{"activations": VALUES, "head": HEAD, "classes": CLASS, **changes})


AMBIGUOUS = np.array([1, 2])
MISPLACED = {
    "normalize_features": lambda: ic.accuracy(VALUES, HEAD, CLASS, normalize_features=AMBIGUOUS),
    "aliases": lambda: ic.accuracy(VALUES, HEAD, CLASS, aliases=AMBIGUOUS),
    "random_heads": lambda: ic.directions(HEAD, VALUES, random_heads=AMBIGUOUS),
    "outlier_sigma": lambda: ic.kurtosis(VALUES, outlier_sigma=AMBIGUOUS),
    "accuracies": lambda: ic.effective_robustness(AMBIGUOUS),
}


@pytest.mark.parametrize("name", MISPLACED)
def test_an_array_in_place_of_a_setting_is_named_and_never_ambiguous(name):
    with pytest.raises((TypeError, ValueError), match=f"^{name}: ") as caught:
        MISPLACED[name]()
    assert "ambiguous" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("centre", of_directions.CENTRES)
def test_directions_are_the_measure_the_most_important_first(centre):
    found = ic.directions(HEAD, VALUES, centre=centre, random_heads=4)
    expected = of_directions.singular_directions(HEAD, centre)
    importance = of_directions.importance(VALUES, expected)
    order = np.argsort(-importance)
    np.testing.assert_array_equal(found.importance, importance[order])
    np.testing.assert_array_equal(found.vectors, expected.vectors[order])
    np.testing.assert_array_equal(found.singular_values, expected.singular_values[order])
    assert found.importance_ratio == importance.max() / np.median(importance)
    rotated = [
        of_directions.importance(VALUES, of_directions.rotated_directions(expected, 1, draw))
        for draw in range(4)
    ]
    ratios = [one.max() / np.median(one) for one in rotated]
    assert found.random_importance_ratio == pytest.approx(np.mean(ratios), rel=1e-12)
    assert ic.directions(HEAD, VALUES, random_heads=0).random_importance_ratio is None
    with pytest.raises(ValueError, match=r"centre: .*'classe'"):
        ic.directions(HEAD, VALUES, centre="classe")


def test_pruning_is_the_measure():
    found = ic.pruning(VALUES, HEAD, CLASS, pruning_steps=5, random_heads=3)
    own = of_directions.singular_directions(HEAD, "classes")
    head, fractions = Head(HEAD, None, False), np.arange(5) / 5
    for draw in range(-1, 3):
        one = own if draw < 0 else of_directions.rotated_directions(own, 1, draw)
        curve = 100 * pruned_accuracies(
            VALUES, CLASS, head, one, of_directions.importance(VALUES, one), fractions=fractions
        )
        np.testing.assert_array_equal(
            found.accuracy if draw < 0 else found.random_accuracy[draw], curve
        )
    assert found.by_accuracy == prunable_fraction(fractions, found.accuracy, 1.0)
    alone = ic.pruning(VALUES, HEAD, CLASS, random_heads=0)
    assert alone.accuracy_chance is None and alone.random_accuracy.shape == (0, 10)


def test_concepts_are_the_measure_and_find_what_was_planted():
    found = ic.concepts(VALUES, {"a": SHOWN[:, 0], "b": SHOWN[:, 1], "noise": SHOWN[:, 2]})
    assert found.encoded == ["a", "b"] and found.features == 2 and found.features_permuted == 0
    assert found.directions is None and found.direction_precisions.shape == (0, 3)
    image, concept = np.nonzero(SHOWN)
    targets = of_concepts.concept_targets(
        of_concepts.ConceptLabels(image, concept), np.arange(3), IMAGES, "balanced", 0, draws=20
    )
    expected = average_precisions(VALUES.astype(np.float64), targets)
    np.testing.assert_array_equal(found.feature_precisions, expected[0])
    counts = of_concepts.encoded_concepts(expected, 0.9)
    assert (found.features_low, found.features_high) == (counts.unique_low, counts.unique_high)


def test_concepts_of_directions_take_the_result_of_directions_or_rows():
    directions = ic.directions(HEAD, VALUES, random_heads=0)
    found = ic.concepts(VALUES, SHOWN, directions, draws=3, null_draws=2)
    assert len(found.direction_precisions) == directions.directions
    assert found.directions is not None and found.directions_random is not None
    rows = ic.concepts(VALUES, SHOWN, directions.vectors.tolist(), draws=3, null_draws=2)
    np.testing.assert_array_equal(rows.direction_precisions, found.direction_precisions)
    axes = ic.concepts(VALUES, SHOWN, np.eye(FEATURES), draws=3, null_draws=2)
    np.testing.assert_array_equal(axes.direction_precisions, axes.feature_precisions)
    assert axes.directions == axes.features
    assert axes.encoded == axes.encoded_by_directions == ["concept 0", "concept 1"]


def test_rare_concepts_are_left_out_and_named():
    rare = np.zeros((IMAGES, 1), bool)
    rare[:3] = True
    every = np.ones((IMAGES, 1), bool)
    found = ic.concepts(VALUES, np.hstack([SHOWN, rare, every]), names=list("abcde"), null_draws=0)
    assert found.names == ["a", "b", "c"] and found.left_out == ["d", "e"]
    assert found.features_permuted is None and found.minimum_images > 3
    with pytest.raises(ValueError, match="concept 0, is on 3"):
        ic.concepts(VALUES, np.hstack([rare, every]))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"labels": SHOWN[1:]}, ValueError, "labels: .*240"),
        ({"directions": np.eye(3)}, ValueError, "directions .*3"),
        ({"directions": HEAD}, ValueError, "unit rows at right angles"),
        ({"names": ["a"]}, ValueError, "names: .*3 concepts"),
        ({"names": "abc"}, TypeError, "names: "),
        ({"threshold": 0}, ValueError, "threshold: .*0"),
    ],
)
def test_concepts_refuse_what_does_not_fit(changes, error, said):
    with pytest.raises(error, match=said):
        ic.concepts(**{"activations": VALUES, "labels": SHOWN, **changes})


def test_cka_is_the_measure_and_its_invariances_hold():
    rotation = np.linalg.qr(RNG.normal(size=(FEATURES, FEATURES))).Q
    assert ic.cka(VALUES, 3 * VALUES @ rotation + 5).cka == pytest.approx(1, abs=1e-5)
    noise = RNG.normal(size=(IMAGES, 30))
    found = ic.cka(VALUES, noise)
    grams = [{"x": u_center(x @ x.T)[None]} for x in (VALUES.astype(np.float64), noise)]
    assert found.cka == pytest.approx(float(cka(*grams)[0, 0]), abs=1e-9)
    assert abs(found.cka) < 0.05 and found.permuted == 0
    assert (found.images, found.minibatches, found.unused) == (IMAGES, 1, 0)


def test_cka_without_the_outlier_feature_is_that_without_its_column():
    drawn = VALUES * np.where(np.arange(FEATURES) == 7, RNG.normal(1, 1, (IMAGES, 1)), 1)
    other = VALUES[:, 8:]
    found = ic.cka(drawn, other, outlier_sigma=3)
    assert (found.first_outliers, found.second_outliers) == (1, 0)
    assert found.without_outliers == pytest.approx(
        ic.cka(np.delete(drawn, 7, axis=1), other).cka, abs=1e-12
    )
    assert found.cka < found.without_outliers / 2


def test_cka_deals_images_out_in_turn_and_says_what_is_left_over():
    found = ic.cka(VALUES[:203], VALUES[:203, 5:], minibatch=50)
    assert (found.images, found.minibatches, found.unused) == (203, 5, 3)
    maps = VALUES.reshape(IMAGES, 2, 4, 5)
    assert ic.cka(maps, torch.tensor(maps)).cka == pytest.approx(1)


@pytest.mark.parametrize(
    ("first", "second", "more", "said"),
    [
        (VALUES, VALUES[1:], {}, "first .*240.*second 239"),
        (VALUES[:3], VALUES[:3], {}, "4 images, got 3"),
        (VALUES, VALUES, {"minibatch": 3}, "minibatch: .*4 or more, got 3"),
        (VALUES[:9], VALUES[:9], {"minibatch": 4}, "3 minibatches of 3"),
        (VALUES, np.ones((IMAGES, 3)), {}, "layer second"),
    ],
)
def test_cka_refuses_what_cannot_be_compared(first, second, more, said):
    with pytest.raises(ValueError, match=said):
        ic.cka(first, second, **more)


VIT = {"imagenet": 63.32, "imagenet_v2": 55.92, "imagenet_r": 69.33, "imagenet_sketch": 42.29}
VIT |= {"objectnet": 44.31, "imagenet_a": 31.55}


def test_effective_robustness_is_that_of_the_published_models():
    settings = PublishedSettings(resamples=1000, seed=0, confidence=0.95)
    models = standard_models_by_source(read_published(ROOT / FOLDER))["testbed"]
    line = CHOICES[DEFAULT]
    expected = robustness(line, fit_choice(line, models, settings), [VIT])
    mean, draws = expected.mean(TESTBED_SHIFTS)
    exact = ic.effective_robustness(VIT, images=dict.fromkeys(VIT))
    assert exact.robustness.value == pytest.approx(mean[0])
    ends = (exact.robustness.low, exact.robustness.high)
    assert ends == pytest.approx(tuple(np.quantile(draws[:, 0], [0.025, 0.975])))
    assert {s: one.value for s, one in exact.per_shift.items()} == pytest.approx(
        {s: values[0] for s, values in expected.values.items()}
    )
    assert exact.extrapolated_shifts == () and exact.models == 87
    measured = ic.effective_robustness(VIT)
    width = lambda one: one.robustness.high - one.robustness.low  # noqa: E731
    assert measured.robustness.value == pytest.approx(mean[0]) and width(measured) > width(exact)


def test_a_standard_model_on_its_own_line_has_none():
    standard = {
        m["name"]: m
        for m in standard_models(
            ROOT / "interpreting_clip/reference/imagenet_testbed_accuracies.csv"
        )
    }
    model = standard["resnet50"]
    found = ic.effective_robustness({name: model[name] for name in ("imagenet", "imagenet_v2")})
    assert abs(found.robustness.value) < 1


def test_a_line_starts_at_the_classes_of_the_shift_if_they_are_given():
    whole = ic.effective_robustness({"imagenet": 76.0, "imagenet_r": 36.0})
    given = {"imagenet": 76.0, "imagenet_r": 36.0, "imagenet_on_r_classes": 92.0}
    on_classes = ic.effective_robustness(given)
    assert on_classes.robustness.value != whole.robustness.value
    assert on_classes.imagenet == 76.0


def test_measured_accuracies_bring_their_number_of_images():
    own = ic.accuracy(VALUES, HEAD, CLASS)
    given = {"imagenet": own, "imagenet_v2": own}
    found = ic.effective_robustness(given)
    value = own.accuracy.value
    same = {"imagenet": IMAGES, "imagenet_v2": IMAGES}
    again = ic.effective_robustness({"imagenet": value, "imagenet_v2": value}, images=same)
    assert found.robustness == again.robustness


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"imagenet": 0.76}, ValueError, "is it 76?"),
        ({"imagenet": 762}, ValueError, "imagenet 762"),
        ({"imagenet": float("nan")}, ValueError, "imagenet nan"),
        ({"imagenet": "many"}, TypeError, "imagenet: .*'many'"),
        ({"imagenet_c": 40.0}, ValueError, "imagenet_c: .*imagenet_sketch"),
    ],
)
def test_effective_robustness_refuses_what_is_no_percentage(changes, error, said):
    with pytest.raises(error, match=said):
        ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70.1, **changes})


def test_effective_robustness_needs_imagenet_and_a_shift():
    with pytest.raises(ValueError, match="imagenet"):
        ic.effective_robustness({"imagenet_v2": 70.1})
    with pytest.raises(ValueError, match="no shift"):
        ic.effective_robustness({"imagenet": 76.2})
    with pytest.raises(TypeError, match="a mapping"):
        ic.effective_robustness([76.2, 70.1])
    with pytest.raises(ValueError, match="images of imagenet"):
        ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70}, images={"imagenet": 0})
    assert ic.effective_robustness({"imagenet": 76.2, "imagenet_a": 0.2}).shifts == 0.2
