"""Positive images of concepts, and the negatives drawn for them."""

import numpy as np
import pytest

from interpreting_clip.measures.average_precision import average_precisions
from interpreting_clip.measures.concept_labels import (
    ConceptLabels,
    concept_examples,
    concept_targets,
    labels_and_numbers,
)

RNG = np.random.default_rng(0)
SHOWN = RNG.uniform(size=(200, 6)) < np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
NUMBERS = [3, 10, 11, 20, 21, 40]
SCORES = np.round(RNG.normal(size=(200, 9)), 1)
LABELS, CONCEPTS = labels_and_numbers(SHOWN, NUMBERS)


def test_balanced_draws_as_many_images_that_lack_the_concept():
    few, many = (
        list(concept_examples(LABELS, CONCEPTS, 200, "balanced", seed=1, draws=draws))
        for draws in (2, 4)
    )
    for shown, less, more in zip(SHOWN.T, few, many, strict=True):
        assert less.negatives is not None and more.negatives is not None
        np.testing.assert_array_equal(more.positives, np.flatnonzero(shown))
        np.testing.assert_array_equal(more.negatives[:2], less.negatives)
        assert len({frozenset(drawn) for drawn in more.negatives.tolist()}) == (
            4 if shown.mean() < 0.5 else 1
        )
        for drawn in more.negatives:
            assert len(np.unique(drawn)) == min(shown.sum(), (~shown).sum())
            assert not shown[drawn].any()


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_negatives_depend_on_a_concepts_number_alone(negatives):
    def precisions(labels, concepts):
        return average_precisions(
            SCORES, concept_targets(labels, concepts, 200, negatives, 2)
        ).drawn[0]

    whole, shuffled = precisions(LABELS, CONCEPTS), RNG.permutation(len(LABELS.image))
    part = precisions(*labels_and_numbers(SHOWN[:, [4, 1]], [21, 10]))
    np.testing.assert_array_equal(part, whole[:, [4, 1]])
    moved = ConceptLabels(LABELS.image[shuffled], LABELS.concept[shuffled])
    np.testing.assert_array_equal(precisions(*labels_and_numbers(moved)), whole)


def test_refuses_a_label_of_no_image():
    with pytest.raises(ValueError, match="0 to 199"):
        concept_targets(ConceptLabels(np.array([200]), np.array([7])), np.array([7]), 200, "all", 0)
