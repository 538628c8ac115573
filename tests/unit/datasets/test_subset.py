import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.datasets.real import choose

CLASSES: dict[str, int | None] = {f"n{c}/image_{i}.jpg": c for c in range(4) for i in range(9)}


def test_without_a_limit_everything_is_taken():
    assert choose(CLASSES, None) == CLASSES


@given(limit=st.integers(4, 40))
def test_every_class_gives_equally_many(limit: int):
    taken = list(choose(CLASSES, limit).values())
    assert [taken.count(class_) for class_ in range(4)] == [min(9, limit // 4)] * 4


def test_the_subset_does_not_depend_on_order_or_on_the_folders_above():
    moved = {f"elsewhere/{path}": class_ for path, class_ in reversed(CLASSES.items())}
    taken = {path.removeprefix("elsewhere/") for path in choose(moved, 12)}
    assert taken == choose(CLASSES, 12).keys()


def test_a_greater_limit_keeps_what_a_smaller_one_took():
    assert choose(CLASSES, 8).keys() < choose(CLASSES, 16).keys()


def test_the_first_images_are_not_favoured():
    assert choose(CLASSES, 12).keys() != {f"n{c}/image_{i}.jpg" for c in range(4) for i in range(3)}


def test_a_small_class_gives_all_it_has():
    assert len(choose({**CLASSES, "n4/only.jpg": 4}, 25)) == 4 * 5 + 1


def test_a_set_without_classes_is_one_class():
    unlabelled = dict.fromkeys(CLASSES)
    assert len(choose(unlabelled, 5)) == 5


def test_a_limit_below_the_classes_is_refused():
    with pytest.raises(ValueError, match="at least one image per class, 4, was expected, got 3"):
        choose(CLASSES, 3)
