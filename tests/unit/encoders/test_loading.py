"""Batches of images, loaded in this process."""

from typing import Any

import numpy as np
import pytest
import torch

from stages.encoders import loading as module
from stages.encoders.loading import (
    SMALL,
    cache_images,
    evenly_spaced_minibatches,
    image_batches,
    load_batches,
    preprocess_images,
    useful_workers,
)
from stages.encoders.preprocess import Preprocess, resize_and_crop
from stages.runtime.errors import InputError

PREPROCESS = Preprocess(size=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize=20)


def photographs(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*rng.integers(17, 60, 2), 3), np.uint8) for _ in range(count)]


def test_batches_come_in_order_and_the_last_may_be_smaller():
    images, rows = photographs(11), np.array([3, 1, 10, 7, 0])
    batches = list(image_batches(images, rows, PREPROCESS, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    expected = [resize_and_crop(images[row], PREPROCESS) for row in rows]
    assert np.array_equal(np.concatenate(batches), np.stack(expected))


@pytest.mark.parametrize("error", [InputError("image 1 is broken"), OSError(5, "bad", "a.tar")])
def test_an_error_is_raised_in_its_turn(error):
    def load(index: int) -> int:
        if index == 1:
            raise error
        return index

    running = load_batches(load, [0, 1, 2], 0)
    assert next(running) == 0
    with pytest.raises(type(error)) as caught:
        next(running)
    assert str(caught.value) == str(error)


def test_loading_leaves_torch_s_random_numbers_alone():
    before = torch.random.get_rng_state()
    list(load_batches(int, [1, 2], 0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_workers_load_large_images_that_are_not_in_memory():
    large = [np.zeros((128, SMALL // 128 // 3, 3), np.uint8)]
    assert useful_workers(large, 3) == 3
    assert useful_workers(photographs(1), 3) == 0
    assert useful_workers(np.stack(large), 3) == 0
    assert useful_workers([], 3) == 0


def test_few_images_are_cached_and_many_are_not(monkeypatch):
    images = photographs(3)
    cached: Any = cache_images(images, PREPROCESS)
    assert np.array_equal(cached, preprocess_images(images, np.arange(3), PREPROCESS))
    monkeypatch.setattr(module, "CACHE_BYTES", 3 * 3 * 16 * 16 - 1)
    assert cache_images(images, PREPROCESS) is images


def test_every_minibatch_is_spread_over_all_rows():
    rows = evenly_spaced_minibatches(1000, 12, 4).reshape(3, 4)
    assert np.array_equal(np.sort(rows.ravel()), np.arange(12) * 1000 // 12)
    assert (np.ptp(rows, axis=1) >= 700).all()


@pytest.mark.parametrize(("total", "images"), [(7, 8), (100, 10)])
def test_too_few_rows_and_broken_minibatches_are_refused(total, images):
    with pytest.raises(InputError, match=f"minibatches of 4 of the {total} images"):
        evenly_spaced_minibatches(total, images, 4)
