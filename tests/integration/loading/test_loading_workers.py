"""Batches of images, loaded by worker processes."""

import os
import sys
from typing import Any

import numpy as np
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.loading.batches import image_batches, load_batches
from interpreting_clip.loading.preprocess import Preprocess

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked")

PREPROCESS = Preprocess(size=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize=20)


def test_batches_are_the_same_whatever_the_workers():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (128 + n, 150, 3), np.uint8) for n in range(11)]
    alone, one, two = (
        list(image_batches(images, np.arange(11), PREPROCESS, 2, workers)) for workers in (0, 1, 2)
    )
    for batch, first, second in zip(alone, one, two, strict=True):
        assert np.array_equal(first, batch) and np.array_equal(second, batch)


def test_workers_are_other_processes():
    loaded = load_batches(lambda _index: np.array([os.getpid()]), [0, 1, 2], 1)
    assert all(os.getpid() != process.item() for _, process in loaded)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("error", [InputError("image 1 is broken"), OSError(5, "bad", "a.tar")])
def test_an_error_is_raised_in_its_turn_in_one_line(error, workers):
    def load(index: int) -> np.ndarray:
        if index == 1:
            raise error
        return np.array([index])

    running: Any = load_batches(load, [0, 1, 2], workers)
    assert next(running) == (0, np.array([0]))
    with pytest.raises(type(error)) as caught:
        next(running)
    assert str(caught.value) == str(error)
