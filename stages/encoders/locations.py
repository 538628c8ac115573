"""Where the weights of an encoder lie: at a URL, in a repository of the hub, or on this machine."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.config.encoders import (
    HUB_MODEL,
    AnyBackbone,
    OpenClipModel,
    TimmModel,
    TorchvisionModel,
)
from stages.config.weight_sources import (
    Checkpoint,
    OpenClip,
    Timm,
    Torchvision,
    WeightsEntry,
)
from stages.encoders.card import OpenClipConfig
from stages.encoders.library_models import require_torchvision_classifier
from stages.encoders.open_clip_models import named_config
from stages.runtime.errors import InputError, close_names
from stages.runtime.imports import import_open_clip

OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""The weights in a repository of open_clip: the first that is there."""

TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
"""The weights in a repository of timm: the first that is there."""


@dataclass(frozen=True)
class AtUrl:
    """A file at a URL, and its SHA-256 or the first digits of it."""

    url: str
    sha256: str


@dataclass(frozen=True)
class AtHub:
    """The first of `files` that a repository of the hub has at a revision."""

    repository: str
    files: tuple[str, ...]
    revision: str


@dataclass(frozen=True)
class AtPath:
    """A file on this machine, below its `folders`, and its SHA-256."""

    file: Path
    sha256: str


Location = AtUrl | AtHub | AtPath


def locate_weights(item: WeightsEntry, backbone: AnyBackbone) -> Location | None:
    """Return where an entry's weights lie, asking nobody; None for an untrained encoder.

    Raises
    ------
    InputError
        The backbone is of another library, the library has no such weights, no checksum of them
        is published, or a CLIP's QuickGELU is not that of its weights.
    """
    if isinstance(item, OpenClip):
        return open_clip_location(item, require_kind(backbone, OpenClipModel, "open_clip"))
    if isinstance(item, Torchvision):
        model = require_kind(backbone, TorchvisionModel, "torchvision")
        return url_location(torchvision_weights(item, model).url)
    if isinstance(item, Timm):
        return timm_location(item, require_kind(backbone, TimmModel, "timm"))
    if isinstance(item, Checkpoint):
        url = AtUrl(str(item.url), item.sha256)
        return url if item.file is None else AtPath(Path(item.file), item.sha256)
    return None


def require_kind(backbone: AnyBackbone, kind: type, source: str) -> Any:
    """Return a backbone that is of a source's kind.

    Raises
    ------
    InputError
        It is not.
    """
    if not isinstance(backbone, kind):
        came = backbone.__struct_config__.tag
        raise InputError(
            f"weights: the source '{source}' needs a backbone of the kind '{source}', got "
            f"'{came}'; name another entry of backbones:"
        )
    return backbone


def open_clip_location(item: OpenClip, backbone: OpenClipModel) -> Location:
    """Return where weights of open_clip's zoo lie; the hub's are preferred to others.

    Raises
    ------
    InputError
        As `locate_weights`.
    """
    name, revision = backbone.model, item.revision or "main"
    if name.startswith(HUB_MODEL):
        if item.tag is not None:
            raise InputError(f"weights: '{name}' names its weights itself; leave out the key `tag`")
        return AtHub(name.removeprefix(HUB_MODEL), OPEN_CLIP_FILES, revision)
    architecture, zoo = named_config(backbone), import_open_clip().pretrained
    found = zoo.get_pretrained_cfg(name, item.tag or "")
    if not found:
        require_quick_gelu_name(name, item.tag, zoo)
        tags = zoo.list_pretrained_tags_by_model(name)
        raise InputError(
            f"weights: open_clip has no weights '{item.tag}' of '{name}'; "
            f"{close_names(item.tag or '', tags)}"
        )
    require_quick_gelu(architecture, str(item.tag), bool(found.get("quick_gelu")))
    if found.get("hf_hub"):
        repository, _, file = found["hf_hub"].rpartition("/")
        return AtHub(repository, prefer_safetensors(file) or OPEN_CLIP_FILES, revision)
    return url_location(found["url"], item.revision)


def require_quick_gelu(architecture: OpenClipConfig, tag: str, trained: bool) -> None:
    """Refuse weights whose activation is not that of the model: their accuracy would suffer.

    Raises
    ------
    InputError
        Names the model to write.
    """
    name, built = architecture.model, bool(architecture.config.get("quick_gelu"))
    if built == trained:
        return
    plain = name.removesuffix("-quickgelu")
    right = f"{plain}-quickgelu" if trained else plain
    raise InputError(
        f"weights: '{tag}' was trained {'with' if trained else 'without'} QuickGELU, and the model "
        f"'{name}' is built {'with' if built else 'without'} it; write `model: {right}`"
    )


def require_quick_gelu_name(name: str, tag: str | None, zoo: Any) -> None:
    """Refuse a `-quickgelu` model with weights that open_clip lists for the plain model alone."""
    plain = name.removesuffix("-quickgelu")
    if tag and plain != name and zoo.get_pretrained_cfg(plain, tag):
        raise InputError(
            f"weights: '{tag}' was trained without QuickGELU, and the model '{name}' is built with "
            f"it; write `model: {plain}`"
        )


def url_location(url: str, revision: str | None = None) -> AtUrl:
    """Return a published URL as a location.

    Raises
    ------
    InputError
        It carries no checksum, or a revision is to pin it.
    """
    if revision is not None:
        raise InputError(
            f"weights: these weights lie at {url}, whose checksum pins them; leave `revision: "
            f"{revision}` out, which is for repositories of the hub"
        )
    return AtUrl(url, published_digest(url))


def torchvision_weights(item: Torchvision, backbone: TorchvisionModel) -> Any:
    """Return torchvision's own entry of its weights.

    Raises
    ------
    InputError
        torchvision has no such classifier, or no such weights of it.
    """
    from torchvision import models

    require_torchvision_classifier(backbone.model)
    weights = models.get_model_weights(backbone.model)
    tags = [member.name for member in weights]  # without the alias DEFAULT, which moves
    if item.tag not in tags:
        raise InputError(
            f"weights: torchvision has no weights '{item.tag}' of '{backbone.model}'; "
            f"legal values: {', '.join(tags)}"
        )
    return weights[item.tag]


def timm_location(item: Timm, backbone: TimmModel) -> Location:
    """Return where weights of timm lie; the hub's are preferred to others.

    Raises
    ------
    InputError
        As `locate_weights`; or the weights are no classifier of ImageNet's classes.
    """
    import timm

    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{backbone.model}.*")]
    if item.tag not in tags:
        raise InputError(
            f"weights: timm has no weights '{item.tag}' of '{backbone.model}'; "
            f"legal values: {', '.join(tags) or 'none'}"
        )
    found: Any = timm.get_pretrained_cfg(f"{backbone.model}.{item.tag}")
    # On the hub timm's weights are a state dict, also those that its URL has in another format.
    own_format = found.custom_load == "hf" if found.hf_hub_id else found.custom_load
    if own_format or found.label_offset or found.num_classes != 1000:
        raise InputError(
            f"weights: timm's '{backbone.model}.{item.tag}' is no classifier of ImageNet's 1,000 "
            "classes in timm's own format; choose other weights"
        )
    if found.hf_hub_id:
        repository, _, revision = found.hf_hub_id.partition("@")
        files = prefer_safetensors(found.hf_hub_filename or "") or TIMM_FILES
        return AtHub(repository, files, item.revision or revision or "main")
    return url_location(str(found.url), item.revision)


def prefer_safetensors(file: str) -> tuple[str, ...]:
    """Return a file and, before it, its twin in safetensors, which a repository may have."""
    if file == OPEN_CLIP_FILES[1]:
        return OPEN_CLIP_FILES
    stem, dot, end = file.rpartition(".")
    twin = (f"{stem}.safetensors",) if dot and end in ("bin", "pt", "pth") else ()
    return (*twin, file) if file else ()


def published_digest(url: str) -> str:
    """Return the SHA-256 that a URL carries, or its first digits.

    OpenAI's URLs have it as the last folder; open_clip's, torchvision's and timm's file names end
    in its first eight digits.

    Raises
    ------
    InputError
        It carries none, so nothing would say that the right file came.
    """
    found = re.search(r"/([0-9a-f]{64})/[^/]+$", url) or re.search(r"-([0-9a-f]{8,64})\.\w+$", url)
    if found is None:
        raise InputError(
            f"weights: {url} publishes no checksum; use `source: checkpoint` with this `url` and "
            "the `sha256` of the file that you trust"
        )
    return found[1]
