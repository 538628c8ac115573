import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from stages.runtime.errors import InputError
from stages.training.checkpoints import Checkpoint
from stages.training.loop import (
    Watch,
    adamw,
    deterministic,
    loaded_batches,
    require_gradients,
    train,
)


class Fit:
    """Least squares with a batch norm, so that there is state beside the parameters."""

    def __init__(self, stop_at=None):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            self.module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.inputs = torch.linspace(-1, 1, 192).view(64, 3).sin()
        self.steps, self.stop_at = 0, stop_at

    def __call__(self, batch, generator):
        self.steps += 1
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        noise = torch.from_numpy(generator.standard_normal((len(batch), 3), np.float32))
        outputs = self.module(self.inputs[batch] + 0.1 * noise)
        return (outputs[:, 0] - self.inputs[batch].sum(1)).square().mean(), torch.tensor(0.5)


def weights(fit: Fit) -> dict[str, torch.Tensor]:
    return fit.module.state_dict()


def drawn(recipe, start=0):
    """Return the steps, each with its batch and its random numbers."""
    return loaded_batches(64, recipe, range(start, 80), lambda _batch, generator: generator)


@pytest.fixture
def recipe(recipe):
    return msgspec.structs.replace(recipe, epochs=20, batch_size=16)


def test_training_lowers_the_loss(recipe):
    fit, points = Fit(), []
    train(fit.module, fit, 64, recipe, watch=Watch(points.append))
    assert [point["step"] for point in points] == list(range(1, 81))
    assert points[-1]["loss"] < 0.3 * points[0]["loss"]
    assert not fit.module.training


@pytest.mark.parametrize("stop_at", [2, 41, 80])
def test_an_interrupted_training_goes_on_bit_for_bit(recipe, tmp_path, stop_at):
    whole, whole_points = Fit(), []
    train(whole.module, whole, 64, recipe, watch=Watch(whole_points.append))
    broken = Fit(stop_at)
    with pytest.raises(KeyboardInterrupt):
        train(broken.module, broken, 64, recipe, watch=Watch(checkpoint=Checkpoint(tmp_path, 0.0)))
    again, points = Fit(), []
    train(again.module, again, 64, recipe, watch=Watch(points.append, Checkpoint(tmp_path, 0.0)))
    assert again.steps == 80 - stop_at + 1
    assert points == whole_points
    assert all(torch.equal(weights(again)[k], value) for k, value in weights(whole).items())
    assert not list(tmp_path.glob("*"))


def test_the_switches_are_put_back_on_an_error():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with pytest.raises(KeyError), deterministic(3):
        assert torch.get_num_threads() == 3
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyError
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_biases_do_not_decay(recipe):
    module = nn.Linear(2, 2)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    adamw(module, recipe).step()
    shrunk = before["weight"] * (1 - recipe.learning_rate * recipe.weight_decay)
    assert torch.equal(module.bias, before["bias"])
    torch.testing.assert_close(module.weight.detach(), shrunk)


def test_a_parameter_without_gradient_is_an_error():
    with pytest.raises(RuntimeError, match="the parameter weight"):
        require_gradients(nn.Linear(2, 2))


def test_every_epoch_has_every_image_once_in_another_order(recipe):
    orders = np.split(np.concatenate([b for _, b, _ in drawn(recipe)]), 20)
    assert all(np.array_equal(np.sort(order), np.arange(64)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])


def test_a_batch_does_not_depend_on_where_the_training_starts(recipe):
    first = [(step, batch, rng.random()) for step, batch, rng in drawn(recipe)]
    later = [(step, batch, rng.random()) for step, batch, rng in drawn(recipe, 38)]
    for (step, batch, number), expected in zip(later, first[38:], strict=True):
        assert (step, number) == (expected[0], expected[2])
        assert np.array_equal(batch, expected[1])


def test_another_seed_gives_another_order(recipe):
    other = msgspec.structs.replace(recipe, seed=1)
    (_, first, _), (_, second, _) = (next(drawn(r)) for r in (recipe, other))
    assert not np.array_equal(first, second)


def test_a_loss_that_is_not_finite_is_refused(recipe):
    fit = Fit()
    fit.inputs[5] = torch.inf
    with pytest.raises(InputError, match=r"rn: the loss is nan after \d+ steps; lower learning"):
        train(fit.module, fit, 64, recipe, watch=Watch(name="rn"))


def test_a_single_image_is_refused(recipe):
    with pytest.raises(InputError, match="at least two images"):
        train(nn.Linear(1, 1), Fit(), 1, recipe, watch=Watch())
