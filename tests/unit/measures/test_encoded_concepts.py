import numpy as np
import pytest

from stages.measures.concepts import (
    EncodedConcepts,
    encoded_by_category,
    encoded_concepts,
    sweep_thresholds,
)

RNG = np.random.default_rng(0)
PRECISIONS = RNG.uniform(size=(30, 12))
BY_HAND = np.array([[0.95, 0.92, 0.1], [0.9, 0.2, 0.3], [0.5, 0.8, 0.899]])


def test_by_hand():
    # The first direction encodes two concepts, the second one, the third none.
    assert encoded_concepts(BY_HAND, 0.9) == EncodedConcepts(2, 2, 1.5)


def test_the_order_of_directions_and_concepts_changes_nothing():
    moved = PRECISIONS[RNG.permutation(30)][:, RNG.permutation(12)]
    assert encoded_concepts(moved, 0.9) == encoded_concepts(PRECISIONS, 0.9)


def test_agrees_with_counting_sets():
    encoded = [{c for c in range(12) if row[c] >= 0.9} for row in PRECISIONS]
    some = [concepts for concepts in encoded if concepts]
    mean = sum(map(len, some)) / len(some)
    found = encoded_concepts(PRECISIONS, 0.9)
    assert (found.unique_concepts, found.encoding_directions) == (
        len(set.union(*encoded)),
        len(some),
    )
    assert found.polysemanticity == pytest.approx(mean)


def test_where_nothing_is_encoded_all_is_zero():
    assert encoded_concepts(np.full((5, 4), 0.5), 0.9) == EncodedConcepts(0, 0, 0.0)


def test_a_precision_at_the_threshold_but_for_rounding_counts():
    assert encoded_concepts(np.full((1, 1), 0.7 + 0.2), 0.9).unique_concepts == 1
    assert 0.7 + 0.2 < 0.9


def test_each_category_is_counted_alone():
    found = encoded_by_category(BY_HAND, ["object", "colour", "object"], 0.9)
    assert list(found) == ["colour", "object"]
    assert found["object"] == EncodedConcepts(1, 2, 1.0)
    assert found["colour"] == EncodedConcepts(1, 1, 1.0)


def test_categories_share_out_the_unique_concepts():
    found = encoded_by_category(PRECISIONS, ["a", "b", "c"] * 4, 0.9).values()
    total = encoded_concepts(PRECISIONS, 0.9).unique_concepts
    assert sum(each.unique_concepts for each in found) == total


def test_a_higher_threshold_encodes_no_more():
    sweep = sweep_thresholds(PRECISIONS, [0.5, 0.7, 0.9, 0.99])
    counts = [each.unique_concepts for each in sweep]
    assert counts == sorted(counts, reverse=True)
    assert sweep[2] == encoded_concepts(PRECISIONS, 0.9)


@pytest.mark.parametrize("threshold", [0.0, 90.0])
def test_refuses_a_threshold_that_is_no_precision(threshold):
    with pytest.raises(ValueError, match="above 0, at most 1"):
        encoded_concepts(PRECISIONS, threshold)


def test_refuses_a_concept_without_category():
    with pytest.raises(ValueError, match="11 categories for 12 concepts"):
        encoded_by_category(PRECISIONS, ["part"] * 11, 0.9)
