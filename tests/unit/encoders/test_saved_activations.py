from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.encoders.saved_activations import (
    Activations,
    read_activations,
    read_test_sets,
    write_activations,
    write_card,
)
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tensors import read_tensors


def activations(images=4, features=3):
    values = np.arange(images * features, dtype=np.float32).reshape(images, features)
    return Activations(values, np.arange(images) % 2, np.array([0, 1]))


def write(folder: Path, dataset: str, made: Activations) -> None:
    more = {name: getattr(made, name) for name in ("classes", "class_indices", "aliases")}
    write_activations(folder, dataset, made.values, **more)


def test_round_trip_with_aliases_only_where_there_are_some(tmp_path):
    plain, merged = activations(), replace(activations(), aliases={7: 1, 5: 0})
    for dataset, made in {"imagenet_a": plain, "objectnet": merged}.items():
        write(tmp_path, dataset, made)
        again = read_activations(tmp_path, dataset)
        np.testing.assert_array_equal(again.values, made.values)
        np.testing.assert_array_equal(again.classes, [0, 1, 0, 1])
        assert again.aliases == made.aliases
    stored = read_tensors(tmp_path / "imagenet_a.safetensors")
    assert stored.keys() == {"activations", "class_indices", "classes"}


def test_an_absent_shift_is_not_read_and_a_missing_one_is_refused(tmp_path):
    write(tmp_path, "imagenet_val", activations())
    write_card(tmp_path, "tower", 3, ["imagenet_r"])
    with pytest.raises(InputError, match=r"imagenet_r\.safetensors: no such file"):
        read_test_sets(tmp_path)
    write(tmp_path, "imagenet_r", activations())
    assert list(read_test_sets(tmp_path)) == ["imagenet_val", "imagenet_r"]
