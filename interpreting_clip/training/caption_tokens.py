"""The tokens of a training's captions, kept on disk between its starts."""

import hashlib
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Int

from interpreting_clip.encoders import tokenizer
from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.encoders.entries import Backbone
from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import StreamedArray, read_tensors, write_tensors
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import write_whole
from interpreting_clip.loading.batches import load_batches

FOLDER = Path(".scratch/tokens")
"""The folder of the tokens: no output of a stage, and in no hash."""

BLOCK = 20_000
"""How many captions a process tokenizes at a time; so many take a few seconds, and are not kept."""

TOKENIZING = ("ftfy", "open-clip-torch", "regex", "tokenizers", "transformers")
"""The packages that make tokens."""


def caption_tokens(
    encoder: Encoder, texts: Sequence[str], workers: int = 0
) -> Int[np.ndarray, "text token"]:
    """Return `encoder.tokenize(texts)`; of many texts, computed once on a machine and then mapped.

    A byte-pair tokenizer needs about 100 µs for a caption, which is 15 minutes for CC12M's. So
    `workers` processes share them, and the tokens are kept for a training that resumes or for
    another one on the same captions. Their file's name is a hash of all that decides them. They are
    no output of `fetch`, since they depend on the text tower that reads them.

    Raises
    ------
    InputError
        As `encoder.tokenize`.
    """
    if len(texts) <= BLOCK:
        return encoder.tokenize(texts)
    from filelock import FileLock

    file = FOLDER / f"{tokens_key(encoder, texts)}.safetensors"
    seal = file.with_suffix(".sha256")
    FOLDER.mkdir(parents=True, exist_ok=True)
    # The first of several processes tokenizes, and the others wait.
    with FileLock(file.with_suffix(".lock")):
        if (kept := kept_tokens(file, seal)) is not None:
            return kept
        width = encoder.tokenize(texts[:1]).shape[1]
        blocks = tokenized(encoder, texts, workers)
        stream = StreamedArray((len(texts), width), np.dtype(np.int32), blocks)
        write_tensors(file, {"tokens": stream})
        write_whole(seal, file_digest(file).encode())
    return read_tensors(file, "tokens")["tokens"]


def kept_tokens(file: Path, seal: Path) -> Int[np.ndarray, "text token"] | None:
    """Return tokens that were kept whole, or None."""
    if not (file.exists() and seal.exists()):
        return None
    with suppress(InputError):
        tokens = read_tensors(file, "tokens")["tokens"]
        if file_digest(file) == seal.read_text("ascii", "replace"):
            return tokens
    sys.stderr.write(f"{file}: damaged; the captions are tokenized again\n")
    return None


def tokenized(
    encoder: Encoder, texts: Sequence[str], workers: int
) -> Iterator[Int[np.ndarray, "text token"]]:
    """Yield the tokens of some texts after the other, as int32."""
    from tqdm import tqdm

    def tokenize(start: int) -> Int[np.ndarray, "text token"]:
        return encoder.tokenize(texts[start : start + BLOCK]).astype(np.int32)

    with tqdm(None, "tokenize captions", len(texts), unit="caption", disable=None) as bar:
        for _, block in load_batches(tokenize, range(0, len(texts), BLOCK), workers):
            yield block
            bar.update(len(block))


def tokens_key(encoder: Encoder, texts: Sequence[str]) -> str:
    """Return a hash of all that decides the tokens: the texts, the tokenizer and its packages."""
    architecture = encoder.card.architecture
    own = isinstance(architecture, Backbone)
    text = architecture.text if own else architecture.config["text_cfg"]  # pyright: ignore
    versions = {"python": platform.python_version()}
    for package in TOKENIZING:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    facts = (text, encoder.card.vocabulary, encoder.card.tokenizer, versions)
    digest = hashlib.sha256(msgspec.json.encode(facts))
    digest.update(Path(tokenizer.__file__).read_bytes())
    for caption in texts:
        # Its length comes first, so that no two lists of texts give the same bytes.
        data = caption.encode(errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]
