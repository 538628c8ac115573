import numpy as np
import pytest
import torch

from interpreting_clip.encoders.activations import image_tower, streamed_activations
from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import to_tower
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import activations


def test_activations_are_the_tower_s_output_image_by_image(encoder, images):
    rows = activations(encoder, images, batch_size=5)
    with torch.no_grad():
        for row, image in zip(rows, images, strict=True):
            alone = encoder.visual(to_tower(image[None], encoder.card.preprocess))[0]
            np.testing.assert_allclose(row, alone, atol=1e-5 * np.abs(rows).max())


def test_a_clip_s_activations_are_its_image_embeddings_before_normalisation(encoder, images):
    encoder.module.train()  # is put into evaluation mode
    rows = activations(encoder, images, batch_size=12)
    with torch.no_grad():
        expected = encoder.module.encode_image(to_tower(images, encoder.card.preprocess))
    assert np.array_equal(rows, expected)
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).min() > 1e-3


def test_no_image_gives_no_row(encoder, images):
    assert not list(streamed_activations(encoder, images[:0], Machine(), "float32"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_activation_that_is_not_finite_is_refused(encoder, images, value):
    def spoil(_module, pixels, output):
        output[(pixels[0] > 0).flatten(1).all(1)] = value

    images[7] = 255
    encoder.visual.register_forward_hook(spoil)
    with pytest.raises(InputError, match="image 7"):
        activations(encoder, images, 5)


@pytest.mark.parametrize(("precision", "digits"), [("bfloat16", 8), ("float16", 11)])
def test_a_lower_precision_takes_effect_and_is_stored_as_float32(
    encoder, images, precision, digits
):
    exact = activations(encoder, images, 12)
    rough = activations(encoder, images, 12, precision=precision)
    assert rough.dtype == np.float32
    difference = np.abs(rough - exact).max() / np.abs(exact).max()
    assert 0 < difference < 40 * 2.0**-digits
    assert not torch.is_autocast_enabled("cpu")


def test_kernels_are_channels_last_on_a_gpu_alone(encoder, monkeypatch):
    to = torch.nn.Module.to
    monkeypatch.setattr(  # a GPU that is not there
        torch.nn.Module, "to", lambda module, *_, **layout: to(module, **layout)
    )
    laid_out = {}
    for device in ("cpu", "cuda:0"):
        kernels = [p for p in image_tower(encoder, device).parameters() if p.ndim == 4]
        laid_out[device] = {p.is_contiguous(memory_format=torch.channels_last) for p in kernels}
    assert False in laid_out["cpu"] and laid_out["cuda:0"] == {True}
