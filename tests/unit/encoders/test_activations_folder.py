import hashlib
import os

import numpy as np
import pytest

from interpreting_clip.encoders.activations_folder import (
    MANIFEST,
    given_file,
    read_manifest,
    write_activations_folder,
)
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.image_lists import ListedImage, order_digest, write_image_list

IMAGES = {"imagenet_val": 6, "imagenet_r": 4, "broden": 5}
CLASSES = ["tench", "goldfish"]


def digests(dataset):
    return [hashlib.sha256(f"{dataset}{i}".encode()).hexdigest() for i in range(IMAGES[dataset])]


@pytest.fixture
def lists(tmp_path):
    for name in IMAGES:
        rows = [ListedImage(digest, str(i), 0) for i, digest in enumerate(digests(name))]
        write_image_list(tmp_path / f"lists/{name}.csv", rows)
    return tmp_path / "lists"


def arrays(*names, features=3, dtype=np.float32):
    rng = np.random.default_rng(0)
    return {n: rng.standard_normal((IMAGES[n], features)).astype(dtype) for n in names or IMAGES}


def test_what_is_written_is_read(tmp_path, lists):
    given, head, folder = arrays(), np.eye(2, 3), tmp_path / "mine"
    more = {"head": head, "bias": np.zeros(2), "classes": CLASSES}
    digest, again = (write_activations_folder(folder, given, lists, **more) for _ in range(2))
    assert digest == again == file_digest(folder / MANIFEST)
    manifest = read_manifest(folder, digest)
    assert manifest.features == 3 and manifest.datasets.keys() == IMAGES.keys()
    for name, one in manifest.datasets.items():
        assert (one.images, one.order) == (IMAGES[name], order_digest(digests(name)))
        np.testing.assert_array_equal(np.load(given_file(folder, one)), given[name])
    assert manifest.head is not None and manifest.head.classes == CLASSES
    np.testing.assert_array_equal(np.load(given_file(folder, manifest.head.weight)), head)


NAN = {"imagenet_val": np.where(np.arange(18).reshape(6, 3) == 13, np.nan, 1)}
VAL = arrays("imagenet_val")
REFUSED = [
    ({"imagenet_val": VAL["imagenet_val"][1:]}, {}, r"imagenet_val: .*\(6, 3\), got \(5, 3\)"),
    (VAL, {"head": np.eye(3), "classes": CLASSES}, r"head: .*\(2, 3\), got \(3, 3\)"),
]


@pytest.mark.parametrize(("given", "more", "expected"), REFUSED)
def test_what_does_not_fit_is_refused(tmp_path, lists, given, more, expected):
    with pytest.raises(ValueError, match=expected):
        write_activations_folder(tmp_path / "mine", given, lists, **more)


@pytest.fixture
def folder(tmp_path, lists):
    write_activations_folder(tmp_path / "mine", arrays(), lists)
    return tmp_path / "mine"


def test_an_interrupted_folder_has_no_manifest(folder, lists):
    with pytest.raises(InputError, match="row 4"):
        write_activations_folder(folder, NAN, lists)
    assert not (folder / MANIFEST).exists()


def test_a_manifest_that_is_missing_or_another_is_refused(folder):
    for change, expected in (
        (lambda file: None, r"manifest\.json: .*SHA-256 0"),
        (os.unlink, r"manifest\.json: .*compute\.yaml"),
    ):
        change(folder / MANIFEST)
        with pytest.raises(InputError, match=expected):
            read_manifest(folder, "0" * 64)


def test_a_file_that_was_changed_or_is_missing_is_refused(folder):
    one = read_manifest(folder, file_digest(folder / MANIFEST)).datasets["broden"]
    file = folder / "broden.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(InputError, match=r"broden\.npy: .*SHA-256"):
        given_file(folder, one)
    file.unlink()
    with pytest.raises(InputError, match=r"broden\.npy: no such file"):
        given_file(folder, one)
