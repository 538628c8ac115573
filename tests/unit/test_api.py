"""The library offers its measures for anybody's arrays, with settings as keywords."""

import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import interpreting_clip as ic
from interpreting_clip.array_measures import COMPARISONS
from interpreting_clip.arrays.head import Head
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.result import Result
from interpreting_clip.measures import accuracy, directions, kurtosis, pruning
from interpreting_clip.published.analysis import standard_models_by_source
from interpreting_clip.published.figures import FOLDER, read_published
from interpreting_clip.published.line_choices import CHOICES, DEFAULT
from interpreting_clip.published.line_fits import fit_choice, robustness
from interpreting_clip.statistics.published_accuracies import Settings
from tests.reads import ROOT

RNG = np.random.default_rng(3)
IMAGES, FEATURES, CLASSES = 240, 40, 6
CLASS = RNG.integers(CLASSES, size=IMAGES)
HEAD = RNG.normal(size=(CLASSES, FEATURES))
HEAD[:, 7] = 0  # the outlier feature below is not read
VALUES = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
VALUES[:, 7] += 60
SHOWN = np.stack([VALUES[:, 0] > 0.5, VALUES[:, 1] > 0.5, RNG.random(IMAGES) < 0.2], axis=1)

CALLS = {
    "kurtosis": lambda h, w: ic.kurtosis(h),
    "outlier_features": lambda h, w: ic.outlier_features(h),
    "participation_ratio": lambda h, w: ic.participation_ratio(h),
    "privileged_basis": lambda h, w: ic.privileged_basis(h, rotations=2),
    "accuracy": lambda h, w: ic.accuracy(h, head=w, classes=CLASS),
    "directions": lambda h, w: ic.directions(h, head=w, random_heads=2),
    "pruning": lambda h, w: ic.pruning(h, head=w, classes=CLASS, random_heads=2),
    "concepts": lambda h, w: ic.concepts(h, labels=SHOWN, draws=2, rotations=2),
    **{
        name: lambda h, w, compare=compare: compare(h, VALUES[:, ::2])
        for name, compare in COMPARISONS.items()
    },
}
MEASURES = [*CALLS, "effective_robustness"]


def equal(one: Result, other: Result) -> bool:
    """Compare all numbers and arrays of two results, bit by bit."""
    return one.to_dict() == other.to_dict()


@pytest.mark.parametrize(
    ("name", "more", "rounds"),
    [
        ("pruning", {"head": HEAD, "classes": CLASS, "random_heads": 3}, [3, 5]),
        ("concepts", {"labels": SHOWN, "draws": 1, "rotations": 3}, [3]),
    ],
)
def test_a_long_measure_counts_its_draws_to_whoever_watches(name, more, rounds):
    watched, measure = [], getattr(ic, name)

    def progress(draws):
        watched.append(len(draws))
        return iter(draws)

    assert equal(measure(VALUES, progress=progress, **more), measure(VALUES, **more))
    assert watched == rounds
    with pytest.raises(ValueError, match=r"progress: .*got True"):
        measure(VALUES, progress=True, **more)


@pytest.mark.parametrize("name", CALLS)
def test_every_measure_takes_tensors(name):
    tensors = (torch.tensor(one, dtype=torch.bfloat16) for one in (VALUES, HEAD))
    expected, found = CALLS[name](VALUES, HEAD), CALLS[name](*tensors)
    near = pytest.approx(expected.numbers[0].value, rel=0.05, abs=0.05)
    assert found.numbers[0].value == near  # bfloat16 keeps eight bits


def test_to_import_the_library_costs_no_numpy_and_to_use_it_no_torch():
    code = (
        "import sys, interpreting_clip as ic; from interpreting_clip import measures; "
        "print('numpy' in sys.modules); "
        "ic.kurtosis([[1, 2, 4.], [1, 3, 4]]); "
        "print({'torch', 'pandas', 'altair'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == [b"False", b"set()"]


def test_the_functions_are_the_measures():
    bias, few = RNG.normal(size=CLASSES), CLASS < 3
    head, own = Head(HEAD, bias, True), {"head": HEAD, "bias": bias, "normalize_features": True}
    assert equal(
        ic.accuracy(VALUES[few], classes=CLASS[few], among=[2, 0, 1], aliases={5: 2}, **own),
        accuracy.accuracy(
            VALUES[few], head=head, classes=CLASS[few], among=[0, 1, 2], aliases={5: 2}
        ),
    )
    settings = directions.Settings(centre="none", random_heads=2)
    assert equal(
        ic.pruning(VALUES, classes=CLASS, **own, centre="none", random_heads=2, harmless=5.0),
        pruning.pruning(VALUES, head=head, classes=CLASS, settings=settings, harmless=5.0),
    )


def test_concepts_have_the_names_of_their_labels():
    labels = {"a": SHOWN[:, 0], 5: SHOWN[:, 1], "noise": SHOWN[:, 2].tolist()}
    for more, names in (({}, ["a", "5", "noise"]), ({"names": list("xyz")}, ["x", "y", "z"])):
        found = ic.concepts(VALUES, labels=labels, draws=1, rotations=0, **more)
        assert found.concepts == names


def test_concepts_take_directions_as_rows_and_as_a_result():
    head = ic.directions(VALUES, head=HEAD, random_heads=0)
    for rows in (head, head.vectors.tolist()):
        found = ic.concepts(VALUES, labels=SHOWN, directions=rows, draws=1, rotations=0)
        assert found.directions and len(found.directions.precisions) == head.directions


def test_settings_are_keywords_or_one_argument():
    settings = kurtosis.Settings(outlier_sigma=3, resamples=7)
    found = ic.kurtosis(VALUES, outlier_sigma=3, resamples=np.int64(7))
    assert equal(found, ic.kurtosis(VALUES, settings=settings))
    changed = ic.kurtosis(VALUES, settings=settings, outlier_sigma=5)
    assert changed.outliers.outlier_sigma == 5 and changed.kurtosis == found.kurtosis
    with pytest.raises(TypeError, match=r"settings: .*kurtosis\.Settings.*dict"):
        ic.kurtosis(VALUES, settings={})


AMBIGUOUS = np.array([1, 2])
REFUSED = {
    "classes": lambda: ic.accuracy(VALUES, head=HEAD, classes=[0, 1]),
    "random_heads": lambda: ic.directions(VALUES, head=HEAD, random_heads=AMBIGUOUS),
    "labels": lambda: ic.concepts(VALUES, labels=SHOWN[1:]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_named_in_one_line(name):
    with pytest.raises((TypeError, ValueError), match=f"^{name}: ") as caught:
        REFUSED[name]()
    assert "ambiguous" not in str(caught.value) and "\n" not in str(caught.value)


SECTIONS = {
    "outlier_features": ["kurtosis"],
    "privileged_basis": ["kurtosis", "privileged_basis"],
    "accuracy": ["robustness"],
    "pruning": ["directions", "prunable"],
    "effective_robustness": ["published"],
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_defaults_are_those_of_params(name):
    study = load_tree(ROOT / "params.yaml")
    given: dict[str, object] = {}
    for section in SECTIONS.get(name, [name]):
        given |= study[section]
    parameters = inspect.signature(getattr(ic, name)).parameters
    # The number of images of a concept depends on how many concepts and features there are.
    shared = parameters.keys() & given.keys() - {"minimum_images"}
    assert shared
    assert {one: parameters[one].default for one in shared} == {one: given[one] for one in shared}


VIT = {"imagenet": 63.32, "imagenet_v2": 55.92, "imagenet_r": 69.33, "imagenet_sketch": 42.29}
VIT |= {"objectnet": 44.31, "imagenet_a": 31.55}


def test_effective_robustness_is_that_of_the_published_models():
    settings = Settings(resamples=1000, seed=0, confidence=0.95)
    models = standard_models_by_source(read_published(ROOT / FOLDER))["testbed"]
    line = CHOICES[DEFAULT]
    expected = robustness(line, fit_choice(line, models, settings), pd.DataFrame([VIT]))
    mean, draws = expected.mean(TESTBED_SHIFTS)
    exact = ic.effective_robustness(VIT, images=dict.fromkeys(VIT))
    assert exact.robustness is not None and exact.models == 87
    assert round(exact.robustness.value, 1) == 26.6  # OpenAI's ViT-B/32, as published
    assert exact.robustness.value == pytest.approx(mean[0])
    assert exact.robustness.ends == pytest.approx(np.quantile(draws[:, 0], [0.025, 0.975]))
    measured = ic.effective_robustness(VIT).robustness
    assert measured is not None and np.ptp(measured.ends) > np.ptp(exact.robustness.ends)


def test_a_line_starts_at_the_classes_of_the_shift_if_they_are_given():
    given = {"imagenet": 76.0, "imagenet_r": 36.0}
    for start, images, more in ((76, 50_000, {}), (92, 10_000, {"imagenet_on_r_classes": 92})):
        found = ic.effective_robustness({**given, **more})
        shift = found.per_shift["imagenet_r"]
        assert found.imagenet == 76 and shift.imagenet == pytest.approx(start)
        assert shift.imagenet_images == images


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ({"imagenet": 0.76, "imagenet_v2": 70.1}, "is it 76?"),
        ({"imagenet": 76.2, "imagenet_c": 40.0}, "imagenet_c: .*imagenet_sketch"),
    ],
)
def test_refuses_what_is_no_percentage_of_known_sets(accuracies, said):
    with pytest.raises(ValueError, match=said):
        ic.effective_robustness(accuracies)
