"""Bytes on disk, against files of the real formats."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stages.config.measures import SHIFTS
from stages.encoders.encoder import clip_encoder, save_encoder
from stages.encoders.layers import layer_grams
from stages.encoders.vocabulary import Vocabulary
from tools.amounts import UNKNOWN, Amount, about
from tools.costs import (
    WORDS,
    Disk,
    Room,
    activations,
    all_room,
    checkpoints,
    disks,
    existing,
    grams,
    head,
    weights,
)
from tools.outlook import image_count


@pytest.fixture
def images(nano):
    return {key: image_count(key, entry) for key, entry in nano.datasets.items()}


def test_weights_take_what_a_real_file_takes(nano, tmp_path):
    words = Vocabulary([f"w{i}" for i in range(WORDS)])
    save_encoder(tmp_path / "e", clip_encoder(nano.backbones["rn"], words, 0))
    real = (tmp_path / "e" / "weights.safetensors").stat().st_size
    assert weights(nano, "rn_web_broad").value == pytest.approx(real, rel=0.1)


def test_grams_take_what_real_ones_take(nano):
    encoder = clip_encoder(nano.backbones["rn"], Vocabulary(["w"]), 0)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    made = layer_grams(encoder, pixels, nano.layers.minibatch)
    assert grams(nano, "rn_web_broad") == Amount(sum(g.nbytes for g in made.values()))


def test_activations_are_images_times_features_of_every_encoder(nano, images):
    assert activations(nano, images, "broden") == Amount(600 * 3 * 64 * 4)
    assert activations(nano, {"broden": UNKNOWN}, "broden") == UNKNOWN
    assert head(nano, "rn_untrained") == Amount(12 * 64 * 4)


def test_only_one_training_keeps_a_checkpoint(nano):
    assert checkpoints(nano).value == 3 * weights(nano, "rn_web_broad").value


def test_every_folder_is_in_the_sum_once(nano, images):
    rooms = all_room(nano, images, {"broden": Amount(7)}, Amount(5), "elsewhere")
    assert len({room.folder for room in rooms}) == len(rooms)
    assert rooms[0] == Room("downloads", "elsewhere", Amount(5), passing=True)
    assert rooms[1].bytes == Amount(7)


def test_activations_on_the_shifts_have_a_folder_of_their_own(nano, images):
    found = {room.folder: room.bytes for room in all_room(nano, images, {}, Amount(0), "elsewhere")}
    assert found["data/activations"] == Amount(200 * 3 * 64 * 4)
    shifts = sum(images[shift].value for shift in SHIFTS)
    assert found["data/shift_activations"] == Amount(shifts * 3 * 64 * 4)


def test_warns_where_a_disk_is_short(tmp_path):
    assert str(Disk(tmp_path, Amount(10), 10)) == f"{tmp_path}: 10 B needed, 10 B free"
    assert str(Disk(tmp_path, about(2e3), 10)).startswith(f"WARNING, {tmp_path}: ~2.0 kB needed")
    assert not Disk(tmp_path, UNKNOWN, 0).is_short


def test_folders_on_one_disk_are_added_up(tmp_path):
    (disk,) = disks(Room(name, str(tmp_path / name), Amount(5)) for name in ("a", "b"))
    assert disk.needed == Amount(10)
    assert 0 < disk.free <= shutil.disk_usage(tmp_path).total


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_next_above(tmp_path):
    assert existing(tmp_path / "a/b/c") == tmp_path
    assert existing(Path("not/there")) == Path.cwd()
