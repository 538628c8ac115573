"""The classes of a study's own shift: folders, labels, aliases, and contradictions."""

from typing import Any

import pytest

from interpreting_clip.datasets.entries import RealShift
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.datasets.own_classes import own_set

KNOWN = read_imagenet_classes()
TENCH, GOLDFISH, SHARK = KNOWN.wnids[:3]


def entry(classes: Any, **more: Any) -> RealShift:
    return RealShift(
        source="folder", folder="x", label="Mine", baseline="none", classes=classes, **more
    )


def test_all_classes_are_folders_by_either_name_and_labels_are_indices():
    found = own_set(entry("all"), KNOWN)
    assert found.labels == list(range(1000))
    assert (found.folders[SHARK], found.folders["2"], len(found.folders)) == (2, 2, 2000)
    assert (found.names, found.every_class, found.aliases) == (KNOWN.names, False, {})


def test_labels_count_a_list_in_its_order():
    found = own_set(entry([SHARK, "0"]), KNOWN)
    assert found.labels == [2, 0]
    assert found.names == [KNOWN.names[2], KNOWN.names[0]]
    assert found.folders == {SHARK: 2, "2": 2, TENCH: 0, "0": 0}
    assert found.every_class and found.class_indices == [0, 2]


def test_a_mapping_names_folders_and_merges_classes():
    found = own_set(entry({"fish": f"{GOLDFISH} 0", "shark": "2"}, licence="CC0"), KNOWN)
    assert found.folders == {"fish": 1, "shark": 2}
    assert (found.aliases, found.labels, found.licence) == ({0: 1}, [], "CC0")


def test_a_mapping_of_labels_is_in_their_order_whatever_its_own():
    classes = {str(label): str(label + 5) for label in (10, *range(10))}
    assert own_set(entry(classes), KNOWN).labels == [*range(5, 16)]
    assert own_set(entry({"0": "5", "2": "6"}), KNOWN).labels == []


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["n99999999"], "n99999999"),
        ({"fish": "0 1", "tench": "0"}, "class 0 .*'fish'.*'tench'"),
    ],
)
def test_contradictions_are_refused(classes, expected):
    with pytest.raises(ValueError, match=expected):
        own_set(entry(classes), KNOWN)
