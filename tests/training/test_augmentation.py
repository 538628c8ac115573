import numpy as np
import torch

from stages.training.augmentation import augment
from stages.training.recipes import Augmentation


def drawn(images: torch.Tensor, smallest_crop: float, flip: float, seed: int = 0) -> torch.Tensor:
    recipe = Augmentation(smallest_crop=smallest_crop, flip=flip)
    return augment(images, recipe, np.random.default_rng(seed))


def pixels() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((64, 3, 8, 8), np.float32))


def test_nothing_is_changed_where_nothing_is_asked():
    images = pixels()
    assert drawn(images, 1.0, 0.0) is images


def test_a_certain_flip_mirrors_every_image():
    torch.testing.assert_close(drawn(pixels(), 1.0, 1.0), pixels().flip(3))


def test_half_of_the_images_are_flipped():
    flipped = (drawn(pixels(), 1.0, 0.5) - pixels()).abs().amax((1, 2, 3)) > 0.1
    assert 16 < int(flipped.sum()) < 48


def test_a_crop_of_a_slope_is_a_slope_within_its_range():
    slope = torch.linspace(0, 1, 8).expand(32, 3, 8, 8)
    cropped = drawn(slope, 0.3, 0.0)
    steps = cropped[:, 0, 0].diff(dim=1)
    assert cropped.min() >= 0 and cropped.max() <= 1
    assert (steps > -1e-6).all() and (steps.amax(1) < 1 / 7 + 1e-6).all()
    assert steps.mean() < 1 / 7


def test_the_seed_decides():
    assert torch.equal(drawn(pixels(), 0.5, 0.5, 1), drawn(pixels(), 0.5, 0.5, 1))
    assert not torch.equal(drawn(pixels(), 0.5, 0.5, 1), drawn(pixels(), 0.5, 0.5, 2))
