"""Tokens of captions: made by several processes, kept, and read again if they are whole."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from interpreting_clip.encoders import tokenizer
from interpreting_clip.encoders.encoder import Encoder, clip_encoder
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.training import caption_tokens as module
from interpreting_clip.training.caption_tokens import FOLDER, caption_tokens, tokens_key
from tests.unit.encoders.conftest import small_backbone

TEXTS = [f"{noun} {number}" for noun in ("cat", "dog", "owl") for number in range(5)]


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """Return a CLIP, in an empty folder, where four captions are too many for one block."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "BLOCK", 4)
    return clip_encoder(small_backbone("rn"), build_vocabulary(TEXTS), 0)


@pytest.fixture
def tokenized(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the texts that are tokenized in this process."""
    texts, tokenize = list[str](), Encoder.tokenize

    def recorded(self: Encoder, given: list[str]) -> np.ndarray:
        texts.extend(given)
        return tokenize(self, given)

    monkeypatch.setattr(Encoder, "tokenize", recorded)
    return texts


@pytest.mark.parametrize("workers", [0, 2])
def test_they_are_those_of_the_encoder_whatever_the_workers(encoder, workers):
    np.testing.assert_array_equal(caption_tokens(encoder, TEXTS, workers), encoder.tokenize(TEXTS))


def test_many_captions_are_tokenized_once(encoder, tokenized):
    first = np.array(caption_tokens(encoder, TEXTS))
    assert set(tokenized) == set(TEXTS)
    tokenized.clear()
    np.testing.assert_array_equal(caption_tokens(encoder, TEXTS), first)
    # Another encoder of the same captions, and other weights, share them.
    other = clip_encoder(small_backbone("rn"), build_vocabulary(TEXTS), 1)
    np.testing.assert_array_equal(caption_tokens(other, TEXTS), first)
    assert not tokenized


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".safetensors", cut),
        (".safetensors", flip),
        (".sha256", lambda file: file.write_bytes(b"\xff")),
    ],
)
def test_damaged_tokens_are_made_again(
    encoder, tokenized, capsys, suffix: str, damage: Callable[[Path], None]
):
    expected = np.array(caption_tokens(encoder, TEXTS))
    (file,) = FOLDER.glob(f"*{suffix}")
    damage(file)
    tokenized.clear()
    np.testing.assert_array_equal(caption_tokens(encoder, TEXTS), expected)
    assert set(tokenized) == set(TEXTS)
    assert "damaged" in capsys.readouterr().err
    tokenized.clear()
    caption_tokens(encoder, TEXTS)
    assert not tokenized


def test_a_run_that_was_interrupted_leaves_nothing_that_is_read(encoder, tokenized, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "write_whole", interrupt)
        caption_tokens(encoder, TEXTS)
    tokenized.clear()
    np.testing.assert_array_equal(caption_tokens(encoder, TEXTS), encoder.tokenize(TEXTS))
    assert set(tokenized) == set(TEXTS)


def test_what_decides_the_tokens_decides_the_name_of_their_file(encoder, tmp_path, monkeypatch):
    key = tokens_key(encoder, TEXTS)
    assert tokens_key(encoder, TEXTS) == key
    assert tokens_key(encoder, TEXTS[::-1]) != key
    assert tokens_key(encoder, [TEXTS[0] + TEXTS[1], *TEXTS[2:]]) != key
    card = msgspec.structs.replace(encoder.card, vocabulary=["cat", "dog"])
    assert tokens_key(replace(encoder, card=card), TEXTS) != key
    with monkeypatch.context() as patch:
        patch.setattr(module.metadata, "version", lambda name: f"{name} 99")
        assert tokens_key(encoder, TEXTS) != key
    source = tmp_path / "tokenizer.py"
    source.write_text("LONGEST = 5")
    monkeypatch.setattr(tokenizer, "__file__", str(source))
    assert tokens_key(encoder, TEXTS) != key
