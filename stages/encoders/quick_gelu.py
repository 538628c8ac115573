"""Whether weights fit a model's activation: OpenAI's QuickGELU or the GELU itself."""

from typing import Any

from stages.encoders.architecture import OpenClipConfig
from stages.storage.errors import InputError


def require_quick_gelu(architecture: OpenClipConfig, tag: str, trained: bool) -> None:
    """Refuse weights whose activation is not that of the model: their accuracy would suffer.

    Raises
    ------
    InputError
        Names the model to write.
    """
    name, built = architecture.model, bool(architecture.config.get("quick_gelu"))
    if built == trained:
        return
    plain = name.removesuffix("-quickgelu")
    right = f"{plain}-quickgelu" if trained else plain
    raise InputError(
        f"weights: '{tag}' was trained {'with' if trained else 'without'} QuickGELU, and the model "
        f"'{name}' is built {'with' if built else 'without'} it; write `model: {right}`"
    )


def require_quick_gelu_name(name: str, tag: str | None, zoo: Any) -> None:
    """Refuse a `-quickgelu` model with weights that open_clip lists for the plain model alone."""
    plain = name.removesuffix("-quickgelu")
    if tag and plain != name and zoo.get_pretrained_cfg(plain, tag):
        raise InputError(
            f"weights: '{tag}' was trained without QuickGELU, and the model '{name}' is built with "
            f"it; write `model: {plain}`"
        )
