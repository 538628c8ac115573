"""Layers are pooled over the right axes, whatever a library's layout, and change no activation."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

from interpreting_clip.arrays.pooled_layer import arrays_of_layers, layers_in
from interpreting_clip.encoders.encoder import initialise
from interpreting_clip.encoders.layer_activations import (
    axes_of,
    gathered_layers,
    layer_shapes,
    recorded_layers,
    row_medians,
    with_class_token,
)
from interpreting_clip.encoders.layers import forward_hooks, named_layers
from interpreting_clip.errors import InputError
from interpreting_clip.measures.massive_activations import massive_activations
from tests.unit.encoders.conftest import TINY, activations, layer_features, small_backbone

VIT = ["token", "feature"]
CHANNELS_FIRST, CHANNELS_LAST = ["channel", "height", "width"], ["height", "width", "channel"]


def timm_model(name: str, **keywords: int) -> nn.Module:
    return timm.create_model(name, num_classes=0, **keywords).eval()  # pyright: ignore


def torchvision_swin() -> nn.Module:
    swin = torchvision.models.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4])
    swin.head = nn.Identity()  # pyright: ignore
    return swin.eval()


TOWERS = {
    "open_clip": (lambda: initialise(TINY, 0).visual, 32, VIT, 16),
    "timm with registers": (
        lambda: timm_model("test_vit", reg_tokens=4, img_size=32, patch_size=16),
        32,
        VIT,
        64,
    ),
    "torchvision": (
        lambda: torchvision.models.VisionTransformer(32, 16, 2, 2, 24, 24).eval(),
        32,
        VIT,
        24,
    ),
    "ConvNeXt": (lambda: timm_model("test_convnext"), 64, CHANNELS_FIRST, 24),
    "ResNet": (lambda: initialise(small_backbone("rn"), 0).visual, 32, CHANNELS_FIRST, 8),
    "Swin": (torchvision_swin, 64, CHANNELS_LAST, 12),
}
"""By name: the tower, the side of its images, the axes of its second layer and its features."""


def outputs(tower: nn.Module, images: torch.Tensor) -> dict[str, np.ndarray]:
    """Return the layers' outputs, by hooks of the test's own."""
    found: dict[str, np.ndarray] = {}

    def keep(layer: str, output: object) -> None:
        assert isinstance(output, torch.Tensor)
        found[layer] = output.detach().numpy().copy()

    with forward_hooks(named_layers(tower), keep), torch.inference_mode():
        tower(images)
    return found


@pytest.mark.parametrize("name", TOWERS)
def test_a_layer_is_pooled_over_all_but_its_features(name):
    build, side, axes, width = TOWERS[name]
    torch.manual_seed(0)
    tower, images = build(), torch.randn(3, 3, side, side)
    plain, expected = tower(images), outputs(tower, images)
    with recorded_layers(tower, [*expected], "mean") as recorded, torch.inference_mode():
        assert torch.equal(tower(images), plain)
    assert not any(part._forward_hooks for part in tower.modules())
    assert not any(part._forward_pre_hooks for part in tower.modules())
    found = recorded.take()
    assert list(found) == list(expected)
    layer = list(expected)[1]
    axis = 1 + next(i for i, one in enumerate(axes) if one in ("feature", "channel"))
    assert axes_of(found[layer].shape.tolist()) == axes
    assert found[layer].activations.shape == (3, width) == (3, expected[layer].shape[axis])
    others = tuple(set(range(1, expected[layer].ndim)) - {axis})
    np.testing.assert_allclose(
        found[layer].activations, expected[layer].mean(others), rtol=1e-4, atol=1e-6
    )
    for one, output in expected.items():
        whole = massive_activations(output)
        np.testing.assert_array_equal(found[one].largest, whole.per_image_largest)
        np.testing.assert_allclose(found[one].median, whole.per_image_median, rtol=1e-6)
        assert found[one].shape.tolist() == list(output.shape[1:])
    of_features = massive_activations(expected[layer], feature_axis=axis).per_image_feature
    assert found[layer].massive_feature.tolist() == of_features.tolist()


@pytest.mark.parametrize("name", ["open_clip", "timm with registers", "torchvision"])
def test_the_class_token_is_the_first_of_a_transformer(name):
    build, side, *_ = TOWERS[name]
    tower, images = build(), torch.randn(2, 3, side, side)
    expected = outputs(tower, images)
    assert with_class_token(tower) == [one for one in expected if one != "output"]
    with recorded_layers(tower, [*expected], "class_token") as recorded, torch.inference_mode():
        tower(images)
    found = recorded.take()
    np.testing.assert_array_equal(found["block01"].activations, expected["block01"][:, 0])
    np.testing.assert_array_equal(found["output"].activations, expected["output"])


@pytest.mark.parametrize("name", ["Swin", "ResNet"])
def test_maps_have_no_class_token(name):
    build, side, *_ = TOWERS[name]
    tower = build()
    layers = list(named_layers(tower))
    assert with_class_token(tower) == []
    with (
        pytest.raises(InputError, match=f"layer '{layers[0]}': it has no class token"),
        recorded_layers(tower, layers, "class_token"),
    ):
        tower(torch.zeros(1, 3, side, side))


def test_activations_keep_their_bytes_and_batches_come_in_order(encoder, images):
    plain = activations(encoder, images, 5)
    layers = list(named_layers(encoder.visual))
    with recorded_layers(encoder.visual, layers[1:], "mean") as recorded:
        assert activations(encoder, images, 5).tobytes() == plain.tobytes()
    found = recorded.take()
    assert list(found) == layers[1:]
    # The last layer is the output, which is what feeds the head.
    np.testing.assert_array_equal(found[layers[-1]].activations, plain)
    features = layer_features(encoder, images)[layers[1]]
    np.testing.assert_allclose(found[layers[1]].largest, features.abs().amax(1), rtol=1e-5)
    assert not recorded.batches[layers[1]]


def test_minibatches_of_all_processes_are_those_of_one(encoder, images):
    layers = list(named_layers(encoder.visual))
    with recorded_layers(encoder.visual, layers, "mean") as recorded:
        activations(encoder, images, 4)
    gathered = gathered_layers(recorded, 3, 4)
    for layer, expected in recorded.take().items():
        for one, other in zip(gathered[layer], expected, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_arrays_of_a_file_are_read_as_they_were_written(encoder, images):
    layers = list(named_layers(encoder.visual))
    with recorded_layers(encoder.visual, layers, "mean") as recorded:
        activations(encoder, images)
    written = arrays_of_layers(recorded.take())
    stored = dict(sorted(written.items())) | {"activations": np.zeros((12, 3))}
    assert list(layers_in(stored, layers)) == layers
    for name, array in arrays_of_layers(layers_in(stored)).items():
        assert array is written[name]
    del stored[f"layers.{layers[0]}.median"]
    with pytest.raises(ValueError, match=rf"'{layers[0]}'.*layers\.{layers[0]}\.median"):
        layers_in(stored)


def test_a_layer_that_is_not_finite_is_named():
    first = nn.Linear(3, 4)
    nn.init.constant_(first.bias, torch.inf)
    tower = nn.Sequential(first, nn.Linear(4, 2))
    with recorded_layers(tower, ["0"], "mean"), pytest.raises(InputError, match=r"layer '0'.*inf"):
        tower(torch.zeros(2, 3))


@pytest.mark.parametrize("values", [1, 4, 7])
def test_medians_are_numpys(values):
    rows = torch.randn(5, values)
    np.testing.assert_allclose(row_medians(rows), np.median(rows.numpy(), axis=1), rtol=1e-6)


def test_shapes_are_those_of_one_image(encoder, images):
    features = layer_features(encoder, images)
    for layer, shape in layer_shapes(encoder, "cpu").items():
        assert shape is not None and np.prod(shape) == features[layer].shape[1]
