"""The encoders that the command `extract` is given in words, such as `openclip:ViT-B-32/openai`.

The words become the entries of `weights:` and `backbones:` that a study would have.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import fields
from yaml import MarkedYAMLError

from interpreting_clip.config.params import convert, struct_type
from interpreting_clip.config.syntax import Loader
from interpreting_clip.downloads.hub import open_repository
from interpreting_clip.encoders.entries import HUB_MODEL, AnyBackbone
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.weight_sources import WeightsEntry
from interpreting_clip.encoders.weights import CONFIG
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.formats.files import file_digest

KINDS = {"openclip": "open_clip", "timm": "timm", "torchvision": "torchvision", "hub": "hub"}
"""The words before the colon, with the kind of backbone and the source that they stand for."""

SEPARATORS = {"open_clip": "/", "timm": ".", "torchvision": "/"}
"""What stands between a model and the tag of its weights."""

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
    if backbone is not None:
        kind, model, tag = split_words(backbone)
        if tag or kind == "hub" or seed is not None:
            raise InputError(
                "--backbone: expected an architecture without weights, such as openclip:ViT-B-32, "
                f"got {backbone}" + ("" if seed is None else " and --random")
            )
        file = Path(words)
        if not file.is_file():
            raise InputError(f"{words}: expected a file of weights for {backbone}, found none")
        entry |= {"source": "checkpoint", "file": words, "sha256": file_digest(file)}
        return as_entries(entry, kind, model)
    if Path(words).is_file():
        raise InputError(
            "a file of weights needs its architecture, such as --backbone openclip:ViT-B-32 or "
            "timm:resnet50"
        )
    kind, model, tag = split_words(words)
    if seed is not None:
        if tag or kind == "hub":
            raise InputError("--random: expected an architecture without weights")
        return as_entries(entry | {"source": "untrained", "seed": seed}, kind, model)
    if kind == "hub":
        files = open_repository(model, str(entry.get("revision", "main")), "model").files
        kind, model = "open_clip" if CONFIG in files else "timm", HUB_MODEL + model
    elif kind == "open_clip":
        model = with_activation(model, tag)
    elif kind == "timm":
        tag = known_tag(model, tag)
    if not tag and (tags := known_tags(kind, model)):
        raise InputError(
            f"name its weights, as in {words}{SEPARATORS[kind]}{tags[0]}, or add --random 0 for "
            f"random ones; known: {', '.join(tags)}"
        )
    # The library refuses "(none)", or its model; a repository has one set of weights.
    tag = tag or (None if model.startswith(HUB_MODEL) else "(none)")
    return as_entries(entry | {"source": kind, "tag": tag}, kind, model)


def read_key(text: str) -> tuple[str, Any]:
    """Return the key and the value of KEY=VALUE; the value is YAML, as in a study."""
    key, equals, value = text.partition("=")
    try:
        if equals and key not in FROM_WORDS:
            return key, Loader(value).get_single_data()
    except MarkedYAMLError:
        pass
    if key in FROM_WORDS:
        raise InputError(
            f"--with {key}: this key comes from the encoder's name, --backbone or --random; leave "
            "it out"
        )
    raise InputError(f"--with {text}: expected KEY=VALUE, such as mean=[0.5, 0.5, 0.5]")


def split_words(words: str) -> tuple[str, str, str]:
    """Return the kind, the model and the tag that words such as `timm:resnet50.a1_in1k` name."""
    name, _, model = words.partition(":")
    if name not in KINDS or not model:
        expected = ", ".join(f"{known}:…" for known in KINDS)
        raise InputError(f"expected {expected} or a file of weights, got '{words}'")
    kind = KINDS[name]
    if kind == "hub":
        return kind, model, ""
    model, _, tag = model.partition(SEPARATORS[kind])
    return kind, model, tag


def as_entries(entry: dict[str, Any], kind: str, model: str) -> Entries:
    """Return the entries of a study, with its types."""
    named = {"backbone": "named", **{key: one for key, one in entry.items() if one is not None}}
    keys = [field.encode_name for field in fields(struct_type(WeightsEntry, named))]  # pyright: ignore
    if unknown := [key for key in named if key not in (*keys, *FROM_WORDS)]:
        legal = ", ".join(key for key in keys if key not in FROM_WORDS)
        raise InputError(
            f"--with {unknown[0]}: these weights have no such key; legal: {legal or 'none'}"
        )
    return (
        convert(named, WeightsEntry, "", "--with"),
        convert({"kind": kind, "model": model}, AnyBackbone, "", "its backbone"),
    )


def with_activation(model: str, tag: str) -> str:
    """Return the model of open_clip's zoo that has the activation function of the weights.

    A study names `ViT-B-32-quickgelu` for OpenAI's weights; `open_clip.create_model` chooses it.
    """
    zoo = import_open_clip()
    quick = f"{model}-quickgelu"
    settings = zoo.pretrained.get_pretrained_cfg(model, tag) or {}
    return quick if settings.get("quick_gelu") and quick in zoo.list_models() else model


def known_tags(kind: str, model: str) -> list[str]:
    """Return the tags of a model's weights in open_clip's or torchvision's zoo; none of others."""
    if kind == "open_clip":
        return import_open_clip().pretrained.list_pretrained_tags_by_model(model)
    if kind == "torchvision":
        from torchvision.models import get_model_weights, list_models

        return [one.name for one in get_model_weights(model)] if model in list_models() else []
    return []


def known_tag(model: str, tag: str) -> str:
    """Return the tag of weights of timm, by default of those that timm itself takes.

    Raises
    ------
    InputError
        timm knows no such model.
    """
    import timm

    if not timm.is_model(model):
        raise InputError(f"timm has no model '{model}'; {close_names(model, timm.list_models())}")
    return tag or getattr(timm.get_pretrained_cfg(model), "tag", "")
