"""Many untrained encoders see the images as the one of each seed does."""

import numpy as np
import pytest

from interpreting_clip.encoders.activations import untrained_activations
from interpreting_clip.encoders.encoder import initialise
from interpreting_clip.encoders.encoder_entries import TimmModel
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import activations, small_backbone

BACKBONES = {
    "clip": (small_backbone("rn"), "linear"),
    "timm": (TimmModel(model="test_resnet"), "rectified"),
}
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 40, 48, 3), np.uint8)
ROWS = np.array([0, 3, 4, 8])


@pytest.mark.parametrize("kind", ["clip", "timm"])
def test_each_seed_has_the_activations_of_its_untrained_encoder(kind):
    backbone, representation = BACKBONES[kind]
    machine, seeds = Machine(batch_size=3, workers=1), range(4, 7)
    drawn = list(
        untrained_activations(backbone, seeds, IMAGES, ROWS, machine=machine, precision="float32")
    )
    for seed, (card, values) in enumerate(drawn, 4):
        assert card.representation == representation
        expected = activations(initialise(backbone, seed), IMAGES[ROWS], 3)
        np.testing.assert_array_equal(values, expected)
    assert len({values.tobytes() for _, values in drawn}) == 3
