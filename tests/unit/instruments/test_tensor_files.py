"""Files of arrays that others wrote are read as they are, or refused with what they hold."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from interpreting_clip.errors import InputError
from interpreting_clip.instruments.tensor_files import open_arrays, pick, read_npy, read_safetensors

RNG = np.random.default_rng(0)
TYPES = (
    *("float64", "float32", "float16", "int64", "int32", "int16", "int8"),
    *("uint64", "uint32", "uint16", "uint8", "bool"),
)


def test_every_type_of_safetensors_is_read_as_the_package_writes_it(tmp_path):
    arrays = {name: RNG.integers(0, 2, (3, 5)).astype(name) for name in TYPES}
    arrays |= {"empty": np.zeros((0, 4), np.float32), "number": np.array(3, np.float32)}
    save_file(arrays, tmp_path / "a.safetensors", metadata={"by": "somebody"})
    found = read_safetensors(tmp_path / "a.safetensors")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_bfloat16_becomes_single_precision(tmp_path):
    tensor = torch.tensor([[1.0, -2.5, 3.140625], [0.0, 1e30, -1e-30]]).bfloat16()
    save_tensors({"h": tensor}, tmp_path / "a.safetensors")
    found = read_safetensors(tmp_path / "a.safetensors")["h"]
    np.testing.assert_array_equal(found, tensor.float().numpy())


def written(header: object, data: bytes = b"\0" * 16) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(**changes: object) -> dict[str, object]:
    return {"h": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\1\2\3",
        (2**63).to_bytes(8, "little"),
        written(entry())[:-1],
        written(b"not json"),
        written(b"[" * 100_000),
        written([1, 2]),
        written({"h": 3}),
        written({"h": {}}),
        written(entry(data_offsets=[0, 12])),
        written(entry(data_offsets=[-16, 0])),
        written(entry(data_offsets=[8, 24])),
        written(entry(data_offsets=[0, 16, 32])),
        written(entry(shape=[2, -2])),
        written(entry(shape=[2.0, 2])),
        written(entry(shape=[2**40, 2**40])),
        written(entry(shape="22")),
    ],
)
def test_refuses_what_is_no_whole_safetensors_file(tmp_path, content):
    file = tmp_path / "a.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.safetensors: not a whole safetensors file") as caught:
        read_safetensors(file)
    assert "\n" not in str(caught.value)


def test_refuses_a_type_that_numpy_does_not_have(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(written(entry(dtype="F8_E4M3")))
    with pytest.raises(InputError, match=r"'h': expected one of the types F64, .*got F8_E4M3"):
        read_safetensors(tmp_path / "a.safetensors")


class Bomb:
    def __reduce__(self):
        return (open, ("ran", "w"))


def test_an_npy_file_is_read_and_never_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.arange(6.0).reshape(2, 3))
    source, chosen = open_arrays("a.npy")
    np.testing.assert_array_equal(source.arrays[""], np.arange(6.0).reshape(2, 3))
    assert chosen == "" and source.listing() == "one array [2, 3]"
    np.save("bomb.npy", np.array([Bomb()], object), allow_pickle=True)
    for name, content in (("bomb.npy", None), ("torn.npy", b"\x93NUMPY"), ("text.npy", b"1 2 3")):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: expected an array of numbers that np.save"):
            read_npy(file)
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {"h": np.zeros((4, 2)), "other": np.zeros((4, 3)), "y": np.zeros(4, np.int64)}
    save_file(arrays, "a.safetensors")
    return open_arrays("a.safetensors")[0]


def test_an_array_is_chosen_by_the_user_by_its_name_or_as_the_only_one(source):
    assert open_arrays("a.safetensors:other")[1] == "other"
    assert pick(source, "other", ["h"], 2, "activations").name == "other"
    assert pick(source, "", ["activations", "h"], 2, "activations").name == "h"
    assert pick(source, "", ["classes"], 1, "classes").name == "y"


def test_refusals_list_what_was_looked_for_and_what_is_there(source):
    for chosen, said in (
        ("", r"a\.safetensors: no activations: looked for activations, features, .*it holds h \[4, "
         r"2\], other \[4, 3\], y \[4\]; name one as a\.safetensors:NAME"),
        ("z", r"no array 'z'; it holds h \[4, 2\]"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            pick(source, chosen, ["activations", "features"], 2, "activations")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("none.npy", "none.npy: no such file"),
        (".", r"\.: is a folder; expected a file that ends in \.safetensors or \.npy"),
        ("a.pt", r"a\.pt: expected a file that ends in .*np\.save"),
        ("none.npy:x", "none.npy: no such file"),
    ],
)
def test_refuses_what_is_no_file_of_arrays(tmp_path, monkeypatch, place, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=said):
        open_arrays(place)
