"""What people have in a notebook becomes an array, or is refused in one line."""

import re

import numpy as np
import pytest
import torch

from interpreting_clip.instruments.arguments import (
    as_classes,
    as_labels,
    as_matrix,
    as_vector,
    checked,
    numeric,
)
from interpreting_clip.measures.kurtosis import Settings
from tests.instruments import ic

RNG = np.random.default_rng(0)
# Halves of whole numbers, which every type of 16 bits holds exactly.
VALUES = RNG.integers(-40, 40, (60, 12)) / 2


class Foreign:
    """An array of another library, as JAX's: NumPy reads it by `__array__`."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion is not allowed.\nUse .get()")


KINDS = {
    "list": VALUES.tolist(),
    "tuple of lists": tuple(VALUES.tolist()),
    "list of arrays": list(VALUES),
    "float16": VALUES.astype(np.float16),
    "float32": VALUES.astype(np.float32),
    "float64": VALUES,
    "longdouble": VALUES.astype(np.longdouble),
    "big endian": VALUES.astype(">f4"),
    "every other column": np.repeat(VALUES, 2, axis=1)[:, ::2],
    "read-only": np.frombuffer(VALUES.tobytes()).reshape(VALUES.shape),
    "fortran": np.asfortranarray(VALUES),
    "unmasked": np.ma.masked_invalid(VALUES),
    "foreign": Foreign(VALUES.astype(np.float32)),
    "tensor": torch.tensor(VALUES, dtype=torch.float32),
    "tensor of doubles": torch.tensor(VALUES),
    "float16 tensor": torch.tensor(VALUES, dtype=torch.float16),
    "bfloat16 tensor": torch.tensor(VALUES, dtype=torch.bfloat16),
    "with gradient": torch.tensor(VALUES, dtype=torch.float32, requires_grad=True),
    "parameter": torch.nn.Parameter(torch.tensor(VALUES, dtype=torch.float32)),
    "sparse tensor": torch.tensor(VALUES, dtype=torch.float32).to_sparse(),
    "negative view": torch.imag(
        torch.conj(torch.complex(torch.tensor(VALUES), -torch.tensor(VALUES)))
    ),
    "list of tensors": list(torch.tensor(VALUES, dtype=torch.bfloat16)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_has_the_same_numbers(kind):
    found = as_matrix(KINDS[kind], "activations")
    assert isinstance(found, np.ndarray) and found.dtype in ("float16", "float32", "float64")
    np.testing.assert_array_equal(found.astype(np.float64), VALUES)


def test_whole_numbers_become_doubles():
    found = as_matrix(VALUES.astype(np.int8), "activations")
    assert found.dtype == np.float64


def test_floats_of_eight_bits_become_single_precision():
    found = numeric(torch.tensor([[1.5, -2.0]]).to(torch.float8_e4m3fn), "x")
    assert found.dtype == np.float32 and found.tolist() == [[1.5, -2.0]]


def test_a_large_array_is_not_copied():
    assert np.shares_memory(as_matrix(VALUES, "activations"), VALUES)
    tensor = torch.tensor(VALUES)
    assert np.shares_memory(as_matrix(tensor, "activations"), tensor.numpy())


def test_names_of_types_that_numpy_learns_from_jax():
    dtype = np.dtype([("bfloat16", "<u2")])  # a structure, which is no number
    with pytest.raises(TypeError, match="real numbers"):
        numeric(np.zeros(3, dtype), "x")


REFUSED = {
    "one image": (VALUES[0], ValueError, r"\(12,\)"),
    "image tensors": (np.zeros((5, 3, 4)), ValueError, r"reshape\(5, -1\)"),
    "no image": (np.zeros((0, 4)), ValueError, r"\(0, 4\)"),
    "NaN": ([[1.0, 2.0], [3.0, np.nan]], ValueError, "image 1"),
    "overflowed float16": (np.array([[1.0], [np.inf]], np.float16), ValueError, "image 1"),
    "too large": ([[1e70, 2.0], [3.0, 4.0]], ValueError, "image 0"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "equal length"),
    "text": ([["a", "b"]], TypeError, "<U1"),
    "nobody": (None, TypeError, "NoneType"),
    "complex": (VALUES * 1j, TypeError, "complex128"),
    "masked": (np.ma.masked_equal(VALUES, VALUES[0, 0]), ValueError, "masked"),
    "on no device": (torch.empty(4, 3, device="meta"), TypeError, "`meta`"),
    "on a GPU of another library": (Unreadable(), TypeError, "Implicit conversion.*copy it"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses_in_one_line_what_is_no_matrix_of_numbers(kind):
    value, error, said = REFUSED[kind]
    with pytest.raises(error, match=said) as caught:
        as_matrix(value, "activations")
    assert str(caught.value).startswith("activations:")
    assert "\n" not in str(caught.value) and "ambiguous" not in str(caught.value)


def test_classes_are_whole_numbers_of_the_head():
    for kind in ([0, 2, 1], np.array([0, 2, 1], np.uint8), torch.tensor([0, 2, 1])):
        found = as_classes(kind, "classes", 3, 3)
        assert found.dtype == np.int64 and found.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        ([0.0, 1.0, 2.0], TypeError, "float64"),
        ([True, False, True], TypeError, "bool"),
        ([0, 1], ValueError, r"3 images.*\(2,\)"),
        (np.eye(3, dtype=int), ValueError, r"argmax\(1\)"),
        ([1, 2, 3], ValueError, "image 2 .*3"),
        ([0, -1, 1], ValueError, "image 1 .*-1"),
    ],
)
def test_refuses_what_is_no_class(value, error, said):
    with pytest.raises(error, match=said):
        as_classes(value, "classes", 3, 3)


def test_labels_are_true_or_false_in_any_form():
    shown = VALUES[:, :2] > 0
    forms = (
        shown,
        shown.astype(int),
        shown.astype(np.float16),
        torch.tensor(shown),
        shown.tolist(),
    )
    for form in forms:
        found, names = as_labels(form, "labels", 60)
        np.testing.assert_array_equal(found, shown)
        assert names == ["concept 0", "concept 1"]
    found, names = as_labels({"dog": shown[:, 0].tolist(), 5: shown[:, 1]}, "labels", 60)
    np.testing.assert_array_equal(found, shown)
    assert names == ["dog", "5"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[0.5, 1], [0, 0]], "image 0, concept 0: .*0.5.*threshold"),
        ([[0, np.nan], [0, 0]], "image 0, concept 1: .*nan"),
        ([0, 1], r"\(2,\)"),
        ([[0, 1]], r"2 images.*\(1, 2\)"),
        ({}, "at least one concept"),
        ({"dog": [1, 0, 1]}, r"labels\['dog'\]: .*2 images"),
    ],
)
def test_refuses_what_is_no_label(value, said):
    with pytest.raises(ValueError, match=said):
        as_labels(value, "labels", 2)


def test_a_bias_has_a_number_for_each_class():
    assert as_vector([1, 2, 3], "bias", 3, "classes").tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match=r"bias: .*3 classes.*\(2,\)"):
        as_vector([1, 2], "bias", 3, "classes")
    with pytest.raises(ValueError, match="NaN"):
        as_vector([1, np.nan, 2], "bias", 3, "classes")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("outlier_sigma", 0.0), ("outlier_share", 1.5), ("resamples", 2.5), ("confidence", "high"),
     ("seed", -1), ("resamples", True)],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_named_with_what_came(setting, value):
    legal = {"outlier_sigma": 6.0, "outlier_share": 0.5, "resamples": 10, "confidence": 0.9}
    legal |= {"seed": 0, "sweep": [0.5]}
    with pytest.raises(ValueError, match=re.escape(setting) + f": .*got {value!r}"):
        checked(Settings, **{**legal, setting: value})


def test_settings_may_be_numbers_of_numpy():
    found = ic.kurtosis(VALUES, resamples=np.int64(5), confidence=np.float32(0.5), seed=np.int8(1))
    assert found.kurtosis == ic.kurtosis(VALUES, resamples=5, confidence=0.5, seed=1).kurtosis
