"""How encoders are trained: the sections `recipes`, `pretrain`, `finetune` and `supervise`."""

from typing import Annotated, Literal

from msgspec import Meta

from interpreting_clip.quantities import (
    Epochs,
    Fraction,
    Key,
    Kind,
    LearningRate,
    NonNegative,
    Seed,
    Share,
    StrictStruct,
    ThreadCount,
)

Momentum = Annotated[float, Meta(ge=0.0, lt=1.0)]
"""A decay rate of a running mean."""


TrainingPrecision = Literal["float32", "bfloat16"]
"""The precisions that a training supports; float16 would need a scaled loss."""


class Cosine(Kind, frozen=True, kw_only=True, tag="cosine"):
    """After the warm-up, half a cosine from the learning rate down to zero."""


class Drops(Kind, frozen=True, kw_only=True, tag="drops"):
    """The learning rate times `factor` after each of `epochs`."""

    epochs: Annotated[list[Epochs], Meta(max_length=1000)]
    factor: Share


class Augmentation(StrictStruct, frozen=True, kw_only=True):
    """Random crops and flips.

    A crop covers a share of the image's area between `smallest_crop` and 1 at a random place,
    with sides in a ratio of 3:4 to 4:3, scaled to the tower's square; 1 crops nothing. `flip` is
    the probability of a horizontal flip.
    """

    smallest_crop: Annotated[float, Meta(ge=0.001, le=1.0)]
    flip: Fraction


class TrainingRecipe(StrictStruct, frozen=True, kw_only=True):
    """An entry of `recipes`: AdamW (Loshchilov & Hutter 2019), its schedule and the augmentation.

    `epochs` passes over the images in batches of `batch_size`; an incomplete last batch is left
    out. The learning rate rises linearly to `learning_rate` over `warmup_steps` steps, then follows
    `schedule` down. `betas` are the decay rates of the gradient's running mean and square.
    `weight_decay` is per step, times the learning rate, and spares gains, biases and the logit
    scale, as open_clip's does. `augmentation` crops and flips the images differently in every
    epoch. `seed` determines the initial weights and the order of the images. `threads` of the CPU
    change the last bits of sums, hence the weights, so they are part of the recipe.

    `precision` applies to matrix products and convolutions; weights and the optimiser's state are
    float32. A batch passes in `pieces`, one after the other, each with its own batch-norm
    statistics.
    """

    epochs: Epochs
    batch_size: Annotated[int, Meta(ge=2, le=1_000_000)]
    learning_rate: LearningRate
    warmup_steps: Annotated[int, Meta(ge=0, le=10_000_000)]
    schedule: Cosine | Drops
    betas: tuple[Momentum, Momentum]
    weight_decay: NonNegative
    augmentation: Augmentation
    seed: Seed
    threads: ThreadCount
    precision: TrainingPrecision
    pieces: Annotated[int, Meta(ge=1, le=65_536)]

    def __post_init__(self) -> None:
        """Refuse unequal pieces, and pieces of a single image, which has no batch statistics."""
        if self.batch_size % self.pieces or self.batch_size // self.pieces < 2:
            raise ValueError(
                f"`pieces`: expected a divisor of `batch_size` {self.batch_size} that leaves two "
                f"images in a piece, got {self.pieces}"
            )


class Training(StrictStruct, frozen=True, kw_only=True):
    """The keys of every training: the dataset that it learns from, and an entry of `recipes`."""

    dataset: Key
    recipe: Key


class Pretrain(Training, frozen=True, kw_only=True):
    """A CLIP of `backbone` trained from scratch on the captioned `dataset`."""

    backbone: Key


class Finetune(Training, frozen=True, kw_only=True):
    """The encoder `start`, trained further with its zero-shot head on the labelled `dataset`."""

    start: Key


class Supervise(Training, frozen=True, kw_only=True):
    """A classifier of `backbone` trained from scratch on the labels of `dataset`.

    `label_smoothing` is the share of the target that is spread evenly over all classes (Szegedy
    et al. 2016, section 7).
    """

    backbone: Key
    label_smoothing: Fraction
