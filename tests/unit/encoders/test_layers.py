import numpy as np
import pytest
import torch
from torch import nn

from interpreting_clip.encoders.encoder import initialise
from interpreting_clip.encoders.encoder_entries import ComputeType, TimmModel
from interpreting_clip.encoders.layers import (
    evenly_spaced_minibatches,
    in_memory_order,
    layer_gram,
    layer_grams,
    named_layers,
    tower_grams,
)
from interpreting_clip.errors import InputError
from interpreting_clip.statistics.grams import OutlierLimits, gram, u_center
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import TINY, layer_features, require_layers, small_backbone

HALVES = np.arange(12).reshape(2, 6)
"""Two minibatches of the twelve images."""

LIMITS = OutlierLimits(6.0, 0.5)


def grams_of(encoder, images, precision: ComputeType = "float32"):
    return layer_grams(encoder, images, HALVES, Machine(), precision, limits=LIMITS).whole


def hooks_of(module: torch.nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def blocks(count: int) -> list[str]:
    return ["embedding", *(f"block{i:02d}" for i in range(1, count + 1)), "output"]


@pytest.mark.parametrize(
    ("backbone", "names"),
    [
        (small_backbone("rn"), ["stem", "stage1", "stage2", "stage3", "stage4", "attention_pool"]),
        (small_backbone("vit"), blocks(2)),
        (TINY, blocks(2)),
        (TimmModel(model="test_vit"), blocks(6)),
    ],
    ids=["rn", "vit", "open_clip", "timm"],
)
def test_layers_are_named_in_order_and_end_in_the_activation(backbone, names):
    require_layers(initialise(backbone, 0), names)


def test_a_layer_that_is_not_finite_is_refused_by_name(encoder, images):
    *_, layer = named_layers(encoder.visual)
    for weight in named_layers(encoder.visual)[layer].parameters():
        nn.init.constant_(weight, torch.nan)
    with pytest.raises(InputError, match=r"layer '\w+': .*finite"):
        grams_of(encoder, images)


def test_a_layer_counts_as_it_was_before_the_next_changed_it():
    tower = nn.Sequential(nn.Linear(12, 5), nn.ReLU(inplace=True))
    images = torch.randn(6, 12)
    linear = layer_gram(tower[0](images), "linear", LIMITS).whole
    found = tower_grams(tower, {"rectified": tower[1], "linear": tower[0]}, images, LIMITS)
    assert list(found) == ["rectified", "linear"]
    assert np.array_equal(found["linear"].whole, linear)
    assert not np.array_equal(found["rectified"].whole, linear)


def test_grams_are_those_of_each_minibatch(encoder, images):
    grams = grams_of(encoder, images)
    assert hooks_of(encoder.module) == 0
    for layer, matrices in grams.items():
        assert matrices.shape == (2, 6, 6)
        features = layer_features(encoder, images[6:])[layer].double()
        second = u_center((features @ features.T).numpy())
        np.testing.assert_allclose(matrices[1], second, rtol=1e-5, atol=1e-6 * np.abs(second).max())


def test_only_the_pass_has_a_lower_precision():
    tower, images = nn.Linear(3, 5), torch.randn(4, 3)
    (found,) = tower_grams(tower, {"linear": tower}, images, LIMITS, "bfloat16").values()
    matrix = found.whole
    with torch.autocast("cpu", torch.bfloat16):
        features = tower(images)
    assert features.dtype == torch.bfloat16
    assert np.array_equal(matrix, u_center(gram(features.detach().float()).numpy()))
    assert np.abs(matrix - layer_gram(tower(images), "linear", LIMITS).whole).max() > 0


def test_a_layers_outlier_features_are_left_out_of_each_minibatch(encoder, images):
    limits = OutlierLimits(2.0, 0.8)
    found = layer_grams(encoder, images, HALVES, Machine(), "float32", limits=limits)
    some = {layer for layer, count in found.outliers.items() if count}
    assert list(found.outliers) == list(found.whole)
    assert some and some < set(found.whole) and set(found.rest) == some
    for layer in some:
        counts = []
        for rows, rest in zip(HALVES, found.rest[layer], strict=True):
            features = layer_features(encoder, images[rows])[layer]
            expected = layer_gram(features, layer, limits)
            counts.append(expected.outliers)
            assert np.array_equal(rest, expected.rest.astype(np.float32))
        assert found.outliers[layer] == max(counts)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_image_is_read_as_it_lies_in_memory(layout):
    features = torch.randn(4, 50, 2, 3).contiguous(memory_format=layout)
    features[:, 3, 0, 1] += 90
    rows = in_memory_order(features)
    assert rows.data_ptr() == features.data_ptr() and rows.is_contiguous()
    found = layer_gram(features, "map", LIMITS)
    flat = features.flatten(1).double().numpy()
    others = np.delete(flat, 3 * 6 + 1, axis=1)
    assert found.outliers == 1
    for matrix, kept in ((found.whole, flat), (found.rest, others)):
        expected = u_center(kept @ kept.T)
        np.testing.assert_allclose(matrix, expected, atol=1e-6 * np.abs(kept @ kept.T).max())


def test_every_minibatch_is_spread_over_all_rows():
    rows = evenly_spaced_minibatches(1000, 12, 4)
    assert np.array_equal(np.sort(rows.ravel()), np.arange(12) * 1000 // 12)
    assert (np.ptp(rows, axis=1) >= 700).all()
