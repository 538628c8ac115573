import pytest
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from timm.data.imagenet_info import ImageNetInfo

from interpreting_clip.config.shifts import SHIFTS
from interpreting_clip.datasets.entries import IMAGENET_LIKE
from interpreting_clip.datasets.imagenet import (
    PublishedSet,
    published_set,
    read_imagenet_classes,
)
from interpreting_clip.statistics.predictions import ABSENT, map_classes

KNOWN = read_imagenet_classes()


def test_names_are_those_of_the_prompts_and_ids_sorted_and_those_of_timm():
    assert KNOWN.wnids == sorted(set(KNOWN.wnids))
    assert KNOWN.wnids == list(ImageNetInfo().label_names())
    assert tuple(KNOWN.names) == tuple(IMAGENET_CLASSNAMES)


def known_of(kind: str) -> PublishedSet:
    return published_set(IMAGENET_LIKE[kind](source="folder", folder="x"), KNOWN)


@pytest.mark.parametrize("kind", IMAGENET_LIKE)
def test_every_label_has_its_name_and_only_objectnet_has_more(kind: str):
    published, only = known_of(kind), kind == "objectnet"
    classes = SHIFTS[kind].classes if kind in SHIFTS else 1000
    assert len(published.folders) == len(published.labels) == len(published.names) == classes
    assert published.class_indices == sorted(published.labels)
    found = published.border, bool(published.aliases), published.other_folders
    assert found == (int(only), only, only)


def test_objectnet_s_aliases_restrict_a_head():
    published = known_of("objectnet")
    class_map = map_classes(published.class_indices, 1000, published.aliases)
    assert (class_map != ABSENT).sum() == 125
    assert class_map[530] == class_map[409] == published.folders["alarm_clock"] == 409
    assert published.border == 1
