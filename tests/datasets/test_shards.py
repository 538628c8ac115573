from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from stages.datasets.archive import ArchiveWriter
from stages.datasets.card import read_card, write_card
from stages.datasets.images import encode_png
from stages.datasets.shards import ShardWriter, iterate_batches, read_images, read_shards
from stages.storage.errors import InputError
from tests.datasets.conftest import card

WriteSet = Callable[..., Path]


def repack(directory: Path, files: dict[str, bytes], images: int) -> Path:
    """Replace the shards by one that holds `files`."""
    with ArchiveWriter(directory / "shard-00000.tar") as writer:
        for name, data in files.items():
            writer.add(name, data)
    write_card(card({"shard-00000.tar": writer.sha256}, images), directory)
    return directory


def test_images_classes_and_captions_come_back(write_set: WriteSet, pictures: np.ndarray):
    read = read_images(write_set())
    np.testing.assert_array_equal(read.images, pictures)
    assert read.classes.tolist() == [0, 2, 0, 2, 0, 2, 0]
    assert read.captions == [f"a caption {row}" for row in range(7)]


def test_a_labelled_set_has_no_captions(write_set: WriteSet):
    assert read_images(write_set(captions=False)).captions is None


def test_an_unlabelled_set_has_no_classes(tmp_path: Path, pictures: np.ndarray):
    with ShardWriter(tmp_path, 10) as writer:
        writer.add(encode_png(pictures[0]), None, "a caption")
    write_card(card(writer.shards, 1), tmp_path)
    assert read_images(tmp_path).classes.tolist() == [-1]


def test_shards_have_their_size_and_the_same_bytes_every_time(write_set: WriteSet):
    first, second = read_card(write_set("one")), read_card(write_set("two"))
    assert list(first.shards) == [f"shard-0000{shard}.tar" for shard in range(3)]
    assert first.shards == second.shards


def test_members_are_sorted(write_set: WriteSet):
    samples = list(read_shards(write_set()))
    assert [sample.key for sample in samples] == [f"{row:08d}" for row in range(7)]


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_batches_are_the_whole_set_cut_up(batch: int, write_set: WriteSet, pictures: np.ndarray):
    batches = list(iterate_batches(write_set(), batch))
    assert {len(b.images) for b in batches[:-1]} <= {batch}
    np.testing.assert_array_equal(np.concatenate([b.images for b in batches]), pictures)


def test_a_folder_without_a_shard_is_refused(write_set: WriteSet):
    directory = write_set()
    write_card(card({}, 7), directory)
    with pytest.raises(InputError, match="at least one shard"):
        read_images(directory)


def test_a_truncated_shard_is_refused(write_set: WriteSet):
    directory = write_set()
    shard = directory / "shard-00001.tar"
    shard.write_bytes(shard.read_bytes()[:-700])
    with pytest.raises(InputError, match=r"shard-00001\.tar: truncated"):
        read_images(directory)


@pytest.mark.parametrize("images", [6, 8])
def test_another_number_of_images_is_refused(images: int, write_set: WriteSet):
    directory = write_set()
    write_card(replace(read_card(directory), images=images), directory)
    for read in (read_images, lambda folder: list(iterate_batches(folder, 3))):
        with pytest.raises(InputError, match=f"{images} images expected.*, 7 found"):
            read(directory)


PNG = encode_png(np.zeros((2, 2, 3), np.uint8))
WIDE = encode_png(np.zeros((2, 3, 3), np.uint8))
FIRST = {"00000000.cls": b"0", "00000000.png": PNG}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"00000001.png": PNG}, "00000001.png with 00000001.cls or"),
        ({"00000001.cls": b"2"}, "only 00000001.cls"),
        ({"00000001.png": PNG, "00000001.txt": b"a"}, "00000001 lacks its companion"),
        ({"00000001.cls": b"two", "00000001.png": PNG}, "class index"),
        ({"00000001.cls": b"1", "00000001.png": PNG}, r"card\.json allows \[0, 2\]"),
        ({"00000005.cls": b"0", "00000005.png": PNG}, "00000001 expected, 00000005 came"),
        ({"00000001.cls": b"0", "00000001.png": PNG[:-20]}, r"00000001\.png.*broken"),
        ({"00000001.cls": b"0", "00000001.png": WIDE}, "one size"),
    ],
)
def test_a_bad_second_image_is_refused(second: dict, message: str, tmp_path: Path):
    directory = repack(tmp_path, FIRST | second, 2)
    with pytest.raises(InputError, match=message):
        read_images(directory)
