import json
import math
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import write_tensors
from tools.compare import Difference, Tolerance, differences, largest_difference

TOLERANCE = Tolerance()


def found(tmp_path: Path, name: str, first: object, second: object) -> list[Difference]:
    files = tmp_path / "first", tmp_path / "second"
    for file, content in zip(files, (first, second), strict=True):
        if name.endswith(".safetensors"):
            write_tensors(file, content)  # pyright: ignore
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
    return list(differences(*files, name, TOLERANCE))


def largest(*arguments) -> float:
    return max(difference.size for difference in found(*arguments))


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("metrics/x.json", {"kurtosis": 2.0}, {"kurtosis": 2.001}, 0.001 / (1e-4 + 2.001e-3)),
        ("metrics/x.json", {"kurtosis": 0.0}, {"kurtosis": 1e-4}, 1e-4 / (1e-4 + 1e-7)),
        ("metrics/x.json", {"shifts": 50.0}, {"shifts": 50.1}, 0.5),
        ("plots/x.json", {"accuracy": {"a": 50.0}}, {"accuracy": {"a": 50.1}}, 0.5),
        ("metrics/x.json", {"effective_robustness": [1.0]}, {"effective_robustness": [1.4]}, 2.0),
        ("plots/x.csv", "imagenet,label\n88.0,rn\n", "imagenet,label\n88.1,rn\n", 0.5),
        (
            "data/training/x/accuracy.tsv",
            "step\taccuracy\n1\t0.3\n",
            "step\taccuracy\n1\t0.301\n",
            0.5,
        ),
        ("metrics/x.json", {"unique": 3}, {"unique": 4}, 1 / (1e-4 + 4e-3)),
    ],
)
def test_numbers_are_weighed_by_what_is_allowed(tmp_path, name, first, second, expected):
    (difference,) = found(tmp_path, name, first, second)
    assert difference.size == pytest.approx(expected)
    assert difference.where.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [
        ({"a": 1}, {"b": 1}, "a: in A only"),
        ({"a": "rn"}, {"a": "vit"}, "a: rn, vit"),
        ({"a": True}, {"a": 0}, "a: True, 0"),
        ({"a": None}, {"a": 0.0}, "a: None, 0.0"),
        ({"a": [1]}, {"a": [1, 2]}, "a: 1: in B only"),
        ({"a": [{"b": 1}]}, {"a": [{"b": "1x"}]}, "a: 0: b: 1, 1x"),
        ({"a": []}, {"a": {}}, "a: [], {}"),
        ({"a": {"b": 1}}, {"a": [1]}, "a: b: in A only"),
        ({"a": 1.0}, {"a": math.nan}, "a: 1.0, nan"),
        ({"a": -math.inf}, {"a": math.inf}, "a: -inf, inf"),
    ],
)
def test_what_is_no_number_has_to_be_the_same(tmp_path, first, second, where):
    difference = found(tmp_path, "x.json", first, second)[0]
    assert (difference.size, difference.where) == (math.inf, f"x.json: {where}")


def arrays(shift: float = 0.0, **more) -> dict[str, np.ndarray]:
    values = np.linspace(-4, 2, 12, dtype=np.float32).reshape(4, 3)
    values[2, 1] += shift
    return {"values": values, "classes": np.arange(4), **more}


def test_arrays_are_weighed_by_their_largest_value(tmp_path):
    size = largest(tmp_path, "data/x.safetensors", arrays(), arrays(2e-4))
    assert size == pytest.approx(0.5, rel=1e-2)
    assert largest(tmp_path, "data/concepts/x.safetensors", arrays(), arrays(2e-4)) < size / 50


def test_classes_and_shapes_have_to_be_the_same(tmp_path):
    other = arrays(classes=np.array([0, 1, 3, 3]))
    where = [d.where for d in found(tmp_path, "x.safetensors", arrays(), other)]
    assert where == ["x.safetensors: classes: 1 of 4 values"]
    assert largest(tmp_path, "x.safetensors", arrays(), arrays(classes=np.arange(3))) == math.inf
    assert largest(tmp_path, "x.safetensors", arrays(), {"values": arrays()["values"]}) == math.inf


def test_differences_are_shares_of_the_largest_value_in_arrays_of_any_shape():
    a, b = np.ones((5, 2)), np.ones((5, 2))
    b[4, 1] = 3.0
    assert largest_difference(a, b) == pytest.approx(2 / 3)
    assert largest_difference(np.ones(0), np.ones(0)) == 0.0
    assert largest_difference(np.array(2.0), np.array(1.0)) == 0.5


@pytest.mark.parametrize("rotten", [math.nan, math.inf, -math.inf])
def test_an_array_that_no_stage_writes_agrees_with_none(rotten):
    a, b = np.ones((5, 2)), np.ones((5, 2))
    b[4, 1] = rotten
    assert largest_difference(a, b) == largest_difference(b, a) == math.inf
    assert largest_difference(b, b) == math.inf


def test_other_files_have_their_bytes_alone(tmp_path):
    assert largest(tmp_path, "x.tar", "ab", "ac") == math.inf


def test_a_damaged_file_is_named(tmp_path):
    with pytest.raises(InputError, match="first: not legal JSON"):
        found(tmp_path, "x.json", "{", "{}")
    with pytest.raises(InputError, match="first: expected a table"):
        found(tmp_path, "x.csv", 200_000 * "x", "a\n")
