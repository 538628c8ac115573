import numpy as np
import pytest

from interpreting_clip.arrays.head import Head
from interpreting_clip.measures.directions import singular_directions
from interpreting_clip.statistics.logit_variance import logit_variance_shares, second_moment

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(7, 12)) + RNG.normal(size=12)
ACTIVATIONS = RNG.normal(size=(90, 12)) * RNG.lognormal(size=(90, 1)) + 0.5
HEAD = Head(WEIGHT, None, normalize_features=False)
MOMENT = second_moment(ACTIVATIONS, HEAD)
CENTRED = singular_directions(WEIGHT, "classes")


def test_of_a_head_that_reads_one_feature_per_class_pair_shares_are_known():
    # Two classes per feature, with weights ± 1 and ± 2, and features of mean square 1 and 4.
    weight = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 0]])
    images = np.array([[1.0, 2, 9], [-1, 2, 9], [1, -2, 9]])
    moment = second_moment(images, Head(weight, None, False))
    # 2 · 1 · 1 and 2 · 4 · 4; the head ignores the third feature.
    np.testing.assert_allclose(logit_variance_shares(moment, weight), [2 / 34, 32 / 34, 0])


@pytest.mark.parametrize("normalize", [False, True])
def test_agrees_with_the_variances_of_logits_image_by_image(normalize):
    head = Head(WEIGHT, RNG.normal(size=7), normalize)
    moment, lengths = second_moment(ACTIVATIONS, head), 1
    if normalize:
        lengths = np.linalg.norm(ACTIVATIONS, axis=1, keepdims=True)
    whole = (ACTIVATIONS / lengths @ WEIGHT.T).var(axis=1).mean()
    for axes, found in (
        (CENTRED.vectors, logit_variance_shares(moment, WEIGHT, CENTRED.vectors)),
        (np.eye(12), logit_variance_shares(moment, WEIGHT)),
    ):
        parts = [(ACTIVATIONS / lengths @ np.outer(v, v) @ WEIGHT.T).var(axis=1) for v in axes]
        np.testing.assert_allclose(found, np.mean(parts, axis=1) / whole)


def test_a_vector_added_to_every_class_and_a_rotation_change_nothing():
    before = logit_variance_shares(MOMENT, WEIGHT, CENTRED.vectors)
    assert before.sum() == pytest.approx(1)
    shifted = WEIGHT + 40 * RNG.normal(size=12)
    np.testing.assert_allclose(logit_variance_shares(MOMENT, shifted, CENTRED.vectors), before)
    rotation = np.linalg.qr(RNG.normal(size=(12, 12))).Q
    turned = Head(WEIGHT @ rotation, None, False)
    after = logit_variance_shares(
        second_moment(ACTIVATIONS @ rotation, turned), turned.weight, CENTRED.vectors @ rotation
    )
    np.testing.assert_allclose(after, before)


@pytest.mark.parametrize(("scale", "weight"), [(0, WEIGHT), (1, np.tile(WEIGHT[0], (7, 1)))])
def test_refuses_logits_that_are_the_same_for_all_classes(scale, weight):
    moment = second_moment(scale * ACTIVATIONS, Head(weight, None, False))
    with pytest.raises(ValueError, match="the same for all classes"):
        logit_variance_shares(moment, weight)
