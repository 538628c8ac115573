"""Positive images of concepts, and the negatives drawn for them."""

import re

import numpy as np
import pytest

from interpreting_clip.statistics.average_precision import average_precisions
from interpreting_clip.statistics.concept_labels import (
    ConceptLabels,
    concept_examples,
    labels_and_numbers,
    resample_examples,
)
from tests.reads import ROOT

RNG = np.random.default_rng(0)
SHOWN = RNG.uniform(size=(200, 6)) < np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
NUMBERS = [3, 10, 11, 20, 21, 40]
SCORES = np.round(RNG.normal(size=(200, 9)), 1)
LABELS, CONCEPTS = labels_and_numbers(SHOWN, NUMBERS)


def test_balanced_draws_as_many_images_that_lack_the_concept():
    examples = concept_examples(LABELS, CONCEPTS, 200, "balanced", seed=1)
    for shown, one in zip(SHOWN.T, examples, strict=True):
        assert one.negatives is not None
        np.testing.assert_array_equal(one.positives, np.flatnonzero(shown))
        assert len(np.unique(one.negatives)) == min(shown.sum(), (~shown).sum())
        assert not shown[one.negatives].any()


def test_a_resample_draws_negatives_from_its_own_images():
    few, many = (
        resample_examples(LABELS, CONCEPTS, 200, "balanced", 1, draws=draws) for draws in (2, 4)
    )
    assert len({one.counts.tobytes() for one in many}) == 4
    for less, more in zip(few, many, strict=False):
        np.testing.assert_array_equal(less.counts, more.counts)
        assert less.negatives and more.negatives
        for shown, one, same in zip(SHOWN.T, less.negatives, more.negatives, strict=True):
            np.testing.assert_array_equal(one, same)
            positives, others = (int(less.counts[which].sum()) for which in (shown, ~shown))
            assert positives + others == 200 and len(one) == min(positives, others)
            drawn = np.bincount(one, minlength=200)
            assert (drawn <= less.counts).all() and not drawn[shown].any()


def test_resamples_of_all_images_draw_no_negatives():
    drawn = resample_examples(LABELS, CONCEPTS, 200, "balanced", 1, draws=2)
    for one, same in zip(
        resample_examples(LABELS, CONCEPTS, 200, "all", 1, draws=2), drawn, strict=True
    ):
        assert one.negatives is None
        np.testing.assert_array_equal(one.counts, same.counts)


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_negatives_depend_on_a_concepts_number_alone(negatives):
    def precisions(labels, concepts):
        how = labels, concepts, 200, negatives, 2
        resamples = resample_examples(*how, draws=2)
        return average_precisions(SCORES, concept_examples(*how), resamples=resamples).drawn

    whole, shuffled = precisions(LABELS, CONCEPTS), RNG.permutation(len(LABELS.image))
    part = precisions(*labels_and_numbers(SHOWN[:, [4, 1]], [21, 10]))
    np.testing.assert_array_equal(part, whole[..., [4, 1]])
    moved = ConceptLabels(LABELS.image[shuffled], LABELS.concept[shuffled])
    np.testing.assert_array_equal(precisions(*labels_and_numbers(moved)), whole)


def losses(share, negatives):
    """Return the mean loss, %, with half of the labels missing, and the least with extra ones."""
    rng = np.random.default_rng(0)
    shown = rng.random((4000, 60)) < share
    scores = 8 * shown + rng.standard_normal(shown.shape)
    missing, extra = shown.copy(), shown.copy()
    for column in range(60):
        on = rng.permutation(np.flatnonzero(shown[:, column]))
        off = rng.permutation(np.flatnonzero(~shown[:, column]))
        missing[on[: len(on) // 2], column] = False
        extra[off[: len(on)], column] = True

    def precisions(labels):
        targets = concept_examples(*labels_and_numbers(labels), len(labels), negatives, 0)
        return np.diag(average_precisions(scores, targets).drawn[0])

    before = precisions(shown)
    with_missing, with_extra = (100 * (1 - precisions(one) / before) for one in (missing, extra))
    return with_missing.mean(), with_extra.min()


def test_balanced_scores_overlook_missing_labels_of_rare_concepts():
    """Sanity checks of Oikarinen et al. (2025); the figures are those of docs/measures.md."""
    manual = " ".join((ROOT / "docs/measures.md").read_text().split())
    said = re.search(
        r"balanced score loses (\d+) % if the concept is on (\d+) % of the images, but less than "
        r"(\d+) % if it is on (\d+) %; its score against all images loses (\d+) and (\d+) %",
        manual,
    )
    assert said
    balanced, share, rare_balanced, rare_share, over_all, rare_over_all = map(int, said.groups())
    for percent, negatives, loss in (
        (share, "balanced", pytest.approx(balanced, abs=0.5)),
        (share, "all", pytest.approx(over_all, abs=0.5)),
        (rare_share, "balanced", pytest.approx(rare_balanced / 2, abs=rare_balanced / 2)),
        (rare_share, "all", pytest.approx(rare_over_all, abs=0.5)),
    ):
        with_missing, with_extra = losses(percent / 100, negatives)
        assert with_missing == loss and with_extra > 5


def test_refuses_a_label_of_no_image():
    with pytest.raises(ValueError, match="0 to 199"):
        concept_examples(
            ConceptLabels(np.array([200]), np.array([7])), np.array([7]), 200, "all", 0
        )
