"""The measure: concepts of directions and features, by name, with their chance levels."""

from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import asdict
from scipy.stats import t as student
from sklearn.metrics import average_precision_score

from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.concepts import Settings, concepts
from interpreting_clip.statistics.average_precision import (
    Examples,
    Resample,
    average_precisions,
    encodes_concepts,
)
from interpreting_clip.statistics.chance import fewest_images
from interpreting_clip.statistics.concept_counts import chance_level
from interpreting_clip.statistics.concept_labels import (
    concept_examples,
    draw_negatives,
    labels_and_numbers,
    resample_examples,
)

RNG = np.random.default_rng(0)
IMAGES, FEATURES = 300, 6
SHOWN = RNG.uniform(size=(IMAGES, 5)) < np.array([0.15, 0.3, 0.4, 0.01, 1])
NOISE = RNG.standard_normal((IMAGES, FEATURES))
# Features 0, 1 and 3 carry the concepts 0, 1 and 2.
PLANTED = NOISE + 8 * SHOWN[:, :3] @ np.eye(FEATURES)[[0, 1, 3]]
FREQUENT = labels_and_numbers(SHOWN[:, :3])
NAMES, KINDS = ["red", "door", "wood", "rare", "all"], ["color", "part", "part", "part", "color"]
FEW = Settings(draws=4, rotations=3, sweep=[0.7, 0.99], minimum_images=10)


def test_planted_concepts_are_found_on_their_features():
    found = concepts(PLANTED, labels=SHOWN, **asdict(FEW))
    assert found.directions is None and list(found.bases) == ["features"]
    assert found.concepts == ["concept 0", "concept 1", "concept 2"]
    assert found.left_out == ["concept 3", "concept 4"]
    features: Any = found.features
    assert features.unique == Estimate(3, 3, 3)
    assert 0 < features.random.value < 3
    assert features.pairs == 3 and features.categories == {}
    pairs = [(pair.number, pair.concept, pair.category) for pair in features.encoded]
    assert pairs == [(0, "concept 0", ""), (1, "concept 1", ""), (3, "concept 2", "")]


@pytest.mark.parametrize("negatives", ["balanced", "all"])
def test_counts_agree_with_average_precisions(negatives):
    settings = msgspec.structs.replace(FEW, negatives=negatives, threshold=0.6, sweep=[0.5, 0.7])
    found = concepts(NOISE, labels=SHOWN, names=NAMES, categories=KINDS, **asdict(settings))
    examples = concept_examples(*FREQUENT, IMAGES, negatives, 0)
    resamples = resample_examples(*FREQUENT, IMAGES, negatives, 0, draws=4)
    every = average_precisions(NOISE, examples, resamples=resamples).drawn
    over_all = average_precisions(NOISE, concept_examples(*FREQUENT, IMAGES, "all", 0)).drawn[0]
    features, encodes = found.features, every >= 0.6
    unique, encoding = encodes.any(axis=1).sum(axis=1), encodes.any(axis=2).sum(axis=1)
    means = encodes.sum(axis=(1, 2)) / np.maximum(encoding, 1)
    assert (features.unique.value, features.encoding_directions.value) == (unique[0], encoding[0])
    estimates = features.unique, features.encoding_directions, features.polysemanticity
    for estimate, values in zip(estimates, (unique, encoding, means), strict=True):
        half = student.ppf(0.975, 3) * values[1:].std(ddof=1)
        ends = max(0, values[0] - half), values[0] + half
        assert (estimate.value, estimate.ends) == (values[0], pytest.approx(ends))
    assert features.over_all == (over_all >= 0.6).any(axis=0).sum()
    assert features.draws == unique[1:].tolist()
    for one in features.sweep:
        assert one.unique == (every[0] >= one.threshold).any(axis=0).sum()
    shown = encodes[0].any(axis=0)
    assert features.categories == {"color": shown[0], "part": shown[1:].sum()}
    assert features.names == sorted(f"{NAMES[c]} ({KINDS[c]})" for c in np.flatnonzero(shown))


def test_the_count_with_rare_concepts_is_that_of_a_fewest_image_of_one():
    given: Any = asdict(msgspec.structs.replace(FEW, threshold=0.6, rotations=4))
    few = concepts(PLANTED, labels=SHOWN, **given)
    every = concepts(PLANTED, labels=SHOWN, **given | {"minimum_images": 1})
    assert (few.left_out, every.left_out) == (["concept 3", "concept 4"], ["concept 4"])
    rare, all_of_them = few.features, every.features
    counts = [(one.with_rare, one.with_rare_random) for one in (rare, all_of_them)]
    assert counts[0] == counts[1] == (all_of_them.unique.value, all_of_them.random)
    assert rare.with_rare > rare.unique.value
    assert rare.random == concepts(PLANTED, labels=SHOWN[:, :3], **given).features.random


def test_directions_are_numbered_from_one_and_features_from_none():
    turned = np.linalg.qr(RNG.standard_normal((FEATURES, FEATURES))).Q
    found = concepts(PLANTED @ turned, labels=SHOWN, directions=turned[:2], **asdict(FEW))
    plain = concepts(PLANTED, labels=SHOWN, **asdict(FEW)).features
    assert found.directions is not None and list(found.bases) == ["directions", "features"]
    np.testing.assert_allclose(found.directions.precisions, plain.precisions[:2], rtol=1e-12)
    assert [pair.number for pair in found.directions.encoded] == [1, 2]
    assert len(found.features.precisions) == FEATURES


def test_p_is_the_share_of_random_sets_that_encode_as_many():
    # Features of noise are random directions themselves; those of planted concepts are not.
    given = msgspec.structs.replace(FEW, rotations=20, threshold=0.6)
    noise: Any = concepts(NOISE, labels=SHOWN, **asdict(given)).features
    assert noise.random_p > 0.05 and 0 < noise.random_p_error < 0.1
    given = msgspec.structs.replace(given, threshold=0.99)
    planted: Any = concepts(PLANTED, labels=SHOWN, **asdict(given)).features
    assert planted.random_p < 0.05 and planted.random.value < planted.unique.value
    assert planted.random_p >= 1 / 501


def test_directions_are_also_compared_with_random_ones_in_their_span():
    given: Any = asdict(msgspec.structs.replace(FEW, threshold=0.6, rotations=4))
    span = np.linalg.qr(RNG.standard_normal((FEATURES, 3))).Q.T
    found: Any = concepts(PLANTED, labels=SHOWN, directions=span, **given)
    projected: Any = concepts(PLANTED @ span.T, labels=SHOWN, **given).features
    in_span, counts = found.in_span, (projected.random, projected.over_all_random)
    assert (in_span.random, in_span.over_all_random) == counts
    assert (in_span.random_p, in_span.random_p_error) == (
        projected.random_p,
        projected.random_p_error,
    )
    assert concepts(PLANTED, labels=SHOWN, **given).in_span is None


def test_a_span_can_be_privileged_where_its_directions_are_not():
    # Any directions in the span of the features 0, 1 and 3 see the concepts, most others do not.
    turned = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3))).Q
    span = turned @ np.eye(FEATURES)[[0, 1, 3]]
    given: Any = asdict(msgspec.structs.replace(FEW, threshold=0.75, rotations=20))
    loud = 10 * np.random.default_rng(6).standard_normal((IMAGES, 20))
    wide = np.concatenate([PLANTED, loud], axis=1)
    found: Any = concepts(
        wide, labels=SHOWN[:, :3], directions=np.pad(span, ((0, 0), (0, 20))), **given
    )
    assert found.directions.random_p < 0.05 < found.in_span.random_p


def test_rows_of_concepts_rank_images_as_scikit_learn_says():
    rows = np.eye(FEATURES)[[0, 1, 3, 4, 5]] + 5  # what all of them have in common is subtracted
    settings = msgspec.structs.replace(FEW, negatives="all")
    found: Any = concepts(PLANTED, labels=SHOWN, rows=rows, **asdict(settings)).rows
    scores = PLANTED @ (rows - rows.mean(axis=0)).T
    every = np.array(
        [[average_precision_score(SHOWN[:, c], scores[:, r]) for c in range(3)] for r in range(5)]
    )
    own = np.diagonal(every)
    others = (every.sum(axis=0) - own) / 4
    np.testing.assert_allclose(found.precisions, own)
    assert found.encoded.value == found.over_all == (own >= 0.9).sum() >= 2
    assert (
        found.by_others
        == found.over_all_by_others
        == pytest.approx(((every >= 0.9).sum(axis=0) - (own >= 0.9)).sum() / 4)
    )
    assert found.precision == pytest.approx(own.mean())
    assert found.precision_by_others == pytest.approx(others.mean())
    assert found.encoded.low <= found.encoded.value <= found.encoded.high


def test_a_chance_level_is_a_mean_with_counts_that_were_drawn():
    assert chance_level(np.array([[0, 0], [1, 3]])) == Estimate(1.0, 0, 3)
    assert chance_level(np.arange(100)) == Estimate(49.5, 4, 94)


def test_the_fewest_images_are_those_that_chance_allows_if_none_is_set():
    settings = msgspec.structs.replace(FEW, minimum_images=None, sign="either")
    found = concepts(NOISE, labels=SHOWN, **asdict(settings))
    assert found.minimum_images == fewest_images(0.9, 2 * FEATURES, 5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": ["one"]}, "names: expected 5.*got 1"),
        ({"directions": np.ones((2, FEATURES))}, "right angles"),
        ({"rows": np.ones((4, FEATURES))}, "rows: expected 5, one for each concept.* got 4"),
        ({"rows": np.ones((5, 2))}, "rows: expected 6 columns|rows: expected 6 .* got 2"),
        ({"minimum_images": 200}, "the most frequent, concept 2,"),
    ],
)
def test_refuses_what_does_not_fit(given, message):
    with pytest.raises(ValueError, match=message):
        concepts(NOISE, labels=SHOWN, **(asdict(FEW) | given))


def counted(strength, shown, rng, number):
    """Return the count of concepts, each on its feature, and its SDs over two kinds of draws."""
    scores = strength * shown + rng.standard_normal(shown.shape)
    given = {"draws": 10, "rotations": 0, "minimum_images": 1, "seed": number}
    found = concepts(scores, labels=shown, **given).features
    examples = [Examples(np.flatnonzero(column), None) for column in shown.T]
    once = np.ones(len(shown), np.int64)
    # The same images, with other negatives.
    redrawn = [
        Resample(once, [draw_negatives(one.positives, once, rng) for one in examples])
        for _ in range(10)
    ]
    best = average_precisions(scores, examples, resamples=redrawn).drawn[1:].max(axis=1)
    counts = encodes_concepts(best, 0.9).sum(axis=1)
    return found.unique.value, np.std(found.draws, ddof=1), np.std(counts, ddof=1)


def test_intervals_cover_the_expected_count_and_draws_of_negatives_do_not():
    # Images differ in how clearly they show what is on them, so that counts depend on the images.
    rng, rates = np.random.default_rng(0), np.linspace(0.15, 0.4, 12)
    clarity = np.exp(rng.standard_normal((80, 100, 1)))
    strength, shown = np.linspace(1.5, 4, 12) * clarity, rng.random((80, 100, 12)) < rates
    found = [counted(*one, rng, n) for n, one in enumerate(zip(strength, shown, strict=True))]
    value, *deviations = np.array(found).T
    error, t = np.abs(value - value.mean()), student.ppf(0.975, 9)
    both, negatives = ((error <= t * one).mean() for one in deviations)
    assert both >= 0.9 and negatives < 0.87
    whole, part = (np.sqrt(np.mean(one**2)) for one in deviations)
    assert whole == pytest.approx(value.std(ddof=1), rel=0.15) and part < 0.75 * whole
