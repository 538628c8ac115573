"""What the labels of a copy mean, by their names."""

import random
from pathlib import Path

import pytest
import timm

from interpreting_clip.datasets.entries import ImageNet, ImageNetR, ImageNetV2, ObjectNet
from interpreting_clip.datasets.imagenet import published_set, read_imagenet_classes
from interpreting_clip.datasets.label_names import check_order, label_classes, named_classes

KNOWN = read_imagenet_classes()
IMAGENET, R, V2, OBJECTNET = (
    published_set(kind(source="folder", folder="x"), KNOWN)
    for kind in (ImageNet, ImageNetR, ImageNetV2, ObjectNet)
)
LEMMAS = Path(timm.__file__).parent / "data/_info/imagenet_synset_to_lemma.txt"
"""WordNet's names by id, as timm has them; the hub's ImageNet is labelled with these names."""


@pytest.fixture(scope="module")
def wordnet() -> list[str]:
    lines = (line.split("\t") for line in LEMMAS.read_text().splitlines())
    names = dict(lines)
    return [names[wnid] for wnid in KNOWN.wnids]


def test_wordnet_s_names_are_imagenet_s_in_their_order(wordnet: list[str]):
    assert wordnet[0] == "tench, Tinca tinca"
    assert label_classes(wordnet, IMAGENET) == list(range(1000))


def test_every_swap_of_names_that_agree_is_refused():
    draw = random.Random(0)
    for _ in range(50):
        names = list(KNOWN.names)
        first, second = draw.sample(range(1000), 2)
        names[first], names[second] = names[second], names[first]
        if names == KNOWN.names:  # missile, sunglasses: two classes of one name
            continue
        with pytest.raises(ValueError, match="numbered differently"):
            label_classes(names, IMAGENET)


@pytest.mark.parametrize(("renamed", "agreeing"), [(500, 0.5), (1000, 0.0)])
def test_some_names_may_be_of_their_day(renamed: int, agreeing: float):
    names = [f"old {i}" for i in range(renamed)] + [name.upper() for name in KNOWN.names[renamed:]]
    check_order(names, IMAGENET, agreeing)
    with pytest.raises(ValueError, match="'tench', got 'old 0'"):
        check_order(names, IMAGENET, agreeing + 0.001)


def test_folders_are_names_in_any_order():
    order = sorted(map(str, range(1000)))  # 0, 1, 10, 100, …: as a program lists V2's folders
    assert label_classes(order, V2) == [int(name) for name in order]
    assert label_classes(KNOWN.wnids[::-1], IMAGENET) == list(range(1000))[::-1]
    wnids = [KNOWN.wnids[index] for index in KNOWN.of("imagenet_r")]
    assert label_classes(wnids[::-1], R) == KNOWN.of("imagenet_r")[::-1]


@pytest.mark.parametrize("names", [list(KNOWN.objectnet), list(KNOWN.objectnet_labels.values())])
def test_objectnet_s_classes_have_their_folder_s_or_their_own_name(names: list[str]):
    others = ["air_freshener", "Bottle opener"]
    found = label_classes([*others, *names], OBJECTNET)
    assert found == [None, None, *[KNOWN.objectnet[folder][0] for folder in KNOWN.objectnet]]


def test_a_class_without_a_label_and_two_labels_of_one_class_are_refused():
    names = list(KNOWN.objectnet)
    with pytest.raises(ValueError, match=r"1 of 113 .*alarm_clock"):
        label_classes(names[1:], OBJECTNET)
    with pytest.raises(ValueError, match="'Alarm clock'"):
        named_classes(["alarm_clock", "Alarm clock"], OBJECTNET)
