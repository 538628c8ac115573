import pytest
import torch
from torch import nn

from stages.training.adamw import AdamW


def stepped(module: nn.Module, optimizer, steps: int, inputs: torch.Tensor) -> None:
    for step in range(steps):
        module(inputs).square().mean().backward()
        optimizer(1e-2 / (step + 1))


def torch_step(module: nn.Linear):
    groups = [
        {"params": [module.weight], "weight_decay": 0.1},
        {"params": [module.bias], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)

    def step(rate: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()

    return step


def test_steps_are_those_of_torch_s_own_optimizer():
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    inputs = torch.linspace(-1, 1, 35).view(7, 5).sin()
    stepped(ours, AdamW(ours, (0.9, 0.98), 0.1).step, 4, inputs)
    stepped(theirs, torch_step(theirs), 4, inputs)
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value)


def test_biases_do_not_decay():
    module = nn.Linear(2, 2)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    AdamW(module, (0.9, 0.999), 0.5).step(0.1)
    assert torch.equal(module.bias, before["bias"])
    torch.testing.assert_close(module.weight.detach(), before["weight"] * 0.95)


def test_a_parameter_without_gradient_is_an_error():
    with pytest.raises(RuntimeError, match=r"weight got no gradient"):
        AdamW(nn.Linear(2, 2), (0.9, 0.999), 0.0).step(0.1)
