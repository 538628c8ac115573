import numpy as np
import pytest

from interpreting_clip.loading.preprocess import Preprocess, resize_and_crop
from interpreting_clip.training.augmentation import Draw, augment, crop_box, draw
from interpreting_clip.training.recipes import Augmentation

PREPROCESS = Preprocess(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def drawn(images, smallest_crop: float, flip: float, seed: int = 0) -> np.ndarray:
    recipe = Augmentation(smallest_crop=smallest_crop, flip=flip)
    draws = draw(len(images), recipe, np.random.default_rng(seed))
    pairs = zip(images, draws, strict=True)
    return np.stack([augment(image, drawn, recipe, PREPROCESS) for image, drawn in pairs])


def squares() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)


def photographs() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*rng.integers(9, 40, 2), 3), np.uint8) for _ in range(64)]


def test_nothing_is_changed_where_nothing_is_asked():
    assert np.array_equal(drawn(squares(), 1.0, 0.0), squares())


@pytest.mark.parametrize("images", [squares(), photographs()])
def test_a_certain_flip_mirrors_what_an_evaluation_sees(images):
    seen = np.stack([resize_and_crop(image, PREPROCESS) for image in images])
    assert np.array_equal(drawn(images, 1.0, 1.0), seen[:, :, ::-1])


def test_a_crop_has_the_share_and_the_ratio_that_were_drawn():
    left, top, right, bottom = crop_box(200, 400, Draw(0.25, 4 / 3, 1.0, 0.0, False))
    width, height = (right - left) * 400, (bottom - top) * 200
    assert (width * height, width / height) == pytest.approx((0.25 * 200 * 400, 4 / 3))
    assert (right, top) == pytest.approx((1.0, 0.0))
    # A side that would leave the image is cut to it.
    assert crop_box(100, 800, Draw(1.0, 3 / 4, 0.3, 0.7, False))[1::2] == (0.0, 1.0)


def test_shares_and_ratios_are_torchvision_s():
    draws = draw(2000, Augmentation(smallest_crop=0.08, flip=0.5), np.random.default_rng(0))
    areas, ratios = np.array([d.area for d in draws]), np.array([d.ratio for d in draws])
    assert areas.min() > 0.08 and areas.max() < 1 and abs(areas.mean() - 0.54) < 0.02
    assert ratios.min() > 3 / 4 and ratios.max() < 4 / 3 and abs(np.log(ratios).mean()) < 0.02
