import numpy as np
from msgspec.structs import replace

from interpreting_clip.synthetic.blocks import BLOCK, draw_blocks, draw_labelled
from interpreting_clip.synthetic.world import CLASSES, Population, World


def test_blocks_hold_every_image_once_and_differ(population: Population, world: World):
    blocks = list(draw_blocks(population, world))
    assert [len(block.images) for block in blocks] == [BLOCK, BLOCK, 300 - 2 * BLOCK]
    assert (blocks[0].images[:40] != blocks[1].images[:40]).mean() > 0.9


def nearest_mean_accuracy(train: tuple, test: tuple) -> float:
    means = np.array([train[0][train[1] == index].mean(axis=0) for index in range(len(CLASSES))])
    distances = ((test[0][:, None] - means) ** 2).sum(axis=2)
    return float((distances.argmin(1) == test[1]).mean())


def features(population: Population, world: World) -> tuple[np.ndarray, np.ndarray]:
    """Edge strength: where each image is darkest, which the rims around objects decide."""
    images, classes = draw_labelled(population, world)
    return (images.max(-1) < 60).reshape(len(images), -1).astype(np.float32), classes


def test_classes_can_be_told_apart(population: Population, world: World):
    easy = replace(population, images=1800, jitter=0.0, rotation=2.0, scale=(0.8, 0.8), noise=0.0)
    daylight = replace(easy, styles={"silhouette": 1.0})
    train, test = features(daylight, world), features(replace(daylight, seed=9), world)
    assert nearest_mean_accuracy(train, test) > 0.97
