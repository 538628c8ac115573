import numpy as np
import pytest
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from timm.data.imagenet_info import ImageNetInfo

from stages.datasets.imagenet import ImageNetClasses, read_imagenet_classes


@pytest.fixture(scope="module")
def known() -> ImageNetClasses:
    return read_imagenet_classes()


def test_names_are_those_of_the_prompts(known: ImageNetClasses):
    assert tuple(known.names) == tuple(IMAGENET_CLASSNAMES)


def test_ids_are_sorted_and_those_of_timm(known: ImageNetClasses):
    assert known.wnids == sorted(set(known.wnids))
    assert known.wnids == list(ImageNetInfo().label_names())


def test_r_and_a_have_two_hundred_classes_each(known: ImageNetClasses):
    for indices in (known.imagenet_r, known.imagenet_a):
        assert indices == sorted(set(indices))
        assert len(indices) == 200
    assert known.names[known.imagenet_r[0]] == "goldfish"
    assert known.names[known.imagenet_a[0]] == "stingray"


def test_objectnet_has_113_folders_of_distinct_classes(known: ImageNetClasses):
    assert len(known.objectnet) == len(known.objectnet_labels) == 113
    indices = np.concatenate([np.array(of) for of in known.objectnet.values()])
    assert len(np.unique(indices)) == len(indices) == 125
    assert [known.names[index] for index in known.objectnet["alarm_clock"]] == [
        "analog clock",
        "digital clock",
    ]
