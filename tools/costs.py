"""What a study computes and stores: forward passes, floating-point operations and bytes."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from msgspec import Meta
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from interpreting_clip.config.encoders import HUB_MODEL, Backbone, OpenClipModel
from interpreting_clip.config.params import convert
from interpreting_clip.config.probes import Probe
from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS
from interpreting_clip.config.synthetic import CLASSES
from interpreting_clip.config.trainings import Training, TrainingRecipe
from interpreting_clip.config.weight_sources import (
    ActivationsFolder,
    BackboneEntry,
    ExternalModel,
)
from interpreting_clip.encoders.encoder import Encoder, clip_encoder, initialise
from interpreting_clip.encoders.layers import named_layers
from interpreting_clip.encoders.probed import without_projection
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.quantities import StrictStruct
from interpreting_clip.study.check import ENCODER_SECTIONS, is_trained_clip
from interpreting_clip.study.sections import Sections
from interpreting_clip.training.loop import steps_per_epoch
from tools.amounts import UNKNOWN, Amount, about, size, total
from tools.jobs import PROBING, TRAININGS, UNTRAINED

WORDS = 100
"""A guess of the size of a vocabulary, which is only known once captions are collected."""

BACKWARD = 3
"""A training step costs about three forward passes, since the backward pass costs two."""

EVALUATIONS = 80
"""A guess of how often the fit of a linear probe passes through all of its images, per penalty;
benchmarks/probe.md has what was counted."""

IMAGENET_CLASSES = 1000

TEMPLATES = {"openai_imagenet": 80, "simple_imagenet": 7}
"""The number of templates in each published list, by name."""

FLOAT = 4
"""Bytes per number: weights, activations and Gram matrices are stored in float32."""

THUMBNAIL, SHOWN = 7_500, 4_500
"""Bytes of a thumbnail with its masks, and of an image in a sprite with its share of the page."""

STATES = 3
"""A checkpoint holds each weight and AdamW's two running means of it."""

MEASURED = Path("benchmarks/gpu.json")
"""The file in which `make bench ONLY=gpu` leaves the rates of this machine's GPU."""

RATES = ("float32_vit", "float32_resnet", "bfloat16_vit", "bfloat16_resnet")

Rate = Annotated[float, Meta(gt=0, le=1e6)]

Images = Mapping[str, Amount]
"""The number of images of each dataset."""


class Rates(StrictStruct, frozen=True, kw_only=True):
    """A GPU's TFLOP/s for transformers and convolutions in each precision, and their source."""

    float32_vit: Rate
    float32_resnet: Rate
    bfloat16_vit: Rate
    bfloat16_resnet: Rate
    origin: str

    def __str__(self) -> str:
        """Return the rates in words."""
        found = {name.replace("_", " "): f"{getattr(self, name):.4g}" for name in RATES}
        equal = set(found.values()) if len({*found.values()}) == 1 else None
        words = equal or (f"{name} {rate}" for name, rate in found.items())
        return f"{', '.join(words)} ({self.origin})"


def equal_rates(rate: float) -> Rates:
    """Return the user's own rate for everything."""
    return convert({**dict.fromkeys(RATES, rate), "origin": "given"}, Rates, "rates")


@dataclass(frozen=True)
class Cost:
    """An architecture's sizes, and the floating-point operations of one forward pass.

    Operations are counted as by `FlopCounterMode`: a multiplication and an addition are two, and
    only matrix products, attention and convolutions count. `parameters` and `image` belong to the
    image tower, `text_parameters` and `text` (per prompt) to the text tower, and are 0 without one.
    `layers` is the number of layers that CKA compares. `family` is that of the image tower; a
    transformer has one convolution, for its patches, or a stem of several.
    """

    parameters: Amount
    text_parameters: Amount
    image: Amount
    text: Amount
    width: Amount
    layers: Amount
    family: Literal["vit", "resnet"]


UNKNOWN_COST = Cost(*[UNKNOWN] * 6, family="vit")


@cache
def build(backbone: BackboneEntry) -> Encoder | None:
    """Return an architecture's towers, or None if its configuration is on the hub or elsewhere.

    They are built on the meta device, so their weights take no memory.
    """
    named = getattr(backbone, "model", "")
    if isinstance(backbone, ExternalModel) or named.startswith(HUB_MODEL):
        return None
    with torch.device("meta"):
        if isinstance(backbone, Backbone | OpenClipModel):
            return clip_encoder(backbone, Vocabulary([f"word{i}" for i in range(WORDS)]), 0)
        return initialise(backbone, 0)


@cache
def cost(backbone: BackboneEntry) -> Cost:
    """Return what an architecture costs; unknown if it is not built here."""
    encoder = build(backbone)
    if encoder is None:
        return UNKNOWN_COST
    text = rest = Amount(0)
    with torch.device("meta"):
        if encoder.card.kind == "clip":
            clip: Any = encoder.module.eval()
            tokens = torch.zeros(1, clip.context_length, dtype=torch.long)
            # Keep gradients on: without them torch fuses attention into an operation that is not
            # counted.
            with FlopCounterMode(display=False) as counter:
                clip.encode_text(tokens)
            text = Amount(counter.get_total_flops())
            known = about if isinstance(backbone, Backbone) else Amount
            rest = known(parameters(clip) - parameters(encoder.visual))
        side = encoder.card.preprocess.size
        with FlopCounterMode(display=False) as counter:
            encoder.visual.eval()(torch.empty(1, 3, side, side))
    stem = isinstance(getattr(encoder.visual, "conv1", None), nn.Sequential)
    convolutions = sum(isinstance(part, nn.Conv2d) for part in encoder.visual.modules())
    return Cost(
        parameters=Amount(parameters(encoder.visual)),
        text_parameters=rest,
        image=Amount(counter.get_total_flops()),
        text=text,
        width=Amount(encoder.card.feature_width),
        layers=Amount(len(named_layers(encoder.visual))),
        family="resnet" if convolutions > 1 and not stem else "vit",
    )


def parameters(module: nn.Module) -> int:
    """Return the number of weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def section_of(study: Sections, key: str) -> tuple[str, Any]:
    """Return the section that an encoder's weights come from, and its entry there."""
    section = next(group for group in ENCODER_SECTIONS if key in getattr(study, group))
    return section, getattr(study, section)[key]


def backbone_name(study: Sections, key: str) -> str:
    """Return the entry of `backbones` of an encoder: its own, or that of its start."""
    section, entry = section_of(study, key)
    if section in ("finetune", "probe"):
        return backbone_name(study, entry.start)
    if section == "interpolate":
        return backbone_name(study, entry.first)
    return entry.backbone


def is_given(study: Sections, key: str) -> bool:
    """Say whether an encoder is a folder of activations, and passes no image forward here."""
    return isinstance(study.weights.get(key), ActivationsFolder)


def encoder_cost(study: Sections, key: str) -> Cost:
    """Return what an encoder's architecture costs; unknown for a folder of activations."""
    if is_given(study, key):
        return UNKNOWN_COST
    backbone, probe = study.backbones[backbone_name(study, key)], study.probe.get(key)
    if probe is None or probe.features == "embedding":
        return cost(backbone)
    return cost_without_projection(backbone)


@cache
def cost_without_projection(backbone: BackboneEntry) -> Cost:
    """Return what the tower of a CLIP costs whose features are those before its projection.

    The identity that takes the place of the projection counts among its weights.
    """
    price, encoder = cost(backbone), build(backbone)
    if encoder is None:
        return price
    with torch.device("meta"):
        tower = without_projection(encoder)
    width = Amount(tower.card.feature_width)
    return replace(price, width=width, parameters=Amount(parameters(tower.visual)))


def trainings(study: Sections) -> dict[str, Training]:
    """Return the entries of all encoders that are trained here."""
    return {**study.pretrain, **study.finetune, **study.supervise}


def class_count(study: Sections) -> int:
    """Return the number of classes of a head."""
    drawn = study.datasets[TEST_SETS[0]].source == "world"
    return len(CLASSES) if drawn else IMAGENET_CLASSES


def prompt_count(study: Sections) -> Amount:
    """Return the prompts of a zero-shot head, one per template and class."""
    templates = study.heads.zero_shot.templates
    return Amount(TEMPLATES.get(str(templates), len(templates)) * class_count(study))


@dataclass(frozen=True)
class Work:
    """What one stage does for one encoder, or for the untrained encoders of one backbone.

    A training step counts its images as forward passes, and three times their operations, or more
    if a batch passes twice.
    """

    stage: str
    encoder: str
    forward_passes: Amount
    operations: Amount


def probed_images(study: Sections, probe: Probe, images: Images) -> Amount:
    """Return how many images a linear probe learns from, those that are held out included."""
    most, whole = study.heads.probe.images_per_class, images[probe.dataset]
    if most == "all":
        return whole
    chosen = most * class_count(study)
    # A class may have fewer.
    return whole if whole.complete and whole.value <= chosen else about(chosen)


def probe_work(study: Sections, key: str, images: Images) -> list[Work]:
    """Return the work for a linear probe: forward passes, and the fits to what they return.

    Each evaluation of the objective multiplies all features with the weights, and once more for the
    gradient.
    """
    if (probe := study.probe.get(key)) is None:
        return []
    price, learnt = encoder_cost(study, key), probed_images(study, probe, images)
    settings = study.heads.probe
    fits = len(settings.penalties) * (1 - settings.held_out) + 1
    each = learnt * price.width * (4 * class_count(study))
    return [
        Work(PROBING[0], key, learnt, learnt * price.image),
        Work(PROBING[1], key, Amount(0), each * about(fits * EVALUATIONS)),
    ]


def encoder_work(study: Sections, key: str, images: Images) -> list[Work]:
    """Return the work for one encoder, by stage.

    This leaves out what costs little in comparison: drawing and decoding images, the standard
    models that a study trains for its baseline, and the measures, which only see activations.
    """
    if is_given(study, key):
        return []
    price, prompts = encoder_cost(study, key), prompt_count(study)
    section, _ = section_of(study, key)
    # Finetuning and interpolation start from their CLIP's zero-shot head, so they compute it too.
    made = prompts if section in ("finetune", "interpolate") else Amount(0)
    training, seen, effort = trainings(study).get(key), Amount(0), BACKWARD
    if training is not None:
        recipe = study.recipes[training.recipe]
        seen = steps(recipe, images[training.dataset], recipe.batch_size)
        effort += recipe.activation_checkpointing + (section == "pretrain" and recipe.pieces > 1)
    step = price.image + price.text if section == "pretrain" else price.image
    passes = {
        "extract": total(images[name] for name in (*TEST_SETS, *study.shifts)),
        "extract_broden": images["broden"],
        "extract_layers": Amount(study.layers.images),
    }
    head = prompts if study.encoders[key].head == "zero_shot" else Amount(0)
    work = [
        *probe_work(study, key, images),
        Work(section, key, made + seen, made * price.text + seen * step * about(effort)),
        Work("head", key, head, head * price.text),
        *(Work(stage, key, number, number * price.image) for stage, number in passes.items()),
    ]
    return [item for item in work if item.operations != Amount(0)]


def untrained_work(study: Sections) -> list[Work]:
    """Return the work for the untrained encoders of each backbone, which `encoder` names."""
    passes = {key: Amount(null.encoders * null.images) for key, null in study.untrained.items()}
    return [
        Work(UNTRAINED[0], key, number, number * cost(study.backbones[key]).image)
        for key, number in passes.items()
    ]


def gpu_hours(study: Sections, work: Work, rates: Rates) -> Amount:
    """Return the hours of a stage on one GPU."""
    return work.operations * about(1 / getattr(rates, rate_name(study, work)) / 1e12 / 3600)


def rate_name(study: Sections, work: Work) -> str:
    """Return which of a GPU's `Rates` applies to some work; float16 is like bfloat16."""
    untrained, precision = work.stage == UNTRAINED[0], study.precision.inference
    name = work.encoder if untrained else backbone_name(study, work.encoder)
    family = cost(study.backbones[name]).family
    if work.stage == PROBING[1]:
        precision = "float32"
    if work.stage in TRAININGS:
        precision = study.recipes[trainings(study)[work.encoder].recipe].precision
    return f"{'float32' if precision == 'float32' else 'bfloat16'}_{family}"


def steps(recipe: TrainingRecipe, images: Amount, batch_size: int = 1) -> Amount:
    """Return the steps of a training, or the images that it sees in batches of `batch_size`."""
    number = int(images.value)
    if not number:
        return images
    each = steps_per_epoch(number, recipe.batch_size) * min(batch_size, number)
    return Amount(recipe.epochs * each, images.exact, images.complete)


@dataclass(frozen=True)
class Storage:
    """The bytes that a study writes to one folder; `temporary` ones may be deleted later."""

    what: str
    folder: str
    bytes: Amount
    temporary: bool = False


def storage(
    study: Sections, images: Images, datasets: Amount, downloads: Amount, folder: str
) -> list[Storage]:
    """Return what is stored where; `folder` keeps the downloads."""
    keys = list(study.encoders)
    # Trainings run one after the other, so only the largest checkpoint counts.
    states = max((weight_bytes(study, key).value for key in trainings(study)), default=0) * STATES
    batches = study.layers.images // study.layers.minibatch
    shifts = (*TESTBED_SHIFTS, *study.shifts)
    grams = batches * study.layers.minibatch**2 * FLOAT
    results = {
        "datasets": datasets,
        # some are there for a probe alone
        "weights": total(weight_bytes(study, key) for key in {*keys, *study.weights}),
        "heads": total(head_bytes(study, key) for key in keys),
        "train activations": total(
            probed_images(study, probe, images) * encoder_cost(study, key).width * FLOAT
            for key, probe in study.probe.items()
        ),
        "activations": activation_bytes(study, images[TEST_SETS[0]]),
        "shift activations": activation_bytes(study, total(images[s] for s in shifts)),
        "untrained activations": total(
            cost(study.backbones[key]).width * (null.encoders * null.images * FLOAT)
            for key, null in study.untrained.items()
        ),
        "Broden activations": activation_bytes(study, images["broden"]),
        "thumbnails": images["broden"] * about(THUMBNAIL),
        "layer Grams": total(encoder_cost(study, key).layers * grams for key in keys),
    }
    return [
        Storage("downloads", folder, downloads, temporary=True),
        *(
            Storage(what, f"data/{what.lower().replace(' ', '_')}", amount)
            for what, amount in results.items()
        ),
        Storage("pages of directions", "plots/directions", page_bytes(study, images["broden"])),
        Storage("training checkpoints", ".scratch", about(states), temporary=True),
    ]


def weight_bytes(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's weights.

    A CLIP is stored with its text tower, unless it is finetuned; a trained head is stored too.
    """
    price, entry = encoder_cost(study, key), study.encoders.get(key)
    head = entry.head if entry else ""
    both = head == "zero_shot" or (not entry and is_trained_clip(study, study.weights[key]))
    text = price.text_parameters if both else Amount(0)
    trained = head_bytes(study, key) if head == "trained" else Amount(0)
    return (price.parameters + text) * FLOAT + trained


def head_bytes(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's head, which has one row of features per class."""
    return encoder_cost(study, key).width * (class_count(study) * FLOAT)


def activation_bytes(study: Sections, images: Amount) -> Amount:
    """Return the bytes of all encoders' activations on some images."""
    return images * total(encoder_cost(study, key).width for key in study.encoders) * FLOAT


def page_bytes(study: Sections, images: Amount) -> Amount:
    """Return the bytes of all encoders' pages of directions; nearly none without Broden's images.

    A head has at most as many directions as classes, and as features.
    """
    if images == Amount(0):
        return Amount(0)
    widths = [encoder_cost(study, key).width for key in study.encoders]
    classes = class_count(study)
    directions = total(w if w.value < classes else Amount(classes) for w in widths)
    return directions * about(2 * study.browse.images * SHOWN)


def free_space(stored: list[Storage]) -> list[str]:
    """Return in words what is needed and what is free, for each disk that is written to."""
    disks: dict[int, tuple[Path, Amount]] = {}
    for item in stored:
        path = Path(item.folder).absolute()
        place = next(folder for folder in (path, *path.parents) if folder.exists())
        first, needed = disks.get(place.stat().st_dev, (place.resolve(), Amount(0)))
        disks[place.stat().st_dev] = first, needed + item.bytes
    lines = []
    for place, needed in disks.values():
        free = shutil.disk_usage(place).free
        warning = "WARNING, " if needed.value > free else ""
        lines.append(f"{warning}{place}: {size(needed)} needed, {size(Amount(free))} free")
    return lines
