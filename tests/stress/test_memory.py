"""Memory of trainings against what their objectives really allocate, and torch's own tracker."""

import msgspec
import numpy as np
import pytest
import torch

from interpreting_clip.config.encoders import OpenClipModel
from interpreting_clip.encoders.encoder import Encoder, classifier_encoder, clip_encoder
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.study.check import check
from interpreting_clip.training.contrastive import contrastive_objective
from interpreting_clip.training.pieces import checkpoint_activations, cut
from interpreting_clip.training.supervised import label_objective
from tests.pipeline.workspace import NANO
from tests.unit.encoders.conftest import small_backbone
from tools.costs import WORDS
from tools.memory import Allocated, Step, pass_bytes, step_bytes

BATCH, CLASSES = 96, 10


def really_allocated(encoder: Encoder, objective, recipe) -> int:
    """Return the most bytes that a step allocates beside weights and gradients, on the CPU."""
    module = encoder.module.to(memory_format=torch.channels_last).train()  # pyright: ignore
    for weight in module.parameters():
        weight.grad = torch.zeros_like(weight)
    if recipe.activation_checkpointing:
        checkpoint_activations(module, "encoder")
    images = np.zeros((BATCH, 32, 32, 3), np.uint8)
    pieces = cut(np.arange(BATCH), images, recipe, 0)
    with Allocated(module) as allocated:
        objective(pieces)
    return allocated.peak


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize(("kind", "checkpointing"), [("rn", False), ("vit", False), ("vit", True)])
@pytest.mark.parametrize("task", ["labels", "captions"])
def test_computes_what_the_objectives_allocate(kind, task, pieces, checkpointing):
    backbone, recipe = small_backbone(kind), check(NANO).recipes["finetuning"]
    recipe = msgspec.structs.replace(
        recipe, batch_size=BATCH, pieces=pieces, activation_checkpointing=checkpointing
    )
    if task == "labels":
        names = [str(i) for i in range(CLASSES)]
        encoder = classifier_encoder(backbone, names, 0, normalize_features=True)
        objective = label_objective(encoder, torch.zeros(BATCH, dtype=torch.long), 0.1)
    else:
        encoder = clip_encoder(backbone, Vocabulary([f"word{i}" for i in range(WORDS)]), 0)
        captions = [f"word{i}" for i in range(BATCH)]
        objective = contrastive_objective(encoder, captions)
    found = really_allocated(encoder, objective, recipe)
    classes, meeting = (CLASSES, 1) if task == "labels" else (0, pieces)
    step = Step(backbone, classes, "float32", checkpointing, BATCH // pieces, meeting)
    assert step_bytes(step) == pytest.approx(found, rel=0.03)


@pytest.mark.parametrize(
    ("model", "images", "precision", "expected"),
    [
        ("RN50", 64, "float32", 5.92),
        ("RN50", 64, "bfloat16", 3.04),
        ("RN101", 16, "float32", 2.07),
        ("ViT-L-14", 16, "float32", 6.05),
    ],
)
def test_agrees_with_torchs_own_tracker(model, images, precision, expected):
    """GiB of activations as MemTracker of torch 2.13 counts them, in 7 to 35 seconds each."""
    step = Step(OpenClipModel(model=model), 1000, precision, False, images, 1)
    assert step_bytes(step) / 2**30 == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("precision", "classes"), [("float32", 1000), ("bfloat16", 1000), ("bfloat16", 0)]
)
def test_checkpointed_blocks_keep_less(precision, classes):
    step = Step(OpenClipModel(model="ViT-B-32"), classes, precision, False, 64, 1)
    assert step_bytes(step._replace(checkpointing=True)) < 0.6 * step_bytes(step)


@pytest.mark.parametrize("model", ["RN50", "ViT-B-32"])
def test_a_forward_pass_keeps_no_activations_for_later(model):
    backbone = OpenClipModel(model=model)
    step = Step(backbone, 1000, "float32", False, 64, 1)
    assert pass_bytes(backbone, "float32", 64) < 0.4 * step_bytes(step)
