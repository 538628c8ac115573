"""The encoders that the command `extract` is given in words, such as `openclip:ViT-B-32/openai`.

The words become the entries of `weights:` and `backbones:` that a study would have.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from msgspec.structs import fields
from yaml import MarkedYAMLError

from interpreting_clip.config.params import convert, struct_type
from interpreting_clip.config.syntax import Loader
from interpreting_clip.downloads.hub import open_repository
from interpreting_clip.encoders.encoder_entries import HUB_MODEL, AnyBackbone
from interpreting_clip.encoders.sources.open_clip import OpenClip
from interpreting_clip.encoders.sources.source import Source
from interpreting_clip.encoders.sources.timm import Timm
from interpreting_clip.encoders.weight_sources import WeightsEntry
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest

LIBRARIES = {source.word: source for source in get_args(WeightsEntry) if source.word}
"""The sources by their words before the colon."""

FROM_WORDS = ("source", "backbone", "file", "url", "sha256", "tag", "seed")
"""The keys of an entry that its words give."""

Entries = tuple[WeightsEntry, AnyBackbone]


def name_encoder(
    words: str, backbone: str | None, seed: int | None, keys: Sequence[str]
) -> Entries:
    """Return the entries of `weights:` and `backbones:` that words stand for.

    Parameters
    ----------
    words : an encoder by its name, or a file of weights if there is a `backbone`
    backbone : the architecture of the file
    seed : of random weights
    keys : further keys of the entry in `weights:`, as KEY=VALUE

    Raises
    ------
    InputError
        The words name no encoder, contradict each other, or a library knows no such model.
    """
    entry: dict[str, Any] = dict(map(read_key, keys))
    if backbone is not None and not Path(words).is_file():
        what = "a folder; name the file in it" if Path(words).is_dir() else "no such file"
        raise InputError(f"{words}: {what}; --backbone is for a file of weights")
    if backbone is None and Path(words).is_file():
        raise InputError(
            f"{words}: a file of weights needs its architecture, such as --backbone "
            "openclip:ViT-B-32"
        )
    if backbone is not None and seed is not None:
        raise InputError(
            "--backbone is for the weights of a file, --random for random ones; drop one"
        )
    library, model, tag = split_words(words if backbone is None else backbone)
    if backbone is not None and library is Timm and tag in Timm.known_tags(model):
        model, tag = f"{model}.{tag}", ""  # as in a study: the preprocessing of the tag's weights
    if backbone is not None or seed is not None:
        if tag or library is None:
            raise InputError(
                "expected an architecture without weights, such as openclip:ViT-B-32, got "
                f"{backbone or words}"
            )
        if seed is not None:
            return as_entries(entry | {"source": "untrained", "seed": seed}, library, model)
        entry |= {"source": "checkpoint", "file": words, "sha256": file_digest(Path(words))}
        return as_entries(entry, library, model)
    if library is None:
        files = open_repository(model, str(entry.get("revision", "main")), "model").files
        library, model = OpenClip if OpenClip.config in files else Timm, HUB_MODEL + model
    else:
        model, tag = library.from_words(model, tag)
        if not tag:
            tags = library.known_tags(model)
            raise InputError(
                f"name its weights, as in {words}{library.separator}{(*tags, 'TAG')[0]}, or add "
                f"--random 0 for random ones; known: {', '.join(tags) or 'none'}"
            )
        entry["tag"] = tag
    return as_entries(entry | {"source": library.__struct_config__.tag}, library, model)


def read_key(text: str) -> tuple[str, Any]:
    """Return the key and the value of KEY=VALUE; the value is YAML, as in a study."""
    key, equals, value = text.partition("=")
    with suppress(MarkedYAMLError):
        if equals and key not in FROM_WORDS:
            return key, Loader(value).get_single_data()
    raise InputError(
        f"--with {text}: expected KEY=VALUE, such as mean=[0.5, 0.5, 0.5], and no key that the "
        f"encoder's name gives ({', '.join(FROM_WORDS)})"
    )


def split_words(words: str) -> tuple[type[Source] | None, str, str]:
    """Return the library, the model and the tag in words such as `timm:resnet50.a1_in1k`.

    None stands for the hub, whose repository says which library it is for.
    """
    word, _, model = words.partition(":")
    if word not in (*LIBRARIES, "hub") or not model:
        expected = ", ".join(f"{known}:…" for known in (*LIBRARIES, "hub"))
        raise InputError(f"expected {expected} or a file of weights, got '{words}'")
    if word == "hub":
        return None, model, ""
    model, _, tag = model.partition(LIBRARIES[word].separator)
    return LIBRARIES[word], model, tag


def as_entries(entry: dict[str, Any], library: type[Source], model: str) -> Entries:
    """Return the entries of a study, with its types."""
    named = {"backbone": "named", **{key: one for key, one in entry.items() if one is not None}}
    keys = [field.encode_name for field in fields(struct_type(WeightsEntry, named))]  # pyright: ignore
    if unknown := [key for key in entry if key not in (*keys, *FROM_WORDS)]:
        legal = ", ".join(key for key in keys if key not in FROM_WORDS)
        raise InputError(
            f"--with {unknown[0]}: these weights have no such key; legal: {legal or 'none'}"
        )
    backbone = {"kind": library.architectures.__struct_config__.tag, "model": model}
    return (
        convert(named, WeightsEntry, "", "--with"),
        convert(backbone, AnyBackbone, "", "its backbone"),
    )
