"""Whether an encoder's entry fits the section that it comes from, its architecture and its head."""

from collections.abc import Iterator

from stages.config.encoders import (
    AnyBackbone,
    Backbone,
    Checkpoint,
    OpenClip,
    OpenClipModel,
    Timm,
    TimmModel,
    Torchvision,
    TorchvisionModel,
    Untrained,
    WeightsEntry,
    split_words,
)
from stages.config.params import short
from stages.config.sections import Sections
from stages.config.synthetic import CLASSES, Captioned

GROUPS = ("weights", "pretrain", "finetune", "supervise", "interpolate")
"""The sections that say where an encoder's weights come from."""

CLIPS = Backbone | OpenClipModel
"""The architectures that have a text tower."""

FITTING = {
    Untrained: AnyBackbone,
    OpenClip: OpenClipModel,
    Torchvision: TorchvisionModel,
    Timm: TimmModel,
    Checkpoint: OpenClipModel | TorchvisionModel | TimmModel,
}
"""The architectures whose weights a source has."""

HUB_MODEL = "hf-hub:"
"""How the name of a model begins that names its weights, too."""


def misplaced_encoders(study: Sections) -> Iterator[str]:
    """Yield the encoders that come from nowhere, from two places, or are never measured."""
    if not study.encoders:
        yield "'encoders': expected one or more, got none: nothing would be measured"
    labels: dict[str, str] = {}
    for key, entry in study.encoders.items():
        if (first := labels.setdefault(entry.label, key)) != key:
            yield (
                f"'encoders.{key}.label': expected a label of its own, got that of "
                f"'encoders.{first}', {short(entry.label)}"
            )
        homes = [group for group in GROUPS if key in getattr(study, group)]
        if len(homes) != 1:
            found = " and ".join(homes) or "none"
            yield (
                f"'encoders.{key}': expected an entry '{key}' in one of {', '.join(GROUPS)}, "
                f"got {found}"
            )
        elif entry.head not in (kinds := head_kinds(study, homes[0], key)):
            yield (
                f"'encoders.{key}.head': the encoder of '{homes[0]}.{key}' has a head of the kind "
                f"'{' or '.join(kinds)}', got '{entry.head}'"
            )
    for group in GROUPS:
        for key in getattr(study, group):
            if key not in study.encoders:
                yield f"'{group}.{key}': expected an entry '{key}' in encoders; it has none"


def head_kinds(study: Sections, group: str, key: str) -> list[str]:
    """Return the kinds of head that an entry of a section can have.

    The checkpoint of a CLIP can hold both its towers, or its image tower with a trained head.
    """
    if group != "weights":
        return ["zero_shot" if group == "pretrain" else "trained"]
    entry = study.weights[key]
    if isinstance(entry, Untrained):
        return ["random"]
    if not is_clip(study, entry):
        return ["trained"]
    return ["zero_shot", "trained"] if isinstance(entry, Checkpoint) else ["zero_shot"]


def is_clip(study: Sections, entry: WeightsEntry) -> bool:
    """Say whether an entry of `weights:` is a CLIP that has learnt something."""
    architecture = study.backbones.get(entry.backbone)
    return isinstance(architecture, CLIPS) and not isinstance(entry, Untrained)


def clips(study: Sections) -> list[str]:
    """Return the CLIPs that have learnt something: what finetuning and interpolation start from."""
    ready = [key for key, entry in study.weights.items() if is_clip(study, entry)]
    return [*study.pretrain, *ready]


def misfit_weights(study: Sections) -> Iterator[str]:
    """Yield the encoders whose architecture, tag or start is not one for their kind."""
    for key, entry in study.weights.items():
        yield from misfit_backbone(study, f"weights.{key}", entry.backbone, FITTING[type(entry)])
        if isinstance(entry, OpenClip):
            yield from misfit_tag(study, key, entry)
    for group in ("pretrain", "supervise"):
        for key, entry in getattr(study, group).items():
            yield from misfit_backbone(study, f"{group}.{key}", entry.backbone, CLIPS)
    for key, entry in study.interpolate.items():
        second = study.finetune.get(entry.second)
        if second is not None and second.start != entry.first:
            yield (
                f"'interpolate.{key}.second': expected a finetuned version of '{entry.first}', "
                f"but 'finetune.{entry.second}.start' is '{second.start}'"
            )


def misfit_backbone(study: Sections, path: str, backbone: str, legal: object) -> Iterator[str]:
    """Yield a complaint when an entry's architecture is of a kind that it cannot be."""
    architecture = study.backbones.get(backbone)
    if architecture is not None and not isinstance(architecture, legal):  # pyright: ignore
        fitting = [key for key, one in study.backbones.items() if isinstance(one, legal)]  # pyright: ignore
        kind = architecture.__struct_config__.tag
        yield (
            f"'{path}.backbone': '{backbone}' is of the kind '{kind}'; legal values: "
            f"{', '.join(fitting) or 'none yet'}"
        )


def misfit_tag(study: Sections, key: str, entry: OpenClip) -> Iterator[str]:
    """Yield a complaint when the weights of a model are not named, or named twice."""
    architecture = study.backbones.get(entry.backbone)
    if isinstance(architecture, OpenClipModel):
        named = architecture.model.startswith(HUB_MODEL)
        model = short(architecture.model)
        if named and entry.tag is not None:
            yield f"'weights.{key}.tag': {model} names its weights; leave `tag` out"
        if not named and entry.tag is None:
            yield f"'weights.{key}.tag' is missing: which weights of {model}?"


def misfit_words(study: Sections) -> Iterator[str]:
    """Yield the CLIPs, by their sizes, whose text tower could not read the prompts of their head.

    Such a head is for all classes of the world, and the tower knows the words of its captions.
    """
    templates = study.heads.zero_shot.templates
    longest = max(templates, key=words) if isinstance(templates, list) else ""
    context = words(longest) + 2
    for key, entry in study.pretrain.items():
        backbone, dataset = study.backbones.get(entry.backbone), study.datasets.get(entry.dataset)
        if not isinstance(backbone, Backbone):
            continue
        if isinstance(dataset, Captioned) and len(dataset.class_indices) < len(CLASSES):
            yield (
                f"'datasets.{entry.dataset}.classes': expected all: the zero-shot head of '{key}' "
                "is for all classes, and knows those of its captions"
            )
        if context > backbone.text.context:
            yield (
                f"'backbones.{entry.backbone}.text.context': expected {context} or more, for the "
                f"prompt {short(longest)} with its start and end, got {backbone.text.context}"
            )


def words(prompt: str) -> int:
    """Return how many words a prompt has for a class of one word."""
    return len(split_words(prompt.replace("{}", "class")))
