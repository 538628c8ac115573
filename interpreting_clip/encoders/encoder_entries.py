"""The encoders to measure and compare, their architectures and heads, and forward passes.

The sections `encoders`, `comparisons`, `backbones`, `heads`, `interpolate`, `threads`, `precision`,
`layers` and `browse`.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta

from interpreting_clip.quantities import (
    CONTROL,
    LITERAL,
    Depth,
    Fraction,
    Key,
    Kind,
    Name,
    Seed,
    Side,
    StrictStruct,
    ThreadCount,
    Width,
)

HeadKind = Literal["zero_shot", "trained", "random"]
"""The kinds of head, each a section of `heads:`."""


class EncoderEntry(StrictStruct, frozen=True, kw_only=True):
    """One encoder: its name in the report, how it was trained, and on what.

    `head` is a section of `heads:`. `training`, `backbone` and `data` group the report; `training`
    follows the paper's groups (Crabbé et al. 2024, section 3), to which we add `probed`: a frozen
    tower with a linear probe.
    """

    label: Name
    training: Literal["zero_shot", "probed", "finetuned", "supervised", "untrained"]
    backbone: Key
    data: Name
    head: HeadKind


class Comparison(StrictStruct, frozen=True, kw_only=True):
    """Two encoders; CKA has a row per layer of the first and a column per layer of the second."""

    first: Key
    second: Key


Spread = Annotated[float, Meta(ge=1e-3, le=1000.0)]
"""The standard deviation that pixels of 0 to 1 are divided by."""

STRIDE = 32
"""The ratio of a ResNet's image side to the side of its last feature map."""

WIDENING = 32
"""The ratio of channels in a ResNet's last feature map to the channels of its first stage."""


class ModifiedResNet(Kind, frozen=True, kw_only=True, tag="resnet"):
    """CLIP's modified ResNet (Radford et al. 2021, section 2.4): attention pooling without a ReLU.

    `layers` counts the bottleneck blocks of the four stages, `width` the channels of the first
    (64 in RN50); the attention pool sees 32 × `width` features in heads of `head_width`.
    """

    layers: tuple[Depth, Depth, Depth, Depth]
    width: Annotated[int, Meta(ge=2, le=256)]
    head_width: Width


class VisionTransformer(Kind, frozen=True, kw_only=True, tag="vit"):
    """A vision transformer: square patches of `patch` pixels, `layers` blocks of `width`.

    `stem` makes a patch a token: one linear map (Dosovitskiy et al. 2021), or
    convolutions that halve the image until a pixel stands for a patch (Xiao et al. 2021).
    """

    patch: Side
    layers: Depth
    width: Width
    head_width: Width
    stem: Literal["linear", "convolutions"] = "linear"


class TextTransformer(StrictStruct, frozen=True, kw_only=True):
    """CLIP's text transformer: at most `context` tokens, including start and end."""

    context: Annotated[int, Meta(ge=3, le=1024)]
    width: Width
    heads: Width
    layers: Depth


class Backbone(Kind, frozen=True, kw_only=True, tag="clip"):
    """A CLIP, specified by its sizes: image tower, text tower, and the pixels that it expects.

    `embedding` is the number of features of both towers' output. Pixels are scaled to 0..1; then
    `mean` (0..1) is subtracted and the difference divided by `std`, per channel R, G, B.
    `quick_gelu` stands for OpenAI's approximation of the GELU in both transformers.
    """

    image_size: Side
    mean: tuple[Fraction, Fraction, Fraction]
    std: tuple[Spread, Spread, Spread]
    embedding: Annotated[int, Meta(ge=2, le=4096)]
    quick_gelu: bool
    vision: ModifiedResNet | VisionTransformer
    text: TextTransformer

    def __post_init__(self) -> None:
        """Refuse sizes that do not divide each other as open_clip's towers require."""
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
        if not resnet and vision.stem == "convolutions":
            halvings = vision.patch.bit_length() - 1
            if vision.patch != 1 << halvings or vision.width % vision.patch:
                raise ValueError(
                    "`vision.patch` must be a power of 2 that divides `vision.width` with "
                    f"`vision.stem: convolutions`, got {vision.patch} and {vision.width}"
                )


HUB_MODEL = "hf-hub:"
"""The prefix of a model name that stands for a hub repository with model and weights."""


class OpenClipModel(Kind, frozen=True, kw_only=True, tag="open_clip"):
    """A model of open_clip, by name (`ViT-B-32`, `RN50-quickgelu`, `hf-hub:<owner>/<name>`)."""

    model: Name


class TorchvisionModel(Kind, frozen=True, kw_only=True, tag="torchvision"):
    """A classifier of torchvision, by name (`resnet50`, `vit_b_16`)."""

    model: Name


class TimmModel(Kind, frozen=True, kw_only=True, tag="timm"):
    """A classifier of timm, by the name of its architecture (`resnet50`)."""

    model: Name


AnyBackbone = Backbone | OpenClipModel | TorchvisionModel | TimmModel
"""An architecture that can be built here."""


class ExternalModel(Kind, frozen=True, kw_only=True, tag="external"):
    """An architecture that no library here has; only `source: activations` can name it."""

    model: Name


BackboneEntry = AnyBackbone | ExternalModel
"""An entry of `backbones:`, told apart by `kind`."""


Template = Annotated[
    str,
    Meta(
        pattern=rf"{LITERAL}[^{{}}\n{CONTROL}]*\{{\}}[^{{}}\n{CONTROL}]*\Z",
        max_length=1000,
        extra={"legal": "one line with one `{}`, no other braces, control characters or `${`"},
    ),
]
"""A prompt with one `{}` for the name of the class."""

Templates = (
    Annotated[list[Template], Meta(min_length=1, max_length=1000)]
    | Literal["openai_imagenet", "simple_imagenet"]
)
"""Prompts, or the name of a set: CLIP's 80 prompts for ImageNet, or the best 7 of them."""


def split_words(text: str) -> list[str]:
    """Return the words of a text, in lower case and without punctuation.

    The text towers that are trained here have one token per word.
    """
    return re.findall(r"[\w'-]+", text.lower())


class ZeroShotHead(StrictStruct, frozen=True, kw_only=True):
    """One prompt per template and class (Radford et al. 2021, section 3.1.4)."""

    templates: Templates


class TrainedHead(StrictStruct, frozen=True, kw_only=True):
    """The encoder's own linear layer; it has no settings."""


class RandomHead(StrictStruct, frozen=True, kw_only=True):
    """Rows of unit length in random directions, for encoders without a head."""

    seed: Seed


class Heads(StrictStruct, frozen=True, kw_only=True):
    """The kinds of head that an entry of `encoders:` can ask for."""

    zero_shot: ZeroShotHead
    trained: TrainedHead
    random: RandomHead


class Interpolation(StrictStruct, frozen=True, kw_only=True):
    """A classifier with the weights (1 − `alpha`) · first + `alpha` · second (WiSE-FT).

    `first` is a CLIP, taken with its zero-shot head, `second` its finetuned version (Wortsman et
    al. 2022, section 3).
    """

    first: Key
    second: Key
    alpha: Fraction


ComputeType = Literal["float32", "bfloat16", "float16"]
"""The number type of matrix products and convolutions."""


class Precision(StrictStruct, frozen=True, kw_only=True):
    """The precision of the forward passes of images; what they return is stored as float32."""

    inference: ComputeType


class Threads(StrictStruct, frozen=True, kw_only=True):
    """CPU threads of forward passes; they change the last bits of a result."""

    inference: ThreadCount


class Layers(StrictStruct, frozen=True, kw_only=True):
    """`images` of ImageNet's test set, evenly spaced, dealt out to minibatches in turn.

    The unbiased HSIC needs at least four images in a minibatch (Nguyen et al. 2021).
    """

    images: Annotated[int, Meta(ge=4, le=100_000)]
    minibatch: Annotated[int, Meta(ge=4, le=4096)]

    def __post_init__(self) -> None:
        """Refuse a minibatch that does not divide the images."""
        if self.images % self.minibatch:
            raise ValueError(
                f"`images` must be a multiple of `minibatch`, got {self.images} and "
                f"{self.minibatch}"
            )


ShownImages = Annotated[int, Meta(ge=1, le=100)]
"""Images of the highest scores of a direction or a feature, and as many of the lowest."""


class Browse(StrictStruct, frozen=True, kw_only=True):
    """The pages of directions: their encoders, and how many images they show."""

    encoders: list[Key]
    images: ShownImages


ProbedFeatures = Literal["embedding", "before_projection"]
"""The features that a probe reads: the tower's output, or a CLIP's before its projection."""


ImagesPerClass = Annotated[int, Meta(ge=2, le=10**9)] | Literal["all"]
"""How many images of each class a probe learns from; at least one of them is held out."""


class UntrainedEntry(StrictStruct, frozen=True, kw_only=True):
    """Encoders with fresh weights, of the seeds `seed`, `seed` + 1, and so on.

    `images` of ImageNet's test set, evenly spaced, pass through each of them.
    """

    encoders: Annotated[int, Meta(ge=1, le=1000)]
    images: Annotated[int, Meta(ge=2, le=10_000)]
    seed: Seed
