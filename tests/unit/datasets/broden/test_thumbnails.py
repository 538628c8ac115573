import io

import numpy as np
from PIL import Image

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.broden.thumbnails import (
    GRID,
    Thumbnail,
    Thumbnails,
    small_jpeg,
    thumbnail,
    write_thumbnails,
)

RNG = np.random.default_rng(0)


def corner(rows: int, columns: int) -> np.ndarray:
    """Return a mask of the first quarters of the rows and columns."""
    mask = np.zeros((GRID, GRID), np.bool_)
    mask[: rows * GRID // 4, : columns * GRID // 4] = True
    return mask


def test_masks_are_those_of_the_label_maps_of_all_categories_and_planes(directory):
    with open_broden(directory) as broden:
        first, second, third = (thumbnail(broden, image) for image in range(3))
    expected = {1: corner(4, 4), 2: corner(1, 1), 258: corner(2, 2), 4: corner(4, 4) ^ corner(4, 3)}
    assert first.masks.keys() == expected.keys()
    for number, mask in expected.items():
        np.testing.assert_array_equal(first.masks[number], mask)
    # the textures 6 and 7 are numbers, which hold for the whole image and have no mask
    assert second.masks.keys() == {1}
    np.testing.assert_array_equal(third.masks[2], corner(4, 2))


def test_what_is_written_is_read_by_image_and_concept(tmp_path):
    pixels = RNG.integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    masks = [{}, {3: RNG.random((GRID, GRID)) < 0.5, 9: corner(1, 2)}, {3: corner(2, 1)}]
    jpegs = [small_jpeg(each) for each in pixels]
    write_thumbnails(tmp_path, map(Thumbnail, jpegs, masks))
    found = Thumbnails.read(tmp_path)
    assert len(found) == 3
    for image, jpeg in enumerate(jpegs):
        np.testing.assert_array_equal(found[image], np.asarray(Image.open(io.BytesIO(jpeg))))
        for number in (1, 3, 9):
            mask, expected = found.mask(image, number), masks[image].get(number)
            assert (mask is None) == (expected is None)
            assert mask is None or np.array_equal(mask, expected)
