import numpy as np
import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.encoders.activations import several_activations
from interpreting_clip.encoders.encoder import clip_encoder
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import to_tower
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import activations, small_backbone


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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_activation_that_is_not_finite_is_refused(encoder, images, value):
    def spoil(_module, pixels, output):
        output[(pixels[0] > 0).flatten(1).all(1)] = value

    images[7] = 255
    encoder.visual.register_forward_hook(spoil)
    with pytest.raises(InputError, match="image 7"):
        activations(encoder, images, 5)


def test_several_encoders_have_the_rows_of_each_and_one_may_fail(images):
    vocabulary = build_vocabulary(["a photo of a red fish"])
    backbones = [small_backbone(kind) for kind in ("vit", "rn", "vit")]
    backbones += [replace(small_backbone("vit"), mean=(0.1, 0.2, 0.3))]
    encoders = [clip_encoder(one, vocabulary, seed) for seed, one in enumerate(backbones)]

    def spoil(_module, pixels, output):
        output[(pixels[0] > 0).flatten(1).all(1)] = np.nan

    images[7] = 255
    encoders[2].visual.register_forward_hook(spoil)
    machine, indices = Machine(batch_size=5), np.arange(len(images))
    batches = list(several_activations(encoders, images, indices, machine, "float32"))
    for number in (0, 1, 3):
        rows = np.concatenate([batch[number] for batch in batches])  # pyright: ignore
        assert np.array_equal(rows, activations(encoders[number], images, 5))
    assert isinstance(batches[0][2], np.ndarray)
    assert all(isinstance(batch[2], InputError) for batch in batches[1:])
    assert "image 7" in str(batches[-1][2])
    ended = list(several_activations([encoders[2]], images, indices, machine, "float32"))
    assert len(ended) == 2 < len(batches)


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
