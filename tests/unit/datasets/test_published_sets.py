import pytest

from stages.config.datasets import (
    ImageNet,
    ImageNetA,
    ImageNetLike,
    ImageNetR,
    ImageNetSketch,
    ImageNetV2,
    ObjectNet,
)
from stages.datasets.imagenet import PublishedSet, published_set, read_imagenet_classes
from stages.measures.accuracy import ABSENT, restriction

KNOWN = read_imagenet_classes()


def known_of(kind: type[ImageNetLike]) -> PublishedSet:
    return published_set(kind(source="folder", folder="x"), KNOWN)


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        (ImageNet, 1000),
        (ImageNetV2, 1000),
        (ImageNetSketch, 1000),
        (ImageNetR, 200),
        (ImageNetA, 200),
        (ObjectNet, 113),
    ],
)
def test_every_label_has_a_class_and_its_name(kind: type[ImageNetLike], classes: int):
    published = known_of(kind)
    assert len(published.folders) == len(published.labels) == len(published.names) == classes
    assert published.class_indices == sorted(published.labels)


def test_v2_s_folders_are_numbers():
    assert known_of(ImageNetV2).folders["10"] == 10


def test_a_label_of_r_is_its_place_among_the_200():
    published = known_of(ImageNetR)
    assert published.folders["n01443537"] == published.labels[0] == 1
    assert published.names[0] == "goldfish"


def test_objectnet_s_aliases_restrict_a_head():
    published = known_of(ObjectNet)
    counts_as = restriction(published.class_indices, 1000, published.aliases)
    assert (counts_as != ABSENT).sum() == 125
    assert counts_as[530] == counts_as[409] == published.folders["alarm_clock"] == 409
    assert published.border == 1


def test_only_objectnet_has_a_border_aliases_and_other_folders():
    for kind in (ImageNet, ImageNetV2, ImageNetSketch, ImageNetR, ImageNetA):
        published = known_of(kind)
        assert (published.border, published.aliases, published.other_folders) == (0, {}, False)
