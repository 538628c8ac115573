import math

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import Preprocess
from interpreting_clip.training.callbacks import Callbacks, Checkpoint
from interpreting_clip.training.loop import (
    adamw,
    learning_rate,
    sample_batches,
    train,
)
from interpreting_clip.training.pieces import forward_pass
from interpreting_clip.training.recipes import Augmentation, Drops, TrainingRecipe


class Fit:
    """Least squares with a batch norm and dropout: state and draws beside the parameters."""

    def __init__(self, stop_at=None):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            layers = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.1), nn.Linear(4, 1)
            self.module = nn.Sequential(*layers)
        self.inputs = torch.linspace(-1, 1, 192).view(64, 3).sin()
        self.steps, self.stop_at = 0, stop_at

    def __call__(self, pieces):
        self.steps += 1
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        total = torch.zeros(())
        for rows, images, seed in pieces.own:
            noise = torch.from_numpy(images[:, 0, 0] / np.float32(255))
            with forward_pass(seed, torch.device("cpu"), "float32"):
                outputs = self.module(self.inputs[rows] + 0.1 * noise)
            loss = (outputs[:, 0] - self.inputs[rows].sum(1)).square().mean() / pieces.total
            loss.backward()
            total += loss.detach()
        return total, torch.tensor(0.5)


IMAGES = np.random.default_rng(0).integers(0, 256, (64, 4, 4, 3), np.uint8)
PREPROCESS = Preprocess(size=4, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def run(fit: Fit, recipe: TrainingRecipe, **callbacks) -> None:
    train(fit.module, fit, IMAGES, PREPROCESS, recipe, callbacks=Callbacks(**callbacks))


def weights(fit: Fit) -> dict[str, torch.Tensor]:
    return fit.module.state_dict()


def drawn(recipe, start=0):
    """Return the batches of the steps from one on."""
    return list(sample_batches(64, recipe, range(start, 80)))


@pytest.fixture
def recipe(recipe):
    augmentation = Augmentation(smallest_crop=0.5, flip=0.5)
    return msgspec.structs.replace(recipe, epochs=20, batch_size=16, augmentation=augmentation)


def test_training_lowers_the_loss(recipe):
    fit, points = Fit(), []
    run(fit, recipe, log=points.append)
    assert [point["step"] for point in points] == list(range(1, 81))
    assert points[-1]["loss"] < 0.3 * points[0]["loss"]
    assert not fit.module.training


@pytest.mark.parametrize(("stop_at", "pieces"), [(41, 1), (80, 1), (41, 4)])
def test_an_interrupted_training_goes_on_bit_for_bit(recipe, tmp_path, stop_at, pieces):
    recipe = msgspec.structs.replace(recipe, pieces=pieces)
    whole, whole_points = Fit(), []
    run(whole, recipe, log=whole_points.append)
    broken = Fit(stop_at)
    with pytest.raises(KeyboardInterrupt):
        run(broken, recipe, checkpoint=Checkpoint(tmp_path, 0.0))
    # the second time, all steps have been taken
    for steps in (80 - stop_at + 1, 0):
        again, points = Fit(), []
        run(again, recipe, log=points.append, checkpoint=Checkpoint(tmp_path))
        assert again.steps == steps
        assert points == whole_points
        assert all(torch.equal(weights(again)[k], value) for k, value in weights(whole).items())


def test_biases_do_not_decay(recipe):
    module = nn.Linear(2, 2)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    adamw(module, recipe).step()
    shrunk = before["weight"] * (1 - recipe.learning_rate * recipe.weight_decay)
    assert torch.equal(module.bias, before["bias"])
    torch.testing.assert_close(module.weight.detach(), shrunk)


def test_every_epoch_has_every_image_once_and_it_and_the_seed_give_the_order(recipe):
    orders = np.split(np.concatenate([batch.rows for batch in drawn(recipe)]), 20)
    assert all(np.array_equal(np.sort(order), np.arange(64)) for order in orders)
    first, other = (drawn(msgspec.structs.replace(recipe, seed=seed))[0] for seed in (0, 1))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(first.rows, other.rows) and first.draws != other.draws


def test_a_loss_that_is_not_finite_is_refused(recipe):
    fit = Fit()
    fit.inputs[5] = torch.inf
    with pytest.raises(InputError, match=r"rn: .*nan after \d+ steps"):
        run(fit, recipe, name="rn")


def test_fewer_images_than_a_batch_in_pieces_are_refused(recipe):
    recipe = msgspec.structs.replace(recipe, batch_size=128, pieces=2)
    with pytest.raises(InputError, match=r"rn: .* 128 images .* got 64"):
        run(Fit(), recipe, name="rn")


WARM = {"warmup_steps": 4, "epochs": 2}
DROPS = {"schedule": Drops(epochs=[2, 4], factor=0.1), "epochs": 5}


@pytest.mark.parametrize(
    ("change", "steps", "rates"),
    [
        ({}, (0, 1, 2), (0.005 / 3, 0.01 / 3, 0.005)),
        ({"warmup_steps": 0}, (0,), (0.005,)),
        (WARM, (4, 8, 12, 20), (0.005, 0.005 * math.cos(math.pi / 8) ** 2, 0.0025, 0)),
        (DROPS, (3, 19, 20, 39, 40, 49), (5e-3, 5e-3, 5e-4, 5e-4, 5e-5, 5e-5)),
    ],
    ids=["warm-up", "none", "cosine", "drops"],
)
def test_the_learning_rate_has_its_closed_form(recipe, change, steps, rates):
    changed = msgspec.structs.replace(recipe, **change)
    found = [learning_rate(changed, step, 10) for step in steps]
    assert found == pytest.approx(rates, rel=1e-12, abs=1e-12)
