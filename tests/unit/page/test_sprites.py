import io

import numpy as np
from PIL import Image

from interpreting_clip.datasets.broden.thumbnails import GRID, SIDE
from page.direction_pages import GROUND, sprite, tile

RED, BLUE = (200, 0, 0), (0, 0, 200)


def colour(height: int, width: int, rgb: tuple[int, int, int] = RED) -> np.ndarray:
    return np.full((height, width, 3), rgb, np.uint8)


def test_an_image_fills_the_width_between_grey():
    found, quarter = tile(colour(2, 4), None), SIDE // 4
    assert (found[:quarter] == GROUND).all() and (found[-quarter:] == GROUND).all()
    assert np.array_equal(found[quarter:-quarter], colour(SIDE // 2, SIDE))


def test_the_outline_is_white_inside_of_the_mask_and_black_around_it():
    mask = np.zeros((GRID, GRID), np.bool_)
    mask[:, : GRID // 2] = True
    found, half = tile(colour(SIDE, SIDE), mask), SIDE // 2
    assert (found[:, half - 1] == 255).all() and (found[1:-1, half] == 0).all()
    assert np.array_equal(found[1:-1, 1 : half - 1], colour(SIDE - 2, half - 2))
    assert np.array_equal(found[:, half + 1 :], colour(SIDE, half - 1))


def test_tiles_stand_in_rows_and_the_bytes_are_the_same_again():
    colours = [RED, BLUE, (0, 200, 0)]
    tiles = [colour(16, 16, each) for each in colours]
    data = sprite(tiles, 2)
    assert sprite(tiles, 2) == data
    found = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    assert found.shape == (32, 32, 3)
    for place, expected in enumerate([*colours, (GROUND,) * 3]):
        top, left = 16 * (place // 2) + 4, 16 * (place % 2) + 4
        assert np.abs(found[top : top + 8, left : left + 8] - expected).max() < 20
