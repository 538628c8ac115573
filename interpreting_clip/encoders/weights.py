"""Encoders with published weights: from an entry of `weights:` in params.yaml to the module.

`locations` says where the weights lie and downloads them. Here their state dict is read, in the
format that others wrote it in, and the architecture that the study names takes it.
"""

import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import replace as with_parts
from errno import EINVAL
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec.structs import asdict, replace

from interpreting_clip.config.encoders import (
    HUB_MODEL,
    OpenClipModel,
    TimmModel,
    TorchvisionModel,
)
from interpreting_clip.config.machine import Machine
from interpreting_clip.config.weight_sources import (
    PREPROCESSING,
    BackboneEntry,
    CheckpointFile,
    Timm,
    Torchvision,
    Untrained,
    WeightsEntry,
)
from interpreting_clip.downloads.archives import read_file
from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.encoders.encoder import (
    Classifier,
    Encoder,
    classifier_encoder,
    clip_encoder,
    copy_state,
    initialise,
    new_card,
)
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.library_models import (
    build_library_model,
    classifier_weights,
    torchvision_preprocess,
)
from interpreting_clip.encoders.locations import (
    download_weights,
    locate_weights,
    torchvision_weights,
)
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.open_clip_models import named_config, needs_timm, supported_config
from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.loading.preprocess import FILTERS, Preprocess

Published = OpenClipConfig | TorchvisionModel | TimmModel
"""The architectures that weights are published for."""

StateDict = Mapping[str, torch.Tensor]
"""Weights by their names in the model."""


def build_encoder(entry: WeightsEntry, backbone: BackboneEntry, machine: Machine) -> Encoder:
    """Return the encoder of an entry in `weights:`, its own preprocessing on its card.

    Raises
    ------
    InputError
        The library does not know the names; or the weights cannot be had, are damaged, are not
        those of the backbone, or would have to be executed; or a `resize` that is given is smaller
        than the images that the tower sees.
    """
    location = locate_weights(entry, backbone)
    if location is None:
        return initialise(backbone, entry.seed)  # pyright: ignore
    file, origin = download_weights(entry, location, machine)
    # The commit of the weights, so that both files come from one state of the repository.
    architecture, settings = published_settings(entry, backbone, origin.revision, machine)
    encoder = load_state_dict(architecture, read_state_dict(file, origin.location), origin.location)
    given = entry.preprocessing if isinstance(entry, CheckpointFile) else {}
    try:
        preprocess = replace(encoder.card.preprocess, **settings | given)
    except ValueError as error:
        raise InputError(
            f"weights: {error}; correct it in params.yaml, or leave it out for the architecture's"
        ) from None
    card = replace(encoder.card, preprocess=preprocess, origin=origin)
    return with_parts(encoder, card=card)


def describe_preprocessing(entry: WeightsEntry, preprocess: Preprocess) -> str:
    """Say in one line how images reach a tower, and who says so."""
    given = entry.preprocessing if isinstance(entry, CheckpointFile) else {}
    default = (
        "the architecture's" if isinstance(entry, CheckpointFile | Untrained) else "the weights'"
    )
    values = {key: getattr(preprocess, key) for key in PREPROCESSING}
    values["resize"] = preprocess.resize or preprocess.size
    said: dict[str, list[str]] = {}
    for key, value in values.items():
        text = " ".join(f"{number:.6g}" for number in value) if key in ("mean", "std") else value
        said.setdefault("given" if key in given else default, []).append(f"{key} {text}")
    parts = [f"{', '.join(texts)} ({who})" for who, texts in said.items()]
    return f"{'; '.join(parts)}; {preprocess.mode} to {preprocess.size} pixels"


def published_settings(
    entry: WeightsEntry, backbone: Any, commit: str | None, machine: Machine
) -> tuple[Published, dict[str, Any]]:
    """Return the architecture that weights are for, and the preprocessing that they ask for."""
    if isinstance(entry, Torchvision):
        transforms = torchvision_weights(entry, backbone).transforms()
        return backbone, asdict(torchvision_preprocess(transforms))
    if isinstance(entry, Timm):
        return TimmModel(model=f"{backbone.model}.{entry.tag}"), {}
    if not isinstance(backbone, OpenClipModel):
        return backbone, {}
    if backbone.model.startswith(HUB_MODEL):
        architecture, settings = hub_settings(backbone.model, str(commit), machine)
    else:
        architecture, tag = named_config(backbone), getattr(entry, "tag", None) or ""
        settings = import_open_clip().pretrained.get_pretrained_cfg(backbone.model, tag)
    return architecture, open_clip_preprocess(settings, backbone.model)


CONFIG, CONFIG_SIZE = "open_clip_config.json", 1 << 20
"""The file of a hub's repository that configures its model and the preprocessing of images, and the
most bytes that it may have."""


def hub_settings(
    name: str, commit: str, machine: Machine
) -> tuple[OpenClipConfig, Mapping[str, Any]]:
    """Return a model's architecture and preprocessing from its repository, at the weights' commit.

    Raises
    ------
    InputError
        The repository has no such file, or the file is no configuration of open_clip.
    """
    repository = open_repository(name.removeprefix(HUB_MODEL), commit, "model")
    (path,) = repository.matching(CONFIG)
    file = download_file(repository, path, Path(machine.downloads))
    try:
        tree = msgspec.json.decode(read_file(file, CONFIG_SIZE))
        return supported_config(name, tree["model_cfg"]), tree.get("preprocess_cfg", {})
    except (*DAMAGED_JSON, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{repository.name}@{commit}: {CONFIG} is no configuration of open_clip "
            f"({type(error).__name__}: {error}); choose another repository"
        ) from None


def open_clip_preprocess(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the preprocessing that open_clip names for weights, in our terms.

    What it leaves out is as for a model without weights.

    Raises
    ------
    InputError
        Images would be padded, or scaled by another filter than ours.
    """
    modes = {"shortest": "crop", "squash": "squash"}
    mode = settings.get("resize_mode") or "shortest"
    interpolation = settings.get("interpolation") or "bicubic"
    if mode not in modes or interpolation not in FILTERS:
        raise InputError(
            f"weights: '{name}' prepares images with resize_mode {mode!r} and interpolation "
            f"{interpolation!r}; supported are {', '.join(modes)} and {', '.join(FILTERS)}"
        )
    scaling = {key: tuple(settings[key]) for key in ("mean", "std") if settings.get(key)}
    return {"mode": modes[mode], "interpolation": interpolation, **scaling}


WRAPPERS = ("state_dict", "model_state_dict", "model")
"""The keys under which training checkpoints keep the weights; the first that is there."""

PREFIXES = ("module.", "_orig_mod.")
"""What distributed training and compilation put before every name, in either order."""

NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that OpenAI's state dicts hold beside the weights."""


def read_state_dict(file: Path, source: str) -> dict[str, torch.Tensor]:
    """Return the weights in a file, by their names in the model.

    The content says which format it is, for a downloaded file is named by its digest. Nothing in
    it is executed: a pickle is read by torch's restricted reader (`weights_only`), a TorchScript
    archive, which holds a program, is refused.

    Raises
    ------
    InputError
        The file is damaged, would have to be executed, or holds no weights; names `source`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        content = load_file(file) if is_safetensors(file) else read_pickle(file, source)
    except SafetensorError as error:
        raise InputError(f"{source}: damaged safetensors ({error}); get the file again") from None
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{source}: expected a state dict, got {type(content).__name__}")
    weights = {str(name): value for name, value in content.items() if name not in NOT_WEIGHTS}
    for name, value in weights.items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{source}: expected a state dict or a training checkpoint with its weights under "
                f"'{WRAPPERS[0]}'; '{name}' is no tensor but {type(value).__name__}"
            )
    # Twice, since the two may come in either order.
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def is_safetensors(file: Path) -> bool:
    """Say whether a file begins as safetensors do: the length of its header, then the header."""
    with file.open("rb") as stream:
        start = stream.read(9)
    length = int.from_bytes(start[:8], "little")
    return start[8:] == b"{" and 8 + length <= file.stat().st_size


def read_pickle(file: Path, source: str) -> Any:
    """Read what `torch.save` wrote, without executing anything in it.

    Raises
    ------
    InputError
        It is damaged, or would have to be executed.
    """
    try:
        members = zipped_members(file)
        # `torch.save` compresses nothing, so more than the file's own size is a bomb.
        if sum(member.file_size for member in members) > file.stat().st_size:
            raise InputError(
                f"{source}: its members unpack to more than the {file.stat().st_size:,} bytes that "
                "it has, and torch would read them into memory; get it from its publisher"
            )
        if any("/code/" in member.filename for member in members):
            raise InputError(
                f"{source}: a TorchScript archive holds a program, and nothing is executed here; "
                "save its `state_dict()` with safetensors, or use the weights on the hub"
            )
        with warnings.catch_warnings():
            # Some old files make torch warn, and the user can do nothing about it.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # a damaged file raises anything, by what is hit
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):
            raise  # of the disk; a place before the file's begin is damage
        raise InputError(
            f"{source}: cannot be read without executing what it holds, or is damaged "
            f"({complaint(error)}); get it again, or save the model's `state_dict()` alone, best "
            "with safetensors"
        ) from None


def complaint(error: Exception) -> str:
    """Return what torch's reader found, without its advice to execute the file after all."""
    found = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    return re.split(r"\.\s|\n", found)[0] or type(error).__name__


def zipped_members(file: Path) -> list[zipfile.ZipInfo]:
    """Return the members of the zip that a file is; none if it is no zip."""
    if not zipfile.is_zipfile(file):
        return []
    with zipfile.ZipFile(file) as archive:
        return archive.infolist()


ADVICE = "the weights are of another architecture: name the backbone that they belong to"


def load_state_dict(architecture: Published, weights: StateDict, source: str) -> Encoder:
    """Return an encoder of an architecture with the weights of a state dict.

    Weights of a CLIP's image tower with a linear `head` are a classifier, as `finetune` writes it;
    a head without bias is on unit features. Whole CLIPs have open_clip's names, classifiers those
    of their library.
    """
    if not isinstance(architecture, OpenClipConfig):
        return load_library_classifier(architecture, weights, source)
    if "head.weight" in weights:
        # The file does not name its classes: as many rows as ImageNet has classes are taken for
        # these.
        classes = imagenet_classes(len(weights["head.weight"]), source)
        unit = "head.bias" not in weights
        encoder = classifier_encoder(architecture, classes, 0, normalize_features=unit)
    else:
        encoder = clip_encoder(architecture, None, 0)
        weights = open_clip_names(encoder.module, architecture, weights)
    copy_state(encoder.module, weights, source, ADVICE)
    return encoder


def open_clip_names(
    module: Any, architecture: OpenClipConfig, weights: StateDict
) -> dict[str, torch.Tensor]:
    """Return weights under the names of open_clip's module, from older or other names.

    open_clip's own loading does the same, and would also fit weights to another image size.
    """
    open_clip = import_open_clip(timm=needs_timm(architecture.config))
    named = dict(open_clip.convert.convert_state_dict(module, dict(weights)))
    if "positional_embedding" in named and not hasattr(module, "positional_embedding"):
        named = open_clip.model.convert_to_custom_text_state_dict(named)
    return named


def load_library_classifier(
    architecture: TorchvisionModel | TimmModel, weights: StateDict, source: str
) -> Encoder:
    """Return a classifier of torchvision or timm with its own head.

    Older files are read as their library reads them: torchvision's ViTs and DenseNets were
    published under names that their modules no longer have, and its oldest files lack the counters
    of batch norms.
    """
    model = build_library_model(architecture, 0)
    named = classifier_weights(model, weights)
    classes = imagenet_classes(len(named.get("head.weight", model.head.weight)), source)  # pyright: ignore
    module = Classifier(model.module, model.width, len(classes), normalize=False)
    try:
        # Without the versions that the file may hold, modules accept the names of older releases.
        module.load_state_dict(named)
    except (RuntimeError, ValueError):
        # MNASNets need their versions. If it fails here too, the error names what differs.
        copy_state(module, named, source, ADVICE)
    card = new_card(model, kind="classifier", normalize_features=False, classes=classes)
    return Encoder(card, module)


def imagenet_classes(rows: int, source: str) -> list[str]:
    """Return open_clip's names of ImageNet's classes, in the order of every ImageNet classifier.

    Raises
    ------
    InputError
        The head has another number of rows than ImageNet has classes.
    """
    names = import_open_clip().IMAGENET_CLASSNAMES
    if rows != len(names):
        raise InputError(
            f"{source}: expected a head with a row for each of ImageNet's {len(names):,} classes, "
            f"got {rows:,}; choose a classifier of ImageNet-1k"
        )
    return list(names)
