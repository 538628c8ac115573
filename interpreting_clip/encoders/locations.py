"""The location of an encoder's weights (a URL, the hub or this machine), and their download."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpreting_clip.config.machine import Machine
from interpreting_clip.downloads.http import download
from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.encoders.encoder_card import OpenClipConfig, Origin, TokenizerOrigin
from interpreting_clip.encoders.entries import (
    HUB_MODEL,
    Backbone,
    OpenClipModel,
    TimmModel,
    TorchvisionModel,
)
from interpreting_clip.encoders.hub_tokenizer import OPTIONAL, REQUIRED, HubTokenizer
from interpreting_clip.encoders.library_models import require_torchvision_classifier
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.open_clip_models import named_config
from interpreting_clip.encoders.weight_sources import (
    ActivationsFolder,
    BackboneEntry,
    CheckpointFile,
    OpenClip,
    Timm,
    Torchvision,
    Untrained,
    WeightsEntry,
)
from interpreting_clip.errors import InputError, require_content
from interpreting_clip.formats.activations_folder import MANIFEST
from interpreting_clip.formats.files import file_digest

OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""The files of weights in an open_clip repository; the first one that exists is used."""

TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
"""The files of weights in a timm repository; the first one that exists is used."""


@dataclass(frozen=True)
class AtUrl:
    """A file at a URL, and its SHA-256 or the first digits of it."""

    url: str
    sha256: str


@dataclass(frozen=True)
class AtHub:
    """The first of `files` that exists in a repository of the hub at a revision."""

    repository: str
    files: tuple[str, ...]
    revision: str


@dataclass(frozen=True)
class AtPath:
    """A file on this machine, below its `folders`, and its SHA-256."""

    file: Path
    sha256: str


Location = AtUrl | AtHub | AtPath


def locate_weights(item: WeightsEntry, backbone: BackboneEntry) -> Location | None:
    """Return where an entry's weights are, without contacting a server; None if untrained.

    Of a folder of activations, it is the manifest.

    Raises
    ------
    InputError
        The backbone is of another library, the library has no such weights, no checksum of them
        is published, or a CLIP is built without the QuickGELU of its weights or with one that they
        lack; or no checkpoint can describe the backbone.
    """
    match item, backbone:
        case Untrained(), _:
            return None
        case ActivationsFolder(), _:
            return AtPath(Path(item.folder) / MANIFEST, item.sha256)
        case CheckpointFile(), Backbone():
            raise InputError(
                "weights: a CLIP by its sizes (`kind: clip`) has a vocabulary, which no checkpoint "
                "holds; name a backbone of the kind open_clip, torchvision or timm"
            )
        case (
            CheckpointFile(),
            OpenClipModel(model=name) | TimmModel(model=name),
        ) if name.startswith(HUB_MODEL):
            kind = backbone.__struct_config__.tag
            raise InputError(f"weights: '{name}' lies on the hub; use `source: {kind}` for it")
        case CheckpointFile(), _:
            url = AtUrl(str(item.url), item.sha256)
            return url if item.file is None else AtPath(Path(item.file), item.sha256)
        case OpenClip(), OpenClipModel():
            return open_clip_location(item, backbone)
        case Torchvision(), TorchvisionModel():
            return url_location(torchvision_weights(item, backbone).url)
        case Timm(), TimmModel():
            return timm_location(item, backbone)
    source, came = (struct.__struct_config__.tag for struct in (item, backbone))
    raise InputError(
        f"weights: the source '{source}' needs a backbone of the kind '{source}', got '{came}'; "
        "name another entry of backbones:"
    )


def open_clip_location(item: OpenClip, backbone: OpenClipModel) -> Location:
    """Return where weights of open_clip's zoo are: on the hub, if it has them.

    Weights that were trained with another activation function are refused: accuracy would suffer.
    """
    name, revision = backbone.model, item.revision or "main"
    if name.startswith(HUB_MODEL):
        return named_repository(item, name, OPEN_CLIP_FILES)
    config, zoo = named_config(backbone).config, import_open_clip().pretrained
    plain, tag = name.removesuffix("-quickgelu"), item.tag or ""
    # open_clip lists some tags under the model's name without the suffix only.
    found = zoo.get_pretrained_cfg(name, tag) or zoo.get_pretrained_cfg(plain, tag)
    if not found:
        require_tag("open_clip", item.tag, name, zoo.list_pretrained_tags_by_model(name))
    built, trained = bool(config.get("quick_gelu")), bool(found.get("quick_gelu"))
    if built != trained:
        raise InputError(
            f"weights: '{tag}' was trained {'with' if trained else 'without'} QuickGELU, and the "
            f"model '{name}' is built {'with' if built else 'without'} it; write `model: "
            f"{plain}{'-quickgelu' if trained else ''}`"
        )
    if found.get("hf_hub"):
        repository, _, file = found["hf_hub"].rpartition("/")
        return AtHub(repository, prefer_safetensors(file) or OPEN_CLIP_FILES, revision)
    return url_location(found["url"], item.revision)


def named_repository(item: OpenClip | Timm, name: str, files: tuple[str, ...]) -> AtHub:
    """Return where the weights of a backbone are whose name is that of a repository.

    Raises
    ------
    InputError
        The entry names its weights again.
    """
    if item.tag is not None:
        raise InputError(f"weights: '{name}' names its weights itself; leave out the key `tag`")
    return AtHub(name.removeprefix(HUB_MODEL), files, item.revision or "main")


def require_tag(library: str, tag: str | None, model: str, tags: Collection[str]) -> None:
    """Refuse a tag for which a library has no weights of the model.

    Raises
    ------
    InputError
        Names the tags.
    """
    if tag not in tags:
        raise InputError(
            f"weights: {library} has no weights '{tag}' of '{model}'; legal values: "
            f"{', '.join(tags) or 'none'}"
        )


def url_location(url: str, revision: str | None = None) -> AtUrl:
    """Return a published URL as a location, with the SHA-256 (or its first digits) in the URL.

    OpenAI's URLs have it as the last folder; open_clip's, torchvision's and timm's file names end
    in its first eight digits.

    Raises
    ------
    InputError
        A revision should pin it, or it has no checksum, so nothing would show that the right file
        came.
    """
    if revision is not None:
        raise InputError(
            f"weights: these weights lie at {url}, whose checksum pins them; leave `revision: "
            f"{revision}` out, which is for repositories of the hub"
        )
    found = re.search(r"/([0-9a-f]{64})/[^/]+$", url) or re.search(r"-([0-9a-f]{8,64})\.\w+$", url)
    if found is None:
        raise InputError(
            f"weights: {url} publishes no checksum; use `source: checkpoint` with this `url` and "
            "the `sha256` of the file that you trust"
        )
    return AtUrl(url, found[1])


def torchvision_weights(item: Torchvision, backbone: TorchvisionModel) -> Any:
    """Return torchvision's own entry of its weights."""
    from torchvision import models

    require_torchvision_classifier(backbone.model)
    weights = models.get_model_weights(backbone.model)
    tags = [member.name for member in weights]  # without the alias DEFAULT, whose meaning changes
    require_tag("torchvision", item.tag, backbone.model, tags)
    return weights[item.tag]


def timm_location(item: Timm, backbone: TimmModel) -> Location:
    """Return where weights of timm are: on the hub, if it has them.

    Raises
    ------
    InputError
        There are no such weights, or they are a classifier of other classes than ImageNet's.
    """
    import timm

    if backbone.model.startswith(HUB_MODEL):
        return named_repository(item, backbone.model, TIMM_FILES)
    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{backbone.model}.*")]
    require_tag("timm", item.tag, backbone.model, tags)
    found: Any = timm.get_pretrained_cfg(f"{backbone.model}.{item.tag}")
    # On the hub timm's weights are a state dict, even if its URL has them in another format.
    own_format = found.custom_load == "hf" if found.hf_hub_id else found.custom_load
    # Self-supervised weights have no classes.
    if own_format or found.label_offset or found.num_classes not in (0, 1000):
        raise InputError(
            f"weights: timm's '{backbone.model}.{item.tag}' is no classifier of ImageNet's 1,000 "
            "classes in timm's own format, and no encoder without a head; choose other weights"
        )
    if found.hf_hub_id:
        repository, _, revision = found.hf_hub_id.partition("@")
        files = prefer_safetensors(found.hf_hub_filename or "") or TIMM_FILES
        return AtHub(repository, files, item.revision or revision or "main")
    return url_location(str(found.url), item.revision)


def prefer_safetensors(file: str) -> tuple[str, ...]:
    """Return a file, preceded by the safetensors file that a repository may have instead."""
    if file == OPEN_CLIP_FILES[1]:
        return OPEN_CLIP_FILES
    stem, dot, end = file.rpartition(".")
    twin = (f"{stem}.safetensors",) if dot and end in ("bin", "pt", "pth") else ()
    return (*twin, file) if file else ()


def download_weights(
    entry: WeightsEntry, location: Location, machine: Machine
) -> tuple[Path, Origin]:
    """Return the file at a location, downloaded if it is not on this machine, and its origin.

    The origin is the same on every machine: it does not name a folder of this one.

    Raises
    ------
    InputError
        The file is unavailable, or does not match its checksum.
    """
    downloads, revision = Path(machine.downloads), None
    if isinstance(location, AtHub):
        repository = open_repository(location.repository, location.revision, "model")
        path = repository.matching(*location.files)[0]
        file, revision = download_file(repository, path, downloads), repository.revision
        name = f"{repository.name}/{path}"
    elif isinstance(location, AtUrl):
        file = download(location.url, location.sha256, downloads, mirror=machine.mirror)
        name = location.url
    else:
        file, name = Path(machine.folders) / location.file, location.file.as_posix()
        if not file.is_file():
            raise InputError(
                f"{file}: no such file of weights; put it there, or let `folders` in compute.yaml "
                "name the folder that it is in"
            )
        require_content(file, file)
    digest = file_digest(file)
    if isinstance(location, AtPath) and digest != location.sha256:
        raise InputError(
            f"{file}: expected the SHA-256 {location.sha256}, got {digest}; it is another file or "
            "damaged: correct `sha256` in params.yaml, or get the file again"
        )
    source, tag = str(entry.__struct_config__.tag), getattr(entry, "tag", None)
    return file, Origin(source=source, location=name, sha256=digest, tag=tag, revision=revision)


def tokenizer_location(architecture: OpenClipConfig, origin: Origin | None = None) -> AtHub | None:
    """Return where the tokenizer of a CLIP's text is; None if it is open_clip's own.

    It is of the weights' commit if it lies in their repository, and of `main` if it does not.
    """
    name = architecture.config["text_cfg"].get("hf_tokenizer_name")
    if not name:
        return None
    beside = origin is not None and origin.revision and origin.location.startswith(f"{name}/")
    return AtHub(name, REQUIRED, origin.revision if beside else "main")  # pyright: ignore


def download_tokenizer(
    architecture: OpenClipConfig, origin: Origin, machine: Machine
) -> tuple[HubTokenizer, TokenizerOrigin] | None:
    """Return the tokenizer of a CLIP's text and its origin; None if it is open_clip's own.

    Raises
    ------
    InputError
        The hub cannot be reached, or has no fast tokenizer there.
    """
    location = tokenizer_location(architecture, origin)
    if location is None:
        return None
    repository = open_repository(location.repository, location.revision, "model")
    if missing := [name for name in REQUIRED if name not in repository.files]:
        raise InputError(
            f"{repository.name}@{repository.revision}: the tokenizer of '{architecture.model}' has "
            f"no {missing[0]}, expected a fast tokenizer (tokenizer.json, tokenizer_config.json); "
            "choose another model"
        )
    files, digests = {}, {}
    for name in (*REQUIRED, *OPTIONAL):
        if name in repository.files:
            file = download_file(repository, name, Path(machine.downloads))
            files[name], digests[name] = file.read_bytes(), file_digest(file)
    found = TokenizerOrigin(repository=repository.name, revision=repository.revision, files=digests)
    return HubTokenizer(architecture.config["text_cfg"], files), found
