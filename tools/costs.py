"""The forward passes and floating-point operations of every stage that has to do with encoders."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stages.config.check import ENCODER_SECTIONS
from stages.config.encoders import AnyBackbone, Backbone, OpenClipModel
from stages.config.measures import SHIFTS, TEST_SETS
from stages.config.sections import Sections
from stages.config.trainings import Finetune, Training, TrainingRecipe
from stages.encoders.encoder import clip_encoder, initialise
from stages.encoders.layers import layer_modules
from stages.encoders.open_clip_models import HUB
from stages.encoders.vocabulary import Vocabulary
from stages.runtime.errors import InputError
from stages.training.schedule import steps_per_epoch
from tools.amounts import UNKNOWN, Amount, about, size, total

WORDS = 100
"""Words of a vocabulary that is made of captions, which nobody has read yet: a guess."""


@dataclass(frozen=True)
class Cost:
    """An architecture's sizes, and the floating-point operations of one forward pass.

    A multiplication and an addition are two operations; those of matrix products and convolutions
    are counted. `parameters` and `image` are the image tower's, `text_parameters` and `text` (of
    one prompt) the text tower's, zero without one. `layers` are those that CKA compares.
    """

    parameters: Amount
    text_parameters: Amount
    image: Amount
    text: Amount
    width: Amount
    layers: Amount


UNMEASURED = Cost(*[UNKNOWN] * 6)
"""An architecture whose configuration lies on the hub: it is known once it is downloaded."""


@cache
def cost(backbone: AnyBackbone) -> Cost:
    """Return what an architecture costs; unknown where it lies on the hub with its weights.

    Raises
    ------
    InputError
        The library has no such model, or it is not supported.
    """
    if isinstance(backbone, OpenClipModel) and backbone.model.startswith(HUB):
        return UNMEASURED
    with torch.device("meta"):
        encoder = initialise(backbone, 0)
        side = encoder.card.preprocess.size
        operations = counted(encoder.visual, torch.empty(1, 3, side, side))
        text_parameters, text = text_cost(backbone)
    return Cost(
        parameters=Amount(parameters(encoder.visual)),
        text_parameters=text_parameters,
        image=Amount(operations),
        text=text,
        width=Amount(encoder.card.feature_width),
        layers=Amount(len(layer_modules(encoder))),
    )


def text_cost(backbone: AnyBackbone) -> tuple[Amount, Amount]:
    """Return the parameters of a text tower and the operations of one prompt; of none, nothing."""
    if not isinstance(backbone, Backbone | OpenClipModel):
        return Amount(0), Amount(0)
    words = Vocabulary([f"word{i}" for i in range(WORDS)])
    clip = clip_encoder(backbone, words, 0)
    rest = parameters(clip.module) - parameters(clip.visual)
    known = Amount if isinstance(backbone, OpenClipModel) else about
    tokens = torch.zeros(1, context_length(clip.module), dtype=torch.long)
    return known(rest), Amount(counted(TextTower(clip.module), tokens))


class TextTower(nn.Module):
    """A CLIP from the side of its text."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, tokens: object) -> object:
        """Return the embeddings of tokens."""
        return self.clip.encode_text(tokens)  # pyright: ignore


def context_length(clip: nn.Module) -> int:
    """Return the tokens of a prompt, which is filled up to the text tower's full length.

    Raises
    ------
    InputError
        The CLIP does not say.
    """
    for module in (clip, getattr(clip, "text", None)):
        if (length := getattr(module, "context_length", None)) is not None:
            return int(length)
    raise InputError(f"{type(clip).__name__} does not say how many tokens its text tower sees")


def parameters(module: nn.Module) -> int:
    """Return the number of weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def counted(module: nn.Module, batch: object) -> int:
    """Return the operations of a forward pass.

    Gradients stay on, for without them torch fuses attention into one operation that is not
    counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module.eval()(batch)
    return counter.get_total_flops()


def home(study: Sections, key: str) -> tuple[str, Any]:
    """Return the section that says where an encoder's weights come from, and its entry there."""
    section = next(group for group in ENCODER_SECTIONS if key in getattr(study, group))
    return section, getattr(study, section)[key]


def backbone_name(study: Sections, key: str) -> str:
    """Return the entry of `backbones` that an encoder is built of: its own, or its start's."""
    section, entry = home(study, key)
    if section == "finetune":
        return backbone_name(study, entry.start)
    if section == "interpolate":
        return backbone_name(study, entry.first)
    return entry.backbone


def backbone(study: Sections, key: str) -> AnyBackbone:
    """Return the architecture of an encoder."""
    return study.backbones[backbone_name(study, key)]


def origin(study: Sections, key: str) -> str:
    """Say in a word or two where an encoder's weights come from."""
    section, entry = home(study, key)
    if section == "weights":
        return str(entry.__struct_config__.tag)
    if isinstance(entry, Finetune):
        return f"finetune {entry.start}"
    if section == "interpolate":
        return f"interpolate {entry.alpha:g}"
    return section


def has_text_tower(study: Sections, key: str) -> bool:
    """Say whether an encoder is stored with its text tower: a CLIP that is not finetuned."""
    return study.encoders[key].head == "zero_shot"


def trainings(study: Sections) -> dict[str, Training]:
    """Return the entries of all encoders that are trained here."""
    return {**study.pretrain, **study.finetune, **study.supervise}


BACKWARD = 3
"""A training step costs about three forward passes: the backward pass costs two."""

WORLD_CLASSES, IMAGENET_CLASSES = 12, 1000

Images = Mapping[str, Amount]
"""The number of images of each dataset."""


@dataclass(frozen=True)
class Work:
    """What one stage does for one encoder: forward passes (or steps' worth of them), operations."""

    stage: str
    encoder: str
    passes: Amount
    operations: Amount


def all_work(study: Sections, images: Images) -> list[Work]:
    """Return the work of every encoder, by stage; what costs nothing beside it is left out.

    Left out are drawing and decoding images, the standard models that a study trains for its
    baseline, and the measures, which see activations alone.
    """
    works = [work for key in study.encoders for work in encoder_work(study, key, images)]
    return [work for work in works if work.passes.value or not work.passes.whole]


def encoder_work(study: Sections, key: str, images: Images) -> list[Work]:
    """Return the work for one encoder."""
    price = cost(backbone(study, key))
    prompts = prompt_count(study) if study.encoders[key].head == "zero_shot" else Amount(0)
    passes = {
        "extract": images[TEST_SETS[0]],
        "extract_shifts": total(images[shift] for shift in SHIFTS),
        "extract_broden": images["broden"],
        "extract_layers": Amount(study.layers.images),
    }
    return [
        weights_work(study, key, images, price),
        Work("head", key, prompts, prompts.times(price.text)),
        *(Work(stage, key, seen, seen.times(price.image)) for stage, seen in passes.items()),
    ]


def weights_work(study: Sections, key: str, images: Images, price: Cost) -> Work:
    """Return the work of the stage that makes an encoder's weights.

    Finetuning and interpolation start from the zero-shot head of their CLIP, so they make it too.
    """
    section, _ = home(study, key)
    prompts = prompt_count(study) if section in ("finetune", "interpolate") else Amount(0)
    entry, seen = trainings(study).get(key), Amount(0)
    if entry is not None:
        seen = images_seen(study.recipes[entry.recipe], images[entry.dataset])
    each = price.image + price.text if section == "pretrain" else price.image
    training = about(BACKWARD).times(seen).times(each)
    return Work(section, key, prompts + seen, prompts.times(price.text) + training)


def images_seen(recipe: TrainingRecipe, images: Amount) -> Amount:
    """Return the images that a training sees, repetitions counted."""
    if not images.value:
        return images
    batch = min(recipe.batch_size, int(images.value))
    steps = steps_per_epoch(int(images.value), recipe.batch_size)
    return Amount(recipe.epochs * steps * batch, images.exact, images.whole)


def steps(recipe: TrainingRecipe, images: Amount) -> Amount:
    """Return the steps of a training."""
    each = steps_per_epoch(int(images.value), recipe.batch_size) if images.value else 0
    return Amount(recipe.epochs * each, images.exact, images.whole)


def prompt_count(study: Sections) -> Amount:
    """Return the prompts of a zero-shot head, one per template and class."""
    return Amount(template_count(study) * class_count(study))


def template_count(study: Sections) -> int:
    """Return the number of templates of a zero-shot head."""
    templates = study.heads.zero_shot.templates
    return {"openai_imagenet": 80, "simple_imagenet": 7}.get(str(templates), len(templates))


def class_count(study: Sections) -> int:
    """Return the number of classes of a head: ImageNet's, or the drawn world's."""
    drawn = study.datasets[TEST_SETS[0]].source == "world"
    return WORLD_CLASSES if drawn else IMAGENET_CLASSES


FLOAT = 4
"""Bytes of a number in single precision: all weights, activations and matrices are stored so."""

STATES = 3
"""AdamW's checkpoint holds each weight and two running means."""


@dataclass(frozen=True)
class Room:
    """What is written to one folder; `passing` is deleted or may be deleted after the run."""

    what: str
    folder: str
    bytes: Amount
    passing: bool = False


@dataclass(frozen=True)
class Disk:
    """A disk by a folder on it, the bytes that a study needs there, and those that are free."""

    place: Path
    needed: Amount
    free: int

    @property
    def is_short(self) -> bool:
        """Say whether there is less room than is known to be needed."""
        return self.needed.value > self.free

    def __str__(self) -> str:
        """Return the comparison in words, a warning where the disk is short."""
        words = f"{self.place}: {size(self.needed)} needed, {size(Amount(self.free))} free"
        return f"WARNING, {words}" if self.is_short else words


def all_room(
    study: Sections, images: Images, stored: Mapping[str, Amount], downloads: Amount, folder: str
) -> list[Room]:
    """Return what each stage writes; `stored` are the datasets' bytes, `folder` keeps downloads."""
    return [
        Room("downloads", folder, downloads, passing=True),
        Room("datasets", "data/datasets", total(stored.values())),
        Room("weights", "data/weights", total(weights(study, key) for key in study.encoders)),
        Room("heads", "data/heads", total(head(study, key) for key in study.encoders)),
        Room("activations", "data/activations", activations(study, images, TEST_SETS[0])),
        Room("shift activations", "data/shift_activations", activations(study, images, *SHIFTS)),
        Room("Broden activations", "data/broden_activations", activations(study, images, "broden")),
        Room("layer Grams", "data/layer_grams", total(grams(study, key) for key in study.encoders)),
        Room("training checkpoints", ".scratch", checkpoints(study), passing=True),
    ]


def weights(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's weights, with the text tower or the head that it has."""
    price = cost(backbone(study, key))
    towers = price.parameters + (price.text_parameters if has_text_tower(study, key) else Amount(0))
    trained = study.encoders[key].head == "trained"
    return towers * FLOAT + (head(study, key) if trained else Amount(0))


def head(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's head, a row of features per class."""
    return cost(backbone(study, key)).width * (class_count(study) * FLOAT)


def activations(study: Sections, images: Images, *sets: str) -> Amount:
    """Return the bytes of all encoders' activations on some datasets."""
    number = total(images[name] for name in sets)
    widths = total(cost(backbone(study, key)).width for key in study.encoders)
    return number.times(widths) * FLOAT


def grams(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's Gram matrices: one per layer and minibatch."""
    batches = study.layers.images // study.layers.minibatch
    return cost(backbone(study, key)).layers * (batches * study.layers.minibatch**2 * FLOAT)


def checkpoints(study: Sections) -> Amount:
    """Return the bytes of the largest checkpoint: trainings run one after the other."""
    sizes = [weights(study, key) * STATES for key in trainings(study)]
    return about(max(each.value for each in sizes)) if sizes else Amount(0)


def disks(rooms: Iterable[Room]) -> list[Disk]:
    """Return each disk that is written to, with what is needed there and what is free."""
    found: dict[int, Disk] = {}
    for room in rooms:
        place = existing(Path(room.folder))
        device = place.stat().st_dev
        disk = found.get(device) or Disk(place.resolve(), Amount(0), shutil.disk_usage(place).free)
        found[device] = replace(disk, needed=disk.needed + room.bytes)
    return list(found.values())


def existing(path: Path) -> Path:
    """Return the nearest folder above a path that is there already."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


GPU = 40.0
"""Default TFLOP/s of a GPU: some 60 % of an H100's 67 in single precision, which the towers use.

A guess: an A100 (peak 19.5) has a third of it, and nothing here waits for images to be decoded.
"""

CPU = 0.2
"""Default TFLOP/s of a processor: half of what four cores at 3 GHz with AVX2 reach at most."""

HOUR = 3600.0


@dataclass(frozen=True)
class Speed:
    """The sustained throughput of a GPU and of a processor, 10^12 operations per second."""

    gpu: float = GPU
    cpu: float = CPU

    def __str__(self) -> str:
        """Return the throughputs as a reader has to know them."""
        return (
            f"at {self.gpu:g} TFLOP/s of a GPU (--tflops) or {self.cpu:g} of a CPU (--cpu-tflops)"
        )

    def gpu_hours(self, operations: Amount) -> Amount:
        """Return the hours on one GPU: always an estimate."""
        return _hours(operations, self.gpu)

    def cpu_hours(self, operations: Amount) -> Amount:
        """Return the hours on the processor: always an estimate."""
        return _hours(operations, self.cpu)


def _hours(operations: Amount, tflops: float) -> Amount:
    return about(1).times(operations) * (1 / (tflops * 1e12 * HOUR))
