"""Finds the linear head in a file of weights, and the classes of its rows.

A head counts only if it reads the tower's features directly, not features that a norm or a
pooler has changed. The batch norm of MAE's linear probes becomes part of the head.
"""

import re
from collections.abc import Mapping
from dataclasses import replace as with_parts
from pathlib import Path

import torch

from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.encoders.checkpoints import StateDict, abridged
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.sources.checkpoint import require_file
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.state_dicts import MatchedTower, TowerSpec, quoted
from interpreting_clip.errors import InputError

HEAD_NAMES = ("head", "fc", "classifier", "classification_head", "heads.head", "head.fc", "linear")
"""What a classifier's last layer is called."""


def find_head(matched: MatchedTower, spec: TowerSpec, choice: Choice) -> str | None:
    """Return the whole name of the linear layer that reads the tower's features, or None.

    Its name in the architecture's library comes first. Otherwise it has a name of `HEAD_NAMES` in a
    module that the tower is in, or another number than the tower's in an `nn.Sequential`.

    Raises
    ------
    InputError
        There are several heads, the named head is missing, or it may read something else.
    """
    source, weights, prefix = spec.source, matched.weights, matched.prefix
    tower, parts = {f"{prefix}{name}" for name in spec.arrays}, prefix.split(".")[:-1]
    parents = ["".join(f"{part}." for part in parts[:count]) for count in range(len(parts), -1, -1)]
    layers = [
        name.removesuffix(".weight")
        for name, value in weights.items()
        if name.endswith(".weight") and value.ndim == 2 and value.shape[1] == spec.width
        if name not in tower
    ]
    usual = HEAD_NAMES if choice.head_name is None else (choice.head_name,)
    names = [parent + name for parent in parents for name in usual]
    heads = [name for name in dict.fromkeys(names) if name in layers]
    if choice.head_name is not None:
        if not heads:
            arrays = quoted(f"{name}.weight" for name in names)
            raise InputError(
                f"{source}: no array {arrays} with {spec.width:,} columns, one per feature; "
                f"correct `head_name`. There are {quoted(layers)}"
            )
        heads = heads[:1]
    elif f"{prefix}{spec.head_name}" in layers:
        heads = [f"{prefix}{spec.head_name}"]
    elif parts and parts[-1].isdecimal():
        heads += [name for name in layers if name.removeprefix(parents[1]).isdecimal()]
    if len(heads) > 1:
        raise InputError(
            f"{source}: the head could be {quoted(heads)}; choose with the key `head_name`"
        )
    for head in heads:
        if between := arrays_between(matched, head, tower, spec.width):
            raise InputError(
                f"{source}: '{head}' may not read the tower's features, for beside it are "
                f"{abridged(between)}; fold them into its weights, or fit a linear probe"
            )
        if choice.head_name is None and f"{prefix}pooler.dense.weight" in weights:
            raise InputError(
                f"{source}: '{head}' may read what transformers' pooler makes of the features; if "
                f"it reads the class token, write `head_name: {head}`, or else save only the tower"
            )
    return next(iter(heads), None)


def arrays_between(matched: MatchedTower, head: str, tower: set[str], width: int) -> list[str]:
    """Return the arrays of layers, such as a norm, that may lie between a tower and a head."""
    module, number = head[: head.rfind(".") + 1], head.rpartition(".")[2]
    outside = not matched.prefix.startswith(module)

    def is_step(name: str) -> bool:
        end, value = name.removeprefix(module), matched.weights[name]
        if outside or (number.isdecimal() and end.partition(".")[0].isdecimal()):
            weight = matched.weights.get(f"{name.rpartition('.')[0]}.weight", value)
            # Other heads read as many features, and give another number.
            return weight.ndim != 2 or weight.shape[0] == width or weight.shape[1] != width
        # Beside a CLIP's image tower, `ln_final` is its text tower's.
        norm = re.fullmatch(r"(?!ln_final)[^.]+\.(weight|running_mean)", end)
        return norm is not None and value.shape == (width,)

    others = [name for name in matched.weights if name.startswith(module) and name not in tower]
    return [name for name in others if not name.startswith(f"{head}.") and is_step(name)]


def without_probe_norm(weights: StateDict) -> StateDict:
    """Return weights with the batch norm of MAE's linear probes folded into the head behind it.

    MAE's `main_linprobe.py` puts `BatchNorm1d(width, affine=False, eps=1e-6)` before the classifier
    (He et al. 2022, appendix A). With its mean μ and variance σ², the logits W (h − μ) / σ + b are
    the logits of a head with the weights W / σ and the bias b − W μ / σ.
    """
    folded = dict(weights)
    for name in [n for n in weights if re.search(r"(^|\.)head\.0\.running_mean$", n)]:
        head = name.removesuffix("0.running_mean")
        probe = {n.removeprefix(head): v.double() for n, v in weights.items() if n.startswith(head)}
        probe.pop("0.num_batches_tracked", None)
        # Any other head is not linear, or its norm has its own weights and epsilon.
        if probe.keys() == {"0.running_mean", "0.running_var", "1.weight", "1.bias"}:
            folded = {n: v for n, v in folded.items() if not n.startswith(head)}
            weight = probe["1.weight"] / (probe["0.running_var"] + 1e-6).sqrt()
            folded[f"{head}weight"] = weight.float()
            folded[f"{head}bias"] = (probe["1.bias"] - weight @ probe["0.running_mean"]).float()
    return folded


def refuse_patch_heads(states: Mapping[str, StateDict], source: str) -> None:
    """Refuse transformers' CLIPForImageClassification, and SigLIP's."""
    end = "vision_model.embeddings.patch_embedding.weight"
    if any(
        name.endswith(end) and f"{name.removesuffix(end)}classifier.weight" in weights
        for weights in states.values()
        for name in weights
    ):
        raise InputError(
            f"{source}: the `classifier` of transformers' CLIP and SigLIP reads the average of the "
            "patches, which is no backbone's output; if yours reads the tower's, write `head_name: "
            "classifier`, or else save only the tower"
        )


def imagenet_names() -> list[str]:
    """Return open_clip's names of ImageNet's classes, in the order of every ImageNet classifier."""
    return list(import_open_clip().IMAGENET_CLASSNAMES)


def without_head(matched: MatchedTower, choice: Choice, source: str) -> MatchedTower:
    """Return what was taken from a file without its head, whose classes are not ImageNet's.

    Raises
    ------
    InputError
        The entry names this head.
    """
    named = "" if choice.head_name is None else "leave `head_name` out, and "
    rows, classes = len(matched.head()["weight"]), len(imagenet_names())
    advice = (
        f"the file's '{matched.head_name}' has {rows:,} rows, and ImageNet {classes:,} classes: "
        f"{named}give the encoder `head: random`, or make a linear probe of it in `probe`; if the "
        "rows include ImageNet's classes, list every row's class in the checkpoint's `classes`"
    )
    if named:
        raise InputError(f"{source}: {advice}")
    unused = {f"{matched.head_name}.{part}" for part in matched.head()}
    return with_parts(matched, head_name=None, no_head=advice, unused=matched.unused | unused)


def is_on_unit_features(matched: MatchedTower) -> bool:
    """Say whether the head of a CLIP's image tower takes features of unit length.

    A head without a bias does, like a zero-shot head, and so does a `classification_head`: WiSE-FT
    and model soups use this name, normalise and have a bias (Wortsman et al. 2022).
    """
    head = matched.head()
    wise_ft = str(matched.head_name).rpartition(".")[2] == "classification_head"
    return bool(head) and ("bias" not in head or wise_ft)


def ordered_rows(
    head: dict[str, torch.Tensor], file: Path, sha256: str, source: str
) -> dict[str, torch.Tensor]:
    """Return a head's rows for ImageNet's classes, in ImageNet's order.

    The file has a line per row: the WordNet id of its class, whatever follows the id, or its name
    in OpenCLIP's list. Rows of other classes than ImageNet's 1,000 are left out.
    """
    require_file(file, sha256, "classes.sha256")
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"{file}: not a text in UTF-8; list one class per line") from None
    rows = len(head["weight"]) if head else 0
    if rows != len(lines):
        raise InputError(
            f"{file}: expected the class of each of the head's rows, got {len(lines):,} lines for "
            f"{rows:,} rows of {source}; leave `classes` out if there is no head"
        )
    known = read_imagenet_classes()
    by_id = {wnid: index for index, wnid in enumerate(known.wnids)}
    # A name that two classes have, as "missile", stands for neither.
    by_name = {n: i for i, n in enumerate(known.names) if known.names.count(n) == 1}
    row_of: dict[int, list[int]] = {index: [] for index in by_id.values()}
    for row, line in enumerate(lines):
        index = by_id.get(line.split()[0], by_name.get(line))
        if index is not None:
            row_of[index].append(row)
    for index, listed in row_of.items():
        if len(listed) != 1:
            raise InputError(
                f"{file}: expected each of ImageNet's classes in one line, got {len(listed):,} for "
                f"{known.wnids[index]}, {known.names[index]!r}; list WordNet ids, or names as in "
                "data/reference/imagenet_classes.csv that one class alone has"
            )
    return {part: value[[row for (row,) in row_of.values()]] for part, value in head.items()}
