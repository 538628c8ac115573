import numpy as np
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.saved_heads import read_head, write_head
from interpreting_clip.measures.head import Head


@pytest.mark.parametrize("bias", [None, np.ones(2, np.float32)])
def test_round_trip(tmp_path, bias):
    write_head(tmp_path, Head(np.eye(2, 3, dtype=np.float32), bias, True), "zero_shot")
    head = read_head(tmp_path, 3)
    np.testing.assert_array_equal(head.weight, np.eye(2, 3))
    assert (head.bias is None) == (bias is None)
    assert head.normalize_features
    card = {"kind": "zero_shot", "normalize_features": True}
    assert read_json(tmp_path / "card.json") == card


def test_refuses_a_head_of_another_width(tmp_path):
    write_head(tmp_path, Head(np.eye(2, 3, dtype=np.float32), None, True), "zero_shot")
    with pytest.raises(InputError, match=r"4 features, .*3"):
        read_head(tmp_path, 4)


@pytest.mark.parametrize("card", [[], {"kind": "trained", "normalize_features": 1}])
def test_refuses_another_card(tmp_path, card):
    write_head(tmp_path, Head(np.eye(2, 3, dtype=np.float32), None, True), "trained")
    write_json(tmp_path / "card.json", card)
    with pytest.raises(InputError, match=r"card\.json: "):
        read_head(tmp_path, 3)
