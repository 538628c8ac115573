"""What people have in a notebook becomes an array, or is refused in one line."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from interpreting_clip.arrays.conversions import as_classes, as_head, as_labels, as_matrix, as_value
from interpreting_clip.quantities import Confidence, Seed

RNG = np.random.default_rng(0)
# Halves of whole numbers, which every type of 16 bits holds exactly.
VALUES = RNG.integers(-40, 40, (60, 12)) / 2


class Foreign:
    """An array of another library, as JAX's: NumPy reads it by `__array__`."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


TENSOR = torch.tensor(VALUES, dtype=torch.bfloat16)
KINDS = {
    "list": VALUES.tolist(),
    "big endian": VALUES.astype(">f4"),
    "foreign": Foreign(VALUES.astype(np.float32)),
    "tensor": TENSOR,
    "parameter": torch.nn.Parameter(TENSOR),
    "list of tensors": list(TENSOR),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_has_the_same_numbers(kind):
    found = as_matrix(KINDS[kind], "activations")
    assert isinstance(found, np.ndarray) and found.dtype in ("float16", "float32", "float64")
    np.testing.assert_array_equal(found.astype(np.float64), VALUES)


def test_a_large_array_is_not_copied():
    tensor = torch.tensor(VALUES)
    assert np.shares_memory(as_matrix(VALUES, "activations"), VALUES)
    assert np.shares_memory(as_matrix(tensor, "activations"), tensor.numpy())


REFUSED = [
    (VALUES[0], ValueError, r"\(12,\)"),
    ([[1.0, 2.0], [3.0, np.nan]], ValueError, "image 1"),
    (TENSOR.split(32), ValueError, r"torch\.cat\(activations\).*activations\[0\]"),
    (TENSOR.reshape(5, 12, 12), ValueError, r"pool the tokens: activations\[:, 0\]"),
    (pd.DataFrame({"path": ["a"], "x": [1.0]}), TypeError, r"select_dtypes\('number'\)"),
]


@pytest.mark.parametrize(("value", "error", "said"), REFUSED)
def test_refuses_in_one_line_what_is_no_matrix_of_numbers(value, error, said):
    with pytest.raises(error, match=said) as caught:
        as_matrix(value, "activations")
    assert str(caught.value).startswith("activations:") and "\n" not in str(caught.value)


def test_classes_are_whole_numbers_of_the_head():
    found = as_classes(torch.tensor([0, 2, 1], dtype=torch.uint8), "classes", 3, 3)
    assert found.dtype == np.int64 and found.tolist() == [0, 2, 1]
    assert as_classes([2, 0], "among", 3).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        ([0.0, 1.0, 2.0], TypeError, "float64"),
        ([[0], [1], [2]], ValueError, r"\(3, 1\).*classes\.ravel\(\)"),
        ([1, 2, 3], ValueError, "entry 2: .*3"),
    ],
)
def test_refuses_what_is_no_class(value, error, said):
    with pytest.raises(error, match=said):
        as_classes(value, "classes", 3, 3)


def test_labels_are_true_or_false_in_any_form():
    shown = VALUES[:, :2] > 0
    by_name = {"dog": shown[:, 0].tolist(), 5: shown[:, 1]}
    for form in (shown.astype(np.float16), by_name):
        np.testing.assert_array_equal(as_labels(form, "labels", 60), shown)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[0.5, 1], [0, 0]], "image 0, concept 0: .*0.5.*threshold"),
        ({"dog": [1, 0, 1]}, r"labels\['dog'\]: .*2 images"),
    ],
)
def test_refuses_what_is_no_label(value, said):
    with pytest.raises(ValueError, match=said):
        as_labels(value, "labels", 2)


def test_a_head_has_its_bias_and_fits_the_activations():
    head = as_head(torch.ones(3, 12), [1, 2, 3], True, features=12)
    assert head.weight.shape == (3, 12) and head.bias is not None
    assert head.bias.tolist() == [1, 2, 3] and head.normalize_features
    for width, bias, said in (
        (11, None, "head: .*12.*11.*same encoder"),
        (12, [1, 2], r"bias: .*3 classes.*\(2,\)"),
        (12, [1, np.nan, 2], "bias: class 1 .*NaN"),
    ):
        with pytest.raises(ValueError, match=said):
            as_head(np.ones((3, width)), bias, False, features=12)
    with pytest.raises(ValueError, match=r"12.*3.*pass head\.T"):
        as_head(np.ones((12, 3)), None, False, features=12)


def test_a_head_may_be_an_object_with_weights_and_a_bias():
    layer = torch.nn.Linear(12, 3)
    fitted = SimpleNamespace(coef_=layer.weight, intercept_=layer.bias)
    for one in (layer, fitted):
        head = as_head(one, None, False, features=12)
        assert head.bias is not None and head.bias.tolist() == layer.bias.tolist()
        np.testing.assert_array_equal(head.weight, layer.weight.detach().numpy())
        with pytest.raises(ValueError, match=r"^bias: .*leave bias="):
            as_head(one, [1, 2, 3], False, features=12)


def test_a_value_may_be_a_number_of_numpy_and_is_named_out_of_its_range():
    assert as_value(np.float32(0.5), Confidence, "confidence") == 0.5
    assert as_value(torch.tensor(1), Seed, "seed") == 1
    for kind, value in ((Confidence, 1), (Seed, 2.5), (Confidence, "high")):
        with pytest.raises(ValueError, match=f"setting: .*got {value!r}"):
            as_value(value, kind, "setting")
