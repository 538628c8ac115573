from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TEST_SETS, on_classes, result_name
from interpreting_clip.formats.results import read_result
from interpreting_clip.measures.directions import PrivilegedDirections, Settings, directions
from interpreting_clip.measures.pruning import Pruning, pruning
from tests.integration.stages.two_encoders import SETTINGS, accuracy, activations, head
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")

# The result, the test set, and the one whose classes count.
SETS = [(result_name(name), name, name) for name in TEST_SETS]
SETS += [(on_classes(name), "imagenet_val", name) for name in ("imagenet_r", "objectnet")]


@pytest.mark.parametrize(("key", "centre"), [("first", "classes"), ("second", "none")])
def test_directions_are_those_of_imagenet_and_are_pruned_on_every_test_set(run, key, centre):
    given = SETTINGS["directions"] | {"centre": centre}
    change(directions=given)
    run("directions", key)
    found = read_result(Path(f"data/directions/{key}/directions.json"), PrivilegedDirections)
    pruned = read_result(Path(f"data/directions/{key}/pruning.json"), dict[str, Pruning])
    imagenet, own, settings = activations(key, "imagenet_val"), head(key), Settings(**given)
    expected = directions(imagenet.values, head=own, settings=settings)
    assert found.centre == centre
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    np.testing.assert_allclose(found.other.importance, expected.other.importance, atol=1e-6)
    assert pruned.keys() == {result for result, _, _ in SETS}
    for result, name, held_by in SETS:
        plain = accuracy(key, name, held_by)
        assert pruned[result].whole == pytest.approx(100 * plain.fraction, abs=1e-4)
    expected = pruning(imagenet.values, head=own, classes=imagenet.classes, settings=settings)
    curves = expected.random_accuracy
    np.testing.assert_allclose(pruned["imagenet"].random_accuracy, curves, atol=1e-6)


def test_without_random_heads_there_is_no_null(run):
    change(directions=SETTINGS["directions"] | {"random_heads": 0})
    run("directions", "first")
    found = read_result(Path("data/directions/first/directions.json"), PrivilegedDirections)
    pruned = read_result(Path("data/directions/first/pruning.json"), dict[str, Pruning])
    assert found.random_importance_ratio is None and pruned["imagenet"].accuracy_chance is None
    assert pruned["imagenet"].random_accuracy.shape[0] == len(found.random_importance) == 0
