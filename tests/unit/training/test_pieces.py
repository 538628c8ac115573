"""A batch in pieces has the gradient of the whole, and keeps less for the backward pass."""

import copy
import weakref
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interpreting_clip.encoders.encoder import Encoder, classifier_encoder
from interpreting_clip.loading.preprocess import to_tower
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.contrastive import ContrastiveObjective
from interpreting_clip.training.loop import Objective, train
from interpreting_clip.training.pieces import averaged_statistics, cut
from interpreting_clip.training.recipes import TrainingRecipe
from interpreting_clip.training.supervised import label_objective
from tests.other_device import NAME, other_device
from tests.unit.encoders.conftest import small_backbone
from tests.unit.training.conftest import CAPTIONS, CLASSES, IMAGES, LABELS, small_case


@pytest.fixture
def recipe(recipe) -> TrainingRecipe:
    return msgspec.structs.replace(recipe, batch_size=12)


@pytest.fixture(params=["rn", "vit"])
def kind(request) -> str:
    return request.param


@pytest.fixture(params=["labels", "captions"])
def case(request, kind) -> tuple[Encoder, Objective]:
    return small_case(kind, request.param)


def gradients_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def step(recipe: TrainingRecipe, encoder: Encoder, objective: Objective, pieces: int):
    """Return a batch's loss and accuracy, gradients and buffers, as `train` computes them."""
    module, recipe = encoder.module.train(), msgspec.structs.replace(recipe, pieces=pieces)
    module.zero_grad()
    before = copy.deepcopy(module.state_dict())
    with averaged_statistics(module, pieces):
        found = objective(cut(np.arange(12), IMAGES, recipe, 0))
    gradients = gradients_of(module)
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    module.load_state_dict(before)
    return [float(value) for value in found], gradients, buffers


def oracle(encoder: Encoder, labelled: bool, pieces: int):
    """Compute the same with all pieces in one graph, and every piece's statistics by hand."""
    module: Any = encoder.module.train()
    module.zero_grad()
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}

    def put_back() -> None:
        for name, buffer in module.named_buffers():
            buffer.data = before[name].clone()

    parts, statistics = [], []
    for rows in np.split(np.arange(12), pieces):
        pixels = to_tower(IMAGES[rows], encoder.card.preprocess)
        parts.append(module(pixels) if labelled else module.encode_image(pixels, normalize=True))
        statistics.append({name: buffer.clone() for name, buffer in module.named_buffers()})
        put_back()
    if labelled:
        loss = nn.functional.cross_entropy(torch.cat(parts), LABELS, label_smoothing=0.1)
        correct = (torch.cat(parts).argmax(1) == LABELS).float().mean()
    else:
        texts = module.encode_text(torch.from_numpy(encoder.tokenize(CAPTIONS)), normalize=True)
        logits = module.logit_scale.exp() * torch.cat(parts) @ texts.T
        own = torch.arange(12)
        both = [nn.functional.cross_entropy(one, own) for one in (logits, logits.T)]
        loss = torch.stack(both).mean()
        nearest = [CAPTIONS[i] == CAPTIONS[j] for i, j in enumerate(logits.argmax(1).tolist())]
        correct = sum(nearest) / 12
    loss.backward()
    gradients = gradients_of(module)
    # One move by the momentum toward each piece alone, averaged, is one toward their mean.
    moved = {n: sum(s[n].double() for s in statistics) / pieces for n in statistics[0]}
    return [float(loss.detach()), float(correct)], gradients, moved


@pytest.mark.parametrize("pieces", [1, 3, 6])
def test_pieces_have_the_gradient_and_the_statistics_of_one_graph(recipe, case, pieces):
    encoder, objective = case
    found, gradients, buffers = step(recipe, encoder, objective, pieces)
    labelled = encoder.card.kind == "classifier"
    expected, theirs, moved = oracle(encoder, labelled, pieces)
    assert found == pytest.approx(expected, rel=1e-5)
    largest = max(float(gradient.abs().max()) for gradient in theirs.values())
    for name, gradient in theirs.items():  # that of the keys' bias is zero but for rounding
        near = 1e-4 * float(gradient.abs().max()) + 1e-5 * largest
        torch.testing.assert_close(gradients[name], gradient, rtol=0, atol=near)
    for name, buffer in moved.items():
        torch.testing.assert_close(buffers[name].double(), buffer, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("learns_from", ["labels", "captions"])
def test_a_step_on_another_device_waits_for_nothing(kind, learns_from, recipe):
    with other_device() as device:
        encoder, _ = small_case(kind, learns_from)
        module = encoder.module.to(NAME).train()
        objective = label_objective(encoder, LABELS.to(NAME), 0.1)
        if learns_from == "captions":
            objective = ContrastiveObjective(encoder, CAPTIONS)
        with averaged_statistics(module, 3):
            objective(cut(np.arange(12), IMAGES, msgspec.structs.replace(recipe, pieces=3), 0))
        assert device.operations and not device.waits


class Kept:
    """A tensor that autograd keeps for the backward pass."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.size = 0 if isinstance(tensor, nn.Parameter) else tensor.nbytes


def kept_by(recipe: TrainingRecipe, case: tuple[Encoder, Objective], pieces: int) -> int:
    """Return the most bytes that autograd keeps at a time, weights left out."""
    alive, peak = weakref.WeakSet[Kept](), 0

    def pack(tensor: torch.Tensor) -> Kept:
        nonlocal peak
        alive.add(one := Kept(tensor))
        peak = max(peak, sum(each.size for each in alive))
        return one

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda one: one.tensor):
        step(recipe, *case, pieces=pieces)
    return peak


def test_what_is_kept_falls_with_the_pieces(recipe, case):
    whole, half, sixth = (kept_by(recipe, case, pieces) for pieces in (1, 2, 6))
    assert half < 0.6 * whole and sixth < 0.25 * whole


def test_bfloat16_keeps_weights_and_moments_in_float32(recipe, kind):
    losses = {}
    for precision in ("float32", "bfloat16"):
        short = msgspec.structs.replace(recipe, precision=precision, epochs=6, batch_size=6)
        encoder = classifier_encoder(small_backbone(kind), CLASSES, 0, normalize_features=False)
        points = []
        objective = label_objective(encoder, LABELS, 0.0, precision)
        preprocess, callbacks = encoder.card.preprocess, Callbacks(log=points.append)
        train(encoder.module, objective, IMAGES, preprocess, short, callbacks=callbacks)
        assert {value.dtype for value in encoder.module.parameters()} == {torch.float32}
        losses[precision] = [point["loss"] for point in points]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.1)
