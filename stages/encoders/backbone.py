"""Architectures, by their sizes or by a library's name: the section `backbones` of a study."""

from typing import Annotated

import msgspec

from stages.storage.quantities import Depth, Fraction, Name, Side, Width

Spread = Annotated[float, msgspec.Meta(ge=1e-3, le=1000.0)]
"""What pixels of 0 to 1 are divided by."""

STRIDE = 32
"""The side of a ResNet's image over that of its last feature map."""

WIDENING = 32
"""The channels of a ResNet's last feature map over those of its first stage."""


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

    layers: tuple[Depth, Depth, Depth, Depth]
    width: Annotated[int, msgspec.Meta(ge=2, le=256)]
    head_width: Width


class VisionTransformer(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="vit",
):
    """A vision transformer: square patches of `patch` pixels, `layers` blocks of `width`."""

    patch: Side
    layers: Depth
    width: Width
    head_width: Width


class TextTransformer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CLIP's text transformer: at most `context` tokens, start and end among them."""

    context: Annotated[int, msgspec.Meta(ge=3, le=1024)]
    width: Width
    heads: Width
    layers: Depth


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

    image_size: Side
    mean: tuple[Fraction, Fraction, Fraction]
    std: tuple[Spread, Spread, Spread]
    embedding: Annotated[int, msgspec.Meta(ge=2, le=4096)]
    quick_gelu: bool
    vision: ModifiedResNet | VisionTransformer
    text: TextTransformer

    def __post_init__(self) -> None:
        """Refuse sizes that do not divide each other as open_clip's towers need."""
        vision, text = self.vision, self.text
        resnet = isinstance(vision, ModifiedResNet)
        divided = {
            "image_size": (self.image_size, STRIDE if resnet else vision.patch),
            "vision.width": (vision.width * (WIDENING if resnet else 1), vision.head_width),
            "text.width": (text.width, text.heads),
        }
        for key, (size, divisor) in divided.items():
            if size % divisor:
                times = f" times {WIDENING}" if resnet and key == "vision.width" else ""
                raise ValueError(f"`{key}`{times} must be a multiple of {divisor}, got {size}")


class OpenClipModel(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="open_clip",
):
    """A model of open_clip, by name (`ViT-B-32`, `RN50-quickgelu`, `hf-hub:<owner>/<name>`)."""

    model: Name


class TorchvisionModel(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="torchvision",
):
    """A classifier of torchvision, by name (`resnet50`, `vit_b_16`)."""

    model: Name


class TimmModel(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="timm",
):
    """A classifier of timm, by the name of its architecture (`resnet50`)."""

    model: Name


AnyBackbone = Backbone | OpenClipModel | TorchvisionModel | TimmModel
"""An entry of `backbones:`; its `kind` says which."""
