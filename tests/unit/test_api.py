"""The library offers its measures for anybody's arrays, with settings as keywords."""

import inspect
import subprocess
import sys
import tomllib
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

import interpreting_clip as ic
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.measures import accuracy, concepts, directions, kurtosis, pruning
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.result import Result
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
    "accuracy": lambda h, w: ic.accuracy(h, head=w, classes=CLASS),
    "directions": lambda h, w: ic.directions(h, head=w, random_heads=2),
    "pruning": lambda h, w: ic.pruning(h, head=w, classes=CLASS, random_heads=2),
    "concepts": lambda h, w: ic.concepts(h, labels=SHOWN, draws=2, null_draws=1),
    "cka": lambda h, w: ic.cka(h, VALUES[:, ::2]),
}


def equal(one: Result, other: Result) -> bool:
    """Compare all numbers and arrays of two results, bit by bit."""
    return one.to_dict() == other.to_dict()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CALLS)
def test_every_measure_takes_every_form_of_array(name, form):
    expected = CALLS[name](VALUES, HEAD).numbers[0].value
    found = CALLS[name](FORMS[form](VALUES), FORMS[form](HEAD)).numbers[0].value
    near = 0.05 if form == "bfloat16" else 1e-5  # bfloat16 keeps eight bits
    assert found == pytest.approx(expected, rel=near, abs=near)


def test_all_names_are_there_and_no_other():
    assert {*ic.__all__, "__version__"} <= {*dir(ic)}
    assert {*CALLS, "effective_robustness"} == {*ic.__all__}
    with pytest.raises(AttributeError, match="kurtoses"):
        _ = ic.kurtoses


def test_the_package_has_a_version_and_types():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ic.__version__ == project["version"] and project["urls"]
    assert (ROOT / "interpreting_clip/py.typed").exists()


def test_to_import_the_library_costs_no_numpy_and_to_use_it_no_torch():
    code = (
        "import sys, interpreting_clip as ic; before = 'numpy' in sys.modules; "
        "ic.kurtosis([[1, 2, 4.], [1, 3, 4]]); import interpreting_clip.measures.kurtosis as m; "
        "print(before, *(name in sys.modules for name in ('torch', 'numba', 'pandas')), "
        "m.__name__, ic.kurtosis.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == [
        *[b"False"] * 4, b"interpreting_clip.measures.kurtosis", b"kurtosis"
    ]  # fmt: skip


def test_the_functions_are_the_measures():
    bias = RNG.normal(size=CLASSES)
    head, own = Head(HEAD, bias, True), {"head": HEAD, "bias": bias, "normalize_features": True}
    assert equal(ic.kurtosis(VALUES), kurtosis.kurtosis(VALUES))
    assert ic.kurtosis(VALUES).outliers.feature.tolist() == [7]
    classes, some = {"classes": CLASS[CLASS < 3], "among": [2, 0, 1], "aliases": {5: 2}}, CLASS < 3
    assert equal(
        ic.accuracy(VALUES[some], **classes, **own),
        accuracy.accuracy(VALUES[some], head=head, **{**classes, "among": [0, 1, 2]}),
    )
    settings = directions.Settings(centre="none", random_heads=2)
    expected = directions.directions(VALUES, head=head, settings=settings)
    assert equal(ic.directions(VALUES, **own, centre="none", random_heads=2), expected)
    assert equal(
        ic.pruning(VALUES, classes=CLASS, **own, settings=settings),
        pruning.pruning(VALUES, head=head, classes=CLASS, settings=settings),
    )
    found = ic.concepts(VALUES, labels=SHOWN, directions=expected, draws=2, null_draws=1)
    few = concepts.Settings(draws=2, null_draws=1)
    same = concepts.concepts(VALUES, labels=SHOWN, directions=expected, settings=few)
    assert equal(found, same)


def test_concepts_have_the_names_of_their_labels():
    labels = {"a": SHOWN[:, 0], 5: SHOWN[:, 1], "noise": SHOWN[:, 2].tolist()}
    found = ic.concepts(VALUES, labels=labels, draws=1, null_draws=0)
    assert found.concepts == ["a", "5", "noise"]
    named = ic.concepts(VALUES, labels=labels, names=list("xyz"), draws=1, null_draws=0)
    assert named.concepts == ["x", "y", "z"]
    rows = np.eye(FEATURES).tolist()
    axes = ic.concepts(VALUES, labels=SHOWN, directions=rows, draws=1, null_draws=0)
    assert axes.directions is not None
    np.testing.assert_array_equal(axes.directions.precisions, axes.features.precisions)


def test_cka_takes_features_of_any_shape():
    maps = VALUES.reshape(IMAGES, 2, 4, 5)
    assert ic.cka(maps, torch.tensor(maps)).cka == pytest.approx(1)


def test_settings_are_keywords_or_one_argument():
    settings = kurtosis.Settings(outlier_sigma=3, resamples=7)
    found = ic.kurtosis(VALUES, outlier_sigma=3, resamples=np.int64(7))
    assert equal(found, ic.kurtosis(VALUES, settings=settings))
    changed = ic.kurtosis(VALUES, settings=settings, outlier_sigma=5)
    assert changed.outliers.outlier_sigma == 5 and changed.kurtosis == found.kurtosis
    with pytest.raises(TypeError, match=r"settings: .*kurtosis\.Settings.*dict"):
        ic.kurtosis(VALUES, settings={})


MISPLACED = {
    "a head in the first place": (lambda: ic.directions(HEAD, VALUES), "head="),
    "all by place": (lambda: ic.pruning(VALUES, HEAD, CLASS), "head="),
    "labels by place": (lambda: ic.concepts(VALUES, SHOWN), "labels="),
    "a third encoder": (lambda: ic.cka(VALUES, VALUES, VALUES), "minibatch="),
    "a name": (lambda: ic.kurtosis(VALUES, outlier_sgma=5), "'outlier_sgma'.*outlier_sigma"),
    "nothing": (ic.kurtosis, "activations"),
    "no classes": (lambda: ic.accuracy(VALUES, head=HEAD), "'classes'"),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_everything_but_activations_needs_its_keyword(case):
    call, said = MISPLACED[case]
    with pytest.raises(TypeError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_more_rows_of_a_head_than_images_is_a_warning():
    for measure in (ic.directions, ic.accuracy):
        more = {"classes": [0] * CLASSES} if measure is ic.accuracy else {"random_heads": 0}
        with pytest.warns(UserWarning, match=f"head has {IMAGES} rows.*{CLASSES}"):
            measure(HEAD, head=VALUES, **more)
    # Fewer images than ImageNet has classes are usual where the set has few of them.
    assert ic.accuracy(VALUES[:2], head=HEAD, classes=CLASS[:2], among=CLASS[:2]).images == 2


AMBIGUOUS = np.array([1, 2])
REFUSED = {
    "classes": lambda: ic.accuracy(VALUES, head=HEAD, classes=[0, 1]),
    "among": lambda: ic.accuracy(VALUES, head=HEAD, classes=CLASS, among=[0, 9]),
    "aliases": lambda: ic.accuracy(VALUES, head=HEAD, classes=CLASS, aliases=AMBIGUOUS),
    "confidence": lambda: ic.accuracy(VALUES, head=HEAD, classes=CLASS, confidence=2),
    "normalize_features": lambda: ic.directions(VALUES, head=HEAD, normalize_features=AMBIGUOUS),
    "head": lambda: ic.directions(VALUES, head=HEAD[:, 1:]),
    "random_heads": lambda: ic.directions(VALUES, head=HEAD, random_heads=AMBIGUOUS),
    "centre": lambda: ic.directions(VALUES, head=HEAD, centre="classe"),
    "outlier_sigma": lambda: ic.kurtosis(VALUES, outlier_sigma=AMBIGUOUS),
    "labels": lambda: ic.concepts(VALUES, labels=SHOWN[1:]),
    "directions": lambda: ic.concepts(VALUES, labels=SHOWN, directions=np.eye(3)),
    "names": lambda: ic.concepts(VALUES, labels=SHOWN, names="abc"),
    "categories": lambda: ic.concepts(VALUES, labels=SHOWN, categories=3),
    "minibatch": lambda: ic.cka(VALUES, VALUES, minibatch=0),
    "accuracies": lambda: ic.effective_robustness(AMBIGUOUS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_named_in_one_line(name):
    with pytest.raises((TypeError, ValueError), match=f"^{name}: ") as caught:
        REFUSED[name]()
    assert "ambiguous" not in str(caught.value) and "\n" not in str(caught.value)


def documented(measure: Any) -> set[str]:
    """Return the parameters that a docstring explains."""
    _, _, parameters = str(measure.__doc__).partition("Parameters\n----------\n")
    lines = parameters.partition("\n\n")[0].splitlines()
    entries = [line.partition(" : ")[0] for line in lines if not line.startswith(" ")]
    return {name for entry in entries for name in entry.split(", ")}


@pytest.mark.parametrize("name", ic.__all__)
def test_help_lists_every_argument_with_its_default(name):
    measure: Any = getattr(ic, name)
    signature = inspect.signature(measure)
    assert documented(measure) == {*signature.parameters}
    assert issubclass(signature.return_annotation, Result)
    assert measure.__module__ == "interpreting_clip" and measure.__name__ == name
    assert not {"candidates", "numbers", "left_out"} & signature.parameters.keys()
    assert max(map(len, str(measure.__doc__).splitlines())) <= 100


@pytest.mark.parametrize("name", ic.__all__)
def test_every_attribute_of_a_result_is_explained(name):
    kind = inspect.signature(getattr(ic, name)).return_annotation
    words = " ".join(inspect.getdoc(one) or "" for one in kind.__mro__ if issubclass(one, Result))
    assert [one.name for one in fields(kind) if one.name not in words] == []


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
