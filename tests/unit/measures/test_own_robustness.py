"""Effective robustness on lines through a user's own standard models."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import interpreting_clip as ic
from interpreting_clip.arrays.head import Head
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.formats.result import plain
from interpreting_clip.measures.accuracy import Accuracy
from interpreting_clip.measures.effective_robustness import Settings, robustness_on_own_shift
from interpreting_clip.statistics.accuracy_draws import measure_accuracy
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.logit_line import Settings as LineSettings
from interpreting_clip.statistics.logit_line import expit, logit
from interpreting_clip.statistics.predictions import Activations
from interpreting_clip.training.baselines import fitted_lines
from interpreting_clip.training.saved_baseline import FittedBaseline

RNG = np.random.default_rng(0)
IMAGES, CLASSES = 240, 6
CLASS = np.arange(IMAGES) % CLASSES
HEAD = RNG.normal(size=(CLASSES, 12))
VALUES = HEAD[CLASS] + 1.2 * RNG.normal(size=(IMAGES, 12))
BLURRED = VALUES + 1.5 * RNG.normal(size=(IMAGES, 12))

X = RNG.uniform(0.45, 0.95, 24)
Y = expit(0.8 * logit(X) - 0.6 + 0.1 * RNG.normal(size=24))
TABLE: dict[str, Any] = {
    "model": [f"m{i}" for i in range(24)],
    "family": [f"f{i // 2}" for i in range(24)],
    "original": (100 * X).round(2),
    "blur": (100 * np.where(np.arange(24) == 5, 0.17, Y)).round(2),  # one is at chance
}


def measured(values: Any) -> Accuracy:
    return ic.accuracy(values, head=HEAD, classes=CLASS)


def test_is_the_height_above_the_line_of_the_given_models():
    """The line in logits is `logit y = logit x - 1` through three models that lie on it."""
    at = np.array([0.5, 0.7, 0.9])
    on_line = expit(logit(at) - 1)
    found = ic.effective_robustness(
        {"original": 80.0, "blur": 70.0},
        standard={"original": 100 * at, "blur": 100 * on_line},
    )
    odds = 4 / np.e
    height = 70 - 100 * odds / (1 + odds)
    one = found.per_shift["blur"]
    assert one.robustness is not None and one.robustness.ends == pytest.approx((height, height))
    assert one.robustness.value == pytest.approx(height) and one.models == one.families == 3
    assert (one.accuracy.ends, found.original.value, one.guessing) == ((70, 70), 80, None)
    assert one.is_robust and not one.extrapolated and one.standard == 0
    assert any("guessing" in note and "blur" in note for note in found.notes)


@pytest.mark.parametrize("columns", [["model", "original", "blur"], [*TABLE]])
def test_the_numbers_are_those_of_a_study_on_its_own_shift(columns):
    """The same line as stage `shift_baseline` fits, and the numbers as `measure_shift` reads it."""
    table = pd.DataFrame(TABLE)[columns]
    models = table.rename(columns={"model": "name", "original": "imagenet"})
    lines = LineSettings(source="published", abscissa="all_classes", seed=4, resamples=200)
    parts = fitted_lines(models, {"blur": Guessing(IMAGES, CLASSES)}, lines)
    every = [*range(CLASSES)]
    classes = {"imagenet": every, "blur": every}
    baseline = FittedBaseline(models=records(models), classes=classes, **parts)
    original, test = (
        Activations(values, CLASS, np.arange(CLASSES)) for values in (VALUES, BLURRED)
    )
    head = Head(HEAD, None, normalize_features=False)
    expected = robustness_on_own_shift(
        "blur",
        measure_accuracy(test, head),
        measure_accuracy(original, head),
        lines=baseline.shift_lines,
        standard=baseline.standard,
        reason=baseline.reasons({"imagenet_val": original, "blur": test}).get("blur", ""),
        settings=Settings(confidence=0.9, seed=4),
    )
    found = ic.effective_robustness(
        {"original": measured(VALUES), "blur": measured(BLURRED)},
        standard=table,
        resamples=200,
        seed=4,
        confidence=0.9,
    )
    one = found.per_shift["blur"]
    for name in ("accuracy", "robustness", "spread", "guessing", "images", "classes", "left_out"):
        assert plain(getattr(one, name)) == plain(getattr(expected, name)), name
    assert expected.robustness is not None and expected.spread is not None
    assert one.extrapolated == expected.extrapolated and one.at_chance == ["m5"]
    assert found.original.value == expected.imagenet
    assert (one.models, one.families) == (23, 12 if "family" in columns else 23)


def test_each_shift_is_the_same_whichever_others_are_given():
    noise = TABLE | {"noise": TABLE["blur"][::-1]}
    given = {"original": 81.0, "blur": 60.2, "noise": 50.0}
    how: dict[str, Any] = {"standard": noise, "images": {"original": 500, "blur": 400}}
    both = ic.effective_robustness(given, **how)
    del given["noise"]
    alone = ic.effective_robustness(given, **how)
    assert plain(both.per_shift["blur"]) == plain(alone.per_shift["blur"])
    assert alone.per_shift["blur"].images == 400 and alone.images == 500
    assert "natural" not in both.to_frame().index


def test_a_standard_model_is_as_robust_as_the_others():
    """Negative control: each model, left out of the line, lies within the limit of the others."""
    models = pd.DataFrame(TABLE)
    within = []
    for row in range(24):
        if row != 5:
            given = {name: float(models[name][row]) for name in ("original", "blur")}
            others = models.drop(index=[row, 5])
            one = ic.effective_robustness(given, standard=others, resamples=10).per_shift["blur"]
            assert one.robustness is not None and one.spread is not None
            within.append(abs(one.robustness.value) <= one.spread.limit)
    assert np.mean(within) >= 0.85


def test_an_encoder_outside_the_models_range_is_extrapolated_and_not_judged():
    found = ic.effective_robustness({"original": 99.0, "blur": 60.2}, standard=TABLE)
    one = found.per_shift["blur"]
    assert one.extrapolated and one.is_robust is None
    assert any("extrapolated" in note for note in found.notes)


def test_models_that_guess_leave_an_accuracy_and_a_reason():
    guessing = {"original": [40.0, 50, 60, 70], "blur": [16.0, 17, 16, 60]}
    given = {"original": measured(VALUES), "blur": measured(BLURRED)}
    found = ic.effective_robustness(given, standard=guessing)
    one = found.per_shift["blur"]
    assert one.robustness is one.spread is None and "3 families" in one.left_out
    assert one.accuracy == given["blur"].accuracy and one.at_chance == [
        f"model {i}" for i in (1, 2, 3)
    ]
    assert any(one.left_out in note for note in found.notes)


def test_says_where_the_shift_has_other_classes_than_the_original_images():
    some = CLASS < 4
    part = ic.accuracy(BLURRED[some], head=HEAD, classes=CLASS[some], among=[0, 1, 2, 3])
    for shift, said in ((part, True), (measured(BLURRED), False)):
        given = {"original": measured(VALUES), "blur": shift}
        notes = ic.effective_robustness(given, standard=TABLE).notes
        assert any("among 4 classes" in note for note in notes) == said


@pytest.mark.parametrize(
    ("accuracies", "more", "said"),
    [
        ({"original": 0.81, "blur": 60.2}, {}, "original: expected percent, got 0.81; is it 81"),
        ({"original": 81.0}, {}, "accuracies: .*`original`"),
        ({"imagenet": 81.0, "blur": 60.2}, {}, "accuracies: .*`original`.* got imagenet, blur"),
        ({"original": 81.0, "snow": 60.2}, {}, "standard: .*missing: snow"),
        ({"original": 81.0, "blur": 60.2}, {"images": {"snow": 5}}, "images of snow: "),
        ({"original": 81.0, "blur": 60.2}, {"resamples": 0}, "resamples: "),
    ],
)
def test_refuses_what_does_not_fit_the_models(accuracies, more, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        ic.effective_robustness(accuracies, standard=TABLE, **more)


def test_without_own_models_the_result_is_that_of_the_published_ones():
    given = {"imagenet": 76.2, "imagenet_v2": 70.1}
    found = ic.effective_robustness(given, standard=None)
    assert found.to_dict() == ic.effective_robustness(given).to_dict() and found.models == 87
