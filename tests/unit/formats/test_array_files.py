import io
import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from interpreting_clip.errors import InputError
from interpreting_clip.formats import array_files
from interpreting_clip.formats.array_files import open_floats, read_arrays

VALUES = np.array([[1.5, -2.0, 0.1], [3e-5, 6e4, 7.0]])


def read(file, name="activations"):
    blocks = list(open_floats(file, name).blocks())
    assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
    return np.concatenate(blocks)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_every_type_and_layout(tmp_path, monkeypatch, dtype, order):
    monkeypatch.setattr(array_files, "BLOCK", 4)
    stored = np.asarray(VALUES, dtype, order)
    np.save(tmp_path / "a.npy", stored)
    np.testing.assert_array_equal(read(tmp_path / "a.npy"), stored.astype(np.float32))


def test_safetensors_give_the_array_of_the_name_or_the_only_one(tmp_path):
    file, stored = tmp_path / "a.safetensors", torch.from_numpy(VALUES).bfloat16()
    for arrays in ({"activations": stored, "labels": torch.arange(5)}, {"x": stored}):
        save_file(arrays, file)
        np.testing.assert_array_equal(read(file), stored.float().numpy())
    save_file({"x": stored, "y": stored.clone()}, file)
    with pytest.raises(InputError, match=r"a\.safetensors: .*x, y"):
        open_floats(file, "activations")


@pytest.mark.parametrize("value", [np.nan, 1e39])
def test_a_number_that_is_not_finite_is_named_by_its_row(tmp_path, monkeypatch, value):
    monkeypatch.setattr(array_files, "BLOCK", 6)
    values = np.ones((9, 3))
    values[7, 1] = value
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=r"a\.npy: .*row 7 "):
        read(tmp_path / "a.npy")


def npy(header: str, data: bytes = b"", magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    return magic + len(header).to_bytes(2, "little") + header.encode() + data


class Bomb:
    def __reduce__(self):
        return os.system, ("touch executed",)


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Bomb()], object), allow_pickle=True)
    return stream.getvalue()


SHORT = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\n<!DOCTYPE html>", "web page"),
        (pickled(), "object"),
        (npy("__import__('os').system('touch executed')\n"), "not a .npy"),
        (npy(SHORT, b"12345"), "bytes for the shape"),
    ],
)
def test_hostile_npy_files_are_refused(tmp_path, monkeypatch, content, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.npy: .*{expected}") as caught:
        open_floats(tmp_path / "a.npy", "activations")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


INTEGERS = (f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
TYPES = ("float64", "float32", "float16", "bool", *INTEGERS)


def test_every_type_of_safetensors_is_read_as_the_package_writes_it(tmp_path):
    arrays = {name: (np.arange(15).reshape(3, 5) % 2).astype(name) for name in TYPES}
    arrays |= {"empty": np.zeros((0, 4), np.float32), "number": np.array(3, np.float32)}
    save_arrays(arrays, tmp_path / "a.safetensors", metadata={"by": "somebody"})
    found = read_arrays(tmp_path / "a.safetensors")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name].numbers(), array, strict=True)


@pytest.mark.parametrize("kept", [0, 4, -1])
def test_refuses_what_is_no_whole_safetensors_file(tmp_path, kept):
    file = tmp_path / "a.safetensors"
    save_arrays({"activations": np.ones((2, 2))}, file)
    os.truncate(file, file.stat().st_size - 1 if kept < 0 else kept)
    with pytest.raises(InputError, match=r"a\.safetensors: (not a whole|the file is empty)"):
        read_arrays(file)
