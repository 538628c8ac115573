import pytest

from stages.config.datasets import ImageNet, ImageNetA, ImageNetLike, ImageNetV2, ObjectNet
from stages.datasets.class_folders import classify
from stages.datasets.imagenet import published_set, read_imagenet_classes
from stages.runtime.errors import InputError

KNOWN = read_imagenet_classes()


def classified(kind: type[ImageNetLike], *paths: str, **beside: bytes) -> dict[str, int]:
    published = published_set(kind(source="folder", folder="x"), KNOWN)
    return classify(paths, {}, published, "here")


@pytest.mark.parametrize(
    ("kind", "path", "class_"),
    [
        (ImageNet, "n01440764/ILSVRC2012_val_00000293.JPEG", 0),
        (ImageNet, "ILSVRC/Data/train/n15075141/n15075141_9.JPEG", 999),
        (ImageNetV2, "imagenetv2-matched-frequency-format-val/2/a.jpeg", 2),
        (ImageNetV2, "10/a.jpeg", 10),
        (ImageNetA, "imagenet-a/n01498041/0.5_x _ y.jpg", 6),
        (ObjectNet, "objectnet-1.0/images/alarm_clock/0a.png", 409),
    ],
)
def test_the_innermost_folder_says_the_class(kind: type[ImageNetLike], path: str, class_: int):
    assert classified(kind, path) == {path: class_}


@pytest.mark.parametrize(
    "stray",
    [
        "n01440764/.DS_Store",
        "n01440764/._a.JPEG",
        "n01440764/Thumbs.db",
        "__MACOSX/n01440764/a.JPEG",
        "README.txt",
        "n01440764/README.md",
        "mappings.json",
    ],
)
def test_what_is_none_of_the_set_is_passed_over(stray: str):
    assert classified(ImageNet, "n01440764/a.JPEG", stray) == {"n01440764/a.JPEG": 0}


def test_objectnet_s_other_folders_are_passed_over():
    assert classified(ObjectNet, "images/air_freshener/a.png") == {}


@pytest.mark.parametrize(
    ("kind", "path", "message"),
    [
        (ImageNet, "n00000000/a.JPEG", "'n00000000', which is no class of this set"),
        (ImageNetA, "n01440764/a.jpg", "'n01440764', which is no class of this set"),
        (ImageNetV2, "1000/a.jpeg", "'1000', which is no class"),
        (ImageNetV2, "01/a.jpeg", "'01', which is no class"),
        (ImageNet, "n01440764/boxes.xml", "boxes.xml lies in a class folder and is not called"),
    ],
)
def test_another_file_is_refused(kind: type[ImageNetLike], path: str, message: str):
    with pytest.raises(InputError, match=message):
        classified(kind, path)


def test_a_path_that_comes_twice_is_refused():
    with pytest.raises(InputError, match="there twice"):
        classified(ImageNet, "n01440764/a.JPEG", "n01440764/a.JPEG")
