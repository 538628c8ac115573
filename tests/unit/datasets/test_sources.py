"""Which images of a real set are taken: all that there should be, a subset, none that is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreting_clip.datasets.completeness import require_complete, split_images
from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.sources import choose

PUBLISHED = PublishedSet({"a": 3, "b": 7}, (4, 6), "none", [3, 7], ["A", "B"], [])


def survey(count: int, classes: tuple[int, ...] = (3, 7)) -> dict[str, int | None]:
    return {f"{image}.jpg": classes[image % len(classes)] for image in range(count)}


@pytest.mark.parametrize(("count", "partial"), [(4, False), (6, False), (1, True)])
def test_a_published_number_of_images_passes_and_a_part_where_the_study_says_so(count, partial):
    require_complete(survey(count), PUBLISHED, partial=partial)


@pytest.mark.parametrize(
    ("found", "partial", "message"),
    [
        *((survey(n), False, f"4 or 6 .*got {n}") for n in (3, 5)),
        *((survey(7), partial, "6 .*got 7.*another set") for partial in (False, True)),
        ({}, True, "found none"),
    ],
)
def test_another_number_and_a_class_without_images_are_refused(found, partial, message):
    with pytest.raises(ValueError, match=message):
        require_complete(found, PUBLISHED, partial=partial)


VAL, TRAIN = "ILSVRC2012_val_00000001.JPEG", "n01440764_10026.JPEG"


@pytest.mark.parametrize(
    ("key", "names", "wrong"),
    [
        ("imagenet_val", [VAL, "renamed.jpg"], ""),
        ("imagenet_val", [VAL, TRAIN], "1 of 2"),
        ("imagenet_train", [VAL, TRAIN], "1 of 2"),
    ],
)
def test_train_images_are_no_validation_images_nor_the_reverse(key, names, wrong):
    classes: dict[str, int | None] = dict.fromkeys(f"n01440764/{name}" for name in names)
    if wrong:
        with pytest.raises(ValueError, match=f"'{key}'.*{wrong}"):
            split_images(key, classes)
    else:
        assert split_images(key, classes) == (50_000 if key == "imagenet_val" else 1_281_167)


CLASSES: dict[str, int | None] = {f"n{c}/image_{i}.jpg": c for c in range(4) for i in range(9)}


@given(limit=st.integers(4, 40))
def test_every_class_gives_equally_many(limit: int):
    taken = list(choose(CLASSES, limit).values())
    assert [taken.count(class_) for class_ in range(4)] == [min(9, limit // 4)] * 4


def test_the_subset_depends_neither_on_the_order_nor_on_the_folders_above():
    moved = {f"elsewhere/{path}": class_ for path, class_ in reversed(CLASSES.items())}
    taken = {path.removeprefix("elsewhere/") for path in choose(moved, 12)}
    assert taken == choose(CLASSES, 12).keys()
    assert taken != {f"n{c}/image_{i}.jpg" for c in range(4) for i in range(3)}


def test_without_a_limit_or_enough_images_all_are_taken_and_without_classes_they_are_one():
    assert choose(CLASSES, None) == CLASSES
    assert len(choose({**CLASSES, "n4/only.jpg": 4}, 25)) == 4 * 5 + 1
    assert len(choose(dict.fromkeys(CLASSES), 5)) == 5
