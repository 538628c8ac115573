"""The array that is meant among those of a file, or what the file holds."""

import os
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from interpreting_clip.commands.given_files import read_array
from interpreting_clip.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {"h": np.zeros((4, 2)), "other": np.zeros((4, 3)), "y": np.zeros(4, np.int64)}
    save_file(arrays, "a.safetensors")
    save_file({**arrays, "features": arrays["h"]}, "named.safetensors")
    save_file(arrays | {"layer:0": arrays["h"]}, "run:1.safetensors")
    np.save("a.npy", np.arange(6.0).reshape(2, 3))
    Path("a.csv").write_text("1,2")


def test_an_array_is_chosen_by_the_user_by_its_name_or_as_the_only_one():
    assert read_array("a.safetensors:other", "activations").name == "other"
    assert read_array("named.safetensors", "activations").name == "features"
    assert read_array("a.safetensors", "labels").name == "y"
    assert read_array("run:1.safetensors:layer:0", "activations").name == "layer:0"
    assert read_array("a.npy", "activations").values.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_other_arrays_of_the_file_are_found_by_their_names():
    found = read_array("named.safetensors:other", "activations")
    other = found.beside_it("activations")
    assert other is not None and other.name == "features" and found.beside_it("labels") is None
    with pytest.raises(InputError, match=r"named\.safetensors: .*classes or labels.*features, h"):
        found.required_beside_it("labels")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "a.safetensors",
            r"a\.safetensors: .*activations, features.*single matrix.*h \[4, 2\].*:NAME",
        ),
        ("a.safetensors:z", r"'z'.*h \[4, 2\], other \[4, 3\], y \[4\]"),
        ("a.csv", r"a\.csv: .*\.npz, \.pt.*np\.save"),
    ],
)
def test_refusals_name_the_file_and_list_what_is_there(place, said):
    with pytest.raises(InputError, match=said):
        read_array(place, "activations")


H, Y = torch.arange(8.0).reshape(4, 2), torch.tensor([0, 1, 0, 1])


def test_npz_files_have_arrays_by_name():
    np.savez("a.npz", features=H, labels=Y, paths=["a"] * 4, about=np.array([{}], object))
    found = read_array("a.npz", "activations")
    assert found.name == "features" and found.values.tolist() == H.tolist()
    labels = found.beside_it("labels")
    assert labels is not None and labels.values.tolist() == Y.tolist()
    np.savez_compressed("one.npz", H)
    assert read_array("one.npz", "activations").values.shape == (4, 2)


SAVED = {
    "tensor": (H, ""),
    "half precision that needs a gradient": (H.bfloat16().requires_grad_(), ""),
    "dictionary": ({"features": H, "labels": Y.tolist(), "paths": ["a"], "by": Namespace()}, ""),
    "nested": ({"train": {"features": H}, "val": {"features": H + 1}}, ":train.features"),
}


@pytest.mark.parametrize("kind", SAVED)
def test_what_torch_saves_is_read(kind):
    content, name = SAVED[kind]
    torch.save(content, "a.pt")
    found = read_array(f"a.pt{name}", "activations")
    assert found.values.tolist() == H.tolist() and found.values.dtype == np.float32
    labels = found.beside_it("labels")
    assert (labels is not None) == (kind == "dictionary")


def test_a_head_may_be_saved_as_a_layer_and_in_a_checkpoint():
    layer = torch.nn.Linear(2, 3)
    model = {"state_dict": {"fc.weight": layer.weight, "fc.bias": layer.bias}, "epoch": 3}
    for content, name in ((layer, "weight"), (model, "state_dict.fc.weight")):
        torch.save(content, "head.pt")
        found = read_array("head.pt", "head")
        assert found.name == name and found.others[name.replace("weight", "bias")].shape == (3,)


class Bomb:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.pt", [H[:3], H[3:]], r"torch\.cat.*save it again"),
        ("a.pt", {"features": Bomb()}, "executing.*only tensors"),
        ("a.npz", b"PK\3\4", r"not a whole npz.*np\.savez"),
    ],
)
def test_archives_that_cannot_be_read_are_refused_with_the_remedy(file, content, said):
    if isinstance(content, bytes):
        Path(file).write_bytes(content)
    elif file == "a.pt":
        torch.save(content, file)
    else:
        np.savez(file, **content)
    with pytest.raises(InputError, match=rf"^{file}: .*{said}") as caught:
        read_array(file, "activations")
    assert "\n" not in str(caught.value) and not Path("executed").exists()


def test_a_file_of_torch_needs_torch(monkeypatch):
    torch.save(H, "a.pt")
    monkeypatch.setitem(sys.modules, "interpreting_clip.encoders.checkpoints", None)
    with pytest.raises(InputError, match=r"a\.pt: .*pip install torch.*np\.save"):
        read_array("a.pt", "activations")
