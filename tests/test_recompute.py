"""docs/recompute.md says what the code says."""

import pytest

from tests.recompute import PAGE, page, which


def test_the_page_is_that_of_the_code():
    if PAGE.read_text() != page():
        pytest.fail("docs/recompute.md is out of date: `python -m tests.recompute` renews it")


@pytest.mark.parametrize(
    ("stage", "path", "expected"),
    [
        ("kurtosis", "kurtosis.seed", ""),
        ("fetch", "datasets.broden.images", " of it"),
        ("fetch", "sources.world.seed", " that name it"),
        ("extract", "encoders.rn.head", " of it"),
        ("extract", "heads.random.seed", " that name it"),
        ("report", "comparisons.rn.first", ""),
    ],
)
def test_says_which_instances_read_a_leaf(stage, path, expected):
    assert which(stage, path) == expected


def test_refuses_a_leaf_that_a_stage_does_not_read():
    with pytest.raises(ValueError, match=r"kurtosis does not read concepts\.seed"):
        which("kurtosis", "concepts.seed")
