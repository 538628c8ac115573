import numpy as np
import pytest
import torch

from stages.encoders.activations import activations
from stages.encoders.backbone import ModifiedResNet
from stages.encoders.layers import captured, layer_features, layer_grams, layer_modules
from stages.measures.cka import gram, u_center
from stages.storage.errors import InputError


def hooks_of(module: torch.nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def test_layers_are_named_in_order(encoder):
    resnet = isinstance(encoder.card.architecture.vision, ModifiedResNet)
    assert list(layer_modules(encoder)) == (
        ["stem", "stage1", "stage2", "stage3", "stage4", "attention_pool"]
        if resnet
        else ["embedding", "block01", "block02", "output"]
    )


def test_the_last_layer_is_the_activation(encoder, images):
    *_, last = layer_features(encoder, images).values()
    assert np.array_equal(last, activations(encoder, images, 12))


def test_every_layer_is_flat_and_differs_from_the_others(encoder, images):
    features = layer_features(encoder, images)
    assert all(rows.shape[0] == 12 and rows.ndim == 2 for rows in features.values())
    means = [float(rows.mean()) for rows in features.values()]
    assert len(set(means)) == len(means)


def test_hooks_go_with_the_block(encoder, images):
    layer_features(encoder, images)
    assert hooks_of(encoder.module) == 0


def test_hooks_go_on_an_error(encoder):
    with pytest.raises(RuntimeError), captured(layer_modules(encoder)):
        assert hooks_of(encoder.module) == len(layer_modules(encoder))
        encoder.visual(torch.zeros(1, 3, 32, 7))
    assert hooks_of(encoder.module) == 0


def test_grams_are_those_of_each_minibatch(encoder, images):
    grams = layer_grams(encoder, images, minibatch=6)
    for layer, matrices in grams.items():
        assert matrices.shape == (2, 6, 6)
        second = u_center(gram(layer_features(encoder, images[6:])[layer]))
        np.testing.assert_allclose(matrices[1], second, rtol=1e-5, atol=1e-6 * np.abs(second).max())


@pytest.mark.parametrize(("count", "minibatch"), [(12, 5), (12, 3), (0, 4)])
def test_incomplete_minibatches_are_refused(encoder, images, count, minibatch):
    with pytest.raises(InputError, match="whole minibatches"):
        layer_grams(encoder, images[:count], minibatch)
