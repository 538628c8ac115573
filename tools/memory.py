"""The memory that trainings and forward passes take on a GPU, computed without one.

Weights, gradients and AdamW's two running means are 4, 4 and 8 bytes a parameter. Activations are
what torch allocates in a step on fake tensors, which have sizes but no memory; each storage counts
once.
"""

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import cache, partial
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy, normalize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from interpreting_clip.config.encoders import ComputeType
from interpreting_clip.config.trainings import TrainingPrecision
from interpreting_clip.config.weight_sources import BackboneEntry
from interpreting_clip.encoders.encoder import Classifier, autocast
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.errors import InputError
from interpreting_clip.study.sections import Sections
from interpreting_clip.training.linear_probe import CHUNK
from interpreting_clip.training.pieces import checkpoint_activations
from runner.machine_settings import Machine
from tools.amounts import UNKNOWN, Amount, about, size
from tools.costs import (
    FLOAT,
    backbone_name,
    build,
    class_count,
    encoder_cost,
    head_bytes,
    is_given,
    probed_images,
    section_of,
    trainings,
    weight_bytes,
)
from tools.reachable import image_count

RESERVE, SHARE = 1.5e9, 0.05
"""The reserve that we chose: bytes for CUDA's context, a share of the GPU for fragmentation."""


class Allocated(TorchDispatchMode):
    """Counts the bytes of the storages that torch makes inside a `with` block, and their peak.

    The storages in `before` exist already.
    """

    def __init__(self, before: nn.Module) -> None:
        super().__init__()
        self.now = self.peak = 0
        gradients = [weight.grad for weight in before.parameters() if weight.grad is not None]
        kept = [*before.parameters(), *before.buffers(), *gradients]
        self.known = weakref.WeakSet(tensor.untyped_storage() for tensor in kept)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count the storages of its results."""
        found = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage() not in self.known:
                storage = leaf.untyped_storage()
                self.known.add(storage)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.free, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return found

    def free(self, size: int) -> None:
        """Count a storage that was freed."""
        self.now -= size


def norms_as_on_cuda() -> AbstractContextManager[object]:
    """Compute norms in float32 inside a `with` block, as autocast does only on CUDA."""
    # A TorchFunctionMode would not see what checkpointed blocks recompute.
    norm = functional.layer_norm
    return patch.object(functional, "layer_norm", lambda x, *a, **k: norm(x.float(), *a, **k))


def peak(module: nn.Module, run: Callable[[Any], object]) -> int:
    """Return the most bytes that `run` allocates beside a module's weights and gradients.

    `run` gets a copy of the module on fake CPU tensors, with a gradient for each weight, as it is
    for all pieces of a batch but the first.

    Raises
    ------
    InputError
        This version of torch cannot run on fake tensors.
    """
    try:  # a private module, but every torch from 2.0 on has it there
        from torch._subclasses.fake_tensor import FakeTensorMode
    except ImportError:
        raise InputError(
            "expected a torch with FakeTensorMode, which computes memory, got torch "
            f"{torch.__version__}; install the version in versions.yaml"
        ) from None
    copy = deepcopy(module)
    with FakeTensorMode(), norms_as_on_cuda():
        for part in copy.modules():
            for name, weight in part.named_parameters(recurse=False):
                new = nn.Parameter(empty(*weight.shape), requires_grad=weight.requires_grad)
                new.grad = torch.empty_like(new) if torch.is_grad_enabled() else None
                setattr(part, name, new)
            for name, buffer in part.named_buffers(recurse=False):
                setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype))
        with Allocated(copy) as allocated:
            run(copy)
        return allocated.peak


def empty(*shape: int) -> torch.Tensor:
    """Return an empty tensor in the memory format of our trainings."""
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return torch.empty(shape, memory_format=layout)


def forward(compute: Any, *inputs: torch.Tensor, precision: ComputeType) -> torch.Tensor:
    """Return a tower's output, computed in a precision and cast to float32 for the loss."""
    with autocast("cpu", precision):
        found = compute(*inputs)
    return found.float()


class Step(NamedTuple):
    """What the activations of a training depend on; a CLIP has no classes."""

    backbone: BackboneEntry
    classes: int
    precision: TrainingPrecision
    checkpointing: bool
    images: int
    pieces: int


@cache
def step_bytes(step: Step) -> int:
    """Return the most bytes that a step allocates, with `images` in each piece."""
    encoder: Any = build(step.backbone)
    side, width = encoder.card.preprocess.size, encoder.card.feature_width
    images, batch, long = step.images, step.images * step.pieces, torch.long
    passed = partial(forward, precision=step.precision)

    def classify(module: Any) -> None:
        logits = passed(module, empty(images, 3, side, side))
        cross_entropy(logits, torch.zeros(images, dtype=long), label_smoothing=0.1).backward()

    def contrast(module: Any) -> None:
        context = module.context_length
        towers = (
            lambda: passed(module.encode_image, empty(images, 3, side, side)),
            lambda: passed(module.encode_text, torch.zeros(images, context, dtype=long)),
        )
        features = [
            normalize(tower())
            if step.pieces == 1
            else torch.empty(batch, width, requires_grad=True)
            for tower in towers
        ]
        image, text = (torch.cat([part]) for part in features)
        scale, own = torch.ones((), requires_grad=True), torch.zeros(batch, dtype=long)
        import_open_clip().ClipLoss()(image, text[own], scale).backward()
        for tower in towers if step.pieces > 1 else ():
            normalize(tower()).backward(torch.empty(images, width))

    def run(module: Any) -> None:
        module.train()
        if step.checkpointing:
            checkpoint_activations(module, str(getattr(step.backbone, "model", "backbones")))
        (classify if step.classes else contrast)(module)

    module = encoder.module
    if step.classes:
        with torch.device("meta"):
            module = Classifier(encoder.visual, width, step.classes, normalize=True)
    return peak(module, run)


@cache
def pass_bytes(backbone: BackboneEntry, precision: ComputeType, images: int) -> int:
    """Return the most bytes that the forward pass of some images allocates, without gradients."""
    encoder: Any = build(backbone)
    side = encoder.card.preprocess.size
    with torch.no_grad():
        return peak(
            encoder.visual,
            lambda tower: forward(tower.eval(), empty(images, 3, side, side), precision=precision),
        )


Row = dict[str, Any]


def memory_table(study: Sections, images: int) -> list[Row]:
    """Return what each training and the fit of each linear probe takes, and the largest forward
    pass of `images` images.
    """
    rows = [memory_row(study, key) for key in trainings(study)]
    rows += [probe_row(study, key) for key in study.probe]
    passes = [pass_row(study, key, images) for key in study.encoders if not is_given(study, key)]
    return rows + sorted(passes, key=lambda row: row["total"].value)[-1:]


def memory_row(study: Sections, key: str, pieces: int | None = None) -> Row:
    """Return what a training takes, in its recipe's number of pieces or another.

    A finetuning's GPU also keeps the CLIP that it starts from.
    """
    section, entry = section_of(study, key)
    recipe, price = study.recipes[entry.recipe], encoder_cost(study, key)
    pieces = pieces or recipe.pieces
    images = recipe.batch_size // pieces
    both, idle, classes = price.parameters + price.text_parameters, Amount(0), 0
    trained = both * FLOAT
    if section != "pretrain":
        trained, classes = price.parameters * FLOAT + head_bytes(study, key), class_count(study)
        idle = both * FLOAT if section == "finetune" else idle
    step = Step(
        study.backbones[backbone_name(study, key)],
        classes,
        recipe.precision,
        recipe.activation_checkpointing,
        images,
        1 if classes else pieces,  # a classifier's pieces are never combined
    )
    kept = about(step_bytes(step)) if both.complete else UNKNOWN
    return {
        "what": key,
        "precision": recipe.precision,
        "pieces": Amount(pieces),
        "images": Amount(images),
        "all_weights": trained + idle,
        "gradients": trained,
        "moments": trained * 2,
        "activations": kept,
        "total": trained * 4 + idle + kept,
    }


def probe_row(study: Sections, key: str) -> Row:
    """Return what the fit of a linear probe takes: above all, the features of all its images."""
    probe, width, classes = study.probe[key], encoder_cost(study, key).width, class_count(study)
    images = {probe.dataset: image_count(probe.dataset, study.datasets[probe.dataset])}
    learnt = probed_images(study, probe, images)
    head = width * (classes * FLOAT)
    # Of a chunk: its features, also standardised, its logits and their logarithms.
    chunk = (width + Amount(classes)) * (2 * CHUNK * FLOAT)
    return {
        "what": key,
        "precision": "float32",
        "images": learnt,
        "all_weights": head,
        "gradients": head * 2,  # in float64
        "activations": learnt * width * FLOAT + chunk * about(1),
        "total": head * 3 + learnt * width * FLOAT + chunk * about(1),
    }


def pass_row(study: Sections, key: str, images: int) -> Row:
    """Return what the forward pass of a batch takes."""
    backbone, weights = study.backbones[backbone_name(study, key)], weight_bytes(study, key)
    precision, kept = study.precision.inference, UNKNOWN
    if build(backbone) is not None:
        kept = about(pass_bytes(backbone, precision, images))
    return {
        "what": f"forward passes of {key}",
        "precision": precision,
        "images": Amount(images),
        "all_weights": weights,
        "activations": kept,
        "total": weights + kept,
    }


def too_large(study: Sections, rows: list[Row], gpu: float) -> dict[str, str]:
    """For everything that does not fit a GPU, say what would fit."""
    return {
        row["what"]: f"{size(row['total'])}; {advice(study, row, usable(gpu))}"
        for row in rows
        if row["total"].value > usable(gpu)
    }


def advice(study: Sections, row: Row, room: float) -> str:
    """Say what would fit: the fewest equal pieces, of at least two images each."""
    if row["what"] in study.probe:
        return "lower `images_per_class` of heads.probe"
    if "pieces" not in row:
        return "lower `batch_size` in compute.yaml"
    if (fixed := row["total"].value - row["activations"].value) > room:
        return f"weights, gradients and moments alone take {size(Amount(fixed))}"
    key = row["what"]
    name = trainings(study)[key].recipe
    recipe = study.recipes[name]
    for pieces in range(recipe.pieces + 1, recipe.batch_size // 2 + 1):
        if recipe.batch_size % pieces == 0:
            needed = memory_row(study, key, pieces)["total"]
            if needed.value <= room:
                return f"`pieces: {pieces}` of recipes.{name} would take {size(needed)}"
    return "pieces of two images do not fit either"


def usable(gpu: float) -> float:
    """Return how many of a GPU's bytes torch's tensors may take."""
    return gpu * (1 - SHARE) - RESERVE


def device_memory(machine: Machine) -> float | None:
    """Return the bytes of this machine's GPU, if CUDA finds one."""
    if not torch.cuda.is_available():
        return None
    device = machine.device if machine.device.startswith("cuda") else "cuda"
    return float(torch.cuda.get_device_properties(device).total_memory)
