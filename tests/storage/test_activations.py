"""Activations on disk."""

from dataclasses import replace

import numpy as np
import pytest

from stages.settings.shifts import TEST_SETS
from stages.storage.activations import (
    Activations,
    read_activations,
    read_card,
    read_datasets,
    read_test_sets,
    write_activations,
    write_card,
)
from stages.storage.errors import InputError
from stages.storage.tensors import read_tensors, write_tensors


def activations(images=4, features=3):
    values = np.arange(images * features, dtype=np.float32).reshape(images, features)
    return Activations(values, np.arange(images) % 2, np.array([0, 1]))


def test_round_trip(tmp_path):
    write_activations(tmp_path, "imagenet_val", activations())
    again = read_activations(tmp_path, "imagenet_val")
    np.testing.assert_array_equal(again.values, activations().values)
    np.testing.assert_array_equal(again.classes, [0, 1, 0, 1])


def test_refuses_nan_on_the_way_in_and_on_the_way_out(tmp_path):
    bad = activations()
    bad.values[2, 1] = np.nan
    with pytest.raises(InputError, match="row 2"):
        write_activations(tmp_path, "imagenet_a", bad)
    write_activations(tmp_path, "imagenet_a", activations())
    file = tmp_path / "imagenet_a.safetensors"
    last = activations().values[-1:].tobytes()
    damaged = np.full(3, np.nan, np.float32).tobytes()
    file.write_bytes(file.read_bytes().replace(last, damaged))
    with pytest.raises(InputError, match=r"imagenet_a.safetensors: 'activations'.*row 3"):
        read_activations(tmp_path, "imagenet_a")


def test_refuses_counts_that_disagree(tmp_path):
    arrays = {"activations": np.ones((3, 2), np.float32), "classes": np.zeros(2, np.int64)}
    write_tensors(tmp_path / "x.safetensors", {**arrays, "class_indices": np.zeros(1, np.int64)})
    with pytest.raises(InputError, match="3 activations for 2 classes"):
        read_activations(tmp_path, "x")


def test_a_card_says_which_test_sets_there_are_only_where_some_are_absent(tmp_path):
    write_card(tmp_path, {"feature_width": 3})
    assert read_card(tmp_path) == {"feature_width": 3}
    assert tuple(read_datasets(tmp_path)) == TEST_SETS
    write_card(tmp_path, {"feature_width": 3}, ["imagenet_r", "imagenet_val"])
    assert read_datasets(tmp_path) == ["imagenet_val", "imagenet_r"]


def test_an_absent_test_set_is_not_read_and_a_missing_one_is_refused(tmp_path):
    write_card(tmp_path, {}, ["imagenet_val", "imagenet_r"])
    write_activations(tmp_path, "imagenet_val", activations())
    with pytest.raises(InputError, match=r"imagenet_r\.safetensors: no such file"):
        read_test_sets(tmp_path)
    write_activations(tmp_path, "imagenet_r", activations())
    assert list(read_test_sets(tmp_path)) == ["imagenet_val", "imagenet_r"]


@pytest.mark.parametrize("datasets", [["imagenet_r"], ["imagenet_val", "cifar"], []])
def test_test_sets_without_imagenet_or_unknown_ones_are_refused(tmp_path, datasets):
    write_card(tmp_path, {}, datasets)
    with pytest.raises(InputError, match=r"card\.json: 'datasets': expected imagenet_val"):
        read_datasets(tmp_path)


def test_aliases_are_stored_only_where_there_are_some(tmp_path):
    plain, merged = activations(), replace(activations(), aliases={7: 1, 5: 0})
    write_activations(tmp_path, "imagenet_a", plain)
    write_activations(tmp_path, "objectnet", merged)
    assert set(read_tensors(tmp_path / "imagenet_a.safetensors")) == {
        "activations",
        "class_indices",
        "classes",
    }
    assert read_activations(tmp_path, "imagenet_a").aliases == {}
    assert read_activations(tmp_path, "objectnet").aliases == {5: 0, 7: 1}
