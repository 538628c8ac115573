import numpy as np
import pytest
import torch

from interpreting_clip.encoders.encoder import (
    CARD,
    WEIGHTS,
    load_encoder,
    save_encoder,
)
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tensors import read_tensors, write_tensors
from tests.unit.encoders.conftest import activations


def test_an_encoder_comes_back_as_it_was(encoder, tiny_clip, images, tmp_path):
    for saved in (encoder, tiny_clip):
        save_encoder(tmp_path, saved)
        again = load_encoder(tmp_path)
        save_encoder(tmp_path / "again", again)
        for file in (WEIGHTS, CARD):
            assert (tmp_path / "again" / file).read_bytes() == (tmp_path / file).read_bytes()
        assert again.card == saved.card
        assert np.array_equal(activations(again, images, 5), activations(saved, images, 5))
        state = again.module.state_dict()
        assert all(torch.equal(state[key], t) for key, t in saved.module.state_dict().items())


def test_weights_of_another_architecture_are_refused(encoder, tmp_path):
    save_encoder(tmp_path, encoder)
    arrays = dict(read_tensors(tmp_path / WEIGHTS))
    arrays["visual.conv1.weight"] = arrays["visual.conv1.weight"][1:]
    write_tensors(tmp_path / WEIGHTS, arrays)
    with pytest.raises(InputError, match=r"visual\.conv1"):
        load_encoder(tmp_path)
