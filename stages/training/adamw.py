"""AdamW on a module's parameters, in torch's functional form."""

import torch
from torch import nn
from torch.optim.adamw import adamw


class AdamW:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2) over all parameters of a module.

    `torch.optim.AdamW` imports TorchDynamo when it is made, 0.7 s of a training that takes five;
    the function beneath it does not, and keeps its state where a checkpoint can read it.
    Gains, biases and scalars (fewer than two axes) do not decay, as in open_clip's training.
    """

    def __init__(self, module: nn.Module, betas: tuple[float, float], weight_decay: float) -> None:
        named = dict(module.named_parameters())
        self.betas, self.weight_decay = betas, weight_decay
        self.groups = [
            {name: p for name, p in named.items() if (p.ndim >= 2) == decays}
            for decays in (True, False)
        ]
        self.parameters = list(named.values())
        self.means = {name: torch.zeros_like(p) for name, p in named.items()}
        self.squares = {name: torch.zeros_like(p) for name, p in named.items()}
        self.steps = {name: torch.zeros((), device=p.device) for name, p in named.items()}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Take one step along the gradients and forget them."""
        for group, decay in zip(self.groups, (self.weight_decay, 0.0), strict=True):
            adamw(
                list(group.values()),
                [gradient(name, p) for name, p in group.items()],
                [self.means[name] for name in group],
                [self.squares[name] for name in group],
                [],
                [self.steps[name] for name in group],
                fused=True,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=learning_rate,
                weight_decay=decay,
                eps=1e-8,
                maximize=False,
            )
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, torch.Tensor]:
        """Return the state, by name; the tensors themselves, so that copying into them restores."""
        parts = {"mean": self.means, "square": self.squares, "step": self.steps}
        return {f"{part}.{name}": t for part, named in parts.items() for name, t in named.items()}


def gradient(name: str, parameter: nn.Parameter) -> torch.Tensor:
    """Return a parameter's gradient.

    Raises
    ------
    RuntimeError
        The loss does not depend on the parameter, so the module and the objective do not match.
    """
    if parameter.grad is None:
        raise RuntimeError(f"the parameter {name} got no gradient: the loss does not depend on it")
    return parameter.grad
