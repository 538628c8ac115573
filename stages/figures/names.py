"""The words that figures use for what the results call by a key."""

from types import MappingProxyType

SHIFTS = MappingProxyType(
    {
        "imagenet_v2": "ImageNet-V2",
        "imagenet_r": "ImageNet-R",
        "imagenet_sketch": "ImageNet-Sketch",
        "objectnet": "ObjectNet",
        "imagenet_a": "ImageNet-A",
    }
)
"""The five natural distribution shifts, in the order in which they are shown."""

DATASETS = MappingProxyType({"imagenet": "ImageNet", **SHIFTS})
"""ImageNet's test images and the five shifts."""

TRAININGS = MappingProxyType(
    {
        "zero_shot": "zero-shot",
        "finetuned": "finetuned",
        "supervised": "supervised",
        "untrained": "untrained",
    }
)
"""How an encoder came to its head."""
