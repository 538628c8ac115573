"""Where the files of the encoders lie that are downloaded."""

from stages.encoders.backbone import AnyBackbone, OpenClipModel, TimmModel, TorchvisionModel
from stages.planning.locations import Folder, Location, Repository, Url
from stages.settings.sections import Sections
from stages.settings.weights import Checkpoint, OpenClip, Timm, Torchvision
from stages.storage.errors import InputError

HUB = "hf-hub:"
OPEN_CLIP_FILE, TIMM_FILE = "open_clip_model.safetensors", "model.safetensors"
"""The files that a repository of either library has, where its entry names none."""


def weight_locations(study: Sections, key: str) -> list[Location]:
    """Return the places of an entry of `weights`; fresh weights have none.

    Raises
    ------
    InputError
        The library has no weights of that tag.
    """
    entry = study.weights[key]
    backbone = study.backbones[entry.backbone]
    if isinstance(entry, Checkpoint):
        return [Folder(str(entry.file)) if entry.url is None else Url(entry.url)]
    if isinstance(entry, OpenClip):
        return [open_clip_location(key, backbone, entry)]
    if isinstance(entry, Torchvision):
        return [torchvision_location(key, backbone, entry)]
    if isinstance(entry, Timm):
        return [timm_location(key, backbone, entry)]
    return []


def open_clip_location(key: str, backbone: AnyBackbone, entry: OpenClip) -> Location:
    """Return where open_clip takes the weights of a tag from."""
    from open_clip import get_pretrained_cfg

    if not isinstance(backbone, OpenClipModel):
        raise other_library(key, "open_clip")
    revision = entry.revision or "main"
    if backbone.model.startswith(HUB):
        name = backbone.model.removeprefix(HUB)
        return Repository(name, revision, OPEN_CLIP_FILE, "model")
    known = get_pretrained_cfg(backbone.model, entry.tag or "")
    if not known:
        raise unknown_tag(key, backbone.model, str(entry.tag))
    if known.get("hf_hub"):
        name, _, file = known["hf_hub"].rpartition("/")
        return Repository(name, revision, file or OPEN_CLIP_FILE, "model")
    return Url(known["url"])


def torchvision_location(key: str, backbone: AnyBackbone, entry: Torchvision) -> Location:
    """Return the URL of torchvision's weights."""
    from torchvision.models import get_model_weights

    if not isinstance(backbone, TorchvisionModel):
        raise other_library(key, "torchvision")
    weights = get_model_weights(backbone.model)
    if entry.tag not in weights.__members__:
        raise unknown_tag(key, backbone.model, entry.tag)
    return Url(weights[entry.tag].url)


def timm_location(key: str, backbone: AnyBackbone, entry: Timm) -> Location:
    """Return where timm takes the weights of a tag from."""
    from timm.models import get_pretrained_cfg

    if not isinstance(backbone, TimmModel):
        raise other_library(key, "timm")
    try:
        known = get_pretrained_cfg(f"{backbone.model}.{entry.tag}", allow_unregistered=False)
    except RuntimeError:
        known = None
    if known is None:
        raise unknown_tag(key, backbone.model, entry.tag)
    if known.hf_hub_id:
        name, file = known.hf_hub_id, known.hf_hub_filename or TIMM_FILE
        return Repository(name, entry.revision or "main", file, "model")
    return Url(str(known.url))


def other_library(key: str, library: str) -> InputError:
    """Return the refusal of weights whose backbone is another library's."""
    return InputError(
        f"'weights.{key}': weights of {library} need a backbone of the kind '{library}'"
    )


def unknown_tag(key: str, model: str, tag: str) -> InputError:
    """Return the refusal of a tag."""
    return InputError(f"'weights.{key}.tag': there are no weights '{tag}' of the model {model}")
