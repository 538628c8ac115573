import json
from typing import Any

import pytest

from stages.config.datasets import ObjectNet
from stages.datasets.class_folders import CLASSES, FOLDERS, check_mappings
from stages.datasets.imagenet import published_set, read_imagenet_classes
from stages.runtime.errors import InputError

KNOWN = read_imagenet_classes()
PUBLISHED = published_set(ObjectNet(source="folder", folder="x"), KNOWN)
LABELS = KNOWN.objectnet_labels | {"air_freshener": "Air freshener"}
IMAGENET = dict.fromkeys(KNOWN.objectnet_labels.values(), "an ImageNet class")


def check(**mappings: Any) -> None:
    names = {"folders": FOLDERS, "classes": CLASSES}
    found = {names[name]: json.dumps(tree).encode() for name, tree in mappings.items()}
    check_mappings(found, PUBLISHED, "here")


def test_the_published_mappings_pass():
    check(folders=LABELS, classes=IMAGENET)


def test_without_mappings_our_table_stands():
    check()


@pytest.mark.parametrize(
    ("mappings", "message"),
    [
        ({"folders": LABELS | {"banana": "Bench"}}, "differs in banana"),
        ({"folders": {}}, "differs in"),
        ({"classes": IMAGENET | {"Air freshener": "x"}}, "differs in Air freshener"),
        ({"classes": []}, "not ObjectNet's mapping"),
    ],
)
def test_other_mappings_are_refused(mappings: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        check(**mappings)
