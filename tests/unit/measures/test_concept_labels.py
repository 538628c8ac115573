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


def concept_precisions(scores, labels, concepts, negatives, seed):
    targets = concept_targets(labels, concepts, len(scores), negatives, seed)
    return average_precisions(scores, targets)[0]


def test_balanced_draws_as_many_images_that_lack_the_concept():
    found = concept_examples(LABELS, CONCEPTS, 200, "balanced", seed=1, draws=4)
    for shown, examples in zip(SHOWN.T, found, strict=True):
        np.testing.assert_array_equal(examples.positives, np.flatnonzero(shown))
        assert examples.negatives is not None and len(examples.negatives) == 4
        for drawn in examples.negatives:
            assert len(np.unique(drawn)) == min(shown.sum(), (~shown).sum())
            assert not shown[drawn].any()


def test_more_draws_leave_the_first_as_they_are_and_differ():
    few, many = (
        list(concept_examples(LABELS, CONCEPTS[:3], 200, "balanced", seed=1, draws=draws))
        for draws in (2, 6)
    )
    for one, other in zip(few, many, strict=True):
        assert one.negatives is not None and other.negatives is not None
        np.testing.assert_array_equal(one.negatives, other.negatives[:2])
        assert len({frozenset(drawn) for drawn in other.negatives.tolist()}) == 6


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_negatives_depend_on_a_concepts_number_alone(negatives):
    whole = concept_precisions(SCORES, LABELS, CONCEPTS, negatives, seed=2)
    fewer = labels_and_numbers(SHOWN[:, [4, 1]], [21, 10])
    part = concept_precisions(SCORES, *fewer, negatives, seed=2)
    np.testing.assert_array_equal(part, whole[:, [4, 1]])
    shuffled = RNG.permutation(len(LABELS.image))
    moved = ConceptLabels(LABELS.image[shuffled], LABELS.concept[shuffled])
    again = concept_precisions(SCORES, *labels_and_numbers(moved), negatives, seed=2)
    np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize(
    ("images", "message"),
    [([], "concept 7 is on 0"), (range(200), "concept 7 is on 200"), ([200], "0 to 199")],
)
def test_refuses_a_concept_that_tells_no_images_apart_and_a_label_of_no_image(images, message):
    labels = ConceptLabels(np.array(images, np.int64), np.full(len(images), 7))
    with pytest.raises(ValueError, match=message):
        concept_precisions(SCORES, labels, np.array([7]), "all", seed=0)


def test_refuses_numbers_that_do_not_fit():
    with pytest.raises(ValueError, match="2 numbers of 6 concepts"):
        labels_and_numbers(SHOWN, [1, 2])
