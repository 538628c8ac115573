import numpy as np

from interpreting_clip.controls.label_checks import sanity_checks, with_as_many_more, without_half

MISSING, EXTRA = "missing labels", "extra labels"


def test_only_scores_against_all_images_pass_both_checks():
    passing = {(one.score, one.check) for one in sanity_checks(0.9, 0) if one.passes}
    for score in ("average precision", "encoded at 0.9"):
        assert {(f"{score}, all images", check) for check in (MISSING, EXTRA)} <= passing
        assert (f"{score}, balanced", EXTRA) in passing
        assert (f"{score}, balanced", MISSING) not in passing


def test_a_rare_concept_hides_the_labels_that_balanced_negatives_lack():
    fell = {(one.score, one.check): one.fell for one in sanity_checks(0.9, 1)}
    found = fell["average precision, balanced", MISSING]
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
