"""The library offers its measures for anybody's arrays, with settings as keywords."""

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import interpreting_clip as ic
from interpreting_clip.arrays.head import Head
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.result import Result, headline_numbers
from interpreting_clip.published.analysis import STARTS, robustness
from interpreting_clip.statistics.published_accuracies import published_lines
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
    "massive_activations": lambda h, w: ic.massive_activations(h),
    "layer_outliers": lambda h, w: ic.layer_outliers({"block01": h, "output": h[:, ::2]}),
    "participation_ratio": lambda h, w: ic.participation_ratio(h),
    "privileged_basis": lambda h, w: ic.privileged_basis(h, rotations=2),
    "accuracy": lambda h, w: ic.accuracy(h, head=w, classes=CLASS),
    "accuracy_drop": lambda h, w: ic.accuracy_drop(h, VALUES, head=w, classes=CLASS),
    "directions": lambda h, w: ic.directions(h, head=w, random_heads=2),
    "pruning": lambda h, w: ic.pruning(h, head=w, classes=CLASS, random_heads=2),
    "concepts": lambda h, w: ic.concepts(h, labels=SHOWN, draws=2, rotations=2),
    "cka": lambda h, w: ic.cka(h, VALUES[:, ::2]),
    "modality_gap": lambda h, w: ic.modality_gap(h, captions=VALUES[:, ::-1]),
    "mutual_neighbours": lambda h, w: ic.mutual_neighbours(h, VALUES[:, ::2]),
}


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


def test_a_head_is_an_array_with_its_bias_or_a_head():
    bias, few = RNG.normal(size=CLASSES), CLASS < 3
    apart = {"head": HEAD, "bias": bias, "normalize_features": True}
    more = {"classes": CLASS[few], "among": [2, 0, 1], "aliases": {5: 2}}
    head = Head(HEAD, bias, True)
    assert equal(
        ic.accuracy(VALUES[few], **apart, **more), ic.accuracy(VALUES[few], head=head, **more)
    )
    with pytest.raises(ValueError, match="head: a Head has its own bias"):
        ic.directions(VALUES, head=head, bias=bias)


def test_concepts_have_the_names_of_their_labels():
    labels = {"a": SHOWN[:, 0], 5: SHOWN[:, 1], "noise": SHOWN[:, 2].tolist()}
    for given, names in ((None, ["a", "5", "noise"]), (list("xyz"), ["x", "y", "z"])):
        found = ic.concepts(VALUES, labels=labels, names=given, draws=1, rotations=0)
        assert found.concepts == names


def test_concepts_take_directions_as_rows_and_as_a_result():
    head = ic.directions(VALUES, head=HEAD, random_heads=0)
    for rows in (head, head.vectors.tolist()):
        found = ic.concepts(VALUES, labels=SHOWN, directions=rows, draws=1, rotations=0)
        assert found.directions and len(found.directions.precisions) == head.directions


def test_settings_may_be_numbers_of_numpy():
    seven: Any = np.int64(7)
    found = ic.kurtosis(VALUES, outlier_sigma=3, resamples=seven)
    assert equal(found, ic.kurtosis(VALUES, outlier_sigma=3.0, resamples=7))


AMBIGUOUS: Any = np.array([1, 2])
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


VIT = {"imagenet": 63.32, "imagenet_v2": 55.92, "imagenet_r": 69.33, "imagenet_sketch": 42.29}
VIT |= {"objectnet": 44.31, "imagenet_a": 31.55}


def test_effective_robustness_is_that_of_the_published_models():
    lines = published_lines(STARTS, resamples=1000, seed=0)
    expected = robustness(lines, pd.DataFrame([VIT]))
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


def shown(*shifts: str) -> list[str]:
    """Return the names of the rows in the table of accuracies on these shifts."""
    found = ic.effective_robustness({"imagenet": 63.3} | {name: VIT[name] for name in shifts})
    return [number.name for number in found.numbers if number.value is not None]


def test_the_table_has_no_means_that_repeat_other_rows():
    def means(*shifts: str) -> list[str]:
        return [name for name in shown(*shifts) if not name.startswith("per_shift")]

    alone, mean = ["imagenet", "extrapolated"], ["shift_accuracy", "robustness"]
    spread = ["spread.deviation", "spread.limit"]
    assert means("imagenet_v2") == alone
    both = ["imagenet", *mean, *spread, "extrapolated"]
    assert means("imagenet_v2", "imagenet_r") == both == means("imagenet_r", "imagenet_sketch")
    natural = [one.replace("spread", "natural_spread") for one in spread]
    found = means("imagenet_v2", "objectnet", "imagenet_r")
    assert found == ["imagenet", *mean, "natural", *spread, *natural, "extrapolated"]
    # On ImageNet-A the curved line has a knee, and its number is another.
    assert means("imagenet_a") == ["imagenet", "curved.robustness", "extrapolated"]
    whole = ic.effective_robustness(VIT)
    assert whole.numbers == super(type(whole), whole).numbers
    assert whole.to_frame().index.is_unique and not any("Mean: over" in n for n in whole.notes)


def test_every_given_accuracy_has_its_row_and_a_single_shift_its_headlines():
    given = {"imagenet": 76.0, "imagenet_on_r_classes": 92.0, "imagenet_r": 36.0}
    found = ic.effective_robustness(given)
    rows = found.to_frame()["value"]
    assert rows["imagenet"] == 76 and rows["per_shift.imagenet_r.accuracy"] == 36
    assert rows["per_shift.imagenet_r.imagenet"] == pytest.approx(92)
    assert found.per_shift["imagenet_r"].robustness is not None
    height = found.per_shift["imagenet_r"].robustness.value
    expected = {"accuracy": 76, "shifts": pytest.approx(36), "robust": height}
    assert headline_numbers(found) == expected
    two = ic.effective_robustness({**given, "imagenet_v2": 65.0})
    assert any("imagenet_v2, imagenet_r" in note for note in two.notes)
    with pytest.raises(ValueError, match=r"imagenet_on_a_classes: .*imagenet_a"):
        ic.effective_robustness({**given, "imagenet_v2": 65.0, "imagenet_on_a_classes": 92.0})


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
