from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from interpreting_clip.datasets.card import read_card, write_card
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.datasets.shards import ShardedDataset, open_shards, write_images
from tests.layouts import card

WriteSet = Callable[..., Path]


def loaded(directory: Path) -> tuple[ShardedDataset, np.ndarray]:
    with open_shards(directory) as shards:
        return shards, shards.load()


def test_images_classes_and_captions_come_back(write_set: WriteSet, pictures: np.ndarray):
    read, images = loaded(write_set())
    np.testing.assert_array_equal(images, pictures)
    assert read.classes.tolist() == [0, 2, 0, 2, 0, 2, 0]
    assert read.captions == [f"a caption {row}" for row in range(7)]


def test_a_set_has_classes_and_captions_only_where_its_images_have(write_set, tmp_path, pictures):
    assert loaded(write_set(captions=False))[0].captions is None
    shards = write_images([(encode_png(pictures[0]), None, "a caption")], 10, tmp_path)
    write_card(card(shards, 1), tmp_path)
    assert loaded(tmp_path)[0].classes.tolist() == [-1]


def test_the_card_s_border_is_cropped(write_set: WriteSet, pictures: np.ndarray):
    directory = write_set()
    write_card(replace(read_card(directory), border=1), directory)
    with open_shards(directory) as shards:
        np.testing.assert_array_equal(shards[3], pictures[3, 1:-1, 1:-1])
