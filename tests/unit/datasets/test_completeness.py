import pytest

from stages.datasets.imagenet import PublishedSet
from stages.datasets.real import require_complete

PUBLISHED = PublishedSet({"a": 3, "b": 7}, (4, 6), "none", [3, 7], ["A", "B"], [])


def images(count: int, classes: tuple[int, ...] = (3, 7)) -> dict[str, int | None]:
    return {f"{image}.jpg": classes[image % len(classes)] for image in range(count)}


@pytest.mark.parametrize("count", [4, 6])
def test_a_published_number_of_images_passes(count: int):
    require_complete(images(count), PUBLISHED, partial=False)


@pytest.mark.parametrize("count", [3, 5, 7])
def test_another_number_is_refused(count: int):
    with pytest.raises(ValueError, match=f"4 or 6 images were expected, there are {count}"):
        require_complete(images(count), PUBLISHED, partial=False)


def test_a_class_without_images_is_refused():
    with pytest.raises(ValueError, match="2 classes were expected, 1 have none: b; complete"):
        require_complete(images(4, (3,)), PUBLISHED, partial=False)


def test_a_part_passes_where_the_study_says_so():
    require_complete(images(1), PUBLISHED, partial=True)


def test_nothing_is_no_part():
    with pytest.raises(ValueError, match="there are none"):
        require_complete({}, PUBLISHED, partial=True)
