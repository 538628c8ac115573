"""The array that is meant among those of a file, or what the file holds."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from interpreting_clip.errors import InputError
from interpreting_clip.instruments.tensor_files import open_arrays, pick


def test_an_npy_file_has_one_array_without_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.arange(6.0).reshape(2, 3))
    source, chosen = open_arrays("a.npy")
    np.testing.assert_array_equal(source.arrays[""], np.arange(6.0).reshape(2, 3))
    assert chosen == "" and source.listing() == "one array [2, 3]"


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
    listed = r"h \[4, 2\], other \[4, 3\], y \[4\]"
    for chosen, said in (
        ("", rf"a\.safetensors: .*activations, features.*{listed}.*a\.safetensors:NAME"),
        ("z", rf"'z'.*{listed}"),
    ):
        with pytest.raises(InputError, match=said):
            pick(source, chosen, ["activations", "features"], 2, "activations")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("none.npy:x", "none.npy: no such file"),
        (".", r"folder.*\.safetensors"),
        ("a.pt", r"a\.pt: .*np\.save"),
    ],
)
def test_refuses_what_is_no_file_of_arrays(tmp_path, monkeypatch, place, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=said):
        open_arrays(place)
