"""Stages `directions` and `cka`."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TEST_SETS, on_classes
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.measures.accuracy import ABSENT, map_classes
from interpreting_clip.measures.cka import minibatch_cka
from interpreting_clip.measures.directions import (
    Directions,
    importance,
    mean_row,
    rotated_directions,
    singular_directions,
    spectrum_participation,
)
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from tests.integration.stages.two_encoders import (
    ALIASES,
    CLASSES,
    HELD,
    KEYS,
    SETTINGS,
    accuracy,
    activations,
    head,
    result,
    write_grams,
)
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")


def pruned(key: str, name: str, basis: Directions, classes: list[int] | None = None) -> np.ndarray:
    """Return the accuracies in percent on a test set, or on ImageNet's images of some classes."""
    weights = importance(activations(key, "imagenet_val").values, basis)
    test = activations(key, "imagenet_val" if classes else name)
    class_map = map_classes(HELD[name], CLASSES, ALIASES.get(name))
    chosen = class_map[test.classes] != ABSENT
    found = pruned_accuracies(
        test.values[chosen],
        class_map[test.classes[chosen]] if classes else test.classes,
        head(key),
        basis,
        weights,
        fractions=np.arange(5) / 5,
        class_map=class_map,
    )
    return 100 * found


@pytest.mark.parametrize(("key", "centre"), [("first", "classes"), ("second", "none")])
def test_directions(run, key, centre):
    change(directions=SETTINGS["directions"] | {"centre": centre})
    run("directions", key)
    found = result(f"data/directions/{key}/directions.json")
    assert found["centre"] == centre and found["fractions"] == [0.0, 0.2, 0.4, 0.6, 0.8]
    weight, images = head(key).weight, activations(key, "imagenet_val").values
    own = {name: singular_directions(weight, name) for name in ("none", "classes")}
    moment = second_moment(images, head(key))
    random = [rotated_directions(own[centre], 7, draw) for draw in (0, 1)]
    for name, basis in own.items():
        one, weights = found["heads"][name], importance(images, basis)
        order = np.argsort(-weights)
        assert one["importance"] == pytest.approx(weights[order], rel=1e-5)
        assert one["spectrum"] == pytest.approx(spectrum_participation(basis.singular_values))
        variance = logit_variance_shares(moment, weight, basis.vectors)[order]
        assert one["logit_variance"] == pytest.approx(variance, abs=1e-5)
        curve = pruned(key, "imagenet_val", basis)
        assert one["prunable"] == prunable_fraction(np.arange(5) / 5, curve, 20.0)
        assert one["accuracy"]["imagenet"][0] == pytest.approx(
            100 * accuracy(key, "imagenet_val").fraction, abs=1e-4
        )
    curves = [found["heads"][centre]["accuracy"], *found["random_heads"]["accuracy"]]
    for curve, basis in zip(curves, (own[centre], *random), strict=True):
        fewer = {on_classes(name): name for name in ("imagenet_r", "objectnet")}
        assert curve.keys() == {*(name.removesuffix("_val") for name in TEST_SETS), *fewer}
        for name in TEST_SETS:
            expected = pruned(key, name, basis)
            assert curve[name.removesuffix("_val")] == pytest.approx(expected, abs=1e-4)
        for name, shift in fewer.items():
            assert curve[name] == pytest.approx(pruned(key, shift, basis, HELD[shift]), abs=1e-4)
    sorted_weights = [np.sort(importance(images, basis))[::-1] for basis in random]
    expected = np.mean(sorted_weights, axis=0)
    assert found["random_heads"]["importance"] == pytest.approx(expected, rel=1e-4)
    assert found["mean_row"] == pytest.approx(asdict(mean_row(weight)), abs=1e-5)
    arrays = read_tensors(Path(f"data/directions/{key}/directions.safetensors"))
    np.testing.assert_array_equal(arrays["directions"], own[centre].vectors)
    np.testing.assert_array_equal(arrays["singular_values"], own[centre].singular_values)
    np.testing.assert_array_equal(arrays["importance"], importance(images, own[centre]))
    features = logit_variance_shares(moment, weight)
    np.testing.assert_array_equal(arrays["feature_logit_variance"], features)


def test_cka(run):
    grams = write_grams()
    run("cka", "pair")
    found = result("plots/comparisons/pair.json")
    np.testing.assert_allclose(
        found["cka"], minibatch_cka(grams["first"], grams["second"]), atol=1e-5
    )
    expected = minibatch_cka(grams["first without"], grams["second without"])
    np.testing.assert_allclose(found["without_outliers"], expected, atol=1e-5)
    assert not np.allclose(found["cka"], expected)
    assert (found["first_outliers"], found["second_outliers"]) == ([0, 0], [0, 3, 0])
    assert (found["first"], found["second"]) == KEYS
    assert (found["first_layers"], found["second_layers"]) == (["stem", "block"], ["a", "c", "b"])
