from typing import Any

import numpy as np
import torch

from interpreting_clip.loading import batches as module
from interpreting_clip.loading.batches import (
    SMALL,
    cache_images,
    image_batches,
    several_batches,
    useful_workers,
)
from interpreting_clip.loading.preprocess import Preprocess, resize_and_crop

PREPROCESS = Preprocess(size=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize=20)


def photographs(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*rng.integers(17, 60, 2), 3), np.uint8) for _ in range(count)]


def test_batches_come_in_order_and_the_last_may_be_smaller():
    images, rows = photographs(11), np.array([3, 1, 10, 7, 0])
    before = torch.random.get_rng_state()
    batches = list(image_batches(images, rows, PREPROCESS, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    expected = [resize_and_crop(images[row], PREPROCESS) for row in rows]
    assert np.array_equal(np.concatenate(batches), np.stack(expected))


def test_several_preprocessings_get_their_own_squares_of_images_that_are_decoded_once():
    stored, decoded = photographs(5), list[int]()

    class Images:
        def __len__(self) -> int:
            return len(stored)

        def __getitem__(self, image: int) -> np.ndarray:
            decoded.append(image)
            return stored[image]

    others = [PREPROCESS, Preprocess(size=8, mean=(0.1, 0.1, 0.1), std=(1.0, 1.0, 1.0))]
    rows = np.array([4, 0, 2])
    batches = list(several_batches(Images(), rows, others, 2))
    assert decoded == [0, 4, 0, 2]  # the first, to see how large images are
    for number, preprocess in enumerate(others):
        alone = list(image_batches(stored, rows, preprocess, 2))
        assert [len(squares[number]) for squares in batches] == [2, 1]
        assert np.array_equal(
            np.concatenate([squares[number] for squares in batches]), np.concatenate(alone)
        )


def test_workers_load_large_images_that_are_not_in_memory():
    large = [np.zeros((128, SMALL // 128 // 3, 3), np.uint8)]
    assert useful_workers(large, 3) == 3
    assert useful_workers(photographs(1), 3) == 0
    assert useful_workers(np.stack(large), 3) == 0
    assert useful_workers([], 3) == 0


def test_few_images_are_cached_and_many_are_not(monkeypatch):
    images = photographs(3)
    cached: Any = cache_images(images, PREPROCESS)
    assert np.array_equal(cached, [resize_and_crop(image, PREPROCESS) for image in images])
    monkeypatch.setattr(module, "CACHE_BYTES", 3 * 3 * 16 * 16 - 1)
    assert cache_images(images, PREPROCESS) is images
