import numpy as np
import pytest

from interpreting_clip.controls import label_checks
from interpreting_clip.controls.label_checks import (
    sanity_checks,
    scores,
    with_as_many_more,
    without_half,
)

MISSING, EXTRA = "missing labels", "extra labels"


@pytest.fixture(scope="module")
def verdicts() -> dict[tuple[str, str], bool]:
    return {(one.score, one.check): one.passes for one in sanity_checks(0.9, 0)}


def test_only_scores_against_all_images_pass_both_checks(verdicts):
    passing = {
        score for score, _ in verdicts if verdicts[score, MISSING] and verdicts[score, EXTRA]
    }
    assert passing == {"average precision, all images", "encoded at 0.9, all images"}


def test_balanced_scores_pass_with_extra_labels_and_not_with_missing_ones(verdicts):
    for score in ("average precision, balanced", "encoded at 0.9, balanced"):
        assert verdicts[score, EXTRA] and not verdicts[score, MISSING]


def test_a_rare_concept_hides_the_labels_that_balanced_negatives_lack():
    (found,) = (
        one.fell
        for one in sanity_checks(0.9, 1)
        if (one.score, one.check) == ("average precision, balanced", MISSING)
    )
    # Of the 50 negatives one in two hundred shows the concept: few draws have any.
    assert found["0.3"] == 1 and found["0.01"] < 0.5


def test_half_of_the_labels_are_removed_and_as_many_are_added():
    rng = np.random.default_rng(0)
    shown = rng.random((1000, 4)) < np.array([0.05, 0.1, 0.2, 0.3])
    fewer, more = without_half(rng, shown), with_as_many_more(rng, shown)
    counts = shown.sum(axis=0)
    np.testing.assert_array_equal(fewer.sum(axis=0), counts - counts // 2)
    np.testing.assert_array_equal(more.sum(axis=0), 2 * counts)
    assert not (fewer & ~shown).any() and not (shown & ~more).any()


def test_the_scores_of_an_ideal_direction_are_perfect():
    shown = np.random.default_rng(0).random((500, 3)) < 0.2
    for values in scores(shown * 1.0, shown, 0.9, 0).values():
        np.testing.assert_array_equal(values, 1)


def test_a_score_that_never_falls_passes_nothing(monkeypatch):
    monkeypatch.setattr(
        label_checks, "scores", lambda values, *_: {"constant": np.ones(values.shape[1])}
    )
    assert [one.passes for one in sanity_checks(0.9, 0)] == [False, False]
