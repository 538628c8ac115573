"""The adversarial set: only images that a small reference net misclassifies.

Hendrycks et al. (ImageNet-A, CVPR 2021) keep the photographs that a ResNet-50 misses; here a small
convolutional net, trained on its own set, selects among candidates.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from interpreting_clip.errors import InputError
from interpreting_clip.synthetic.blocks import BLOCK, Block, draw_block, draw_labelled
from interpreting_clip.synthetic.world import CLASSES, Adversarial, Reference, World

CANDIDATES_PER_IMAGE = 200
"""Stop after this many candidates per image of the set: the reference net is too accurate."""

Classify = Callable[[np.ndarray], np.ndarray]
"""Gives the class index of each image."""


def adversarial_blocks(recipe: Adversarial, world: World) -> Iterator[Block]:
    """Yield the images of `recipe`'s population that the reference net misclassifies, in order."""
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
    """Train the reference net and return it as a classifier.

    Three strided 3x3 convolutions and a linear layer; SGD with momentum, cosine schedule. Like the
    heads of the study's encoders, it chooses only among the classes of the set. The result depends
    on `threads`, which is therefore part of the recipe.
    """
    images, classes = draw_labelled(reference.train, world)
    with _torch_threads(reference.threads), torch.random.fork_rng(devices=[]):
        # Fresh weights and the order of the batches both come from this generator.
        torch.manual_seed(reference.train.seed)
        net = _network(reference.width, world.image_size)
        _fit(net, reference, _scaled(images), torch.from_numpy(classes))

    def classify(batch: np.ndarray) -> np.ndarray:
        with _torch_threads(reference.threads), torch.inference_mode():
            # Only the set's classes, like the heads of the encoders that are measured on it.
            scores = net(_scaled(batch)).numpy()[:, class_indices]
        return np.array(class_indices)[scores.argmax(1)]

    return classify


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _network(width: int, image_size: int) -> nn.Module:
    channels = (3, width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    side = -(-image_size // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * width * side * side, len(CLASSES)))


def _scaled(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()


def _fit(net: nn.Module, reference: Reference, images: Tensor, classes: Tensor) -> None:
    steps = reference.epochs * -(-len(images) // reference.batch)
    optimizer = torch.optim.SGD(net.parameters(), reference.learning_rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 + 0.5 * float(np.cos(np.pi * step / steps))
    )
    net.train()
    for _ in range(reference.epochs):
        for rows in torch.randperm(len(images)).split(reference.batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[rows]), classes[rows]).backward()
            optimizer.step()
            schedule.step()
    net.eval()
