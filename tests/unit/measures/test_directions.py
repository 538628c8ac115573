import numpy as np
import pytest
from msgspec.structs import asdict
from safetensors.numpy import load_file

from interpreting_clip.arrays.head import Head
from interpreting_clip.measures.directions import (
    Settings,
    directions,
    mean_row,
    spectrum_participation,
)
from interpreting_clip.statistics.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.statistics.singular_directions import (
    importance,
    rank,
    rotated_directions,
    singular_directions,
)
from tests.reads import ROOT

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(12, 30))
ACTIVATIONS = RNG.normal(size=(200, 30))
HEAD = Head(WEIGHT, None, normalize_features=True)


def test_a_head_of_axes_has_them_by_importance():
    weight = np.concatenate([np.diag([4.0, 2, 1]), -np.diag([4.0, 2, 1])])
    images = np.array([[0.0, 5, 0], [0, 0, 3], [0, 0, 7], [1, 0, 0]])
    found = directions(images, head=Head(weight, None, False), random_heads=0)
    # Each axis has the singular value σ √2, here times 1/4, 1/4 and 2/4.
    np.testing.assert_allclose(found.importance, np.sqrt(2) * np.array([1, 0.5, 0.5]))
    np.testing.assert_allclose(np.abs(found.vectors[0]), [1, 0, 0], atol=1e-15)
    assert found.importance_ratio == pytest.approx(2)
    assert found.random_importance_ratio is None and len(found.random_importance) == 0
    assert (found.mean_row.energy, found.mean_row.cosine) == (0, 0)
    np.testing.assert_allclose(found.other.importance, found.importance)


@pytest.mark.parametrize("centre", ["classes", "none"])
def test_agrees_with_its_parts_with_either_centring(centre):
    settings = Settings(centre=centre, random_heads=3, random_head_seed=7)
    found = directions(ACTIVATIONS, head=HEAD, **asdict(settings))
    moment = second_moment(ACTIVATIONS, HEAD)
    assert found.centre == centre != found.other.centre
    for name, one in found.heads.items():
        ranked = rank(ACTIVATIONS, singular_directions(WEIGHT, name))
        np.testing.assert_array_equal(one.importance, ranked.importance)
        shares = logit_variance_shares(moment, WEIGHT, ranked.vectors)
        np.testing.assert_array_equal(one.logit_variance, shares)
        assert one.spectrum == spectrum_participation(ranked.singular_values)
        if name == centre:
            np.testing.assert_array_equal(found.vectors, ranked.vectors)
            np.testing.assert_array_equal(found.singular_values, ranked.singular_values)
    axes = logit_variance_shares(moment, WEIGHT)
    np.testing.assert_array_equal(found.feature_logit_variance, axes)
    own = singular_directions(WEIGHT, centre)
    drawn = [importance(ACTIVATIONS, rotated_directions(own, 7, draw)) for draw in range(3)]
    np.testing.assert_allclose(found.random_importance, np.mean(np.sort(drawn)[:, ::-1], axis=0))
    ratio = np.mean([one.max() / np.median(one) for one in drawn])
    assert found.random_importance_ratio == pytest.approx(ratio)


def test_the_mean_row_has_its_share_of_the_energy_and_its_cosine():
    weight = np.array([[3.0, 1, 0, 0], [3, -1, 0, 0], [3, 0, 2, 0], [3, 0, -2, 0]])
    found = mean_row(weight, singular_directions(weight))
    assert (found.energy, found.cosine) == pytest.approx((36 / 46, 1))
    # Of a head without structure.
    assert mean_row(WEIGHT, singular_directions(WEIGHT)).cosine < 0.9


def test_a_vector_added_to_every_class_of_a_real_head_leaves_all_but_the_uncentred_directions():
    arrays = load_file(ROOT / "data/arrays/clip_vit_b16_coco.safetensors")
    images, weight = (arrays[name][:100].astype(np.float64) for name in ("images", "captions"))
    vector = 20 * RNG.normal(size=512)
    found, moved = (
        directions(
            images,
            head=Head(rows, None, normalize_features=True),
            centre="classes",
            random_heads=0,
        )
        for rows in (weight, weight + vector)
    )
    np.testing.assert_allclose(moved.importance, found.importance, rtol=1e-9)
    np.testing.assert_allclose(moved.logit_variance, found.logit_variance, atol=1e-9)
    first = singular_directions(weight + vector).vectors[0]
    assert abs(first @ vector) == pytest.approx(np.linalg.norm(vector), rel=1e-4)


def test_the_spectrum_counts_directions_of_equal_energy():
    assert spectrum_participation(np.full(7, 3.0)) == pytest.approx(7)
    assert spectrum_participation(np.array([1e-3, 1e3])) == pytest.approx(1)
    # (1 + 4)² / (1 + 16), whatever the scale.
    assert spectrum_participation(1e-200 * np.array([1.0, 2])) == pytest.approx(25 / 17)


def test_refuses_activations_that_tell_no_classes_apart():
    with pytest.raises(ValueError, match="the same for all classes"):
        directions(0 * ACTIVATIONS, head=HEAD)
