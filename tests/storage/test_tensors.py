"""Arrays in safetensors, read without the library that wrote them."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from stages.storage.errors import InputError
from stages.storage.tensors import read_tensors, write_tensors

DTYPES = ["float64", "float32", "int64", "int32", "uint8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_maps_what_the_library_reads(tmp_path, dtype):
    rng = np.random.default_rng(0)
    arrays = {
        "b": rng.integers(0, 9, (3, 5)),
        "a": rng.integers(0, 9, 7),
        "empty": np.zeros((0, 4)),
    }
    write_tensors(tmp_path / "x", {k: a.astype(dtype) for k, a in arrays.items()})
    mapped, loaded = read_tensors(tmp_path / "x"), load_file(tmp_path / "x")
    assert list(mapped) == sorted(loaded)
    for key, array in loaded.items():
        np.testing.assert_array_equal(mapped[key], array)
        assert mapped[key].dtype == array.dtype


def test_bytes_do_not_depend_on_the_order_of_keys(tmp_path):
    one, two = np.ones(3), np.zeros(2)
    write_tensors(tmp_path / "x", {"a": one, "b": two})
    write_tensors(tmp_path / "y", {"b": two, "a": one})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_refuses_nan_and_names_its_row(tmp_path):
    values = np.zeros((5000, 2), np.float32)
    values[4321, 1] = np.nan
    with pytest.raises(InputError, match=r"'activations'.*row 4321"):
        write_tensors(tmp_path / "x", {"activations": values})
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("cut", [4, 40, 90])
def test_refuses_a_truncated_file(tmp_path, cut):
    write_tensors(tmp_path / "x", {"a": np.ones(9)})
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:cut])
    with pytest.raises(InputError, match=r"x: .*dvc checkout"):
        read_tensors(tmp_path / "x")


def test_refuses_a_missing_array(tmp_path):
    write_tensors(tmp_path / "x", {"a": np.ones(9)})
    with pytest.raises(InputError, match=r"missing: \['b'\]"):
        read_tensors(tmp_path / "x", "a", "b")
