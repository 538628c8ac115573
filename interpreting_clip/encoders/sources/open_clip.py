"""`source: open_clip`: CLIPs of OpenCLIP's zoo, and of the hub's repositories in its format."""

from collections.abc import Mapping
from typing import Any

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import HUB_MODEL, OpenClipModel
from interpreting_clip.encoders.sources.source import Location
from interpreting_clip.encoders.sources.zoo import (
    OPEN_CLIP_FILES,
    ZooSource,
    require_tag,
    url_location,
)
from interpreting_clip.errors import InputError


class OpenClip(ZooSource, frozen=True, kw_only=True, tag="open_clip"):
    """A CLIP of OpenCLIP's zoo: the backbone's model with the weights `tag`.

    A backbone whose model is `hf-hub:<owner>/<repository>` already names its weights, so `tag` is
    left out. `revision` pins the hub's repository to a commit or a tag.
    """

    architectures = OpenClipModel
    word, separator = "openclip", "/"
    files = OPEN_CLIP_FILES
    config = "open_clip_config.json"

    def zoo_location(self, backbone: Any) -> Location:
        """Return where the zoo has the weights: on the hub, if it can.

        Weights that were trained with another activation function are refused: accuracy would
        suffer.
        """
        from interpreting_clip.encoders.open_clip_models import named_config

        name, tag, zoo = backbone.model, self.tag or "", pretrained()
        config, plain = named_config(backbone).config, name.removesuffix("-quickgelu")
        # open_clip lists some tags under the model's name without the suffix only.
        weights = zoo.get_pretrained_cfg(name, tag) or zoo.get_pretrained_cfg(plain, tag)
        if not weights:
            require_tag(self, self.tag, name, self.known_tags(name))
        built, trained = bool(config.get("quick_gelu")), bool(weights.get("quick_gelu"))
        if built != trained:
            raise InputError(
                f"weights: '{tag}' was trained {'with' if trained else 'without'} QuickGELU, and "
                f"the model '{name}' is built {'with' if built else 'without'} it; write `model: "
                f"{plain}{'-quickgelu' if trained else ''}`"
            )
        if weights.get("hf_hub"):
            repository, _, file = weights["hf_hub"].rpartition("/")
            return self.hub_location(repository, file)
        return url_location(weights["url"], self.revision)

    def published(
        self, backbone: Any, commit: str | None, machine: Machine
    ) -> tuple[Any, dict[str, Any]]:
        """Return the configuration and the preprocessing that open_clip names for the weights."""
        from interpreting_clip.encoders.open_clip_models import named_config, supported_config

        name = backbone.model
        if name.startswith(HUB_MODEL):
            with self.hub_config(name, commit, machine) as tree:
                architecture = supported_config(name, tree["model_cfg"])
                return architecture, open_clip_preprocess(tree.get("preprocess_cfg", {}), name)
        settings = pretrained().get_pretrained_cfg(name, self.tag or "")
        return named_config(backbone), open_clip_preprocess(settings, name)

    @classmethod
    def from_words(cls, model: str, tag: str) -> tuple[str, str]:
        """Choose the activation function of the weights, as `open_clip.create_model` does.

        A study names `ViT-B-32-quickgelu` for OpenAI's weights.
        """
        from interpreting_clip.encoders.open_clip_import import import_open_clip

        quick, settings = f"{model}-quickgelu", pretrained().get_pretrained_cfg(model, tag) or {}
        known = settings.get("quick_gelu") and quick in import_open_clip().list_models()
        return quick if known else model, tag

    @classmethod
    def known_tags(cls, model: str) -> list[str]:
        """Return the tags of a model's weights."""
        from interpreting_clip.encoders.open_clip_models import named_config

        named_config(OpenClipModel(model=model))  # refuses unknown names
        return pretrained().list_pretrained_tags_by_model(model)


def pretrained() -> Any:
    """Return open_clip's list of its weights."""
    from interpreting_clip.encoders.open_clip_import import import_open_clip

    return import_open_clip().pretrained


def open_clip_preprocess(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the preprocessing that open_clip names for weights, in our terms.

    What it leaves out is as for a model without weights.

    Raises
    ------
    InputError
        Images would be padded, or scaled by another filter than ours.
    """
    from interpreting_clip.loading.preprocess import FILTERS

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
