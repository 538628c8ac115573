"""`source: timm`: models of timm's zoo, and of the hub's repositories in its format."""

from typing import Any

from msgspec.structs import asdict

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import HUB_MODEL, TimmModel
from interpreting_clip.encoders.sources.source import Location
from interpreting_clip.encoders.sources.zoo import ZooSource, require_tag, url_location
from interpreting_clip.errors import InputError, close_names


class Timm(ZooSource, frozen=True, kw_only=True, tag="timm"):
    """A model of timm, with a classifier or without: the backbone's with the weights `tag`.

    `tag`, `revision` and a backbone `hf-hub:<owner>/<repository>` are as for `OpenClip`.
    """

    architectures = TimmModel
    word, separator = "timm", "."
    files = ("model.safetensors", "pytorch_model.bin")
    config = "config.json"

    def zoo_location(self, backbone: Any) -> Location:
        """Return where timm has the weights: on the hub, if it can.

        Raises
        ------
        InputError
            There are no such weights, or they are a classifier of other classes than ImageNet's.
        """
        import timm

        name = f"{backbone.model}.{self.tag}"
        require_tag(self, self.tag, backbone.model, self.known_tags(backbone.model))
        config: Any = timm.get_pretrained_cfg(name)
        # On the hub timm's weights are a state dict, even if its URL has them in another format.
        own_format = config.custom_load == "hf" if config.hf_hub_id else config.custom_load
        # Self-supervised weights have no classes.
        if own_format or config.label_offset or config.num_classes not in (0, 1000):
            raise InputError(
                f"weights: timm's '{name}' is no classifier of ImageNet's 1,000 classes in timm's "
                "own format, and no encoder without a head; choose other weights"
            )
        if config.hf_hub_id:
            return self.hub_location(config.hf_hub_id, config.hf_hub_filename or "")
        return url_location(str(config.url), self.revision)

    def published(
        self, backbone: Any, commit: str | None, machine: Machine
    ) -> tuple[Any, dict[str, Any]]:
        """Return the model with the tag of its weights, whose preprocessing it then has.

        The model of a repository is that of the installed timm by the name in its configuration,
        with its tag if timm knows it.

        Raises
        ------
        InputError
            The repository's model is of transformers, is built with arguments, or is pooled
            otherwise than timm's own.
        """
        import timm
        from timm.data.config import resolve_data_config

        from interpreting_clip.encoders.library_models import build_library_model, timm_preprocess

        name = backbone.model
        if not name.startswith(HUB_MODEL):
            return TimmModel(model=f"{name}.{self.tag}"), {}
        with self.hub_config(name, commit, machine) as tree:
            if "model_type" in tree and "pretrained_cfg" not in tree:
                raise InputError(
                    f"weights: '{name}' is a model of transformers, expected OpenCLIP's or timm's; "
                    "download its model.safetensors and name it as a `source: checkpoint` with its "
                    "backbone (of `extract`: --backbone)"
                )
            settings = tree["pretrained_cfg"]
            plain, tag = str(tree["architecture"]), settings.get("tag", "")
            known = timm.is_model(plain) and tag in self.known_tags(plain)
            model = TimmModel(model=f"{plain}.{tag}" if known else plain)
            arguments = set(tree.get("model_args") or {}) - {"num_classes"}
            pooling = getattr(build_library_model(model, 0).module, "global_pool", None)
            pool = tree.get("global_pool") or pooling
            if arguments or pool != pooling:
                changed = sorted(arguments) or [f"global_pool {pool}"]
                raise InputError(
                    f"weights: '{name}' is timm's {plain} built with {', '.join(changed)}, which "
                    "is not supported; choose a repository with a model as timm builds it"
                )
            preprocess = asdict(timm_preprocess(name, resolve_data_config(pretrained_cfg=settings)))
            # JSON has no tuples, which all other preprocessing has.
            return model, preprocess | {key: tuple(preprocess[key]) for key in ("mean", "std")}

    @classmethod
    def from_words(cls, model: str, tag: str) -> tuple[str, str]:
        """Take the weights that timm itself takes if the words name none."""
        import timm

        if not timm.is_model(model):
            known = timm.list_models()
            raise InputError(f"timm has no model '{model}'; {close_names(model, known)}")
        return model, tag or getattr(timm.get_pretrained_cfg(model), "tag", "")

    @classmethod
    def known_tags(cls, model: str) -> list[str]:
        """Return the tags of a model's weights."""
        import timm

        return [name.partition(".")[2] for name in timm.list_pretrained(f"{model}.*")]
