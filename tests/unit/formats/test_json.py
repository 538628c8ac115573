from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json, write_whole


def test_rounds_floats_has_no_negative_zero_and_sorts_keys(tmp_path):
    result = {"x": [1 / 3, -1e-9, np.float32(0.1)], "n": np.arange(2)}
    write_json(tmp_path / "a.json", result)
    write_json(tmp_path / "b.json", dict(reversed(result.items())))
    assert read_json(tmp_path / "a.json") == {"x": [0.333333, 0.0, 0.1], "n": [0, 1]}
    assert "-0.0" not in (tmp_path / "a.json").read_text()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_refuses_what_is_not_finite_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"/a.json: 'kurtosis.mean\[1\]': .*computed from"):
        write_json(tmp_path / "a.json", {"kurtosis": {"mean": [1.0, np.float64("nan")]}})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"{", b'"\xff"', b"[" * 100_000])
def test_refuses_what_is_no_json(tmp_path, content):
    with pytest.raises(InputError, match=r"a\.json: no such file"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: not legal"):
        read_json(tmp_path / "a.json")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_a_failed_write_names_the_file_and_keeps_the_old_one(tmp_path):
    write_json(tmp_path / "a.json", 1)
    (tmp_path / "a.json.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*/a.json'"):
        write_whole(tmp_path / "a.json", bytes(100_000))
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "a.json") == 1
