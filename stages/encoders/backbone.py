"""Architectures, by their sizes or by a library's name: the section `backbones` of a study."""

from typing import Annotated

import msgspec

from stages.storage.quantities import Count, Fraction, Positive


class ModifiedResNet(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="resnet",
):
    """CLIP's modified ResNet (Radford et al. 2021, section 2.4): attention pooling, no ReLU after.

    `layers` counts the bottleneck blocks of the four stages, `width` the channels of the first
    (64 in RN50); the attention pool sees 32 × `width` features in heads of `head_width`.
    """

    layers: tuple[Count, Count, Count, Count]
    width: Count
    head_width: Count


class VisionTransformer(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="vit",
):
    """A vision transformer: square patches of `patch` pixels, `layers` blocks of `width`."""

    patch: Count
    layers: Count
    width: Count
    head_width: Count


class TextTransformer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CLIP's text transformer: at most `context` tokens, start and end among them."""

    context: Annotated[int, msgspec.Meta(ge=3)]
    width: Count
    heads: Count
    layers: Count


class Backbone(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="clip",
):
    """A CLIP by its sizes: the image tower, its text tower, and the pixels it expects.

    `embedding` is the number of features of both towers' output. Pixels are scaled to 0..1, then
    `mean` (0..1) is taken off and the rest divided by `std`, per channel R, G, B. `quick_gelu`
    stands for OpenAI's approximation of the GELU in both transformers.
    """

    image_size: Count
    mean: tuple[Fraction, Fraction, Fraction]
    std: tuple[Positive, Positive, Positive]
    embedding: Count
    quick_gelu: bool
    vision: ModifiedResNet | VisionTransformer
    text: TextTransformer


class OpenClipModel(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="open_clip",
):
    """A model of open_clip, by name (`ViT-B-32`, `RN50-quickgelu`, `hf-hub:<owner>/<name>`)."""

    model: Annotated[str, msgspec.Meta(min_length=1)]


class TorchvisionModel(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="torchvision",
):
    """A classifier of torchvision, by name (`resnet50`, `vit_b_16`)."""

    model: Annotated[str, msgspec.Meta(min_length=1)]


class TimmModel(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="timm",
):
    """A classifier of timm, by the name of its architecture (`resnet50`)."""

    model: Annotated[str, msgspec.Meta(min_length=1)]


AnyBackbone = Backbone | OpenClipModel | TorchvisionModel | TimmModel
"""An entry of `backbones:`; its `kind` says which."""
