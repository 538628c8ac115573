import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from stages.measures import concepts as module
from stages.measures.average_precision import average_precisions
from stages.measures.concepts import (
    ConceptLabels,
    EncodedConcepts,
    concept_examples,
    concept_targets,
    direction_precisions,
    encoded_by_category,
    encoded_concepts,
)
from stages.measures.directions import project, singular_directions

RNG = np.random.default_rng(0)
SHOWN = RNG.uniform(size=(200, 6)) < np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
CONCEPTS = np.array([3, 10, 11, 20, 21, 40])
SCORES = np.round(RNG.normal(size=(200, 9)), 1)


def labels_of(shown, numbers):
    image, column = np.nonzero(shown)
    return ConceptLabels(image, numbers[column])


def concept_precisions(scores, labels, concepts, negatives, seed):
    return average_precisions(
        scores, concept_targets(labels, concepts, len(scores), negatives, seed)
    )


LABELS = labels_of(SHOWN, CONCEPTS)


def test_a_direction_that_shows_a_concept_has_one_for_it():
    found = concept_precisions(SHOWN.astype(np.float32), LABELS, CONCEPTS, "all", seed=0)
    np.testing.assert_array_equal(np.diag(found), 1)
    assert found[~np.eye(6, dtype=bool)].max() < 1


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_agrees_with_scikit_learn_on_the_same_images(negatives):
    found = concept_precisions(SCORES, LABELS, CONCEPTS, negatives, seed=5)
    for column, examples in enumerate(concept_examples(LABELS, CONCEPTS, 200, negatives, seed=5)):
        rest = np.setdiff1d(np.arange(200), examples.positives)
        chosen = rest if examples.negatives is None else examples.negatives
        kept = np.concatenate([examples.positives, chosen])
        labels = np.isin(kept, examples.positives)
        plain = [average_precision_score(labels, scores[kept]) for scores in SCORES.T]
        np.testing.assert_allclose(found[:, column], plain, rtol=1e-12)


def test_balanced_draws_as_many_images_that_lack_the_concept():
    for column, examples in enumerate(concept_examples(LABELS, CONCEPTS, 200, "balanced", seed=1)):
        shown = SHOWN[:, column]
        np.testing.assert_array_equal(examples.positives, np.flatnonzero(shown))
        assert examples.negatives is not None
        assert len(np.unique(examples.negatives)) == min(shown.sum(), (~shown).sum())
        assert not shown[examples.negatives].any()


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_other_concepts_change_nothing(negatives):
    whole = concept_precisions(SCORES, LABELS, CONCEPTS, negatives, seed=2)
    fewer = labels_of(SHOWN[:, [4, 1]], CONCEPTS[[4, 1]])
    part = concept_precisions(SCORES, fewer, CONCEPTS[[4, 1]], negatives, seed=2)
    np.testing.assert_array_equal(part, whole[:, [4, 1]])


def test_the_order_and_repetition_of_pairs_change_nothing():
    order = RNG.permutation(np.tile(np.arange(len(LABELS.image)), 2))
    shuffled = ConceptLabels(LABELS.image[order], LABELS.concept[order])
    np.testing.assert_array_equal(
        concept_precisions(SCORES, shuffled, CONCEPTS, "balanced", seed=0),
        concept_precisions(SCORES, LABELS, CONCEPTS, "balanced", seed=0),
    )


def test_every_seed_and_every_concept_draws_its_own_negatives():
    labels = ConceptLabels(np.tile(np.arange(20), 2), np.repeat([1, 2], 20))
    drawn = [
        frozenset(examples.negatives.tolist())
        for seed in (0, 1)
        for examples in concept_examples(labels, np.array([1, 2]), 200, "balanced", seed)
        if examples.negatives is not None
    ]
    assert len(set(drawn)) == 4


def test_scores_without_information_encode_nothing():
    # Concepts of 100 images, as many negatives: chance is one half.
    labels = ConceptLabels(np.arange(1000), np.repeat(np.arange(10), 100))
    noise = RNG.normal(size=(1000, 40)).astype(np.float32)
    found = concept_precisions(noise, labels, np.arange(10), "balanced", seed=0)
    assert found.mean() == pytest.approx(0.5, abs=0.02)
    assert found.max() < 0.75


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_directions_a_few_at_a_time_score_by_their_projections(negatives, monkeypatch):
    directions = singular_directions(RNG.normal(size=(7, 9)))
    scores = project(SCORES, directions)
    whole = concept_precisions(scores, LABELS, CONCEPTS, negatives, seed=2)
    targets = concept_targets(LABELS, CONCEPTS, len(SCORES), negatives, seed=2)
    for held in (1, 650, 2**24):
        monkeypatch.setattr(module, "PROJECTIONS_AT_A_TIME", held)
        found = direction_precisions(SCORES, directions, targets)
        np.testing.assert_allclose(found, whole, rtol=1e-12)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "concept 7 is on 0 of 200 images"),
        (range(200), "concept 7 is on 200 of 200 images"),
        ([-1], "outside 0 to 199"),
        ([200], "outside 0 to 199"),
    ],
)
def test_refuses_a_concept_that_tells_no_images_apart_and_a_label_of_no_image(images, message):
    labels = ConceptLabels(np.array(images, np.int64), np.full(len(images), 7))
    with pytest.raises(ValueError, match=message):
        concept_precisions(SCORES, labels, np.array([7]), "all", seed=0)


PRECISIONS = RNG.uniform(size=(30, 12))
BY_HAND = np.array([[0.95, 0.92, 0.1], [0.9, 0.2, 0.3], [0.5, 0.8, 0.899]])


@pytest.mark.parametrize(
    ("precisions", "expected"),
    [
        # The first direction encodes two concepts, the second one, the third none.
        (BY_HAND, EncodedConcepts(2, 2, 1.5)),
        (np.full((5, 4), 0.5), EncodedConcepts(0, 0, 0.0)),
        # A threshold but for rounding: 0.7 + 0.2 is less than 0.9.
        (np.full((1, 1), 0.7 + 0.2), EncodedConcepts(1, 1, 1.0)),
    ],
)
def test_encoded_concepts_by_hand(precisions, expected):
    assert encoded_concepts(precisions, 0.9) == expected


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


def test_each_category_is_counted_alone():
    found = encoded_by_category(BY_HAND, ["object", "colour", "object"], 0.9)
    assert list(found) == ["colour", "object"]
    assert found["object"] == EncodedConcepts(1, 2, 1.0)
    assert found["colour"] == EncodedConcepts(1, 1, 1.0)


@pytest.mark.parametrize("threshold", [0.0, 90.0])
def test_refuses_a_threshold_that_is_no_precision(threshold):
    with pytest.raises(ValueError, match="above 0, at most 1"):
        encoded_concepts(PRECISIONS, threshold)


def test_refuses_a_concept_without_category():
    with pytest.raises(ValueError, match="11 categories for 12 concepts"):
        encoded_by_category(PRECISIONS, ["part"] * 11, 0.9)
