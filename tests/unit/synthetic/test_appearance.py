import numpy as np
import pytest

from interpreting_clip.synthetic.appearance import (
    PALETTE,
    backdrops,
    base_colours,
)
from interpreting_clip.synthetic.attributes import COLOURS, SCENES


@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_a_drawn_colour_stays_nearest_to_its_own_palette_entry(colour: int):
    drawn = base_colours(np.full(200, colour), np.random.default_rng(1))[:, :, 0]
    nearest = np.linalg.norm(drawn[:, None] - PALETTE, axis=2).argmin(1)
    assert (nearest == colour).mean() > 0.98


def scenes(copies: int, seed: int) -> np.ndarray:
    scene = np.repeat(np.arange(len(SCENES)), copies)
    return backdrops(scene, 32, np.random.default_rng(seed))


def test_the_mean_colour_tells_scenes_apart():
    centres = scenes(20, 0).mean(axis=2).reshape(len(SCENES), 20, 3).mean(axis=1)
    drawn = scenes(20, 1).mean(axis=2)
    nearest = np.linalg.norm(drawn[:, None] - centres, axis=2).argmin(1)
    assert (nearest == np.repeat(np.arange(len(SCENES)), 20)).mean() > 0.98
