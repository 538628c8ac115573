"""Where each encoder of a study comes from: its entry, and the architecture that it has."""

from typing import Any

from stages.encoders.backbone import AnyBackbone
from stages.settings.encoder_fits import GROUPS
from stages.settings.sections import Sections
from stages.training.recipes import Finetune, Training


def home(study: Sections, key: str) -> tuple[str, Any]:
    """Return the section that says where an encoder's weights come from, and its entry there."""
    section = next(group for group in GROUPS if key in getattr(study, group))
    return section, getattr(study, section)[key]


def backbone_name(study: Sections, key: str) -> str:
    """Return the entry of `backbones` that an encoder is built of: its own, or its start's."""
    section, entry = home(study, key)
    if section == "finetune":
        return backbone_name(study, entry.start)
    if section == "interpolate":
        return backbone_name(study, entry.first)
    return entry.backbone


def backbone(study: Sections, key: str) -> AnyBackbone:
    """Return the architecture of an encoder."""
    return study.backbones[backbone_name(study, key)]


def origin(study: Sections, key: str) -> str:
    """Say in a word or two where an encoder's weights come from."""
    section, entry = home(study, key)
    if section == "weights":
        return str(entry.__struct_config__.tag)
    if isinstance(entry, Finetune):
        return f"finetune {entry.start}"
    if section == "interpolate":
        return f"interpolate {entry.alpha:g}"
    return section


def has_text_tower(study: Sections, key: str) -> bool:
    """Say whether an encoder is stored with its text tower: a CLIP that is not finetuned."""
    return study.encoders[key].head == "zero_shot"


def trainings(study: Sections) -> dict[str, Training]:
    """Return the entries of all encoders that are trained here."""
    return {**study.pretrain, **study.finetune, **study.supervise}
