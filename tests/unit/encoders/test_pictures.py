import os
import sys
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.encoders import loading as module
from stages.encoders.loading import (
    NICENESS,
    ahead,
    fitted,
    fitted_batches,
    kept,
    spread_rows,
)
from stages.encoders.preprocess import Preprocess
from stages.runtime.errors import InputError

PREPROCESS = Preprocess(size=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize=20)


def photographs(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*rng.integers(17, 60, 2), 3), np.uint8) for _ in range(count)]


def test_pictures_of_any_size_become_squares_as_torchvision_makes_them():
    from torchvision.transforms.v2 import functional

    images = photographs(5)
    squares = fitted(images, np.array([3, 1]), PREPROCESS, workers=2)
    for square, which in zip(squares, (3, 1), strict=True):
        photograph: Any = Image.fromarray(images[which])
        scaled = functional.resize(photograph, [20], interpolation=3)
        assert np.array_equal(square, np.asarray(functional.center_crop(scaled, [16])))


def test_batches_come_in_order_whatever_the_workers():
    images = photographs(11)
    whole = fitted(images, np.arange(11), PREPROCESS)
    for workers in (1, 3):
        batches = list(fitted_batches(images, np.arange(11), PREPROCESS, 4, workers))
        assert [len(batch) for batch in batches] == [4, 4, 3]
        assert np.array_equal(np.concatenate(batches), whole)


def test_an_item_is_made_while_the_one_before_it_is_used():
    second_began = threading.Event()

    def items():
        yield 1
        second_began.set()
        yield 2

    running = ahead(items())
    assert next(running) == 1
    assert second_began.wait(60)
    assert list(running) == [2]


def test_what_goes_wrong_ahead_is_raised_in_its_turn():
    def items():
        yield 1
        raise InputError("the second is broken")

    running = ahead(items())
    assert next(running) == 1
    with pytest.raises(InputError, match="the second is broken"):
        next(running)


def test_batches_are_decoded_by_the_same_threads_and_these_give_way():
    threads: set[int] = set()

    class Seen(list):
        def __getitem__(self, image):
            thread = threading.get_native_id()
            threads.add(thread)
            if sys.platform.startswith("linux"):
                here = os.getpriority(os.PRIO_PROCESS, os.getpid())
                assert os.getpriority(os.PRIO_PROCESS, thread) == min(19, here + NICENESS)
            return super().__getitem__(image)

    list(fitted_batches(Seen(photographs(40)), np.arange(40), PREPROCESS, 10, workers=2))
    assert 1 <= len(threads) <= 2
    assert threading.get_native_id() not in threads


def test_few_pictures_are_kept_and_many_are_not(monkeypatch):
    images = photographs(3)
    squares: Any = kept(images, PREPROCESS)
    assert np.array_equal(squares, fitted(images, np.arange(3), PREPROCESS))
    monkeypatch.setattr(module, "KEPT", 3 * 3 * 16 * 16 - 1)
    assert kept(images, PREPROCESS) is images


def test_every_minibatch_is_spread_over_all_rows():
    rows = spread_rows(1000, 12, 4).reshape(3, 4)
    assert np.array_equal(np.sort(rows.ravel()), np.arange(12) * 1000 // 12)
    assert (np.ptp(rows, axis=1) >= 700).all()


@pytest.mark.parametrize(("total", "images"), [(7, 8), (100, 10)])
def test_too_few_rows_and_broken_minibatches_are_refused(total, images):
    with pytest.raises(InputError, match=f"minibatches of 4 of the {total} images"):
        spread_rows(total, images, 4)
