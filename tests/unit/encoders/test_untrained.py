"""Many untrained encoders see the images as the one of each seed does."""

import numpy as np
import pytest

from interpreting_clip.encoders.activations import untrained_activations
from interpreting_clip.encoders.encoder import initialise
from interpreting_clip.encoders.entries import TimmModel
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import activations, small_backbone

BACKBONES = {
    "clip": (small_backbone("rn"), "linear"),
    "timm": (TimmModel(model="test_resnet"), "rectified"),
}
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 40, 48, 3), np.uint8)
ROWS = np.array([0, 3, 4, 8])


class Counted:
    """Images that count how often each is read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, image: int, /) -> np.ndarray:
        self.read.append(image)
        return IMAGES[image]


@pytest.mark.parametrize("kind", ["clip", "timm"])
def test_each_seed_has_the_activations_of_its_untrained_encoder(kind):
    backbone, representation = BACKBONES[kind]
    images, machine = Counted(), Machine(batch_size=3, workers=1)
    drawn = list(
        untrained_activations(
            backbone, range(4, 7), images, ROWS, machine=machine, precision="float32"
        )
    )
    assert images.read[-len(ROWS) :] == ROWS.tolist() and len(images.read) <= len(ROWS) + 1
    for seed, (card, values) in enumerate(drawn, 4):
        assert card.representation == representation
        expected = activations(initialise(backbone, seed), IMAGES[ROWS], 3)
        np.testing.assert_array_equal(values, expected)
    assert len({values.tobytes() for _, values in drawn}) == 3
