"""`source: torchvision`: classifiers of torchvision."""

from typing import Any

from msgspec.structs import asdict

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import TorchvisionModel
from interpreting_clip.encoders.sources.source import Location, Source
from interpreting_clip.encoders.sources.zoo import require_tag, url_location
from interpreting_clip.quantities import Name


class Torchvision(Source, frozen=True, kw_only=True, tag="torchvision"):
    """A classifier of torchvision: the backbone's model with the weights `tag` (IMAGENET1K_V1)."""

    architectures = TorchvisionModel
    word, separator = "torchvision", "/"

    tag: Name

    def location(self, backbone: Any) -> Location:
        """Return the URL that torchvision downloads from."""
        require_tag(self, self.tag, backbone.model, self.known_tags(backbone.model))
        return url_location(torchvision_weights(backbone.model)[self.tag].url)

    def published(
        self, backbone: Any, _commit: str | None, _machine: Machine
    ) -> tuple[Any, dict[str, Any]]:
        """Return the model, and the preprocessing of these weights."""
        from interpreting_clip.encoders.library_models import torchvision_preprocess

        transforms = torchvision_weights(backbone.model)[self.tag].transforms()
        return backbone, asdict(torchvision_preprocess(transforms))

    @classmethod
    def known_tags(cls, model: str) -> list[str]:
        """Return the tags of a model's weights, but not DEFAULT, whose meaning changes."""
        return [weights.name for weights in torchvision_weights(model)]


def torchvision_weights(model: str) -> Any:
    """Return torchvision's own entries of a model's weights."""
    from torchvision import models

    from interpreting_clip.encoders.library_models import require_torchvision_classifier

    require_torchvision_classifier(model)
    return models.get_model_weights(model)
