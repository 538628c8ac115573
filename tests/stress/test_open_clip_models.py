"""The families of open_clip's zoo with random weights: activations, layers, zero-shot heads.

Each keeps the kind of its towers and the way that they are pooled and projected; transformers of
open_clip's own are made shallow and narrow, so that a family takes seconds. `LONG=1` builds every
model of the zoo.
"""

import copy
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.encoders.encoder import Encoder, clip_encoder, load_encoder, save_encoder
from interpreting_clip.encoders.encoder_card import OpenClipConfig, TokenizerOrigin
from interpreting_clip.encoders.encoder_entries import OpenClipModel
from interpreting_clip.encoders.heads import zero_shot_head
from interpreting_clip.encoders.hub_tokenizer import HubTokenizer
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.open_clip_models import named_config
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from tests.integration.encoders.test_hub_tokenizer import SETTINGS, small_tokenizer
from tests.stress.conftest import LONG
from tests.unit.encoders.conftest import activations, layer_features

ZOO = import_open_clip(timm=True)

FAMILIES = {
    "SigLIP 2": "ViT-B-32-SigLIP2-256",
    "MobileCLIP2, FastViT": "MobileCLIP2-S0",
    "MetaCLIP 2, small": "ViT-L-14-worldwide",
    "ConvNeXt": "convnext_base_w",
    "EVA-02": "EVA02-B-16",
    "OpenAI's ResNet": "RN50-quickgelu",
}

FEW_MODELS = (
    *("RN50", "ViT-B-32", "ViT-B-16-SigLIP", "ViT-H-14-CLIPA-336", "ViTamin-S"),
    *("PE-Core-T-16-384", "roberta-ViT-B-32", "coca_ViT-B-32"),
)

WORDS = 200
"""The vocabulary of the tokenizer that stands in for those of the hub."""


def shrunk(name: str) -> OpenClipConfig:
    """Return a model of the zoo with fewer and narrower layers."""
    found = named_config(OpenClipModel(model=name))
    config = copy.deepcopy(found.config)
    vision, text = config["vision_cfg"], config["text_cfg"]
    text.update(width=64, heads=2, layers=1)
    if text.get("hf_tokenizer_name"):
        text["vocab_size"] = WORDS
    if "timm_model_name" not in vision:
        layers = [1, 1, 1, 1] if isinstance(vision["layers"], list) else 2
        vision.update(layers=layers, width=2 * vision.get("head_width", 64))
    return OpenClipConfig(model=found.model, config=config)


def with_tokenizer(encoder: Encoder) -> Encoder:
    """Return an encoder with a small tokenizer in place of the hub's, if its text needs one."""
    text = encoder.card.architecture.config["text_cfg"]  # pyright: ignore
    if not text.get("hf_tokenizer_name"):
        return encoder
    settings = SETTINGS | {"tokenizer_class": "PreTrainedTokenizerFast", "sep_token": "<eos>"}
    files = {
        "tokenizer.json": small_tokenizer(eos=text.get("eos_id", 1)).to_str().encode(),
        "tokenizer_config.json": msgspec.json.encode(settings),
    }
    return Encoder(encoder.card, encoder.module, HubTokenizer(text, files))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_gives_activations_layers_and_a_zero_shot_head(family, tmp_path):
    architecture = shrunk(FAMILIES[family])
    encoder = with_tokenizer(clip_encoder(architecture, None, 2))
    size, width = encoder.card.preprocess.size, architecture.config["embed_dim"]
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    features = activations(encoder, images, 4)
    assert features.shape == (4, width) == (4, encoder.card.feature_width)
    assert np.isfinite(features).all() and features.std(axis=0).max() > 0

    layers = layer_features(encoder, images)
    assert len(layers) >= 4 and np.array_equal(list(layers.values())[-1].numpy(), features)

    classes = ["tench", "goldfish", "great white shark"]
    head = zero_shot_head(encoder, classes, ["a photo of a {}", "an old {}"])
    np.testing.assert_allclose(np.linalg.norm(head, axis=1), 1, atol=1e-6)
    assert len({row.tobytes() for row in head}) == len(classes)

    if encoder.tokenizer is not None:
        encoder = carded(encoder, tmp_path)
    save_encoder(tmp_path, encoder)
    loaded = load_encoder(tmp_path)
    assert loaded.card == encoder.card
    assert np.array_equal(activations(loaded, images, 4), features)
    assert np.array_equal(zero_shot_head(loaded, classes, ["a photo of a {}", "an old {}"]), head)


def carded(encoder: Encoder, folder: Any) -> Encoder:
    """Return an encoder whose card lists its tokenizer, as a download leaves it."""
    assert encoder.tokenizer is not None
    digests = {}
    for name, content in encoder.tokenizer.files.items():
        (folder / name).write_bytes(content)
        digests[name] = file_digest(folder / name)
    origin = TokenizerOrigin(repository="me/small", revision="0" * 40, files=digests)
    return Encoder(replace(encoder.card, tokenizer=origin), encoder.module, encoder.tokenizer)


REASONS = ("text tower is", "writes captions")


@pytest.mark.parametrize("name", ZOO.list_models() if LONG else FEW_MODELS)
def test_a_model_of_the_zoo_is_built_or_refused_with_the_reason(name):
    """On the meta device, which has shapes and no memory."""
    try:
        architecture = named_config(OpenClipModel(model=name))
    except InputError as error:
        assert any(reason in str(error) for reason in REASONS) and name in str(error)
        text = ZOO.get_model_config(name)["text_cfg"]
        assert text.get("hf_model_name") or "coca" in name
        return
    with torch.device("meta"):
        card = clip_encoder(architecture, None, 0).card
    assert card.feature_width == architecture.config["embed_dim"]
