"""CLIPs whose text needs a tokenizer of the hub, as SigLIP 2 and MetaCLIP 2 do."""

import json
from typing import Any

import numpy as np
import pytest

from interpreting_clip.encoders import hub_tokenizer
from interpreting_clip.encoders.encoder import Encoder, clip_encoder, load_encoder, save_encoder
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.encoder_entries import OpenClipModel
from interpreting_clip.encoders.heads import zero_shot_head
from interpreting_clip.encoders.weight_sources import OpenClip
from interpreting_clip.errors import InputError
from tests.integration.encoders.conftest import saved
from tests.unit.encoders.conftest import TINY, build_encoder

REPOSITORY = "timm/Tiny-SigLIP2"
TEXT = {
    **TINY.config["text_cfg"],
    "context_length": 12,
    "vocab_size": 300,
    "hf_tokenizer_name": REPOSITORY,
    "tokenizer_kwargs": {"clean": "canonicalize"},
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
}
CONFIG = TINY.config | {"custom_text": True, "init_logit_bias": -10, "text_cfg": TEXT}
"""A SigLIP 2 in open_clip's keys, with very few weights."""

SETTINGS = {
    "tokenizer_class": "GemmaTokenizer",
    "add_bos_token": False,
    "add_eos_token": True,
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "padding_side": "right",
}
TEXTS = ["A photo of a cat.", "", "an old dog " * 9]


def small_tokenizer(eos: int = 1) -> Any:
    """Return byte pairs in the layout of Gemma's, which SigLIP 2 has, of some captions.

    `eos` is the number of the token that ends a text.
    """
    from tokenizers import Tokenizer, models, normalizers, processors, trainers

    unknown = {"unk_token": "<unk>", "fuse_unk": True}
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, **unknown))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    special = ["<pad>", "<bos>", "<unk>"]
    special.insert(eos, "<eos>")
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    captions = ["a photo of a cat", "an old dog on mars", "the house and a fish"]
    tokenizer.train_from_iterator(captions, trainer)
    template = {"single": "$A <eos>", "special_tokens": [("<eos>", eos)]}
    tokenizer.post_processor = processors.TemplateProcessing(**template)
    return tokenizer


def repository(config: dict[str, Any] = CONFIG, **files: bytes | None) -> dict[str, bytes]:
    """Return the files of a SigLIP 2's repository; others than usual are given, None for none."""
    encoder = clip_encoder(OpenClipConfig(model="tiny", config=config), None, 3)
    usual = {
        "open_clip_config.json": json.dumps({"model_cfg": config}).encode(),
        "open_clip_model.safetensors": saved(encoder.module),
        "tokenizer.json": small_tokenizer().to_str().encode(),
        "tokenizer_config.json": json.dumps(SETTINGS).encode(),
    }
    changed = {name.replace("__", "."): content for name, content in files.items()}
    return {name: content for name, content in (usual | changed).items() if content is not None}


def build(machine: Any) -> Encoder:
    backbone = OpenClipModel(model=f"hf-hub:{REPOSITORY}")
    return build_encoder(OpenClip(backbone="b"), backbone, machine)


def by_hand(texts: list[str]) -> np.ndarray:
    """Return the tokens that open_clip's canonical texts have, an end at the last place if cut."""
    plain = ["a photo of a cat", "", ("an old dog " * 9).strip()]
    assert len(texts) == len(plain)
    tokenizer = small_tokenizer()
    tokenizer.enable_truncation(12)
    tokenizer.enable_padding(length=12)
    return np.array([encoding.ids for encoding in tokenizer.encode_batch(plain)])


def test_the_tokenizer_comes_with_the_weights_and_needs_no_network_later(hub, machine, tmp_path):
    commit = hub.add(REPOSITORY, repository(), "model")
    encoder = build(machine)
    origin = encoder.card.tokenizer
    assert origin is not None and origin.repository == REPOSITORY
    assert origin.revision == commit and set(origin.files) == set(hub_tokenizer.REQUIRED)
    np.testing.assert_array_equal(encoder.tokenize(TEXTS), by_hand(TEXTS))
    save_encoder(tmp_path / "saved", encoder)
    hub.repositories.clear()
    asked = len(hub.requests)
    loaded = load_encoder(tmp_path / "saved")
    assert loaded.card == encoder.card
    np.testing.assert_array_equal(loaded.tokenize(TEXTS), by_hand(TEXTS))
    first, second = (zero_shot_head(e, ["cat", "dog"], ["a {}"]) for e in (encoder, loaded))
    np.testing.assert_array_equal(first, second)
    assert len(hub.requests) == asked
    save_encoder(tmp_path / "again", loaded)
    for file in (tmp_path / "saved").rglob("*.*"):
        other = tmp_path / "again" / file.relative_to(tmp_path / "saved")
        assert other.read_bytes() == file.read_bytes()


EVIL = json.dumps(
    SETTINGS | {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
).encode()


def test_a_tokenizer_s_own_code_is_not_run(hub, machine, tmp_path):
    code = f"from pathlib import Path\nPath({str(tmp_path / 'canary')!r}).touch()\n".encode()
    hub.add(REPOSITORY, repository(tokenizer_config__json=EVIL, evil__py=code), "model")
    encoder = build(machine)
    assert encoder.tokenizer is not None and set(encoder.tokenizer.files) == {
        "tokenizer.json",
        "tokenizer_config.json",
    }
    with pytest.raises(InputError, match=rf"'{REPOSITORY}' cannot be read"):
        encoder.tokenize(TEXTS)
    assert not (tmp_path / "canary").exists()


def test_a_text_tower_that_would_read_at_another_end_is_refused(hub, machine):
    config = CONFIG | {"text_cfg": TEXT | {"pool_type": "eos", "eos_id": 2}}
    hub.add(REPOSITORY, repository(config), "model")
    with pytest.raises(InputError, match="at the token 2"):
        build(machine).tokenize(TEXTS)
