import numpy as np

from stages.config.synthetic import SCENES
from stages.synthetic.scenes import backdrops


def pictures(copies: int, seed: int) -> np.ndarray:
    scene = np.repeat(np.arange(len(SCENES)), copies)
    return backdrops(scene, 32, np.random.default_rng(seed))


def test_backdrops_are_colours():
    values = pictures(20, 0)
    assert values.min() >= 0
    assert values.max() <= 1 + 1e-6


def test_the_mean_colour_tells_scenes_apart():
    centres = pictures(20, 0).mean(axis=2).reshape(len(SCENES), 20, 3).mean(axis=1)
    drawn = pictures(20, 1).mean(axis=2)
    nearest = np.linalg.norm(drawn[:, None] - centres, axis=2).argmin(1)
    assert (nearest == np.repeat(np.arange(len(SCENES)), 20)).mean() > 0.98


def test_scenes_of_one_kind_differ():
    values = pictures(2, 0).reshape(len(SCENES), 2, -1)
    assert (np.abs(values[:, 0] - values[:, 1]).max(axis=1) > 0.05).all()
