import numpy as np
import torch

from stages.encoders.preprocess import Preprocess, fit, to_tower

HALF = Preprocess(size=4, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_pixels_are_standardised_per_channel():
    images = pixels(3, 4, 4)
    expected = (images / 255 - np.array(HALF.mean)) / np.array(HALF.std)
    tolerance = float(8 * np.finfo(np.float32).eps)
    np.testing.assert_allclose(
        to_tower(images, HALF).permute(0, 2, 3, 1), expected, atol=tolerance * 4
    )


def test_a_flat_image_stays_flat_when_it_is_scaled():
    images = fit(np.full((9, 14, 3), 51, np.uint8), HALF)[None]
    expected = torch.tensor([(0.2 - 0.5) / 0.5, (0.2 - 0.25) / 0.25, 0.2]).view(1, 3, 1, 1)
    torch.testing.assert_close(to_tower(images, HALF), expected.expand(1, 3, 4, 4))


def test_a_wide_image_is_cropped_about_its_centre():
    image = pixels(4, 8)
    np.testing.assert_array_equal(fit(image, HALF), image[:, 2:6])


def test_read_only_images_are_taken():
    images = pixels(2, 4, 4)
    images.setflags(write=False)
    assert to_tower(images, HALF).shape == (2, 3, 4, 4)
