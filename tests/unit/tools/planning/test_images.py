"""Numbers of images."""

import msgspec
import pytest

from stages.config.datasets import DatasetEntry
from tools.amounts import UNKNOWN, Amount, about
from tools.outlook import image_bytes, image_count, official_count

OFFICIAL = [
    ("imagenet_val", "imagenet", 50_000),
    ("imagenet_train", "imagenet", 1_281_167),
    ("imagenet_v2", "imagenet_v2", 10_000),
    ("imagenet_r", "imagenet_r", 30_000),
    ("imagenet_sketch", "imagenet_sketch", 50_889),
    ("objectnet", "objectnet", 18_574),
    ("imagenet_a", "imagenet_a", 7_500),
    ("broden", "broden", 63_305),
]

LIMITS = [
    ("imagenet_val", "imagenet", 5000, Amount(5000)),
    ("imagenet_val", "imagenet", 5999, Amount(5000)),
    ("imagenet_val", "imagenet", 60_000, Amount(50_000)),
    ("imagenet_train", "imagenet", 733_000, about(733_000)),
    ("imagenet_r", "imagenet_r", 4000, about(4000)),
    ("broden", "broden", 5001, Amount(5001)),
    ("web", "captions", 7, about(7)),
]


def folder(kind: str, limit: int | None = None, **more: str):
    entry = {"kind": kind, "source": "folder", "folder": "x", "limit": limit, **more}
    return msgspec.convert(entry, DatasetEntry)


@pytest.mark.parametrize(("key", "kind", "images"), OFFICIAL)
def test_a_whole_set_has_its_published_images(key, kind, images):
    assert image_count(key, folder(kind)) == Amount(images)


@pytest.mark.parametrize(("key", "kind", "limit", "expected"), LIMITS)
def test_a_limit_takes_equally_many_of_each_class(key, kind, limit, expected):
    assert image_count(key, folder(kind, limit)) == expected
    assert official_count(key, folder(kind, limit)) == official_count(key, folder(kind))


def test_what_nobody_has_published_is_unknown():
    assert image_count("web", folder("captions")) == UNKNOWN
    assert image_count("some_imagenet", folder("imagenet")) == UNKNOWN
    assert image_bytes("objectnet", folder("objectnet"), None) == UNKNOWN


def test_an_absent_set_has_no_image():
    entry = msgspec.convert({"kind": "absent", "source": "none"}, DatasetEntry)
    assert image_count("objectnet", entry) == Amount(0)


def test_a_drawn_set_has_the_images_that_it_says(nano):
    entry, world = nano.datasets["imagenet_val"], nano.sources.world
    assert image_count("imagenet_val", entry) == Amount(entry.images)
    assert not image_bytes("imagenet_val", entry, world).exact


def test_bytes_of_all_images_are_those_of_the_archive():
    each = image_bytes("imagenet_val", folder("imagenet"), None)
    assert each.value * 50_000 == pytest.approx(6.74e9)
