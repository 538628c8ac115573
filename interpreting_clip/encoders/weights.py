"""Encoders with published weights: from an entry of `weights:` in params.yaml to the module.

The entry's source locates its file, `checkpoints` reads the file without executing it, and
`towers` puts its arrays into the architecture that the study names.
"""

import re
from dataclasses import replace as with_parts
from pathlib import Path

from msgspec.structs import replace

from interpreting_clip.config.machine import Machine
from interpreting_clip.downloads.http import download
from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.encoders.checkpoints import read_checkpoint
from interpreting_clip.encoders.encoder import Encoder, initialise
from interpreting_clip.encoders.encoder_card import (
    EncoderCard,
    OpenClipConfig,
    Origin,
    TokenizerOrigin,
)
from interpreting_clip.encoders.encoder_entries import BackboneEntry
from interpreting_clip.encoders.hub_tokenizer import OPTIONAL, REQUIRED, HubTokenizer
from interpreting_clip.encoders.sources.checkpoint import PREPROCESSING, require_file
from interpreting_clip.encoders.sources.source import AtHub, AtUrl, Location, Source
from interpreting_clip.encoders.state_dicts import MatchedTower, describe_found
from interpreting_clip.encoders.towers import load_weights
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from interpreting_clip.loading.preprocess import Preprocess

Remarks = dict[str, str]
"""What to tell the user about an encoder, by subject."""


def find_encoder(
    entry: Source, backbone: BackboneEntry, machine: Machine
) -> tuple[Encoder, Remarks]:
    """Return the encoder of an entry in `weights:`, its own preprocessing on its card.

    The remarks describe what was taken from its file, and how images reach its tower.

    Raises
    ------
    InputError
        The library does not know the names; or the weights cannot be had, are damaged, are not
        the backbone's, or would have to be executed; or a given `resize` is smaller
        than the images that the tower sees.
    """
    location = entry.location(backbone)
    if location is None:
        encoder = initialise(backbone, entry.seed)  # pyright: ignore
        preprocess = encoder.card.preprocess
        return encoder, {"preprocessing": describe_preprocessing(entry, preprocess)}
    file, origin = download_weights(entry, location, machine)
    # The commit of the weights, so that both files come from one state of the repository.
    architecture, settings = entry.published(backbone, origin.revision, machine)
    states, folders = read_checkpoint(file, origin.location), Path(machine.folders)
    encoder, matched = load_weights(architecture, states, entry.choice(), origin.location, folders)
    try:
        preprocess = replace(encoder.card.preprocess, **settings | entry.preprocessing)
    except ValueError as error:
        raise InputError(
            f"weights: {error}; correct it in params.yaml, or leave it out for the architecture's"
        ) from None
    if not entry.from_library:
        # None in place of "": the whole file, no prefix, no head.
        parts = {"state": matched.state, "prefix": matched.prefix, "head_name": matched.head_name}
        origin = replace(origin, **{key: value or None for key, value in parts.items()})
    card, tokenizer = replace(encoder.card, preprocess=preprocess, origin=origin), None
    if card.kind == "clip" and isinstance(card.architecture, OpenClipConfig):
        tokenizer, tokenizer_origin = download_tokenizer(card.architecture, origin, machine)
        card = replace(card, tokenizer=tokenizer_origin)
    remarks = {
        "taken": describe_found(matched),
        "preprocessing": describe_preprocessing(entry, preprocess),
    }
    if warning := compare_with_training(entry, matched, card):
        remarks["warning"] = warning
    if matched.no_head:
        remarks["head"] = matched.no_head
    return with_parts(encoder, card=card, tokenizer=tokenizer), remarks


def describe_preprocessing(entry: Source, preprocess: Preprocess) -> str:
    """Describe in one line how images reach a tower, and where each setting comes from."""
    default = "the weights'" if entry.from_library else "the architecture's"
    settings: dict[str, list[str]] = {}
    for key in PREPROCESSING:
        value = getattr(preprocess, key) or preprocess.size
        text = " ".join(f"{n:.6g}" for n in value) if isinstance(value, tuple) else value
        settings.setdefault("given" if key in entry.preprocessing else default, []).append(
            f"{key} {text}"
        )
    parts = [f"{', '.join(texts)} ({origin})" for origin, texts in settings.items()]
    return f"{'; '.join(parts)}; {preprocess.mode} to {preprocess.size} pixels"


IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

TRAINED_WITH = {
    "MAE": (r"decoder_embed\.", *IMAGENET),
    "DINO": (r"head\.last_layer\.", *IMAGENET),
    "MoCo v3": (r"momentum_encoder\.", *IMAGENET),
    "SLIP": (r"image_projection$", *IMAGENET),
    "SigLIP": (r"attn_pool\.latent$", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""Trainings that a name in their files gives away, and the mean and std of their images."""

PRE_NORM = r"(ln|norm)_pre\.weight$"
"""The norm before the blocks, which CLIPs have and ViTs of other trainings do not."""

WITH_12_HEADS = ("MoCo v3", "SLIP")
"""Trainings whose ViT-S has 12 attention heads and not 6, with arrays of the same shapes."""


def compare_with_training(entry: Source, matched: MatchedTower, card: EncoderCard) -> str:
    """Return warnings of what a file does not hold: mean and std, and a CLIP's activation function.

    Raises
    ------
    InputError
        The training computes the features differently from the backbone.
    """
    if entry.from_library:
        return ""
    names, warnings = "\n".join(matched.weights), list[str]()
    model = card.architecture.model  # pyright: ignore
    if matched.converted and re.search(PRE_NORM, names, re.M) and "quickgelu" not in model:
        warnings.append(
            f"{model} has a GELU; if transformers' config.json has `hidden_act: quick_gelu`, as "
            "OpenAI's CLIPs, name its model with `quickgelu`"
        )
    known = [key for key, (name, *_) in TRAINED_WITH.items() if re.search(name, names, re.M)]
    known += ["MAE"] if matched.averaged or matched.folded else []
    if known and known[0] in WITH_12_HEADS and card.feature_width == 384:
        raise InputError(
            f"{card.origin.location}: the ViT-S of {known[0]} has 12 attention heads, which no "  # pyright: ignore
            "array shows, and timm's has 6, so the features would be wrong; choose its ViT-B, or "
            "save the tower alone if yours has 6"
        )
    mean, std = TRAINED_WITH[known[0]][1:] if known else IMAGENET
    given = {"mean", "std"} <= entry.preprocessing.keys()
    if known and not given and (mean, std) != (card.preprocess.mean, card.preprocess.std):
        warnings.append(
            f"files like this one come from {known[0]}, which trains with another mean and std "
            f"than the architecture's; unless yours was trained otherwise, give `mean: {[*mean]}` "
            f"and `std: {[*std]}`"
        )
    return "; ".join(warnings)


def download_weights(entry: Source, location: Location, machine: Machine) -> tuple[Path, Origin]:
    """Return the file at a location, downloaded if it is not on this machine, and its origin.

    The origin is the same on every machine: it does not name a folder of this one.
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
        require_file(file, location.sha256)
    source, tag = str(entry.__struct_config__.tag), getattr(entry, "tag", None)
    digest = file_digest(file)
    return file, Origin(source=source, location=name, sha256=digest, tag=tag, revision=revision)


def download_tokenizer(
    architecture: OpenClipConfig, origin: Origin, machine: Machine
) -> tuple[HubTokenizer, TokenizerOrigin] | tuple[None, None]:
    """Return the tokenizer of a CLIP's text and its origin; None if it is open_clip's.

    Its commit is the weights' if it lies in their repository, otherwise `main`'s.
    """
    name = architecture.config["text_cfg"].get("hf_tokenizer_name")
    if not name:
        return None, None
    with_weights = origin.revision and origin.location.startswith(f"{name}/")
    repository = open_repository(name, str(origin.revision) if with_weights else "main", "model")
    if missing := [name for name in REQUIRED if name not in repository.files]:
        raise InputError(
            f"{repository.name}@{repository.revision}: the tokenizer of '{architecture.model}' has "
            f"no {missing[0]}, expected a fast tokenizer ({', '.join(REQUIRED)}); choose another "
            "model"
        )
    files, digests = {}, {}
    for name in (*REQUIRED, *OPTIONAL):
        if name in repository.files:
            file = download_file(repository, name, Path(machine.downloads))
            files[name], digests[name] = file.read_bytes(), file_digest(file)
    source = TokenizerOrigin(
        repository=repository.name, revision=repository.revision, files=digests
    )
    return HubTokenizer(architecture.config["text_cfg"], files), source
