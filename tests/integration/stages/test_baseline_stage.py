"""Stage `baseline`, of published standard models and of those that are trained here."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.published_accuracies import (
    accuracy_fractions,
    family_numbers,
    standard_models,
)
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.measures.logit_line import baseline_lines
from stages import baseline
from tests.integration.stages.conftest import ALIAS, merge_a_class
from tests.integration.stages.two_encoders import SETTINGS, result
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")

DATASETS = Path("data/datasets")

UNREAD_TABLES = ["data/reference/imagenet_classes.csv", "data/reference/objectnet_to_imagenet.csv"]


@pytest.mark.parametrize("abscissa", ["shift_classes", "all_classes"])
def test_the_published_baseline(run, abscissa):
    change(baseline=SETTINGS["baseline"] | {"abscissa": abscissa})
    unread = [f"data/datasets/{name}" for name in ("imagenet_train", *TEST_SETS)]
    run("baseline", unread=[*unread, "data/baselines"])
    found, standard = result("data/baseline/baseline.json"), standard_models()
    shifts = {shift: accuracy_fractions(standard, shift) for shift in TESTBED_SHIFTS}
    at = {
        shift: accuracy_fractions(
            standard, "imagenet" if abscissa == "all_classes" else on_classes(shift)
        )
        for shift in TESTBED_SHIFTS
    }
    lines, draws = baseline_lines(at, shifts, 20, 9, family_numbers(standard))
    counts = {name: len(held) for name, held in found["classes"].items()}
    assert counts == dict(
        zip(("imagenet", *TESTBED_SHIFTS), (1000, 1000, 200, 1000, 113, 200), strict=True)
    )
    fits = [
        round(found["lines"][s]["r_squared"], 3) for s in ("imagenet_r", "imagenet_a", "objectnet")
    ]
    testbed = [0.888, 0.814, 0.952] if abscissa == "shift_classes" else [0.876, 0.756, 0.941]
    assert fits == testbed
    assert [model["name"] for model in found["models"]] == [model["name"] for model in standard]
    for shift, line in lines.items():
        assert found["lines"][shift] == pytest.approx(asdict(line), rel=1e-5)
        for part, values in asdict(draws[shift]).items():
            np.testing.assert_allclose(found["resampled"][shift][part], values, rtol=1e-5)


def test_the_trained_baseline_learns_from_the_train_set_alone(run, study, monkeypatch):
    present = TESTBED_SHIFTS[:3]
    for name in TESTBED_SHIFTS[3:]:
        write_absent(name, DATASETS / name)
    shutil.copytree(DATASETS / "imagenet_val", DATASETS / "imagenet_train")
    for name in present[1:]:
        shutil.copytree(DATASETS / "imagenet_v2", DATASETS / name)
    merge_a_class("imagenet_r")
    change(baseline=SETTINGS["baseline"] | {"source": "trained"})
    asked: list[Any] = []
    names = ("imagenet", *present, *map(on_classes, present))
    accuracies: dict[str, dict[str, float]] = {
        f"model {i}": {name: 30.0 + 5 * n + i for n, name in enumerate(names)} for i in range(5)
    }
    accuracies["guesser"] = accuracies["model 0"] | {"imagenet_r": 0.5}
    for i in range(4):  # fewer than three are above chance
        accuracies[f"model {i}"]["imagenet_sketch"] = 0.5
    measure = lambda *given: asked.extend(given) or accuracies  # noqa: E731
    monkeypatch.setattr(baseline, "standard_model_accuracies", measure)
    run("baseline", unread=[*UNREAD_TABLES, "data/baselines"])
    train, imagenet, shifts, *settings = asked
    assert settings == [9] and list(shifts) == list(present)
    sets = {"imagenet_train": train, "imagenet_val": imagenet, **shifts}
    for name, found in sets.items():
        with open_shards(DATASETS / name) as data:
            assert found.class_indices.tolist() == data.card.class_indices
            assert found.aliases == (ALIAS if name == "imagenet_r" else {})
            np.testing.assert_array_equal(found.classes, data.classes)
            np.testing.assert_array_equal(found.images[-1], data[len(data) - 1])
    found = result("data/baseline/baseline.json")
    assert found["models"] == [{"name": name, **row} for name, row in accuracies.items()]
    assert found["abscissa"] == {shift: on_classes(shift) for shift in present}
    assert found["classes"]["imagenet"] == imagenet.class_indices.tolist()
    at_chance = found["at_chance"]
    assert at_chance["imagenet_v2"] == [] and at_chance["imagenet_r"] == ["guesser"]
    assert at_chance["imagenet_sketch"] == [f"model {i}" for i in range(4)]
    assert {shift: line["models"] for shift, line in found["lines"].items()} == {
        **{"imagenet_v2": 6, "imagenet_r": 5}
    }
    assert found["resampled"].keys() == found["lines"].keys()
    for shift, chance in found["chance"].items():
        classes = len(found["classes"][shift])
        guessing = Guessing(len(shifts[shift].images), classes)
        expected = {"accuracy": 100 / classes, "above": 100 * guessing.above}
        assert chance == pytest.approx(expected, abs=1e-4)
