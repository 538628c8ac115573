import dataclasses

import numpy as np
import pytest

from interpreting_clip.synthetic.attributes import Attributes, draw_attributes
from interpreting_clip.synthetic.world import CLASSES, Population, Preference, World


@pytest.fixture
def world() -> World:
    return World(image_size=32, seed=5, images_per_shard=100)


@pytest.fixture
def population() -> Population:
    """A plain set of photos without any preference; tests change fields of it."""
    return Population(
        images=300,
        seed=3,
        classes="all",
        preference=Preference(colour=0.0, texture=0.0, scene=0.0),
        exclude_preferred=False,
        styles={"photo": 1.0},
        rotation=8.0,
        scale=(0.6, 0.9),
        jitter=0.1,
        noise=0.03,
    )


@pytest.fixture
def each_class(population: Population) -> Attributes:
    """Twenty images of every class, in class order."""
    attributes = draw_attributes(population, 20 * len(CLASSES), np.random.default_rng(0))
    return dataclasses.replace(attributes, class_=np.repeat(np.arange(len(CLASSES)), 20))
