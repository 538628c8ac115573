"""Digests of files, and small folders that one stage writes and another reads."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.arrays.head import Head
from interpreting_clip.encoders.saved_heads import read_head, write_head
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("bias", [None, np.ones(2, np.float32)])
def test_a_head_is_read_back_and_has_as_many_features_as_the_activations(tmp_path, bias):
    write_head(tmp_path, Head(np.eye(2, 3, dtype=np.float32), bias, True), "zero_shot")
    head = read_head(tmp_path, 3)
    np.testing.assert_array_equal(head.weight, np.eye(2, 3))
    assert (head.bias is None) == (bias is None) and head.normalize_features
    card = {"kind": "zero_shot", "normalize_features": True}
    assert read_json(tmp_path / "card.json") == card
    with pytest.raises(InputError, match=r"4 features, .*3"):
        read_head(tmp_path, 4)
