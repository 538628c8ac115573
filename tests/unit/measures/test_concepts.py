import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from interpreting_clip.measures import concepts as module
from interpreting_clip.measures.average_precision import average_precisions
from interpreting_clip.measures.concepts import (
    ConceptLabels,
    EncodedConcepts,
    Group,
    concept_examples,
    concept_targets,
    encoded_concepts,
    probe,
)
from interpreting_clip.measures.directions import project, singular_directions

RNG = np.random.default_rng(0)
SHOWN = RNG.uniform(size=(200, 6)) < np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
CONCEPTS = np.array([3, 10, 11, 20, 21, 40])
SCORES = np.round(RNG.normal(size=(200, 9)), 1)


def labels_of(shown, numbers):
    image, column = np.nonzero(shown)
    return ConceptLabels(image, numbers[column])


def concept_precisions(scores, labels, concepts, negatives, seed):
    targets = concept_targets(labels, concepts, len(scores), negatives, seed)
    return average_precisions(scores, targets)[0]


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
        chosen = rest if examples.negatives is None else examples.negatives[0]
        kept = np.concatenate([examples.positives, chosen])
        labels = np.isin(kept, examples.positives)
        plain = [average_precision_score(labels, scores[kept]) for scores in SCORES.T]
        np.testing.assert_allclose(found[:, column], plain, rtol=1e-12)


def test_balanced_draws_as_many_images_that_lack_the_concept():
    found = concept_examples(LABELS, CONCEPTS, 200, "balanced", seed=1, draws=4)
    for column, examples in enumerate(found):
        shown = SHOWN[:, column]
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
def test_other_concepts_change_nothing(negatives):
    whole = concept_precisions(SCORES, LABELS, CONCEPTS, negatives, seed=2)
    fewer = labels_of(SHOWN[:, [4, 1]], CONCEPTS[[4, 1]])
    part = concept_precisions(SCORES, fewer, CONCEPTS[[4, 1]], negatives, seed=2)
    np.testing.assert_array_equal(part, whole[:, [4, 1]])


def test_scores_without_information_encode_nothing():
    # Each concept has 100 positives and 100 negatives: chance is one half.
    labels = ConceptLabels(np.arange(1000), np.repeat(np.arange(10), 100))
    noise = RNG.normal(size=(1000, 40)).astype(np.float32)
    found = concept_precisions(noise, labels, np.arange(10), "balanced", seed=0)
    assert found.mean() == pytest.approx(0.5, abs=0.02)
    assert found.max() < 0.75


EVERY = np.ones(6, np.bool_)
GROUPS = [Group(EVERY, 0.6), Group(np.arange(6) < 2, 0.6), Group(EVERY, 0.5)]
DIRECTIONS = singular_directions(RNG.normal(size=(7, 9)))


def counts_of(encodes):
    """Count the concepts of one draw with sets, `encodes[direction][concept]`."""
    sets = [{c for c, shown in enumerate(row) if shown} for row in encodes]
    some = [one for one in sets if one]
    mean = sum(map(len, some)) / len(some) if some else 0
    return len(set().union(*some)), len(some), pytest.approx(mean)


@pytest.mark.parametrize("sign", ["fixed", "either"])
@pytest.mark.parametrize("directions", [DIRECTIONS, None])
def test_a_probe_agrees_with_scikit_learn_and_with_counting_sets(sign, directions):
    scores = SCORES if directions is None else project(SCORES, directions)
    targets = concept_targets(LABELS, CONCEPTS, 200, "balanced", 5, draws=4)
    found = probe(SCORES, directions, targets, GROUPS, sign=sign, workers=2)
    every = np.empty((4, scores.shape[1], 6))
    negative = np.zeros(every.shape, np.bool_)
    for column, examples in enumerate(
        concept_examples(LABELS, CONCEPTS, 200, "balanced", 5, draws=4)
    ):
        assert examples.negatives is not None
        for draw, negatives in enumerate(examples.negatives):
            kept = np.concatenate([examples.positives, negatives])
            labels = np.isin(kept, examples.positives)
            for direction, score in enumerate(scores.T):
                own, other = (average_precision_score(labels, s * score[kept]) for s in (1, -1))
                negative[draw, direction, column] = sign == "either" and other > own
                every[draw, direction, column] = max(own, other) if sign == "either" else own
    np.testing.assert_allclose(found.precisions, every[0], rtol=1e-12)
    np.testing.assert_array_equal(found.negative, negative[0])
    for group, counts in zip(GROUPS, found.counts, strict=True):
        plain = [counts_of(each) for each in every[:, :, group.concepts] >= group.threshold]
        first = (counts.unique_concepts, counts.encoding_directions, counts.polysemanticity)
        assert first == plain[0]
        assert counts.unique_low == min(unique for unique, *_ in plain)
        assert counts.unique_high == max(unique for unique, *_ in plain)
        means = [mean.expected for *_, mean in plain]
        assert counts.polysemanticity_low == pytest.approx(min(means))
        assert counts.polysemanticity_high == pytest.approx(max(means))


def test_a_feature_against_a_concept_encodes_it_by_its_negative_side_alone():
    against = -SHOWN[:, [2]].astype(np.float32)
    targets = concept_targets(LABELS, CONCEPTS, 200, "balanced", 0, draws=3)
    fixed, either = (
        probe(against, None, targets, [Group(EVERY, 0.99)], sign=sign)
        for sign in ("fixed", "either")
    )
    assert fixed.counts[0].unique_high == 0 and not fixed.negative.any()
    assert either.counts[0] == EncodedConcepts(1, 1, 1.0, 1, 1, 1.0, 1.0)
    assert either.precisions[0, 2] == 1 and either.negative[0, 2]


def test_the_sign_of_the_scores_changes_nothing_where_either_side_counts():
    targets = concept_targets(LABELS, CONCEPTS, 200, "balanced", 0, draws=3)
    signs = RNG.choice([-1.0, 1.0], 9)
    one, other = (probe(s, None, targets, GROUPS, sign="either") for s in (SCORES, signs * SCORES))
    np.testing.assert_array_equal(one.precisions, other.precisions)
    assert one.counts == other.counts


def test_the_interval_holds_another_draw_as_often_as_it_says():
    labels, values = ConceptLabels(np.arange(40), np.repeat(np.arange(8), 5)), np.arange(8)
    scores, inside = RNG.normal(size=(200, 30)), []
    for seed in range(100):
        targets = concept_targets(labels, values, 200, "balanced", seed, draws=6)
        *five, last = average_precisions(scores, targets)
        counts, other = encoded_concepts(np.array(five), 0.8), encoded_concepts(last[None], 0.8)
        assert counts.unique_low is not None and counts.unique_high is not None
        inside.append(counts.unique_low <= other.unique_concepts <= counts.unique_high)
    assert np.mean(inside) > 4 / 6 - 0.1  # (n - 1) / (n + 1), more where counts are equal


@pytest.mark.parametrize("negatives", ["balanced", "all"])
@pytest.mark.parametrize("directions", [DIRECTIONS, None])
def test_directions_a_few_at_a_time_are_counted_together(negatives, directions, monkeypatch):
    targets = concept_targets(LABELS, CONCEPTS, len(SCORES), negatives, seed=2, draws=3)
    whole = probe(SCORES, directions, targets, GROUPS, sign="either")
    for held in (1, 650):
        monkeypatch.setattr(module, "NUMBERS_AT_A_TIME", held)
        found = probe(SCORES, directions, targets, GROUPS, sign="either")
        np.testing.assert_allclose(found.precisions, whole.precisions, rtol=1e-12)
        assert found.counts == whole.counts


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "concept 7 is on 0"),
        (range(200), "concept 7 is on 200"),
        ([200], "0 to 199"),
    ],
)
def test_refuses_a_concept_that_tells_no_images_apart_and_a_label_of_no_image(images, message):
    labels = ConceptLabels(np.array(images, np.int64), np.full(len(images), 7))
    with pytest.raises(ValueError, match=message):
        concept_precisions(SCORES, labels, np.array([7]), "all", seed=0)


PRECISIONS = RNG.uniform(size=(3, 30, 12))
BY_HAND = np.array([[0.95, 0.92, 0.1], [0.9, 0.2, 0.3], [0.5, 0.8, 0.899]])


@pytest.mark.parametrize(
    ("precisions", "expected"),
    [
        # The first direction encodes two concepts, the second one, the third none.
        (BY_HAND, EncodedConcepts(2, 2, 1.5)),
        (np.full((5, 4), 0.5), EncodedConcepts(0, 0, 0.0)),
        # At the threshold up to rounding: 0.7 + 0.2 is less than 0.9.
        (np.full((1, 1), 0.7 + 0.2), EncodedConcepts(1, 1, 1.0)),
    ],
)
def test_encoded_concepts_by_hand(precisions, expected):
    assert encoded_concepts(precisions[None], 0.9) == expected


def test_the_order_of_directions_and_concepts_changes_nothing():
    moved = PRECISIONS[:, RNG.permutation(30)][:, :, RNG.permutation(12)]
    assert encoded_concepts(moved, 0.9) == encoded_concepts(PRECISIONS, 0.9)
