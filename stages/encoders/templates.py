"""The prompts of a zero-shot head."""

from collections.abc import Sequence

from stages.encoders.open_clip_classes import import_open_clip


def spelled_out(templates: Sequence[str] | str) -> list[str]:
    """Return templates with one `{}` each, those of a named set as open_clip has them.

    `openai_imagenet` are the 80 of CLIP's zero-shot accuracies on ImageNet (Radford et al. 2021,
    section 3.1.4), `simple_imagenet` the 7 of them that OpenAI's notebook found to be enough.
    """
    if not isinstance(templates, str):
        return list(templates)
    open_clip = import_open_clip()
    sets = {
        "openai_imagenet": open_clip.OPENAI_IMAGENET_TEMPLATES,
        "simple_imagenet": open_clip.SIMPLE_IMAGENET_TEMPLATES,
    }
    return [prompt("{}") for prompt in sets[templates]]
