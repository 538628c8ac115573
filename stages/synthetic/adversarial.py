"""The adversarial set: only images that a small reference net gets wrong.

Hendrycks et al. (ImageNet-A, CVPR 2021) keep the photographs that a ResNet-50 misses; here a small
convolutional net, trained on a train set drawn for the purpose, sorts the candidates.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt8

from stages.config.synthetic import CLASSES, Adversarial, Reference, World
from stages.runtime.errors import InputError
from stages.synthetic.draw import BLOCK, Block, draw_block, draw_labelled

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter

CANDIDATES_PER_IMAGE = 200
"""After so many candidates per image wanted, the reference net is too good for the recipe."""

MOMENTUM = 0.9
"""Of the reference net's SGD, written out: `torch.optim` takes a second to load."""

Classify = Callable[[np.ndarray], np.ndarray]


def draw_adversarial(
    recipe: Adversarial, world: World
) -> tuple[UInt8[np.ndarray, "image height width 3"], Int64[np.ndarray, " image"]]:
    """A whole adversarial set in memory: images and class indices."""
    blocks = list(adversarial_blocks(recipe, world))
    images = np.concatenate([block.images for block in blocks])
    return images, np.concatenate([block.attributes.class_ for block in blocks])


def adversarial_blocks(recipe: Adversarial, world: World) -> Iterator[Block]:
    """The images of `recipe`'s population that the reference net gets wrong, in order.

    Raises
    ------
    InputError
        The reference net errs so rarely that the set cannot be filled.
    """
    classify = train_reference(recipe.reference, recipe.class_indices, world)
    missing = recipe.images
    for number in range(-(-recipe.images * CANDIDATES_PER_IMAGE // BLOCK)):
        candidates = draw_block(recipe, world, number, BLOCK)
        guesses = classify(candidates.images)
        wrong = np.flatnonzero(guesses != candidates.attributes.class_)[:missing]
        yield Block(number, candidates.images[wrong], candidates.attributes.take(wrong))
        missing -= len(wrong)
        if not missing:
            return
    raise InputError(
        f"reference: {recipe.images} images that the reference net gets wrong expected, only "
        f"{recipe.images - missing} among {recipe.images * CANDIDATES_PER_IMAGE} candidates; "
        "lower its `epochs` or `width`, or make the set harder"
    )


def train_reference(reference: Reference, class_indices: list[int], world: World) -> Classify:
    """Train the reference net; the function returned gives the class index of each image.

    Three strided 3x3 convolutions and a linear layer; SGD with momentum, cosine schedule. Like the
    heads of the study's encoders, it chooses among the classes of the set alone. The result depends
    on `threads`, which is therefore part of the recipe.
    """
    import torch

    images, classes = draw_labelled(reference.train, world)
    threads = torch.get_num_threads()
    torch.set_num_threads(reference.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(reference.train.seed)
            net = _network(reference.width, world.image_size)
            _fit(net, reference, _tensor(images), torch.from_numpy(classes))
    finally:
        torch.set_num_threads(threads)

    def classify(batch: np.ndarray) -> np.ndarray:
        torch.set_num_threads(reference.threads)
        with torch.inference_mode():
            scores = net(_tensor(batch)).numpy()[:, class_indices]
        torch.set_num_threads(threads)
        return np.array(class_indices)[scores.argmax(1)]

    return classify


def _network(width: int, image_size: int) -> "Module":
    from torch import nn

    channels = (3, width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    side = -(-image_size // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * width * side * side, len(CLASSES)))


def _tensor(images: np.ndarray) -> "Tensor":
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()


def _fit(net: "Module", reference: Reference, images: "Tensor", classes: "Tensor") -> None:
    import torch

    steps = reference.epochs * -(-len(images) // reference.batch)
    rates = iter(reference.learning_rate * (0.5 + 0.5 * np.cos(np.pi * np.arange(steps) / steps)))
    weights = list(net.parameters())
    velocities = [torch.zeros_like(weight) for weight in weights]
    net.train()
    for _ in range(reference.epochs):
        for rows in torch.randperm(len(images)).split(reference.batch):
            loss = torch.nn.functional.cross_entropy(net(images[rows]), classes[rows])
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                _step(weights, velocities, gradients, float(next(rates)))
    net.eval()


def _step(
    weights: "list[Parameter]",
    velocities: "list[Tensor]",
    gradients: "Sequence[Tensor]",
    rate: float,
) -> None:
    for weight, velocity, gradient in zip(weights, velocities, gradients, strict=True):
        velocity.mul_(MOMENTUM).add_(gradient)
        weight.sub_(velocity, alpha=rate)
