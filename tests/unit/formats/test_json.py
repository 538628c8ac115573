import math

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


@pytest.mark.parametrize("bad", [math.inf, np.float64("nan")])
def test_refuses_what_is_not_finite_and_writes_nothing(tmp_path, bad):
    with pytest.raises(InputError, match=r"/a.json: 'kurtosis.mean\[1\]': .*computed from"):
        write_json(tmp_path / "a.json", {"kurtosis": {"mean": [1.0, bad]}})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_result(tmp_path, monkeypatch):
    write_json(tmp_path / "a.json", 1)

    def full(self, target):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_json(tmp_path / "a.json", 2)
    assert read_json(tmp_path / "a.json") == 1


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "a.json")


BROKEN = [b"{", b'"\xff"', b"[" * 100_000]


@pytest.mark.parametrize("content", BROKEN)
def test_refuses_what_is_no_json(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: "):
        read_json(tmp_path / "a.json")


def test_a_failed_write_names_the_file(tmp_path):
    (tmp_path / "a.json.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*/a.json'"):
        write_whole(tmp_path / "a.json", bytes(100_000))
    assert list(tmp_path.iterdir()) == []
