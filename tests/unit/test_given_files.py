"""The array that is meant among those of a file, or what the file holds."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from interpreting_clip.errors import InputError
from interpreting_clip.given_files import read_array


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {"h": np.zeros((4, 2)), "other": np.zeros((4, 3)), "y": np.zeros(4, np.int64)}
    save_file(arrays, "a.safetensors")
    save_file({**arrays, "features": arrays["h"]}, "named.safetensors")
    save_file({"layer:0": arrays["h"], "layer:1": arrays["other"]}, "run:1.safetensors")
    np.save("a.npy", np.arange(6.0).reshape(2, 3))
    np.save("vector.npy", np.arange(3.0))


def test_an_array_is_chosen_by_the_user_by_its_name_or_as_the_only_one():
    assert read_array("a.safetensors:other", "activations").name == "other"
    assert read_array("named.safetensors", "activations").name == "features"
    assert read_array("a.safetensors", "labels").name == "y"
    assert read_array("run:1.safetensors:layer:1", "activations").name == "layer:1"
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
        ("none.npy:x", "none.npy: no such file"),
        ("vector.npy", r"vector\.npy: .*one array \[3\]$"),
    ],
)
def test_refusals_name_the_file_and_list_what_is_there(place, said):
    with pytest.raises(InputError, match=said):
        read_array(place, "activations")
